// Log lines on their way to a collector: those of functions and the server's own, from whichever thread says them.
//
// They are copied into a queue of bounded length and size; what finds no room is dropped and counted.
// LOCKS: one, around the queue, held for a copy.
#ifndef SERVER_TELEMETRY_OTLP_LINES_H
#define SERVER_TELEMETRY_OTLP_LINES_H

#include "runtime/telemetry/trace.h"
#include "ubiq/log.h"

enum {
  OTLP_LINES_MAX = 4096,
  OTLP_LINES_BYTES_MAX = 4 << 20, ///< of all messages
  OTLP_LINE_BYTES_MAX = 16 << 10, ///< of one; the rest is cut
};

typedef struct otlp_line {
  ubiq_log_level level;
  uint64_t time_ns; ///< wall clock
  bool has_trace;
  trace trace;   ///< its `span` said the line
  char *source;  ///< owned, with `message` in the same piece
  char *message; ///< UTF-8
} otlp_line;

typedef struct otlp_lines otlp_lines;

/// NULL when memory is out. The caller's.
otlp_lines *otlp_lines_new(void);

/// NULL is allowed.
void otlp_lines_delete(otlp_lines *self);

/// Any thread.
void otlp_lines_put(otlp_lines *self, const ubiq_log_record *record);

/// Takes the oldest, to be ended with otlp_line_free; false when there is none. Any thread.
bool otlp_lines_take(otlp_lines *self, otlp_line *out);
void otlp_line_free(otlp_line *self);

/// Lines that found no room. Any thread.
uint64_t otlp_lines_dropped(otlp_lines *self);

#endif
