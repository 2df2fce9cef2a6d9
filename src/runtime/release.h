// A release: a project built and loaded, ready to answer. It never changes and is counted, so that runs under way keep
// the release that they began with while a newer one takes new requests.
#ifndef RUNTIME_RELEASE_H
#define RUNTIME_RELEASE_H

#include "runtime/function.h"
#include "runtime/router.h"

#include <stdatomic.h>

typedef struct release {
  atomic_size_t owners;
  project *project;
  function *functions; ///< as many as the project has, in its order
  router *router;      ///< its targets are of `functions`
} release;

/// Builds and loads what a project describes. Takes `project` over, also on failure. `*out` has one owner, the caller.
/// Blocks while compilers run. Errors: those of build_function, function_open and router_new.
ubiq_error *release_new(project *project, release **out);

/// project_read and release_new in one.
ubiq_error *release_read(const char *directory, release **out);

/// One more owner; returns the same release. Any thread.
release *release_retain(release *self);
/// One owner less; the last ends it. NULL is allowed. Any thread.
void release_delete(release *self);

#endif
