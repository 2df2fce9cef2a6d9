// Requests to other servers: on the loop of who asks, by its fetches (base/fetch_loop.h).
//
// A permission is asked for before the first request and before each redirect is followed: `http:METHOD:HOST/PATH`. Where an
// address is private, its host has to be one that nobody outside decides about: an address, or a name that the public DNS does
// not have (`localhost`, `db`, `db.internal`), said by the permission without `*`. The name of a public host never leads to a
// private address, whatever its DNS says, and metadata services and the server's own listeners are never reached.
#ifndef SERVICES_HTTP_HTTP_H
#define SERVICES_HTTP_HTTP_H

#include "plugin/plugin.h"
#include "services/service.h"

#include <uv.h>

enum {
  HTTP_BODY_BYTES_MAX = 10 << 20, ///< of a request and of an answer, as it is unpacked
  HTTP_TIMEOUT_MS_MAX = 30 * 1000,
  HTTP_RUN_MAX = 20, ///< requests of a run and of those that it waits for
  HTTP_ONCE_MAX = 5, ///< of them at once
};

/// What a run has asked for. Begin with {0}.
typedef struct http_count {
  unsigned begun, under_way;
} http_count;

/// By what way a run's requests go. Borrowed until the call is done or cancelled.
typedef struct http_way {
  uv_loop_t *loop;
  const plugin_host *host; ///< fetches, own listeners, stubs, and who is told of requests
  http_count *count;
} http_way;

/// Who has runs that ask.
typedef struct http_host {
  /// `run` is the caller's (service_caller.run), on whose thread this is.
  void (*way)(void *run, http_way *out);
} http_host;

/// Whether the public DNS has no such name, or it is an address: nobody outside decides where it leads. `host` is normalised
/// (base/fetch_url.h).
bool http_host_is_ours(text host);

#endif
