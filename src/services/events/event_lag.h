// How far each subscription is behind: what waits for it, since when, and what it has left as dead letters. For lists and metrics.
#ifndef SERVICES_EVENTS_EVENT_LAG_H
#define SERVICES_EVENTS_EVENT_LAG_H

#include "base/arena.h"
#include "services/backend/backend.h"

typedef struct event_lag {
  const char *project, *subscription;
  uint64_t id; ///< the subscription's
  backend_work_count count;
} event_lag;

/// By project and name; the arena's.
typedef struct event_lags {
  size_t count;
  event_lag *list;
} event_lags;

/// All subscriptions of a project, or with NULL of all projects. Errors: those of reading.
ubiq_error *event_lags_read(backend *backend, const text *project, arena *arena, event_lags *out);

#endif
