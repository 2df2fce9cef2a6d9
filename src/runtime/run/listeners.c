// Puts together what the run, its plugin and the clocks say, and hands it to each listener.
#include "runtime/run/listeners.h"

#include "base/clock.h"
#include "runtime/run/run_trace.h"

static const char *release_name(const release *release) {
  return release->digest[0] != '\0' ? release->digest : release->project->version;
}

/// A run that did not come to a stage was in the one before until now.
static void fill_times(run_record *record, const run *run, uint64_t now_ns) {
  bool has_begun = run->started_ns != 0;
  uint64_t started_ns = has_begun ? run->started_ns : now_ns;
  bool was_called = has_begun && run->called_ns >= started_ns; // else it is of the instance's run before
  uint64_t called_ns = was_called ? run->called_ns : now_ns;
  record->came_at_ns = clock_realtime_ns() - (now_ns - run->came_ns);
  record->queue_ns = started_ns - run->came_ns;
  record->start_ns = called_ns - started_ns;
  record->run_ns = now_ns - called_ns;
  record->cpu_ns = was_called && run->plugin != NULL ? plugin_cpu_ns(run->plugin) : 0;
}

/// What finds no memory for a function's numbers is not counted.
static void count(lane *lane, const worker *worker, const run_record *record) {
  if (lane->metrics == NULL) lane->metrics = metrics_join(worker->options.metrics, lane->name, worker->options.index);
  if (lane->metrics != NULL) metrics_add(lane->metrics, record);
}

void listeners_tell_run(run *run) {
  worker *worker = run->worker;
  run_record record = {
      .function = run->function->name,
      .release = release_name(run->lease->release),
      .outcome = run->outcome,
      .busy = run->busy,
      .worker = worker->options.index,
      .memory_bytes = run->plugin == NULL ? 0 : plugin_memory_bytes(run->plugin),
      .bytes_in = run->input.size,
      .bytes_out = run->outcome == UBIQ_OK ? run->output.size : 0,
  };
  fill_times(&record, run, clock_monotonic_ns());
  if (worker->options.metrics != NULL) count(run->lane, worker, &record);
  if (!worker->keeps_runs) return;
  record.trace = run_trace(run);
  if (worker->run_log != NULL) run_log_add(worker->run_log, &record);
  if (worker->options.ring == NULL) return;
  record.tracestate = run_tracestate(run);
  record.calls_dropped = run->calls.dropped;
  run_ring_put(worker->options.ring, &record, run_calls_take(&run->calls));
}

void listeners_tell_refusal(worker *worker, refusal_record record) {
  record.worker = worker->options.index;
  record.came_at_ns = clock_realtime_ns();
  if (worker->numbers != NULL) metrics_count_refusal(worker->numbers, refusal_of_status(record.status));
  if (worker->run_log != NULL) run_log_add_refusal(worker->run_log, &record);
}
