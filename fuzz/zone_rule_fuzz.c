/// Rules of clocks of any bytes. One that is taken has every time in a period, and the next period begins where one ends.
#include "services/schedules/zone_rule.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  zone_rule rule;
  int64_t at_s = INT64_C(2145916800); // 2038
  if (!zone_rule_parse((text){(const char *)data, size}, &rule)) return 0;
  for (int i = 0; i < 8; i++) {
    const zone_period period = zone_rule_period_at(&rule, at_s);
    if (period.begin_s > at_s || period.end_s <= at_s) abort();
    if (period.end_s == INT64_MAX) return 0;
    at_s = period.end_s;
  }
  return 0;
}
