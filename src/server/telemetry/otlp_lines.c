#include "server/telemetry/otlp_lines.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct otlp_lines {
  pthread_mutex_t lock; ///< for all that follows
  uint64_t put, taken;  ///< how many ever; what is between them is in the queue
  uint64_t dropped;
  size_t bytes; ///< of the messages in the queue
  otlp_line lines[OTLP_LINES_MAX];
};

otlp_lines *otlp_lines_new(void) {
  otlp_lines *self = calloc(1, sizeof *self);
  if (self != NULL) pthread_mutex_init(&self->lock, NULL);
  return self;
}

void otlp_lines_delete(otlp_lines *self) {
  if (self == NULL) return;
  otlp_line line;
  while (otlp_lines_take(self, &line)) otlp_line_free(&line);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

/// The message in well-formed UTF-8 without a NUL, and no more of it than is sent.
static bool copy_message(buffer *out, const ubiq_log_record *record) {
  size_t size = record->message_size;
  if (size > OTLP_LINE_BYTES_MAX)
    for (size = OTLP_LINE_BYTES_MAX; size > 0 && ((unsigned char)record->message[size] & 0xc0) == 0x80;) size--;
  if (memchr(record->message, 0, size) == NULL && text_utf8_valid(record->message, size))
    return buffer_append(out, record->message, size);
  return text_escape(out, (text){record->message, size});
}

static bool copy(const ubiq_log_record *record, otlp_line *out) {
  buffer text = {0};
  *out = (otlp_line){.level = record->level, .time_ns = record->time_ns};
  bool good =
      buffer_append_string(&text, record->source) && buffer_append_byte(&text, '\0') && copy_message(&text, record);
  out->source = good ? buffer_take_string(&text) : NULL;
  buffer_free(&text);
  if (out->source == NULL) return false;
  out->message = out->source + strlen(out->source) + 1;
  out->has_trace = record->traceparent != NULL && trace_read(text_of(record->traceparent), &out->trace);
  if (out->has_trace) memcpy(out->trace.span, out->trace.parent, sizeof out->trace.span);
  return true;
}

static bool append(otlp_lines *self, const otlp_line *line) {
  size_t bytes = strlen(line->message);
  if (self->put - self->taken == OTLP_LINES_MAX || self->bytes + bytes > OTLP_LINES_BYTES_MAX) return false;
  self->lines[self->put++ % OTLP_LINES_MAX] = *line;
  self->bytes += bytes;
  return true;
}

void otlp_lines_put(otlp_lines *self, const ubiq_log_record *record) {
  otlp_line line;
  bool is_copied = copy(record, &line);
  pthread_mutex_lock(&self->lock);
  bool is_kept = is_copied && append(self, &line);
  if (!is_kept) self->dropped++;
  pthread_mutex_unlock(&self->lock);
  if (is_copied && !is_kept) otlp_line_free(&line);
}

bool otlp_lines_take(otlp_lines *self, otlp_line *out) {
  pthread_mutex_lock(&self->lock);
  bool has_one = self->taken < self->put;
  if (has_one) {
    *out = self->lines[self->taken++ % OTLP_LINES_MAX];
    self->bytes -= strlen(out->message);
  }
  pthread_mutex_unlock(&self->lock);
  return has_one;
}

void otlp_line_free(otlp_line *self) {
  free(self->source);
}

uint64_t otlp_lines_dropped(otlp_lines *self) {
  pthread_mutex_lock(&self->lock);
  uint64_t dropped = self->dropped;
  pthread_mutex_unlock(&self->lock);
  return dropped;
}
