#include "server/admin/events_metrics.h"

#include "base/clock.h"
#include "services/events/event_lag.h"

static uint64_t waiting_of(const event_lag *lag, uint64_t now_ms) {
  (void)now_ms;
  return lag->count.waiting;
}

/// Since when the first that waits is due.
static uint64_t seconds_of(const event_lag *lag, uint64_t now_ms) {
  uint64_t oldest_ms = lag->count.oldest_ms;
  return oldest_ms == 0 || oldest_ms >= now_ms ? 0 : (now_ms - oldest_ms) / 1000;
}

static uint64_t dead_of(const event_lag *lag, uint64_t now_ms) {
  (void)now_ms;
  return lag->count.dead;
}

static void add_lags(metrics_text *out, const event_lags *lags) {
  static const struct {
    const char *name, *help;
    uint64_t (*value)(const event_lag *lag, uint64_t now_ms);
  } families[] = {
      {"ubiq_events_waiting", "Events that wait for a subscription's function.", waiting_of},
      {"ubiq_events_waiting_seconds", "Since when the first of them could have been handled.", seconds_of},
      {"ubiq_events_dead", "Events that were tried in vain and are kept as dead letters.", dead_of},
  };
  uint64_t now_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
    metrics_text_family(out, families[i].name, "gauge", families[i].help);
    for (size_t at = 0; at < lags->count; at++) {
      const event_lag *lag = &lags->list[at];
      const metrics_labels labels = {{{"project", lag->project}, {"subscription", lag->subscription}}};
      metrics_text_value(out, &labels, families[i].value(lag, now_ms));
    }
  }
}

void events_metrics_add(metrics_text *out, backend *backend) {
  arena arena;
  event_lags lags;
  arena_init(&arena);
  ubiq_error *error = event_lags_read(backend, NULL, &arena, &lags);
  if (error == NULL) add_lags(out, &lags);
  ubiq_error_delete(error);
  arena_free(&arena);
}
