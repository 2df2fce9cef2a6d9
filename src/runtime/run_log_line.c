#include "runtime/run_log_line.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>

/// Bytes of names that are shown; each may take six as an escape.
enum { FUNCTION_BYTES_MAX = 128, RELEASE_BYTES_MAX = 64 };

typedef struct line {
  char *data;
  size_t size;
} line;

UBIQ_PRINTF(2, 3) static void add(line *self, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(self->data + self->size, RUN_LOG_LINE_MAX - self->size, format, arguments);
  va_end(arguments);
  if (written > 0) self->size += (size_t)written;
}

static void add_character(line *self, char c) {
  if ((unsigned char)c < 0x20 || c == 0x7f) {
    add(self, "\\u%04x", (unsigned)(unsigned char)c);
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
  add(self, "\"%s\":\"", key);
  for (size_t i = 0; i < size; i++) add_character(self, name[i]);
  add(self, "\",");
}

/// Milliseconds, to the microsecond.
static void add_time(line *self, const char *key, uint64_t ns) {
  add(self, "\"%s\":%llu.%03u,", key, (unsigned long long)(ns / CLOCK_NS_PER_MS),
      (unsigned)(ns % CLOCK_NS_PER_MS / 1000));
}

static void add_id(line *self, const char *key, const uint8_t *bytes, size_t size) {
  char digits[2 * TRACE_ID_SIZE + 1];
  trace_hex(bytes, size, digits);
  add(self, "\"%s\":\"%s\",", key, digits);
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
  add(&self, "{\"time\":\"%s\",", time);
  add_trace(&self, record->trace);
  add_name(&self, "function", record->function, FUNCTION_BYTES_MAX);
  add_name(&self, "release", record->release, RELEASE_BYTES_MAX);
  add(&self, "\"worker\":%u,\"outcome\":\"%s\",", record->worker, ubiq_code_name(record->outcome));
  add_time(&self, "queue_ms", record->queue_ns);
  add_time(&self, "start_ms", record->start_ns);
  add_time(&self, "run_ms", record->run_ns);
  add_time(&self, "cpu_ms", record->cpu_ns);
  add(&self, "\"memory_bytes\":%llu,\"bytes_in\":%llu,\"bytes_out\":%llu}\n", (unsigned long long)record->memory_bytes,
      (unsigned long long)record->bytes_in, (unsigned long long)record->bytes_out);
  return self.size;
}
