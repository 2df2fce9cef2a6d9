// See the header for the design. LOCKS: one, for the wish to stop.
#include "server/telemetry/otlp.h"

#include "base/clock.h"
#include "base/fetch.h"
#include "base/log.h"
#include "base/thread.h"
#include "server/telemetry/otlp_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
  BATCH_RUNS = 512,
  BATCH_LINES = 512,
  SEND_MS_MAX = 3000, ///< for one request
  LAST_MS_MAX = 5000, ///< for all that are left at the end
  WAIT_S_MAX = 30,    ///< before what failed is sent again
  METRICS_PERIOD_S = 10,
  ANSWER_BYTES_MAX = 64 << 10,
};

#define WARNING_PERIOD_NS (60 * CLOCK_NS_PER_SECOND)

typedef enum stream { STREAM_TRACES, STREAM_LOGS, STREAM_METRICS, STREAMS } stream;

/// What became of a request.
typedef enum outcome {
  TAKEN,
  REFUSED, ///< and will be again
  FAILED,  ///< may be taken another time
} outcome;

struct otlp {
  char *urls[STREAMS];
  metrics *metrics;
  uint64_t began_ns; ///< wall clock
  _Atomic uint64_t sent, dropped, failures;
  _Atomic uint64_t lines_sent, lines_dropped; ///< dropped after they were taken from `lines`
  otlp_lines *lines;

  // The thread's own.
  fetch_client *client;
  run_span batch[BATCH_RUNS];
  size_t batch_count;
  otlp_line line_batch[BATCH_LINES];
  size_t lines_count;
  bool has_sent[STREAM_METRICS]; ///< of the batch: which of its two requests was taken
  unsigned wait_s;               ///< before the next try; 0: nothing failed
  uint64_t warned_ns, metrics_ns;

  _Atomic uint64_t end_ns; ///< when the last request has to be over; UINT64_MAX: not yet

  pthread_t thread;
  bool is_running; ///< the owner's: the thread was started and not joined
  pthread_mutex_t lock;
  pthread_cond_t news;
  bool is_stopping; ///< guarded by `lock`
  unsigned rings_count;
  run_ring *rings[];
};

// ---------------------------------------------------------------------------------------------------------- sending

/// An operator names the collector: any address.
static ubiq_error *allow(void *user, const fetch_target *target, const net_gate **gate) {
  (void)user;
  (void)target;
  *gate = &net_gate_private;
  return NULL;
}

static void warn(otlp *self, stream stream, const char *why) {
  uint64_t now_ns = clock_monotonic_ns();
  atomic_fetch_add_explicit(&self->failures, 1, memory_order_relaxed);
  if (self->warned_ns != 0 && now_ns - self->warned_ns < WARNING_PERIOD_NS) return;
  self->warned_ns = now_ns;
  log_warn("%s: the collector does not take what is sent: %s", self->urls[stream], why);
}

/// A collector that takes a request may leave a part of it out, which it says in its answer. Nothing of that is sent again.
static void look_for_rejected(otlp *self, stream stream, ubiq_bytes answer) {
  static const char *const names[STREAMS] = {"rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"};
  yyjson_doc *document = yyjson_read((const char *)answer.data, answer.size, YYJSON_READ_NOFLAG);
  yyjson_val *partial = yyjson_obj_get(yyjson_doc_get_root(document), "partialSuccess");
  yyjson_val *rejected = yyjson_obj_get(partial, names[stream]), *message = yyjson_obj_get(partial, "errorMessage");
  uint64_t count = yyjson_get_uint(rejected); // 64 bits are a string in protobuf's JSON
  if (yyjson_is_str(rejected)) text_to_u64((text){yyjson_get_str(rejected), yyjson_get_len(rejected)}, &count);
  if (count > 0) {
    char why[200];
    snprintf(why, sizeof why, "it leaves out %llu of them: %s", (unsigned long long)count,
             yyjson_is_str(message) ? yyjson_get_str(message) : "it does not say why");
    warn(self, stream, why);
  }
  yyjson_doc_free(document);
}

