#include "runtime/telemetry/run_log_line.h"

#include "base/clock.h"

#include <string.h>

/// Bytes of names that are shown; each may take six as an escape.
enum { FUNCTION_BYTES_MAX = 128, RELEASE_BYTES_MAX = 64, METHOD_BYTES_MAX = 32, URL_BYTES_MAX = 256 };

typedef struct line {
  char *data;
  size_t size;
} line;

/// By hand, because printf would take most of the time that a line costs.
static void add_bytes(line *self, const char *bytes, size_t size) {
  memcpy(self->data + self->size, bytes, size);
  self->size += size;
}

static void add(line *self, const char *string) {
  add_bytes(self, string, strlen(string));
}

static size_t count_digits(uint64_t number) {
  size_t count = 1;
  for (; number >= 10; number /= 10) count++;
  return count;
}

/// With zeroes before it, so that it has as many digits as `digits_min` at least.
static void add_digits(line *self, uint64_t number, size_t digits_min) {
  size_t digits = count_digits(number);
  if (digits < digits_min) digits = digits_min;
  char *first = self->data + self->size;
  for (size_t at = digits; at > 0; number /= 10) first[--at] = (char)('0' + number % 10);
  self->size += digits;
}

static void add_key(line *self, const char *key) {
  add(self, self->data[self->size - 1] == '{' ? "\"" : ",\"");
  add(self, key);
  add(self, "\":");
}

static void add_number(line *self, const char *key, uint64_t number) {
  add_key(self, key);
  add_digits(self, number, 1);
}

/// Text that needs no escapes.
static void add_word(line *self, const char *key, const char *word) {
  add_key(self, key);
  add(self, "\"");
  add(self, word);
  add(self, "\"");
}

static void add_character(line *self, char c) {
  if ((unsigned char)c < 0x20 || c == 0x7f) {
    char digits[3];
    text_hex(&c, 1, digits);
    add(self, "\\u00");
    add(self, digits);
    return;
  }
  if (c == '"' || c == '\\') self->data[self->size++] = '\\';
  self->data[self->size++] = c;
}

/// As many whole characters of UTF-8 as fit into `bytes_max`.
static void add_name(line *self, const char *key, const char *name, size_t bytes_max) {
  size_t size = strnlen(name, bytes_max + 1);
  if (size > bytes_max)
    for (size = bytes_max; size > 0 && ((unsigned char)name[size] & 0xc0) == 0x80;) size--;
  add_key(self, key);
  add(self, "\"");
  for (size_t i = 0; i < size; i++) add_character(self, name[i]);
  add(self, "\"");
}

/// Milliseconds, to the microsecond.
static void add_time(line *self, const char *key, uint64_t ns) {
  add_number(self, key, ns / CLOCK_NS_PER_MS);
  add(self, ".");
  add_digits(self, ns % CLOCK_NS_PER_MS / 1000, 3);
}

static void add_id(line *self, const char *key, const uint8_t *bytes, size_t size) {
  char digits[2 * TRACE_ID_SIZE + 1];
  text_hex(bytes, size, digits);
  add_word(self, key, digits);
}

static void add_trace(line *self, const trace *trace) {
  add_id(self, "trace_id", trace->id, sizeof trace->id);
  add_id(self, "span_id", trace->span, sizeof trace->span);
  if (trace_has_parent(trace)) add_id(self, "parent_id", trace->parent, sizeof trace->parent);
}

size_t run_log_line(const run_record *record, char out[RUN_LOG_LINE_MAX]) {
  line self = {.data = out};
  char time[CLOCK_TEXT_SIZE];
  clock_format(record->came_at_ns, time);
  add(&self, "{");
  add_word(&self, "time", time);
  add_trace(&self, record->trace);
  add_name(&self, "function", record->function, FUNCTION_BYTES_MAX);
  add_name(&self, "release", record->release, RELEASE_BYTES_MAX);
  add_number(&self, "worker", record->worker);
  add_word(&self, "outcome", ubiq_code_name(record->outcome));
  if (record->outcome == UBIQ_BUSY) add_word(&self, "busy", busy_reason_name(record->busy));
  add_time(&self, "queue_ms", record->queue_ns);
  add_time(&self, "start_ms", record->start_ns);
  add_time(&self, "run_ms", record->run_ns);
  add_time(&self, "cpu_ms", record->cpu_ns);
  add_number(&self, "memory_bytes", record->memory_bytes);
  add_number(&self, "bytes_in", record->bytes_in);
  add_number(&self, "bytes_out", record->bytes_out);
  add(&self, "}\n");
  return self.size;
}

/// Bytes of a client's, which need be no UTF-8.
static void add_bytes_of_client(line *self, const char *key, const char *bytes, size_t bytes_max) {
  add_key(self, key);
  add(self, "\"");
  for (size_t i = 0; i < bytes_max && bytes[i] != '\0'; i++) {
    if ((unsigned char)bytes[i] < 0x80) {
      add_character(self, bytes[i]);
      continue;
    }
    char digits[3];
    text_hex(&bytes[i], 1, digits);
    add(self, "%");
    add(self, digits);
  }
  add(self, "\"");
}

size_t run_log_refusal_line(const refusal_record *record, char out[RUN_LOG_LINE_MAX]) {
  line self = {.data = out};
  char time[CLOCK_TEXT_SIZE];
  clock_format(record->came_at_ns, time);
  add(&self, "{");
  add_word(&self, "time", time);
  if (record->trace != NULL) {
    add_id(&self, "trace_id", record->trace->id, sizeof record->trace->id);
    add_id(&self, "parent_id", record->trace->parent, sizeof record->trace->parent);
  }
  add_number(&self, "worker", record->worker);
  add_word(&self, "refused", refusal_name(refusal_of_status(record->status)));
  add_number(&self, "status", record->status);
  if (record->method != NULL) add_bytes_of_client(&self, "method", record->method, METHOD_BYTES_MAX);
  if (record->url != NULL) add_bytes_of_client(&self, "path", record->url, URL_BYTES_MAX);
  add(&self, "}\n");
  return self.size;
}
