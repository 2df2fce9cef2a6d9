// Numbers are read where workers write them: no worker is asked, and none waits.
#include "server/admin/admin_metrics.h"

#include "server/admin/admin_tokens.h"
#include "server/admin/metrics_text.h"
#include "server/admin/services_metrics.h"
#include "server/telemetry/otlp.h"
#include "ubiq/version.h"

#include <stdio.h>
#include <stdlib.h>

static const metrics_labels no_labels = {0};

// ------------------------------------------------------------------------------------------------------- the server

static void add_exporter(metrics_text *out, const otlp *otlp) {
  otlp_counts counts;
  otlp_count(otlp, &counts);
  metrics_text_family(out, "ubiq_otlp_sent_total", "counter", "Runs that the collector took.");
  metrics_text_value(out, &no_labels, counts.sent);
  metrics_text_family(out, "ubiq_otlp_dropped_total", "counter", "Runs that the collector will not get.");
  metrics_text_value(out, &no_labels, counts.dropped);
  metrics_text_family(out, "ubiq_otlp_lines_sent_total", "counter", "Log lines that the collector took.");
  metrics_text_value(out, &no_labels, counts.lines_sent);
  metrics_text_family(out, "ubiq_otlp_lines_dropped_total", "counter", "Log lines that the collector will not get.");
  metrics_text_value(out, &no_labels, counts.lines_dropped);
  metrics_text_family(out, "ubiq_otlp_failures_total", "counter", "Requests to the collector that failed.");
  metrics_text_value(out, &no_labels, counts.failures);
}

static void add_server(metrics_text *out, const admin_context *context) {
  metrics_text_family(out, "ubiq_build_info", "gauge", "The version that runs; always 1.");
  metrics_text_value(out, &(metrics_labels){{{"version", UBIQ_VERSION}}}, 1);
  metrics_text_family(out, "ubiq_start_time_seconds", "gauge", "When the server began, since 1970.");
  metrics_text_value(out, &no_labels, context->began_ms / 1000);
  const run_log *log = server_run_log(context->server);
  const otlp *otlp = server_otlp(context->server);
  if (otlp != NULL) add_exporter(out, otlp);
  if (log == NULL) return;
  metrics_text_family(out, "ubiq_run_log_dropped_total", "counter", "Runs that could not be written to the run log.");
  metrics_text_value(out, &no_labels, run_log_dropped(log));
}

typedef uint32_t (*worker_number)(const metrics_worker *worker);

static uint32_t connections_of(const metrics_worker *worker) {
  return atomic_load_explicit(&worker->connections, memory_order_relaxed);
}

static uint32_t runs_of(const metrics_worker *worker) {
  return atomic_load_explicit(&worker->runs, memory_order_relaxed);
}

static uint32_t queued_of(const metrics_worker *worker) {
  return atomic_load_explicit(&worker->queued, memory_order_relaxed);
}

static void add_workers(metrics_text *out, metrics *metrics) {
  static const struct {
    const char *name, *help;
    worker_number number;
  } families[] = {
      {"ubiq_connections", "Connections of clients.", connections_of},
      {"ubiq_runs_in_progress", "Runs that have a place.", runs_of},
      {"ubiq_runs_queued", "Runs that wait for a place.", queued_of},
  };
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
    metrics_text_family(out, families[i].name, "gauge", families[i].help);
    for (unsigned worker = 0; worker < metrics_workers(metrics); worker++) {
      char index[16];
      snprintf(index, sizeof index, "%u", worker);
      metrics_text_value(out, &(metrics_labels){{{"worker", index}}},
                         families[i].number(metrics_of_worker(metrics, worker)));
    }
  }
}

static void add_refusals(metrics_text *out, metrics *metrics) {
  metrics_text_family(out, "ubiq_requests_refused_total", "counter", "Requests that reached no function, by why.");
  for (int reason = 0; reason < REFUSALS; reason++)
    metrics_text_value(out, &(metrics_labels){{{"reason", refusal_name((refusal)reason)}}},
                       metrics_refusals(metrics, (refusal)reason));
}