static outcome judge(otlp *self, stream stream, const fetch_response *response) {
  const int status = response->status;
  if (status >= 200 && status <= 299) {
    look_for_rejected(self, stream, buffer_bytes(&response->body));
    return TAKEN;
  }
  char why[64];
  snprintf(why, sizeof why, "it answers %d; expected 200", status);
  warn(self, stream, why);
  return status == 429 || (status >= 502 && status <= 504) ? FAILED : REFUSED;
}

static uint64_t time_left_ms(const otlp *self) {
  const uint64_t now_ns = clock_monotonic_ns(), end_ns = atomic_load(&self->end_ns);
  const uint64_t left_ms = now_ns >= end_ns ? 0 : (end_ns - now_ns) / CLOCK_NS_PER_MS;
  return left_ms < SEND_MS_MAX ? left_ms : SEND_MS_MAX;
}

static outcome post(otlp *self, stream stream, const char *text, size_t size) {
  static const fetch_header headers[] = {{"content-type", "application/json"}, {"user-agent", "ubiq"}};
  const fetch_policy policy = {.allow_url = allow};
  const fetch_request request = {.method = "POST",
                                 .url = self->urls[stream],
                                 .headers = headers,
                                 .headers_count = sizeof headers / sizeof headers[0],
                                 .body = (const uint8_t *)text,
                                 .body_size = size,
                                 .timeout_ms = time_left_ms(self),
                                 .response_bytes_max = ANSWER_BYTES_MAX,
                                 .policy = &policy};
  if (request.timeout_ms == 0) return FAILED;
  fetch_response response = {0};
  ubiq_error *error = fetch_client_perform(self->client, &request, NULL, &response);
  outcome outcome = FAILED;
  if (error == NULL)
    outcome = judge(self, stream, &response);
  else
    warn(self, stream, ubiq_error_message(error));
  ubiq_error_delete(error);
  fetch_response_free(&response);
  return outcome;
}

static outcome post_text(otlp *self, stream stream, char *text, size_t size) {
  outcome outcome = text == NULL ? REFUSED : post(self, stream, text, size);
  free(text);
  return outcome;
}

static void empty_batch(otlp *self) {
  for (size_t i = 0; i < self->batch_count; i++) run_span_free(&self->batch[i]);
  self->batch_count = 0;
}

/// Sends what of the batch was not yet. False: it has to be sent again.
static bool send_batch(otlp *self) {
  bool is_refused = false;
  for (stream stream = STREAM_TRACES; stream <= STREAM_LOGS; stream++) {
    size_t size = 0;
    if (self->has_sent[stream]) continue;
    char *text = (stream == STREAM_TRACES ? otlp_json_traces : otlp_json_logs)(self->batch, self->batch_count, &size);
    outcome outcome = post_text(self, stream, text, size);
    if (outcome == FAILED) return false;
    is_refused |= outcome == REFUSED;
    self->has_sent[stream] = true;
  }
  atomic_fetch_add_explicit(is_refused ? &self->dropped : &self->sent, self->batch_count, memory_order_relaxed);
  empty_batch(self);
  self->has_sent[STREAM_TRACES] = self->has_sent[STREAM_LOGS] = false;
  return true;
}

/// Adds what the workers left to the batch, as far as there is room. False: it is empty.
static bool fill_batch(otlp *self) {
  for (unsigned i = 0; i < self->rings_count; i++)
    while (self->batch_count < BATCH_RUNS && run_ring_take(self->rings[i], &self->batch[self->batch_count]))
      self->batch_count++;
  return self->batch_count > 0;
}

