// Routes that a project does not say itself.
#ifndef RUNTIME_PROJECT_PROJECT_ROUTES_H
#define RUNTIME_PROJECT_PROJECT_ROUTES_H

#include "runtime/project/project.h"

#define PROJECT_TEST_ROUTES "/_ubiq/functions/" ///< and the function's name

/// Gives each function that has no route one, so that test cases reach it: `/_ubiq/functions/NAME`, any method. Before
/// the project is shared.
ubiq_error *project_route_all(project *self);

#endif
