/// A clock that the test sets, and what replaces all else that would make a test's course uncertain.
#ifndef UBIQ_TEST_FAKE_CLOCK_H
#define UBIQ_TEST_FAKE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

static atomic_ullong fake_now_ms;

static inline uint64_t fake_now(void) {
  return atomic_load(&fake_now_ms);
}

/// The clock that nobody sets: no time passes.
static inline uint64_t no_time(void) {
  return 0;
}

static inline double no_chance(void) {
  return 0;
}

#endif
