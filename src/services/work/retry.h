// What follows an attempt that failed: how often it is tried again, and after which delays.
//
//     retry = { attempts = 3, first_delay = "1s", factor = 2, longest_delay = "1h", jitter = 0.1 }
//
// These are also what holds for keys that are not said. Nothing here knows a clock or chance.
#ifndef SERVICES_WORK_RETRY_H
#define SERVICES_WORK_RETRY_H

#include "base/json.h"

enum { RETRY_ATTEMPTS_MAX = 100 };

typedef struct retry_policy {
  uint32_t attempts;       ///< in all, from 1 to RETRY_ATTEMPTS_MAX; 1: none follows the first
  uint64_t first_delay_ms; ///< between the first attempt and the second
  double factor;           ///< by which each delay is longer than the one before it, from 1 to 100
  uint64_t longest_delay_ms;
  double jitter; ///< 0 to 1: the share of a delay that chance may take away
} retry_policy;

/// Reads the key `retry` of an object, which may lack it. Errors: `invalid_input` with the place.
ubiq_error *retry_policy_read(const json_value *object, retry_policy *out);

/// Milliseconds to wait before attempt `attempt`; the first is 1 and waits for nothing. `chance` is from 0 up to but not 1.
uint64_t retry_policy_delay(const retry_policy *self, uint32_t attempt, double chance);

#endif
