// What `ubiq dev` prints about the routes of a project, each with a line to try.
#ifndef CLI_DEV_ROUTES_H
#define CLI_DEV_ROUTES_H

#include "runtime/project/project.h"

/// Prints every function that has a route, with a `curl` line for a server at `url`, to standard output.
void dev_routes_print(const project *project, const char *url);

#endif
