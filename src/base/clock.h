/// The clocks, each in nanoseconds, and a timestamp's text.
#ifndef UBIQ_BASE_CLOCK_H
#define UBIQ_BASE_CLOCK_H

#include "base/text.h"

#define CLOCK_NS_PER_MS     UINT64_C(1000000)
#define CLOCK_NS_PER_SECOND UINT64_C(1000000000)

/// Time that never goes back, since some moment in the past. Any thread.
uint64_t clock_monotonic_ns(void);

/// Wall-clock time since 1970-01-01T00:00:00Z. Any thread.
uint64_t clock_realtime_ns(void);

/// CPU time that the calling thread has used.
uint64_t clock_thread_cpu_ns(void);

enum { CLOCK_TEXT_SIZE = 25 }; ///< bytes of a timestamp's text, NUL included

/// Writes a wall-clock time as RFC 3339 in UTC with milliseconds: `2026-11-21T10:00:00.123Z`.
void clock_format(uint64_t realtime_ns, char out[CLOCK_TEXT_SIZE]);

/// The same of milliseconds, which reach beyond the year 2554; what is later than the year 9999 is its last moment.
void clock_format_ms(uint64_t unix_ms, char out[CLOCK_TEXT_SIZE]);

/// What a point in time looks like, for messages.
#define CLOCK_TEXT_FORM "a time such as \"2026-11-21T10:00:00Z\" or \"2026-11-21T11:00:00.5+01:00\""

/// Reads a point in time, RFC 3339 with an offset, as milliseconds since 1970; what is finer is cut off. False when it is none.
bool clock_parse(text value, int64_t *unix_ms);

#endif