// ----------------------------------------------------------------------------------------------------------- runs

/// All blocks, by function.
typedef struct blocks {
  const metrics_block *const *list;
  size_t count;
} blocks;

/// Takes the blocks of the next function off `rest`. False at the end.
static bool next_function(blocks *rest, blocks *of_one) {
  if (rest->count == 0) return false;
  *of_one = (blocks){rest->list, 1};
  while (of_one->count < rest->count && strcmp(rest->list[of_one->count]->function, rest->list[0]->function) == 0)
    of_one->count++;
  rest->list += of_one->count;
  rest->count -= of_one->count;
  return true;
}

static void add_outcomes(metrics_text *out, blocks all) {
  metrics_text_family(out, "ubiq_runs_total", "counter", "Runs that have ended, by how they did.");
  for (blocks one; next_function(&all, &one);)
    for (int code = 0; code < METRICS_OUTCOMES; code++) {
      uint64_t count = 0;
      for (size_t i = 0; i < one.count; i++)
        count += atomic_load_explicit(&one.list[i]->outcomes[code], memory_order_relaxed);
      const metrics_labels labels = {
          {{"function", one.list[0]->function}, {"outcome", ubiq_code_name((ubiq_code)code)}}};
      if (count > 0 || code == UBIQ_OK) metrics_text_value(out, &labels, count);
    }
}

/// Also those that never were, so that a first one can be told from a start.
static void add_busy(metrics_text *out, blocks all) {
  metrics_text_family(out, "ubiq_runs_busy_total", "counter", "Runs that were not let in (429), by why.");
  for (blocks one; next_function(&all, &one);)
    for (int reason = 0; reason < BUSY_REASONS; reason++) {
      uint64_t count = 0;
      for (size_t i = 0; i < one.count; i++)
        count += atomic_load_explicit(&one.list[i]->busy[reason], memory_order_relaxed);
      const metrics_labels labels = {
          {{"function", one.list[0]->function}, {"reason", busy_reason_name((busy_reason)reason)}}};
      metrics_text_value(out, &labels, count);
    }
}

static void add_histogram(metrics_text *out, blocks all, metrics_kind kind) {
  for (blocks one; next_function(&all, &one);) {
    histogram_total total = {0};
    for (size_t i = 0; i < one.count; i++) histogram_sum(&one.list[i]->histograms[kind], &total);
    metrics_text_histogram(out, &(metrics_labels){{{"function", one.list[0]->function}}}, metrics_bounds(kind), &total);
  }
}

static void add_runs(metrics_text *out, metrics *metrics) {
  static const struct {
    const char *name, *help;
  } families[METRICS_KINDS] = {
      [METRICS_QUEUE] = {"ubiq_run_queue_seconds", "Time that runs waited for their place and turn."},
      [METRICS_START] = {"ubiq_run_start_seconds", "Time that making or finding their instances took."},
      [METRICS_RUN] = {"ubiq_run_seconds", "Time from entering the guest to the end, waiting included."},
      [METRICS_CPU] = {"ubiq_run_cpu_seconds", "Time that runs had of a worker."},
      [METRICS_MEMORY] = {"ubiq_run_memory_bytes", "Linear memory of their instances at the end."},
      [METRICS_BYTES_IN] = {"ubiq_run_input_bytes", "Bytes of inputs."},
      [METRICS_BYTES_OUT] = {"ubiq_run_output_bytes", "Bytes of outputs."},
  };
  blocks all;
  if (!metrics_list(metrics, &all.list, &all.count)) {
    out->has_failed = true;
    return;
  }
  add_outcomes(out, all);
  add_busy(out, all);
  for (int kind = 0; kind < METRICS_KINDS; kind++) {
    metrics_text_family(out, families[kind].name, "histogram", families[kind].help);
    add_histogram(out, all, (metrics_kind)kind);
  }
  free((void *)(uintptr_t)all.list);
}

