// Each part counts for itself; here the numbers only get names.
#include "server/services_metrics.h"

#include "services/backend/backend.h"
#include "services/cache.h"

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

void services_metrics_add(metrics_text *out, const services *services) {
  if (services->backend != NULL) add_backend(out, services->backend);
  if (services->cache != NULL) add_cache(out, services->cache);
}
