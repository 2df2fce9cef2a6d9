// What the functions of a bundle may ask for at most: the operator's to say.
#ifndef RUNTIME_RELEASE_RELEASE_CEILING_H
#define RUNTIME_RELEASE_RELEASE_CEILING_H

#include "runtime/project/project.h"
#include "services/permissions/permissions.h"
#include "ubiq/error.h"

/// Compares what a function asks for with a ceiling, whose fields are 0 where there is none. `name` is for the message.
/// Errors: `denied`, which names the option that would grant it.
ubiq_error *release_check_ceiling(const char *name, const project_function *function, const limits *ceiling);

/// Compares the permissions that a function asks for with those that are granted, NULL: all. Errors: `denied`, which names the
/// option that would grant it.
ubiq_error *release_check_permissions(const char *name, const project_function *function,
                                      const permission_set *granted);

/// Compares them, and the hosts that the function asks for, with what the token grants that the bundle is deployed by; NULL: all.
/// Errors: `denied`, as above.
ubiq_error *release_check_deployer(const char *name, const project_function *function, const permission_set *granted);

/// The same for one host that `owner` makes requests to.
ubiq_error *release_check_deployer_host(const char *name, const char *owner, const char *host,
                                        const permission_set *granted);

/// Compares all that a project asks for with what a token grants; NULL: all. Errors: as above.
ubiq_error *release_check_project(const project *project, const permission_set *granted);

#endif
