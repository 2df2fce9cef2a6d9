// Which releases new requests get: one, or one and a part of them another. Handed from thread to thread; owned by who has it.
#ifndef RUNTIME_RELEASE_TRAFFIC_H
#define RUNTIME_RELEASE_TRAFFIC_H

#include "runtime/release/release.h"

typedef struct traffic {
  release *current;
  release *canary;         ///< NULL: `current` gets all
  uint32_t canary_percent; ///< of the requests that are the canary's
  uint64_t number;         ///< of what a worker was told, in order; whoever hands it over sets it
} traffic;

/// The releases get one more owner each; `canary` may be NULL. NULL when memory is out.
UBIQ_NODISCARD traffic *traffic_new(release *current, release *canary, uint32_t canary_percent);

/// NULL is allowed.
void traffic_delete(traffic *self);

#endif
