#include "runtime/release/traffic.h"

#include <stdlib.h>

traffic *traffic_new(release *current, release *canary, uint32_t canary_percent) {
  traffic *self = malloc(sizeof *self);
  if (self == NULL) return NULL;
  *self = (traffic){.current = release_retain(current),
                    .canary = canary == NULL ? NULL : release_retain(canary),
                    .canary_percent = canary_percent};
  return self;
}

void traffic_delete(traffic *self) {
  if (self == NULL) return;
  release_delete(self->current);
  release_delete(self->canary);
  free(self);
}
