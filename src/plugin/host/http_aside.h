// HTTP requests of guests on threads of their own: for calls in turns (ubiq/call.h), whose owners have no loop of ours.
//
// Nothing of a request is the plugin's: it can be dropped at any time without waiting for its thread.
#ifndef PLUGIN_HOST_HTTP_ASIDE_H
#define PLUGIN_HOST_HTTP_ASIDE_H

#include "base/fetch.h"
#include "plugin/plugin.h"

/// A request that waits for a thread, or is on one, or is done. The plugin's, until taken or dropped.
typedef struct http_aside http_aside;

/// How many requests are on threads at once in the process; others wait for one, in order.
enum { HTTP_ASIDE_THREADS_MAX = 64 };

/// Starts a request for the plugin's guest, as its manifest allows; everything in it is copied. When it is done the
/// plugin's alarm rings. Errors: `unavailable` (no thread), `internal`.
ubiq_error *http_aside_start(plugin *plugin, const fetch_request *request, http_aside **out);

/// Takes the result of a request that is done, which ends it; false when it is not done.
bool http_aside_take(http_aside *self, ubiq_error **error, fetch_response *response);

/// Drops a request: its thread leaves it soon after.
void http_aside_drop(http_aside *self);

#endif
