// The clocks: thin wrappers around clock_gettime.
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_clock(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now); // cannot fail for these clocks
  return (uint64_t)now.tv_sec * CLOCK_NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void) {
  return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_ns(void) {
  return read_clock(CLOCK_REALTIME);
}

uint64_t clock_thread_cpu_ns(void) {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void clock_format(uint64_t realtime_ns, char out[CLOCK_TEXT_SIZE]) {
  time_t seconds = (time_t)(realtime_ns / CLOCK_NS_PER_SECOND);
  unsigned milliseconds = (unsigned)(realtime_ns % CLOCK_NS_PER_SECOND / CLOCK_NS_PER_MS);
  struct tm utc;
  gmtime_r(&seconds, &utc);
  size_t length = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(out + length, CLOCK_TEXT_SIZE - length, ".%03uZ", milliseconds);
}
