// A release and its lanes, held together.
#include "runtime/run/lease.h"

#include <stdlib.h>

static void let_lanes_go(lease *self, size_t count) {
  while (count > 0) lane_let_go(self->lanes[--count]);
}

lease *lease_new(release *release, lanes *lanes) {
  size_t count = release->project->functions_count;
  lease *self = malloc(sizeof *self + count * sizeof self->lanes[0]);
  if (self == NULL) return NULL;
  for (size_t i = 0; i < count; i++) {
    self->lanes[i] = lane_hold(lanes, &release->functions[i]);
    if (self->lanes[i] != NULL) continue;
    let_lanes_go(self, i);
    free(self);
    return NULL;
  }
  self->pools = NULL;
  self->release = release_retain(release);
  self->holders = 1;
  return self;
}

void lease_let_go(lease *self) {
  if (--self->holders > 0) return;
  let_lanes_go(self, self->release->project->functions_count);
  free(self->pools);
  release_delete(self->release);
  free(self);
}
