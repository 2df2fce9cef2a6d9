// Each part counts for itself; here the numbers only get names.
#include "server/admin/services_metrics.h"

#include "runtime/project/project_quotas.h"
#include "server/admin/events_metrics.h"
#include "services/backend/backend.h"
#include "services/cache/cache.h"
#include "services/storage/storage.h"

#include <stdlib.h>

typedef struct named_number {
  const char *name, *type, *help;
  uint64_t value;
} named_number;

static void add(metrics_text *out, const named_number *numbers, size_t count) {
  static const metrics_labels no_labels = {0};
  for (size_t i = 0; i < count; i++) {
    metrics_text_family(out, numbers[i].name, numbers[i].type, numbers[i].help);
    metrics_text_value(out, &no_labels, numbers[i].value);
  }
}

static void add_backend(metrics_text *out, backend *backend) {
  backend_counts counts;
  backend_count(backend, &counts);
  const named_number numbers[] = {
      {"ubiq_store_writes_total", "counter", "Writes of services that are on the disk.", counts.writes},
      {"ubiq_store_refused_total", "counter", "Writes of services that failed.", counts.refused},
      {"ubiq_store_commits_total", "counter", "Transactions that they were made in.", counts.groups},
      {"ubiq_store_waiting", "gauge", "Writes that wait for the disk.", counts.waiting},
  };
  add(out, numbers, sizeof numbers / sizeof numbers[0]);
}

static void add_cache(metrics_text *out, cache *cache) {
  cache_counts counts;
  cache_count(cache, &counts);
  const named_number numbers[] = {
      {"ubiq_cache_hits_total", "counter", "Entries that were asked for and found.", counts.hits},
      {"ubiq_cache_misses_total", "counter", "Entries that were asked for and not there.", counts.misses},
      {"ubiq_cache_evicted_total", "counter", "Entries that went for want of room.", counts.evicted},
      {"ubiq_cache_expired_total", "counter", "Entries whose time was over when they were met.", counts.expired},
      {"ubiq_cache_entries", "gauge", "Entries.", counts.entries},
      {"ubiq_cache_bytes", "gauge", "Memory that entries take.", counts.bytes},
  };
  add(out, numbers, sizeof numbers / sizeof numbers[0]);
}

static void add_storage(metrics_text *out, storage *storage) {
  storage_counts counts;
  storage_count(storage, &counts);
  const named_number numbers[] = {
      {"ubiq_storage_bytes", "gauge", "Bytes of objects and uploads.", counts.bytes},
      {"ubiq_storage_uploads", "gauge", "Uploads that are under way.", counts.uploads},
      {"ubiq_storage_waiting", "gauge", "Calls of the storage that wait for one of its threads.", counts.waiting},
  };
  add(out, numbers, sizeof numbers / sizeof numbers[0]);
}

void services_metrics_add(metrics_text *out, const services *services) {
  if (services->backend != NULL) add_backend(out, services->backend);
  if (services->backend != NULL) events_metrics_add(out, services->backend);
  if (services->cache != NULL) add_cache(out, services->cache);
  if (services->storage != NULL) add_storage(out, services->storage);
}

/// Where it cannot be read, it is left out: the other numbers are no worse for it.
void services_metrics_add_usage(metrics_text *out, const services *services, const project *project) {
  static const char *const names[PROJECT_QUOTAS][2] = {
      {"ubiq_project_kv_bytes", "ubiq_project_kv_bytes_max"},
      {"ubiq_project_kv_keys", "ubiq_project_kv_keys_max"},
      {NULL, NULL},
      {"ubiq_project_storage_bytes", "ubiq_project_storage_bytes_max"},
      {"ubiq_project_waiting", "ubiq_project_waiting_max"},
      {"ubiq_project_waiting_bytes", "ubiq_project_waiting_bytes_max"},
  };
  quotas used;
  ubiq_error *error = services_usage(services, text_of(project->name), &used);
  for (size_t i = 0; error == NULL && i < PROJECT_QUOTAS; i++) {
    const project_quota *quota = &project_quotas[i];
    if (!quota->is_counted) continue;
    const metrics_labels labels = {{{"project", project->name}}};
    metrics_text_family(out, names[i][0], "gauge", "What a project has of what its quota bounds.");
    metrics_text_value(out, &labels, project_quota_of(&used, quota));
    metrics_text_family(out, names[i][1], "gauge", "The quota.");
    metrics_text_value(out, &labels, project_quota_of(&project->quotas, quota));
  }
  ubiq_error_delete(error);
}

// ------------------------------------------------------------------------------------------------- what was asked of them

static void add_answers(metrics_text *out, const service_total totals[SERVICE_COUNTS_OPERATIONS]) {
  metrics_text_family(out, "ubiq_service_calls_total", "counter",
                      "What services were asked for, by what they answered.");
  for (size_t i = 0; i < SERVICE_COUNTS_OPERATIONS; i++)
    for (size_t k = 0; k < SERVICE_COUNTS_STATUSES; k++)
      if (totals[i].answers[k] > 0)
        metrics_text_value(
            out, &(metrics_labels){{{"operation", service_counts_name(i)}, {"status", service_counts_status(k)}}},
            totals[i].answers[k]);
}

static bool was_asked(const service_total *total) {
  for (size_t i = 0; i < SERVICE_COUNTS_STATUSES; i++)
    if (total->answers[i] > 0) return true;
  return false;
}

static void add_times(metrics_text *out, const service_total totals[SERVICE_COUNTS_OPERATIONS]) {
  metrics_text_family(out, "ubiq_service_seconds", "histogram", "How long services took for what they were asked.");
  for (size_t i = 0; i < SERVICE_COUNTS_OPERATIONS; i++)
    if (was_asked(&totals[i]))
      metrics_text_histogram(out, &(metrics_labels){{{"operation", service_counts_name(i)}}}, &histogram_short_times,
                             &totals[i].times);
}

static void add_bytes(metrics_text *out, const service_total totals[SERVICE_COUNTS_OPERATIONS]) {
  metrics_text_family(out, "ubiq_service_bytes_in_total", "counter", "Bytes of what services were asked.");
  for (size_t i = 0; i < SERVICE_COUNTS_OPERATIONS; i++)
    if (was_asked(&totals[i]))
      metrics_text_value(out, &(metrics_labels){{{"operation", service_counts_name(i)}}}, totals[i].bytes_in);
  metrics_text_family(out, "ubiq_service_bytes_out_total", "counter", "Bytes of what they answered.");
  for (size_t i = 0; i < SERVICE_COUNTS_OPERATIONS; i++)
    if (was_asked(&totals[i]))
      metrics_text_value(out, &(metrics_labels){{{"operation", service_counts_name(i)}}}, totals[i].bytes_out);
}

void services_metrics_add_calls(metrics_text *out, metrics *metrics) {
  service_total *totals = calloc(SERVICE_COUNTS_OPERATIONS, sizeof *totals);
  out->has_failed = out->has_failed || totals == NULL;
  if (totals == NULL) return;
  for (size_t i = 0; i < SERVICE_COUNTS_OPERATIONS; i++) metrics_services(metrics, i, &totals[i]);
  add_answers(out, totals);
  add_times(out, totals);
  add_bytes(out, totals);
  free(totals);
}
