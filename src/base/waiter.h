/// One thread waits for what another tells it: for calls that end on any thread, made by who has nothing else to do.
#ifndef UBIQ_BASE_WAITER_H
#define UBIQ_BASE_WAITER_H

#include "ubiq/base.h"

#include <pthread.h>

typedef struct waiter {
  pthread_mutex_t mutex; ///< guards `is_told`
  pthread_cond_t news;
  bool is_told;
} waiter;

void waiter_init(waiter *self);

/// Lets the thread that waits, or will wait, go on: once for each waiter_wait. Any thread; from here on the waiter may be gone.
void waiter_tell(waiter *self);

/// Waits until it is told, which may have been before. It may be waited for again.
void waiter_wait(waiter *self);

/// Nobody waits or tells any more.
void waiter_end(waiter *self);

#endif
