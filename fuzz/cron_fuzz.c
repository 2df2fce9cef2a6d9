/// Cron expressions of any bytes. One that is taken is due in a zone whose clocks are set, later each time, and within its bounds.
#include "services/schedules/cron.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const cron *cron, cron_policy policy) {
  const zone *zone;
  int64_t at_s = INT64_C(1774000000), next_s; // shortly before Berlin's clocks are set
  if (zone_find(TEXT("Europe/Berlin"), &zone) != NULL) abort();
  for (int i = 0; i < 8 && cron_next(cron, zone, policy, at_s, &next_s); i++) {
    if (next_s <= at_s || next_s - at_s > (int64_t)CRON_YEARS_MAX * 366 * 86400) abort();
    at_s = next_s;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cron cron;
  ubiq_error *error = cron_parse((text){(const char *)data, size}, &cron);
  if (error == NULL) {
    check(&cron, (cron_policy){CRON_GAP_SKIP, CRON_REPEAT_TWICE});
    check(&cron, (cron_policy){CRON_GAP_RUN_AFTER, CRON_REPEAT_ONCE});
  }
  ubiq_error_delete(error);
  return 0;
}
