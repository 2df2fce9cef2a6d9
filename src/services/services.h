// What the services of a process keep, and what they are given: one for all workers, made before them and ended after them.
// A part that is NULL is not there: its operations answer `unavailable`.
#ifndef SERVICES_SERVICES_H
#define SERVICES_SERVICES_H

#include "services/service.h"

typedef struct services {
  struct backend *backend;               ///< services/backend/backend.h: kv, events, schedules
  struct cache *cache;                   ///< services/cache.h
  const struct function_host *functions; ///< services/functions.h
} services;

#endif
