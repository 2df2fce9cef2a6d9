/// Outgoing HTTP (base/fetch.h) on a libuv loop: many requests at once, on one thread, without waiting.
///
/// Everything here is called on the loop's thread. A fetch loop keeps the libuv loop alive only while requests are
/// under way.
#ifndef UBIQ_BASE_FETCH_LOOP_H
#define UBIQ_BASE_FETCH_LOOP_H

#include "base/fetch.h"

#include <uv.h>

enum {
  FETCH_LOOP_REQUESTS_MAX = 10000,  ///< requests under way at once; past it `fetch_start` says `busy`
  FETCH_LOOP_CONNECTIONS_MAX = 256, ///< connections at once, idle ones included; requests past it wait for one
};

/// The requests of one libuv loop and the connections that they share.
typedef struct fetch_loop fetch_loop;

/// One request under way. It is gone when its `fetch_done` has been called or `fetch_cancel` has returned.
typedef struct fetch fetch;

/// A request has ended, well or not. `error` is NULL or the callee's to delete; the errors are those of
/// `fetch_client_perform`. `response` is the callee's too (a copy of the struct is a move), for `fetch_response_free`;
/// it is an empty one when there is an error. May start and cancel requests and close the loop.
typedef void (*fetch_done)(void *user, ubiq_error *error, fetch_response *response);

/// Makes a fetch loop on `uv`, which must outlive it. Errors: `internal` when memory or descriptors are out.
ubiq_error *fetch_loop_new(uv_loop_t *uv, fetch_loop **loop);

/// How a loop's requests are started and dropped. Both are reached by way of the loop, so that a library whose users
/// never make one, libextism.so, need not be linked with libuv.
typedef struct fetch_loop_functions {
  ubiq_error *(*start)(fetch_loop *loop, const fetch_request *request, fetch_done done, void *user, fetch **handle);
  void (*cancel)(fetch *handle);
} fetch_loop_functions;

// What every loop and every request begin with.
struct fetch_loop {
  const fetch_loop_functions *functions;
};
struct fetch {
  fetch_loop *loop; ///< borrowed
};

/// Starts a request. What the request holds is copied, the body and the policy included; what the policy points to
/// must live until the end.
///
/// `done` is called later, never from within this call; not at all when this call fails or the request is cancelled.
/// `*handle` (may be NULL) is for `fetch_cancel`. Errors: `invalid_input`, `denied` or whatever `allow_url` says about
/// the first URL; `busy`; `internal`.
static inline ubiq_error *fetch_start(fetch_loop *loop, const fetch_request *request, fetch_done done, void *user,
                                      fetch **handle) {
  return loop->functions->start(loop, request, done, user, handle);
}

/// Drops a request at once. Its callback is not called any more.
static inline void fetch_cancel(fetch *handle) {
  handle->loop->functions->cancel(handle);
}

/// How many requests are under way. For tests.
size_t fetch_loop_in_flight(const fetch_loop *loop);

/// Ends the fetch loop: the callback of every request under way is called with an error of class `cancelled` before
/// this returns, connections are closed, and the memory is given back by the libuv loop in its next turn, so the loop
/// must run once more. `closed` (may be NULL) is called then. Starting a request meanwhile fails with `cancelled`.
void fetch_loop_close(fetch_loop *loop, void (*closed)(void *user), void *user);

#endif
