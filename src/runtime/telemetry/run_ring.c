// `put` is written by the worker and `taken` by the other thread; each publishes what it did to the slots before.
#include "runtime/telemetry/run_ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct run_ring {
  _Atomic uint64_t put, taken; ///< how many ever; what is between them is in the ring
  _Atomic uint64_t dropped;
  run_span spans[RUN_RING_SPANS];
};

run_ring *run_ring_new(void) {
  return calloc(1, sizeof(run_ring));
}

void run_ring_delete(run_ring *self) {
  run_span span;
  while (self != NULL && run_ring_take(self, &span)) run_span_free(&span);
  free(self);
}

/// As many whole characters of UTF-8 as there is room for, and a NUL.
static void copy_name(char *out, size_t size, const char *name) {
  size_t bytes = strnlen(name, size);
  if (bytes == size)
    for (bytes--; bytes > 0 && ((unsigned char)name[bytes] & 0xc0) == 0x80;) bytes--;
  memcpy(out, name, bytes);
  out[bytes] = '\0';
}

void run_ring_put(run_ring *self, const run_record *record, run_call *calls) {
  uint64_t put = atomic_load_explicit(&self->put, memory_order_relaxed);
  if (put - atomic_load_explicit(&self->taken, memory_order_acquire) == RUN_RING_SPANS) {
    atomic_fetch_add_explicit(&self->dropped, 1, memory_order_relaxed);
    run_calls_free(calls);
    return;
  }
  run_span *span = &self->spans[put % RUN_RING_SPANS];
  span->record = *record;
  span->trace = *record->trace;
  span->calls = calls;
  span->tracestate = record->tracestate == NULL ? NULL : strdup(record->tracestate);
  copy_name(span->function, sizeof span->function, record->function);
  copy_name(span->release, sizeof span->release, record->release);
  atomic_store_explicit(&self->put, put + 1, memory_order_release);
}

bool run_ring_take(run_ring *self, run_span *out) {
  uint64_t taken = atomic_load_explicit(&self->taken, memory_order_relaxed);
  if (taken == atomic_load_explicit(&self->put, memory_order_acquire)) return false;
  *out = self->spans[taken % RUN_RING_SPANS];
  atomic_store_explicit(&self->taken, taken + 1, memory_order_release);
  out->record.function = out->function;
  out->record.release = out->release;
  out->record.trace = &out->trace;
  out->record.tracestate = out->tracestate;
  return true;
}

uint64_t run_ring_dropped(const run_ring *self) {
  return atomic_load_explicit(&self->dropped, memory_order_relaxed);
}

void run_span_free(run_span *self) {
  free(self->tracestate);
  run_calls_free(self->calls);
}
