// What a run may use. The defaults are those of the design; each can be set for a function.
#ifndef RUNTIME_LIMITS_LIMITS_H
#define RUNTIME_LIMITS_LIMITS_H

#include <stdint.h>

enum { QUEUE_MAX_MAX = 1000000 };

typedef struct limits {
  uint64_t wall_ms;            ///< from the request's arrival to the function's answer, waiting included
  uint64_t cpu_ms;             ///< in the guest
  uint64_t memory_bytes;       ///< linear memory, kernel and modules together
  uint64_t body_bytes_max;     ///< of a request
  uint64_t response_bytes_max; ///< of an answer
  uint64_t queue_ms;           ///< from the request's arrival to the run's beginning; 0: no limit of its own
  uint64_t queue_max;          ///< runs that wait for a place
} limits;

static const limits limits_default = {
    .wall_ms = 30 * 1000,
    .cpu_ms = 5 * 1000,
    .memory_bytes = UINT64_C(64) << 20,
    .body_bytes_max = UINT64_C(1) << 20,
    .response_bytes_max = UINT64_C(10) << 20,
    .queue_ms = 0,
    .queue_max = 10000,
};

#endif