// ----------------------------------------------------------------------------------------------------------- pools

static void add_pool_numbers(metrics_text *out, const release *release, const pool_stats *stats) {
  static const struct {
    const char *name, *type, *help;
    size_t place;
    bool is_wide;
  } families[] = {
      {"ubiq_pool_busy", "gauge", "Instances with a run.", offsetof(pool_stats, busy), false},
      {"ubiq_pool_ready", "gauge", "Instances that wait for a run.", offsetof(pool_stats, ready), false},
      {"ubiq_pool_starting", "gauge", "Instances that are being started ahead.", offsetof(pool_stats, starting), false},
      {"ubiq_pool_demand", "gauge", "The most that were busy at once of late.", offsetof(pool_stats, demand), false},
      {"ubiq_pool_target", "gauge", "Instances that should be ready.", offsetof(pool_stats, target), false},
      {"ubiq_pool_made_total", "counter", "Instances made.", offsetof(pool_stats, made), true},
      {"ubiq_pool_made_ahead_total", "counter", "Instances made before a run asked.", offsetof(pool_stats, made_ahead),
       true},
      {"ubiq_pool_found_ready_total", "counter", "Runs that found an instance ready.",
       offsetof(pool_stats, found_ready), true},
      {"ubiq_pool_start_failed_total", "counter", "Instances whose start ahead failed.",
       offsetof(pool_stats, start_failed), true},
  };
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
    metrics_text_family(out, families[i].name, families[i].type, families[i].help);
    for (size_t at = 0; at < release->project->functions_count; at++) {
      const char *place = (const char *)&stats[at] + families[i].place;
      uint64_t value =
          families[i].is_wide ? *(const uint64_t *)(const void *)place : *(const uint32_t *)(const void *)place;
      metrics_text_value(out, &(metrics_labels){{{"function", release->functions[at].name}}}, value);
    }
  }
}

static void add_pool_ends(metrics_text *out, const release *release, const pool_stats *stats) {
  metrics_text_family(out, "ubiq_pool_ended_total", "counter", "Instances that have ended, by why.");
  for (size_t at = 0; at < release->project->functions_count; at++)
    for (int end = 0; end < POOL_ENDS; end++) {
      const metrics_labels labels = {
          {{"function", release->functions[at].name}, {"reason", pool_end_name((pool_end)end)}}};
      metrics_text_value(out, &labels, stats[at].ended[end]);
    }
}

static void add_pools(metrics_text *out, releases *releases) {
  release *current = releases_hold(releases);
  size_t count = current->project->functions_count;
  pool_stats *stats = calloc(count + 1, sizeof *stats);
  if (stats == NULL) {
    out->has_failed = true;
  } else {
    for (size_t i = 0; i < count; i++) pool_board_sum(current->functions[i].pool.board, &stats[i]);
    add_pool_numbers(out, current, stats);
    add_pool_ends(out, current, stats);
  }
  free(stats);
  release_delete(current);
}

static void add_denials(metrics_text *out, releases *releases) {
  release *current = releases_hold(releases);
  metrics_text_family(out, "ubiq_permission_denials_total", "counter",
                      "What functions asked services for and may not.");
  for (size_t i = 0; i < current->project->functions_count; i++)
    metrics_text_value(out, &(metrics_labels){{{"function", current->functions[i].name}}},
                       permission_set_denials(current->functions[i].permissions));
  release_delete(current);
}

static void add_token_denials(metrics_text *out, const admin_tokens *tokens) {
  metrics_text_family(out, "ubiq_token_denials_total", "counter",
                      "What bearers of tokens asked the admin port for and may not.");
  metrics_text_value(out, &no_labels, admin_tokens_denials(tokens));
}

