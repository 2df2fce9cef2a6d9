// Opening and closing what services keep.
#include "services/services.h"

#include "base/file.h"
#include "services/backend/sqlite.h"
#include "services/cache/cache.h"
#include "services/config/secrets.h"
#include "services/events/events.h"
#include "services/quotas.h"
#include "services/storage/storage.h"
#include "services/work/run_results.h"

#include <stdlib.h>
#include <string.h>

static ubiq_error *open_backend(services *self, const services_settings *settings) {
  ubiq_error *error = file_make_private_directory(settings->directory);
  if (error != NULL) return error;
  char *path = file_path_join(settings->directory, SQLITE_BACKEND_FILE);
  if (path == NULL) return ubiq_error_no_memory();
  const sqlite_backend_settings backend = {.path = path, .is_fleeting = settings->is_fleeting};
  error = sqlite_backend_open(&backend, &self->backend);
  free(path);
  if (error == NULL) error = secrets_open(settings->directory, self->backend, &self->secrets);
  const storage_settings objects = {.directory = settings->directory,
                                    .backend = self->backend,
                                    .is_fleeting = settings->is_fleeting,
                                    .row_max = STORAGE_ROW_MAX};
  if (error == NULL) error = storage_open(&objects, &self->storage);
  return error != NULL ? error : events_new(self->backend, &self->events);
}

#ifndef UBIQ_DEBUG
#define UBIQ_DEBUG 0 // 1: a build for finding faults
#endif

static bool checks_answers(void) {
  return UBIQ_DEBUG || getenv("UBIQ_CHECK_ANSWERS") != NULL;
}

ubiq_error *services_open(const services_settings *settings, services *self) {
  *self = (services){.environment = settings->environment, .checks_answers = checks_answers()};
  self->runs = run_results_new();
  self->cache = cache_new(settings->cache_bytes == 0 ? CACHE_BYTES_DEFAULT : settings->cache_bytes, NULL);
  ubiq_error *error = self->runs == NULL || self->cache == NULL ? ubiq_error_no_memory() : NULL;
  if (error == NULL && settings->directory != NULL) error = open_backend(self, settings);
  if (error != NULL) services_close(self);
  return error;
}

ubiq_error *services_usage(const services *self, text project, quotas *out) {
  backend_kv_usage usage = {0};
  ubiq_error *error = self->backend == NULL ? NULL : backend_kv_usage_now(self->backend, project, &usage);
  *out = (quotas){.kv_keys = usage.keys,
                  .kv_bytes = usage.bytes,
                  .work_items = usage.work_items,
                  .work_bytes = usage.work_bytes,
                  .storage_bytes = self->storage == NULL ? 0 : storage_used(self->storage, project)};
  return error;
}

void services_close(services *self) {
  events_delete(self->events);
  storage_close(self->storage);
  secrets_close(self->secrets);
  backend_close(self->backend);
  cache_delete(self->cache);
  run_results_delete(self->runs);
  *self = (services){0};
}
