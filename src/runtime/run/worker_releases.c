// A lease is held by the worker once for each of its places: current, canary, coming.
#include "runtime/run/worker_releases.h"

#include "base/log.h"

// ------------------------------------------------------------------------------------------------------ other threads

/// Hands it over in the place of what is there and was not taken yet.
static void say(worker *self, _Atomic(traffic *) *place, traffic *next) {
  next->number = atomic_fetch_add(&self->said, 1) + 1;
  traffic_delete(atomic_exchange(place, next));
  uv_async_send(&self->wakeup);
}

bool worker_use(worker *self, release *current, release *canary, uint32_t canary_percent) {
  traffic *next = traffic_new(current, canary, canary_percent);
  if (next == NULL) return false;
  say(self, &self->next_traffic, next);
  return true;
}

bool worker_prepare(worker *self, release *release) {
  traffic *next = traffic_new(release, NULL, 0);
  if (next == NULL) return false;
  atomic_store(&self->prepared, NULL);
  say(self, &self->next_coming, next);
  return true;
}

bool worker_has_prepared(const worker *self, const release *release) {
  return atomic_load(&self->prepared) == release;
}

// ------------------------------------------------------------------------------------------------------------ leases

/// With its pools, and room for its lanes in the run queue.
lease *worker_open_lease(worker *self, release *release) {
  lease *lease = lease_new(release, &self->lanes);
  if (lease == NULL) return NULL;
  if (turns_reserve(&self->turns, lanes_count(&self->lanes)) && pool_keeper_add(&self->keeper, lease)) return lease;
  lease_let_go(lease);
  return NULL;
}

/// The lease of a release: the one that there is, so that its instances stay, or a new one.
static lease *take_lease(worker *self, release *release) {
  lease *held[] = {self->lease, self->canary, self->coming};
  for (int i = 0; i < 3; i++) {
    if (held[i] == NULL || held[i]->release != release) continue;
    held[i]->holders++;
    return held[i];
  }
  return worker_open_lease(self, release);
}

/// The same, with the demand of what is current.
static lease *take_heir(worker *self, release *release) {
  lease *lease = take_lease(self, release);
  if (lease != NULL && lease != self->lease) pool_keeper_inherit(&self->keeper, lease, self->lease);
  return lease;
}

/// The worker holds a lease once less; what has no place any more keeps no instances.
static void leave_lease(worker *self, lease *lease) {
  if (lease == NULL) return;
  if (lease != self->lease && lease != self->canary && lease != self->coming) pool_keeper_retire(&self->keeper, lease);
  lease_let_go(lease);
}

void worker_forget_coming(worker *self) {
  lease *lease = self->coming;
  self->coming = NULL;
  leave_lease(self, lease);
}

// ----------------------------------------------------------------------------------------------------------- traffic

/// What was said before requests were given something else does not come any more.
static void take_coming(worker *self, traffic *next) {
  if (next != NULL && next->number > self->used_number) {
    lease *before = self->coming;
    self->coming = take_heir(self, next->current);
    self->coming_number = next->number;
    leave_lease(self, before);
    if (self->coming == NULL) log_error("worker %u prepares nothing: memory is out", self->options.index);
  }
  traffic_delete(next);
}

static void use(worker *self, const traffic *next) {
  lease *before = self->lease, *canary_before = self->canary;
  lease *current = take_heir(self, next->current);
  lease *canary = next->canary == NULL ? NULL : take_heir(self, next->canary);
  self->used_number = next->number;
  self->canary_percent = next->canary_percent;
  self->canary_turn = 0;
  if (current == NULL || (canary == NULL && next->canary != NULL))
    log_error("worker %u keeps a release: memory is out", self->options.index);
  if (current != NULL) self->lease = current;
  self->canary = canary;
  if (current != NULL) leave_lease(self, before);
  leave_lease(self, canary_before);
  if (self->coming_number < next->number) worker_forget_coming(self);
}

static void take_traffic(worker *self, traffic *next) {
  if (next != NULL) use(self, next);
  traffic_delete(next);
}

/// In the order in which it was said, which is not that of the places: what is to come next may have been said while what requests
/// have now was not taken yet.
static void take_said(worker *self) {
  traffic *coming = atomic_exchange(&self->next_coming, NULL), *next = atomic_exchange(&self->next_traffic, NULL);
  bool comes_last = coming != NULL && next != NULL && coming->number > next->number;
  if (!comes_last) take_coming(self, coming);
  take_traffic(self, next);
  if (comes_last) take_coming(self, coming);
}

void worker_take_releases(worker *self) {
  take_said(self);
  if (self->coming != NULL) worker_fill_coming(self);
}

void worker_fill_coming(worker *self) {
  const release *release = self->coming->release;
  if (atomic_load(&self->prepared) == release || pool_keeper_press(&self->keeper, self->coming)) return;
  atomic_store(&self->prepared, release);
  if (self->options.events.prepared != NULL) self->options.events.prepared(self->options.events.user);
}

/// As evenly as can be: of a hundred requests in a row, as many as was said.
static bool is_turn_of_canary(worker *self) {
  if (self->canary == NULL) return false;
  self->canary_turn += self->canary_percent;
  if (self->canary_turn < 100) return false;
  self->canary_turn -= 100;
  return true;
}

lease *worker_hold(worker *self) {
  lease *lease = is_turn_of_canary(self) ? self->canary : self->lease;
  lease->holders++;
  return lease;
}

lease *worker_hold_latest(worker *self) {
  if (atomic_load_explicit(&self->next_traffic, memory_order_acquire) != NULL) take_said(self);
  return worker_hold(self);
}
