// What the API knows of a guest that asks it: for whom it runs, and what it has asked and was not yet answered.
//
// A call belongs to nobody but itself: its guest may end before it is answered. Calls that end on another thread are handed
// over to the guest's thread by its inbox.
#ifndef API_GUEST_H
#define API_GUEST_H

#include "base/inbox.h"
#include "services/service.h"

struct api_call;

/// What came of something that a guest asked for.
typedef struct api_outcome {
  const struct service_operation *operation; ///< NULL: the request is none of the API's
  unsigned status;                           ///< 499: the guest did not wait for it
  uint64_t took_ns;
  size_t bytes_in, bytes_out; ///< of request and answer as they crossed
} api_outcome;

/// What is the same for all guests of a worker. Borrowed by them.
typedef struct api_host {
  struct services *services;
  inbox *inbox; ///< of the guests' thread; NULL: their calls may be answered on any thread
  void (*caller)(void *run, service_caller *out); ///< who asks
  void *(*hold)(void *run);                       ///< keeps what a caller points to, while its run may end. May be NULL
  void (*let_go)(void *held);                     ///< any thread
  /// Somebody wants to know what guests ask for, and what came of it: once each, while the guest is there, on its thread. Both or none.
  void (*asked)(void *run);
  void (*answered)(void *run, const api_outcome *outcome);
} api_host;

/// A guest; embedded in its run.
typedef struct api_guest {
  const api_host *host;  ///< NULL: it is told that there is no API
  void *run;             ///< for the host's functions
  struct api_call *call; ///< under way; NULL: none
} api_guest;

/// The guest has ended, or is about to: what it asked for is cancelled. Nothing happens when it asks for nothing.
void api_guest_leave(api_guest *self);

#endif
