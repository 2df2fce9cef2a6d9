// See alarm.h.
#include "plugin/parts/alarm.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void alarm_init(plugin_alarm *self) {
  pthread_mutex_init(&self->mutex, NULL);
}

void alarm_free(plugin_alarm *self) {
  pthread_mutex_destroy(&self->mutex);
}

void alarm_ring(plugin_alarm *self) {
  int before = errno;
  atomic_fetch_add(&self->rings, 1);
  if (atomic_load(&self->has_wake)) {
    pthread_mutex_lock(&self->mutex);
    if (self->wake) self->wake(self->user);
    pthread_mutex_unlock(&self->mutex);
  } else {
    syscall(SYS_futex, &self->rings, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
  }
  errno = before;
}

void alarm_set(plugin_alarm *self, void (*wake)(void *user), void *user) {
  pthread_mutex_lock(&self->mutex);
  self->wake = wake;
  self->user = user;
  atomic_store(&self->has_wake, wake != NULL);
  pthread_mutex_unlock(&self->mutex);
}

unsigned alarm_rings(plugin_alarm *self) {
  return atomic_load(&self->rings);
}

void alarm_wait(plugin_alarm *self, unsigned seen, uint64_t until_ns) {
  struct timespec until = {.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_SECOND),
                           .tv_nsec = (long)(until_ns % CLOCK_NS_PER_SECOND)};
  syscall(SYS_futex, &self->rings, FUTEX_WAIT_BITSET_PRIVATE, seen, until_ns == UINT64_MAX ? NULL : &until, NULL,
          FUTEX_BITSET_MATCH_ANY);
}
