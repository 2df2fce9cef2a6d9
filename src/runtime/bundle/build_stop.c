// A process group and a mutex, held while a signal is sent, so that it never meets a group that is another's by now.
#include "runtime/bundle/build_stop.h"

#include <signal.h>
#include <time.h>

enum { CLEANING_MS = 1000, NAP_MS = 10 };

void build_stop_init(build_stop *self) {
  *self = (build_stop){0};
  pthread_mutex_init(&self->mutex, NULL);
}

void build_stop_free(build_stop *self) {
  pthread_mutex_destroy(&self->mutex);
}

static void end(build_stop *self, int number) {
  pthread_mutex_lock(&self->mutex);
  self->is_asked = true;
  self->is_forced = self->is_forced || number == SIGKILL;
  if (self->group > 0) kill(-self->group, number);
  pthread_mutex_unlock(&self->mutex);
}

void build_stop_ask(build_stop *self) {
  end(self, SIGTERM);
}

void build_stop_force(build_stop *self) {
  end(self, SIGKILL);
}

bool build_stop_is_asked(build_stop *self) {
  if (self == NULL) return false;
  pthread_mutex_lock(&self->mutex);
  bool is_asked = self->is_asked;
  pthread_mutex_unlock(&self->mutex);
  return is_asked;
}

ubiq_error *build_stop_error(void) {
  return ubiq_error_new(UBIQ_CANCELLED, "the build was stopped");
}

bool build_stop_hold(build_stop *self) {
  pthread_mutex_lock(&self->mutex);
  if (!self->is_asked) return true;
  pthread_mutex_unlock(&self->mutex);
  return false;
}

void build_stop_watch(build_stop *self, pid_t group) {
  self->group = group;
  pthread_mutex_unlock(&self->mutex);
}

void build_stop_ended(build_stop *self) {
  pthread_mutex_lock(&self->mutex);
  if (!self->is_asked) self->group = 0;
  pthread_mutex_unlock(&self->mutex);
}

/// Whether anything is left of the group that may still clean up. A number is nobody else's as long as a group has it.
static bool is_cleaning(build_stop *self) {
  pthread_mutex_lock(&self->mutex);
  bool is_there = self->group > 0 && !self->is_forced && kill(-self->group, 0) == 0;
  pthread_mutex_unlock(&self->mutex);
  return is_there;
}

void build_stop_finish(build_stop *self) {
  const struct timespec nap = {.tv_nsec = NAP_MS * 1000 * 1000};
  for (int i = 0; i < CLEANING_MS / NAP_MS && is_cleaning(self); i++) nanosleep(&nap, NULL);
  if (is_cleaning(self)) build_stop_force(self);
  pthread_mutex_lock(&self->mutex);
  self->group = 0;
  pthread_mutex_unlock(&self->mutex);
}
