// What stands in the place of the world for plugins that are tested: answers to their requests, and the time.
#ifndef PLUGIN_PARTS_STUBS_H
#define PLUGIN_PARTS_STUBS_H

#include "base/fetch.h"
#include "base/text.h"

/// A request of a guest that it may make: its host is allowed.
typedef struct plugin_stub_request {
  const char *method;
  text url; ///< normalised, without user, password and fragment (base/fetch_url.h)
  text body;
  uint64_t response_bytes_max;
} plugin_stub_request;

/// Called on the plugins' threads; each may be NULL.
typedef struct plugin_stubs {
  /// Answers a request: `out`, which is zeroed, or `*error`. False: it goes out as it would.
  bool (*http)(void *user, const plugin_stub_request *request, fetch_response *out, ubiq_error **error);
  /// Says the time of the wall clock. False: it is the system's.
  bool (*realtime)(void *user, uint64_t *realtime_ns);
  void *user;
} plugin_stubs;

#endif
