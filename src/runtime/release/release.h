// A release: a project built and loaded, ready to answer. It never changes and is counted, so that runs under way keep
// the release that they began with while a newer one takes new requests.
#ifndef RUNTIME_RELEASE_RELEASE_H
#define RUNTIME_RELEASE_RELEASE_H

#include "runtime/bundle/build_stop.h"
#include "runtime/bundle/bundle.h"
#include "runtime/bundle/static_files.h"
#include "runtime/project/function.h"
#include "runtime/project/router.h"
#include "runtime/release/release_counts.h"

#include <stdatomic.h>

/// What answers a request: one of the two.
typedef struct route_target {
  const function *function;
  const static_files *files;
} route_target;

enum { RELEASE_DIGEST_BYTES = 12 }; ///< of a digest, to tell releases apart where people read it

typedef struct release {
  atomic_size_t owners;
  project *project;
  function *functions;  ///< as many as the project has, in its order
  auth *auth;           ///< NULL: nobody is known
  static_files **files; ///< as many as the project has, in its order
  route_target *targets;
  router *router; ///< leads to `targets`
  release_counts counts;
  char digest[RELEASE_DIGEST_BYTES +
              1]; ///< the first digits of its bundle's; empty: it was not sent to a server. Set before it is shared
} release;

/// Builds and loads what a project's folder describes. `*out` has one owner, the caller. Blocks while compilers run. `stop`
/// may end that from another thread; NULL: nobody does. Errors: those of project_read, build_function, function_open
/// and router_new.
ubiq_error *release_read(const char *directory, build_stop *stop, release **out);

/// What is to happen between building and loading; it may change the project. An error of it is the reading's.
typedef ubiq_error *(*release_built)(void *user, project *project);

/// The same, but calls `built` once, when all that is built is: from then on no program is started, and what is loaded are the
/// project's files and those that its manifests name.
ubiq_error *release_read_then(const char *directory, build_stop *stop, release_built built, void *user, release **out);

enum { RELEASE_BYTES_MAX = 1 << 30 };

/// What the functions of a bundle may do that is not for its author to say.
typedef struct release_grant {
  bool all_hosts;           ///< `allowed_hosts` holds as it is
  const char *const *hosts; ///< entries that `allowed_hosts` may have, word for word
  size_t hosts_count;
  limits ceiling;                    ///< what a function may ask for at most; 0 in a field: whatever it asks
  const permission_set *permissions; ///< that cover all it may ask for; NULL: whatever it asks
  const permission_set
      *deployer;      ///< that cover it, and its hosts, as well: the deployer's token's; NULL: whatever it asks
  quotas quotas;      ///< what a project may ask for at most; 0 in a field: whatever it asks
  uint64_t ready_max; ///< instances that it may ask to be always ready (`min`); 0: as many as it asks
  size_t bytes_max;   ///< of the files that functions name, each as often as they do; 0: RELEASE_BYTES_MAX
  const engine_compiler *compiler; ///< of their modules; NULL: the thread that loads the bundle
} release_grant;

/// Loads a bundle, which may be deleted afterwards. Runs no compiler of sources and no build command. `*out` has one owner,
/// the caller. Errors: those of project_parse, function_open and router_new; `denied` for what a bundle may not
/// have, or has but was not granted.
ubiq_error *release_from_bundle(const bundle *bundle, const release_grant *grant, release **out);

/// A release of nothing: every path is not found.
ubiq_error *release_empty(release **out);

/// Makes an instance of each function once and ends it, so that the first request finds the code in memory, and what
/// cannot be instantiated is told before it gets any. Not from a worker's thread. Errors: those of plugin_new.
ubiq_error *release_warm(const release *self);

/// The function of this name; NULL when there is none.
const function *release_function(const release *self, text name);

/// One more owner; returns the same release. Any thread.
release *release_retain(release *self);
/// One owner less; the last ends it. NULL is allowed. Any thread.
void release_delete(release *self);

#endif
