// A run that no request waits for: of an event or a schedule, or of a call that its caller lets go on alone. Whoever runs functions takes
// it (runtime/run/errands.h) and tells how it went.
#ifndef SERVICES_WORK_ERRAND_H
#define SERVICES_WORK_ERRAND_H

#include "base/inbox.h"
#include "ubiq/error.h"
#include "wire/http_value.h"

enum {
  ERRAND_HEADERS_MAX = 4,
  ERRAND_HOPS_MAX = 16, ///< events and schedules that led to one: so functions that publish what they are told of end
};

/// What is to be run. All of it is borrowed until `done`.
typedef struct errand {
  text project; ///< empty: whichever is served
  text function;
  ubiq_bytes input;
  // For functions that are given requests: the input is a POST's body.
  text path;
  http_field headers[ERRAND_HEADERS_MAX];
  size_t headers_count;
  text traceparent; ///< of what led to it; empty: nothing did
  text tracestate;  ///< that goes with it; empty: none
  const struct permissions
      *inherited; ///< of who had it begun (services/permissions/permissions.h), so that it may no more; NULL: nobody
  uint32_t depth; ///< calls of functions above it
  uint32_t hops;  ///< events and schedules that led to it
  void (*begun)(struct errand *self); ///< once at most, before `done`: its turn has come; NULL: nobody wants to know
  /// Once, on any thread, perhaps before errand_taker.start returns. Takes the error; `output` is borrowed for the call.
  /// `unavailable` and `busy`: it was not begun. `cancelled`: it was dropped because the server stops. It may be begun again.
  void (*done)(struct errand *self, ubiq_error *error, ubiq_bytes output);
  void *user;
  // The taker's.
  inbox_item item;
  void *worker;
} errand;

/// Whoever runs functions. Any thread.
typedef struct errand_taker {
  void (*start)(void *user, errand *errand);
  void *user;
} errand_taker;

#endif
