// Lanes by the names of their functions.
#include "runtime/run/lane.h"

#include <assert.h>
#include <stdlib.h>

static lane *lane_in(ubiq_bytes value) {
  lane *found;
  memcpy(&found, value.data, sizeof found);
  return found;
}

static lane *find(const lanes *lanes, text name) {
  ubiq_bytes value;
  return map_get(&lanes->by_name, name, &value) ? lane_in(value) : NULL;
}

lane *lanes_at(const lanes *self, size_t index) {
  return lane_in(self->by_name.entries[index].value);
}

static lane *lane_new(lanes *lanes, text name) {
  lane *self = calloc(1, sizeof *self + name.size + 1);
  if (self == NULL) return NULL;
  memcpy(self->name, name.data, name.size);
  self->lanes = lanes;
  if (map_set(&lanes->by_name, name, &self, sizeof self)) return self;
  free(self);
  return NULL;
}

static void lane_end(lane *self) {
  map_remove(&self->lanes->by_name, text_of(self->name));
  free(self);
}

/// Asks for the quotas of the function with its settings; they are held once.
static bool set_quotas(lane *self, const function *function) {
  admission *admission = self->lanes->admission;
  const admission_limits limits = {.runs = function->pool.settings.max, .queue = (uint32_t)function->limits.queue_max};
  const admission_quotas *quotas = admission_hold(admission, text_of(self->name), limits);
  if (quotas == NULL) return false;
  if (self->quotas != NULL) {
    admission_let_go(admission, quotas);
    return true;
  }
  self->quotas = quotas;
  self->runs = (quota_share){.quota = quotas->runs, .worker = self->lanes->worker};
  self->queue = (quota_share){.quota = quotas->queue, .worker = self->lanes->worker};
  return true;
}

lane *lane_hold(lanes *lanes, const function *function) {
  text name = text_of(function->name);
  lane *self = find(lanes, name);
  if (self == NULL) self = lane_new(lanes, name);
  if (self == NULL) return NULL;
  if (!set_quotas(self, function)) {
    if (self->holders == 0) lane_end(self);
    return NULL;
  }
  self->holders++;
  self->share.weight = function->weight;
  return self;
}

void lane_let_go(lane *self) {
  if (--self->holders > 0) return;
  assert(self->ready.first == NULL && self->queued.first == NULL);
  quota_share_end(&self->runs);
  quota_share_end(&self->queue);
  admission_let_go(self->lanes->admission, self->quotas);
  lane_end(self);
}
