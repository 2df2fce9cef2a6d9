// One instance and who is to start it.
#include "runtime/pool/pin.h"

#include "runtime/pool/instance.h"

#include <pthread.h>
#include <stdlib.h>

enum { WAIT_MS_MIN = 100, WAIT_MS_MAX = 60 * 1000, DOUBLINGS_MAX = 10 };

struct pin {
  pthread_mutex_t mutex; ///< guards all else
  pin_state state;
  instance *instance; ///< with PIN_READY; owned
  unsigned starter;   ///< the worker that is to start it
  uint32_t failures;  ///< losses since a run last went well
  uint64_t restarts;
  uint64_t start_ms; ///< with PIN_RESTARTING: not before
};

const char *pin_state_name(pin_state state) {
  static const char *const names[] = {
      [PIN_ABSENT] = "absent", [PIN_TAKEN] = "taken", [PIN_READY] = "ready", [PIN_RESTARTING] = "restarting"};
  return names[state];
}

pin *pin_new(void) {
  pin *self = calloc(1, sizeof *self);
  if (self != NULL) pthread_mutex_init(&self->mutex, NULL);
  return self;
}

void pin_delete(pin *self) {
  if (self == NULL) return;
  instance_delete(self->instance);
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

bool pin_take(pin *self, uint64_t now_ms, instance **out, uint64_t *wait_ms) {
  pthread_mutex_lock(&self->mutex);
  bool must_wait = self->state == PIN_RESTARTING && now_ms < self->start_ms;
  *wait_ms = must_wait ? self->start_ms - now_ms : 0;
  *out = self->instance;
  self->instance = NULL;
  if (!must_wait) self->state = PIN_TAKEN;
  pthread_mutex_unlock(&self->mutex);
  return !must_wait;
}

bool pin_put(pin *self, instance *instance, bool went_well) {
  pthread_mutex_lock(&self->mutex);
  bool is_kept = self->instance == NULL;
  if (is_kept) self->instance = instance;
  self->state = PIN_READY;
  if (went_well) self->failures = 0;
  pthread_mutex_unlock(&self->mutex);
  return is_kept;
}

/// How long to wait after so many losses in a row.
static uint64_t wait_ms(uint32_t failures) {
  if (failures <= 1) return 0;
  uint32_t doublings = failures - 2 < DOUBLINGS_MAX ? failures - 2 : DOUBLINGS_MAX;
  uint64_t wait_ms = (uint64_t)WAIT_MS_MIN << doublings;
  return wait_ms < WAIT_MS_MAX ? wait_ms : WAIT_MS_MAX;
}

uint64_t pin_lose(pin *self, unsigned worker, uint64_t now_ms) {
  pthread_mutex_lock(&self->mutex);
  self->failures++;
  self->restarts++;
  uint64_t wait = wait_ms(self->failures);
  if (self->instance == NULL) {
    self->state = PIN_RESTARTING;
    self->starter = worker;
    self->start_ms = now_ms + wait;
  }
  pthread_mutex_unlock(&self->mutex);
  return wait;
}

static bool is_wanted(const pin *self, unsigned worker, uint64_t now_ms) {
  if (self->starter != worker) return false;
  return self->state == PIN_ABSENT || (self->state == PIN_RESTARTING && now_ms >= self->start_ms);
}

bool pin_is_wanted(pin *self, unsigned worker, uint64_t now_ms) {
  pthread_mutex_lock(&self->mutex);
  bool wanted = is_wanted(self, worker, now_ms);
  pthread_mutex_unlock(&self->mutex);
  return wanted;
}

bool pin_claim(pin *self, unsigned worker, uint64_t now_ms) {
  pthread_mutex_lock(&self->mutex);
  bool wanted = is_wanted(self, worker, now_ms);
  if (wanted) self->state = PIN_TAKEN;
  pthread_mutex_unlock(&self->mutex);
  return wanted;
}

void pin_look(pin *self, uint64_t now_ms, pin_status *out) {
  pthread_mutex_lock(&self->mutex);
  *out = (pin_status){.state = self->state, .restarts = self->restarts};
  if (self->state == PIN_RESTARTING && self->start_ms > now_ms) out->wait_ms = self->start_ms - now_ms;
  pthread_mutex_unlock(&self->mutex);
}
