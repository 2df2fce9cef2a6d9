// How soon a process that ended is followed by another: at once a few times, then later each time, so that what kills every
// one of them does not keep a machine busy. After a quiet minute it begins anew.
#ifndef SERVER_COMPILER_COMPILER_PACE_H
#define SERVER_COMPILER_COMPILER_PACE_H

#include <stdint.h>

/// Zeroes to begin with.
typedef struct compiler_pace {
  unsigned count;   ///< of late
  uint64_t last_ns; ///< when the last was counted (monotonic clock)
} compiler_pace;

/// One more.
void compiler_pace_count(compiler_pace *self, uint64_t now_ns);

/// How long after the last one the next may follow: 0 for the first `freely`, then 100 ms, twice as long each time and at most
/// `longest_ns`.
uint64_t compiler_pace_delay_ns(const compiler_pace *self, unsigned freely, uint64_t longest_ns);

#endif