// -------------------------------------------------------------------------------------------------------- releases

/// A release that is served; without a digest there is none.
typedef struct served_release {
  const release_record *record;
  const release_totals *totals;
  const char *role;
} served_release;

static void add_release_number(metrics_text *out, const served_release served[2], bool of_failures) {
  for (size_t i = 0; i < 2; i++) {
    if (served[i].record->digest[0] == '\0') continue;
    const metrics_labels labels = {{{"release", served[i].record->digest}, {"role", served[i].role}}};
    metrics_text_value(out, &labels, of_failures ? served[i].totals->failures : served[i].totals->requests);
  }
}

static void add_releases(metrics_text *out, const releases_status *status) {
  const served_release served[2] = {{&status->current, &status->current_totals, "current"},
                                    {&status->canary, &status->canary_totals, "canary"}};
  metrics_text_family(out, "ubiq_release_info", "gauge", "A release that is served; always 1.");
  for (size_t i = 0; i < 2; i++) {
    const release_record *record = served[i].record;
    const metrics_labels labels = {{{"release", record->digest},
                                    {"role", served[i].role},
                                    {"project", record->project},
                                    {"version", record->version}}};
    if (record->digest[0] != '\0') metrics_text_value(out, &labels, 1);
  }
  metrics_text_family(out, "ubiq_release_requests_total", "counter", "Requests to a release since it was loaded.");
  add_release_number(out, served, false);
  metrics_text_family(out, "ubiq_release_failures_total", "counter", "Those of them that failed.");
  add_release_number(out, served, true);
  metrics_text_family(out, "ubiq_canary_percent", "gauge", "The share of requests that the canary gets.");
  metrics_text_value(out, &no_labels, status->choice.canary[0] == '\0' ? 0 : status->choice.canary_percent);
}

// -------------------------------------------------------------------------------------------------------- compiling

static void add_compiler(metrics_text *out, compiler *compiler) {
  static const char *const states[] = {[COMPILER_WELL] = "well", [COMPILER_LAST] = "last", [COMPILER_GONE] = "gone"};
  if (compiler == NULL) return;
  const compiler_health health = compiler_look(compiler);
  metrics_text_family(out, "ubiq_compiler_state", "gauge",
                      "1 for how the processes are that compile what is deployed: well; last, when nothing would start "
                      "them anew; gone, when deploys are refused until the server is started again.");
  for (int state = 0; state <= COMPILER_GONE; state++)
    metrics_text_value(out, &(metrics_labels){{{"state", states[state]}}}, state == (int)health);
  metrics_text_family(out, "ubiq_compiler_starts_total", "counter",
                      "How often they were started, all of them: by the server's start, and after they were killed.");
  metrics_text_value(out, &no_labels, compiler_starts(compiler));
}

answer admin_metrics_get(admin_request *self) {
  const admin_context *context = self->context;
  releases_status status;
  ubiq_error *error = releases_describe(context->releases, &status);
  if (error != NULL) return answer_error(error);
  metrics_text out = {0};
  add_server(&out, context);
  add_workers(&out, server_metrics(context->server));
  add_refusals(&out, server_metrics(context->server));
  add_runs(&out, server_metrics(context->server));
  add_pools(&out, context->releases);
  add_denials(&out, context->releases);
  add_token_denials(&out, context->tokens);
  const services services = server_services(context->server);
  services_metrics_add(&out, &services);
  release *current = releases_hold(context->releases);
  services_metrics_add_usage(&out, &services, current->project);
  release_delete(current);
  services_metrics_add_calls(&out, server_metrics(context->server));
  add_releases(&out, &status);
  add_compiler(&out, releases_compiler(context->releases));
  answer answer =
      out.has_failed ? answer_error(ubiq_error_no_memory()) : answer_output(buffer_bytes(&out.text), METRICS_TEXT_TYPE);
  buffer_free(&out.text);
  return answer;
}
