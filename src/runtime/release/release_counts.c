#include "runtime/release/release_counts.h"

release_totals release_counts_sum(const release_counts *self) {
  release_totals sum = {0};
  for (unsigned i = 0; i < RELEASE_COUNTS_PLACES; i++) {
    sum.failures += atomic_load_explicit(&self->places[i].failures, memory_order_relaxed);
    sum.requests += atomic_load_explicit(&self->places[i].requests, memory_order_relaxed);
  }
  return sum;
}
