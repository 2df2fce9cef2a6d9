// Traces across services: W3C Trace Context, level 1 (the header `traceparent`, version 00).
//
// A run is one span. It goes on with the trace that its request says it is part of, or begins one; what its guest asks
// others for says the run's own span.
#ifndef RUNTIME_TELEMETRY_TRACE_H
#define RUNTIME_TELEMETRY_TRACE_H

#include "base/text.h"

#define TRACE_PARENT_HEADER "traceparent"

enum {
  TRACE_ID_SIZE = 16,
  TRACE_SPAN_SIZE = 8,
  TRACE_PARENT_SIZE = 56, ///< bytes of a traceparent's text, NUL included
};

enum { TRACE_SAMPLED = 1 }; ///< in `flags`: who began the trace may have written it down

typedef struct trace {
  uint8_t id[TRACE_ID_SIZE];
  uint8_t span[TRACE_SPAN_SIZE];
  uint8_t parent[TRACE_SPAN_SIZE]; ///< the span that asked; zeroes: none is known
  uint8_t flags;
} trace;

/// What makes ids: one for each worker, on its thread only. Ids are to be different, not to be secret.
typedef struct trace_ids {
  uint64_t state[4];
} trace_ids;

/// Seeds from the system's randomness.
void trace_ids_seed(trace_ids *self);

/// Reads a traceparent: what it calls its span becomes `parent`, and `span` is left alone. False, and nothing is written,
/// when it is not one of version 00 to the letter, or one of its ids is all zeroes.
UBIQ_NODISCARD bool trace_read(text header, trace *out);

/// Begins a span: in the trace that `header` says, or else, when that is empty or malformed, in a new one, which is sampled
/// if `is_kept`.
void trace_begin(trace_ids *ids, text header, bool is_kept, trace *out);

/// An id for a child of a span: another for each number, and the same each time.
void trace_child(const trace *self, uint64_t number, uint8_t out[TRACE_SPAN_SIZE]);

/// Writes the traceparent that makes the span the parent of what follows.
void trace_write(const trace *self, char out[TRACE_PARENT_SIZE]);

/// Whether a request had a parent that is known.
bool trace_has_parent(const trace *self);

#endif
