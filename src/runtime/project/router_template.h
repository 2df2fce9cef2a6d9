// The parts of a route's template.
#ifndef RUNTIME_PROJECT_ROUTER_TEMPLATE_H
#define RUNTIME_PROJECT_ROUTER_TEMPLATE_H

#include "runtime/project/router.h"

/// Whether a segment is `{name}` or `{name...}`.
bool template_is_parameter(text segment);

/// Whether a segment is `{name...}`.
bool template_is_rest(text segment);

/// The name of a segment that is a parameter, without braces and dots.
text template_parameter_name(text segment);

#endif
