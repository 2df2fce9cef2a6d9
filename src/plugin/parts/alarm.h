// Tells whoever drives a plugin, from any thread, that its call can go on: a host function is done, or it was cancelled.
//
// Who blocks reads the count of rings, looks whether there is anything to do, and then waits for another ring; so none is
// missed. Who has a loop of their own is called instead.
#ifndef PLUGIN_PARTS_ALARM_H
#define PLUGIN_PARTS_ALARM_H

#include "ubiq/base.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct plugin_alarm {
  atomic_uint rings;     ///< how often it rang; a futex
  atomic_bool has_wake;  ///< `wake` is set
  pthread_mutex_t mutex; ///< guards what follows, and is held while `wake` runs
  void (*wake)(void *user);
  void *user;
} plugin_alarm;

void alarm_init(plugin_alarm *self);
void alarm_free(plugin_alarm *self);

/// Rings. Any thread; in a signal handler too while no `wake` is set.
void alarm_ring(plugin_alarm *self);

/// Has `wake` called at each ring; NULL: no more. When this returns, no call of the former is under way.
void alarm_set(plugin_alarm *self, void (*wake)(void *user), void *user);

unsigned alarm_rings(plugin_alarm *self);

/// Blocks until it has rung since `seen` was read, or until that time (monotonic clock; UINT64_MAX: none). May also return
/// earlier.
void alarm_wait(plugin_alarm *self, unsigned seen, uint64_t until_ns);

#endif
