// Lanes by the names of their functions.
#include "runtime/lane.h"

#include <stdlib.h>

static lane *find(const map *lanes, text name) {
  ubiq_bytes value;
  lane *found;
  if (!map_get(lanes, name, &value)) return NULL;
  memcpy(&found, value.data, sizeof found);
  return found;
}

static lane *lane_new(map *lanes, text name) {
  lane *self = calloc(1, sizeof *self + name.size + 1);
  if (self == NULL) return NULL;
  memcpy(self->name, name.data, name.size);
  self->lanes = lanes;
  if (map_set(lanes, name, &self, sizeof self)) return self;
  free(self);
  return NULL;
}

lane *lane_hold(map *lanes, const function *function) {
  text name = text_of(function->name);
  lane *self = find(lanes, name);
  if (self == NULL) self = lane_new(lanes, name);
  if (self == NULL) return NULL;
  self->holders++;
  self->share.weight = function->weight;
  return self;
}

void lane_let_go(lane *self) {
  if (--self->holders > 0) return;
  map_remove(self->lanes, text_of(self->name));
  free(self);
}
