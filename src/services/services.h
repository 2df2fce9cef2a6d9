// What the services of a process keep, and what they are given: one for all workers, made before them and ended after them.
// A part that is NULL is not there: its operations answer `unavailable`.
#ifndef SERVICES_SERVICES_H
#define SERVICES_SERVICES_H

#include "services/service.h"

typedef struct services {
  struct backend *backend;               ///< services/backend/backend.h: kv, events, schedules
  struct cache *cache;                   ///< services/cache/cache.h
  struct events *events;                 ///< services/events/events.h
  struct secrets *secrets;               ///< services/config/secrets.h
  struct storage *storage;               ///< services/storage/storage.h
  const char *environment;               ///< of settings: production, staging, ...; borrowed. NULL: none
  const struct function_host *functions; ///< services/functions.h
  const struct http_host *http;          ///< services/http/http.h
  struct run_results *runs;              ///< services/work/run_results.h
  const service_stubs *stubs;            ///< NULL: none. Borrowed
  bool rests;          ///< what is due is never begun, neither events nor schedules: functions are tested
  bool checks_answers; ///< what services answer is held against the API before anybody sees it
} services;

typedef struct services_settings {
  const char *directory;   ///< what lasts is kept there; made when it is missing. NULL: nothing lasts
  size_t cache_bytes;      ///< room of the cache; 0: 64 MiB
  const char *environment; ///< whose settings are seen before the project's; borrowed. NULL: none
  bool is_fleeting;        ///< it need not outlive the process: nothing waits for the disk
} services_settings;

/// Opens what all workers share. Ended by services_close. Errors: those of sqlite_backend_open, and of making the folder.
ubiq_error *services_open(const services_settings *settings, services *self);

/// How much of its quotas a project has used; `kv_value_bytes` is 0. Blocks for a read. Errors: those of the backend.
ubiq_error *services_usage(const services *self, text project, struct quotas *out);

/// No call is under way any more. Twice is allowed.
void services_close(services *self);

#endif