/// No more than the rings hold: a collector that is slower than the runs is to get the rest, too.
static bool send_runs(otlp *self) {
  size_t batches = 2 + (size_t)self->rings_count * RUN_RING_SPANS / BATCH_RUNS;
  for (; batches > 0 && (self->batch_count > 0 || fill_batch(self)); batches--)
    if (!send_batch(self)) return false;
  return true;
}

// -------------------------------------------------------------------------------------------------------- log lines

/// What the exporter itself says is not sent: with a level of debug, each request would be a reason for another.
static _Thread_local bool is_exporter;

static void hear(void *user, const ubiq_log_record *record) {
  otlp *self = user;
  if (!is_exporter) otlp_lines_put(self->lines, record);
}

static void empty_lines(otlp *self, _Atomic uint64_t *counter) {
  atomic_fetch_add_explicit(counter, self->lines_count, memory_order_relaxed);
  for (size_t i = 0; i < self->lines_count; i++) otlp_line_free(&self->line_batch[i]);
  self->lines_count = 0;
}

static bool fill_lines(otlp *self) {
  while (self->lines_count < BATCH_LINES && otlp_lines_take(self->lines, &self->line_batch[self->lines_count]))
    self->lines_count++;
  return self->lines_count > 0;
}

static bool send_lines(otlp *self) {
  size_t batches = 2 + OTLP_LINES_MAX / BATCH_LINES;
  for (; batches > 0 && (self->lines_count > 0 || fill_lines(self)); batches--) {
    size_t size = 0;
    char *text = otlp_json_lines(self->line_batch, self->lines_count, &size);
    outcome outcome = post_text(self, STREAM_LOGS, text, size);
    if (outcome == FAILED) return false;
    empty_lines(self, outcome == TAKEN ? &self->lines_sent : &self->lines_dropped);
  }
  return true;
}

// ---------------------------------------------------------------------------------------------------------- metrics

static bool send_metrics(otlp *self) {
  size_t size = 0;
  char *text = otlp_json_metrics(self->metrics, self->began_ns, clock_realtime_ns(), &size);
  return post_text(self, STREAM_METRICS, text, size) != FAILED;
}

// -------------------------------------------------------------------------------------------------------- the thread

/// True: it shall stop.
static bool wait(otlp *self, unsigned seconds) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += seconds;
  pthread_mutex_lock(&self->lock);
  int number = 0;
  while (!self->is_stopping && number != ETIMEDOUT) number = pthread_cond_timedwait(&self->news, &self->lock, &until);
  bool is_stopping = self->is_stopping;
  pthread_mutex_unlock(&self->lock);
  return is_stopping;
}

static bool send_all(otlp *self, bool with_metrics) {
  if (!send_runs(self) || !send_lines(self)) return false;
  uint64_t now_ns = clock_monotonic_ns();
  if (!with_metrics && now_ns - self->metrics_ns < METRICS_PERIOD_S * CLOCK_NS_PER_SECOND) return true;
  self->metrics_ns = now_ns;
  return send_metrics(self);
}

static void *live(void *user) {
  otlp *self = user;
  is_exporter = true;
  while (!wait(self, self->wait_s == 0 ? 1 : self->wait_s)) {
    unsigned longer = self->wait_s == 0 ? 1 : 2 * self->wait_s;
    self->wait_s = send_all(self, false) ? 0 : longer < WAIT_S_MAX ? longer : WAIT_S_MAX;
  }
  send_all(self, true);
  while (fill_batch(self)) { // what was not taken
    atomic_fetch_add_explicit(&self->dropped, self->batch_count, memory_order_relaxed);
    empty_batch(self);
  }
  while (fill_lines(self)) empty_lines(self, &self->lines_dropped);
  return NULL;
}

// -------------------------------------------------------------------------------------------------- beginning and end

