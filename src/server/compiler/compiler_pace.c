#include "server/compiler/compiler_pace.h"

#include "base/clock.h"

#define QUIET_NS (60 * CLOCK_NS_PER_SECOND)
#define DELAY_NS (100 * CLOCK_NS_PER_MS)

enum { DOUBLED_MAX = 16 };

void compiler_pace_count(compiler_pace *self, uint64_t now_ns) {
  if (now_ns - self->last_ns > QUIET_NS) self->count = 0;
  self->count++;
  self->last_ns = now_ns;
}

uint64_t compiler_pace_delay_ns(const compiler_pace *self, unsigned freely, uint64_t longest_ns) {
  if (self->count < freely) return 0;
  const unsigned late = self->count - freely;
  const uint64_t delay_ns = late < DOUBLED_MAX ? DELAY_NS << late : longest_ns;
  return delay_ns < longest_ns ? delay_ns : longest_ns;
}