static ubiq_error *make_urls(otlp *self, const char *url) {
  static const char *const paths[STREAMS] = {"v1/traces", "v1/logs", "v1/metrics"};
  if (!text_starts_with(text_of(url), TEXT("http://")) && !text_starts_with(text_of(url), TEXT("https://")))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "otlp is \"%s\"; expected the URL of a collector, such as "
                          "http://127.0.0.1:4318",
                          url);
  bool has_slash = text_ends_with(text_of(url), TEXT("/"));
  for (int i = 0; i < STREAMS; i++) {
    buffer text = {0};
    bool good = buffer_printf(&text, "%s%s%s", url, has_slash ? "" : "/", paths[i]);
    self->urls[i] = good ? buffer_take_string(&text) : NULL;
    buffer_free(&text);
    if (self->urls[i] == NULL) return ubiq_error_no_memory();
  }
  return NULL;
}

static ubiq_error *make_rings(otlp *self) {
  for (unsigned i = 0; i < self->rings_count; i++)
    if ((self->rings[i] = run_ring_new()) == NULL) return ubiq_error_no_memory();
  return NULL;
}

ubiq_error *otlp_new(const char *url, unsigned workers, otlp **out) {
  otlp *self = calloc(1, sizeof *self + workers * sizeof self->rings[0]);
  if (self == NULL) return ubiq_error_no_memory();
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&self->news, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&self->lock, NULL);
  self->rings_count = workers;
  atomic_init(&self->end_ns, UINT64_MAX);
  self->began_ns = clock_realtime_ns();
  ubiq_error *error = make_urls(self, url);
  if (error == NULL) error = make_rings(self);
  if (error == NULL && (self->lines = otlp_lines_new()) == NULL) error = ubiq_error_no_memory();
  if (error == NULL) error = fetch_client_new(&self->client);
  if (error == NULL)
    *out = self;
  else
    otlp_delete(self);
  return error;
}

run_ring *otlp_ring(otlp *self, unsigned worker) {
  return self->rings[worker];
}

ubiq_error *otlp_start(otlp *self, metrics *metrics) {
  self->metrics = metrics;
  self->metrics_ns = clock_monotonic_ns();
  int number = thread_start(&self->thread, NULL, live, self);
  if (number != 0)
    return ubiq_error_new(UBIQ_INTERNAL, "the exporter's thread cannot be started: %s", strerror(number));
  self->is_running = true;
  log_set_listener(hear, self);
  return NULL;
}

void otlp_stop(otlp *self) {
  if (self == NULL || !self->is_running) return;
  log_set_listener(NULL, NULL);
  atomic_store(&self->end_ns, clock_monotonic_ns() + LAST_MS_MAX * CLOCK_NS_PER_MS);
  pthread_mutex_lock(&self->lock);
  self->is_stopping = true;
  pthread_cond_signal(&self->news);
  pthread_mutex_unlock(&self->lock);
  pthread_join(self->thread, NULL);
  self->is_running = false;
}

void otlp_delete(otlp *self) {
  if (self == NULL) return;
  otlp_stop(self);
  fetch_client_delete(self->client);
  for (unsigned i = 0; i < self->rings_count; i++) run_ring_delete(self->rings[i]);
  otlp_lines_delete(self->lines);
  for (int i = 0; i < STREAMS; i++) free(self->urls[i]);
  pthread_cond_destroy(&self->news);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

void otlp_count(const otlp *self, otlp_counts *out) {
  out->sent = atomic_load_explicit(&self->sent, memory_order_relaxed);
  out->dropped = atomic_load_explicit(&self->dropped, memory_order_relaxed);
  out->failures = atomic_load_explicit(&self->failures, memory_order_relaxed);
  out->lines_sent = atomic_load_explicit(&self->lines_sent, memory_order_relaxed);
  out->lines_dropped =
      atomic_load_explicit(&self->lines_dropped, memory_order_relaxed) + otlp_lines_dropped(self->lines);
  for (unsigned i = 0; i < self->rings_count; i++) out->dropped += run_ring_dropped(self->rings[i]);
}
