// Who tells holds the mutex to its end, so that whoever waited may end the waiter as soon as it goes on.
#include "base/waiter.h"

void waiter_init(waiter *self) {
  pthread_mutex_init(&self->mutex, NULL);
  pthread_cond_init(&self->news, NULL);
  self->is_told = false;
}

void waiter_tell(waiter *self) {
  pthread_mutex_lock(&self->mutex);
  self->is_told = true;
  pthread_cond_signal(&self->news);
  pthread_mutex_unlock(&self->mutex);
}

void waiter_wait(waiter *self) {
  pthread_mutex_lock(&self->mutex);
  while (!self->is_told) pthread_cond_wait(&self->news, &self->mutex);
  self->is_told = false;
  pthread_mutex_unlock(&self->mutex);
}

void waiter_end(waiter *self) {
  pthread_cond_destroy(&self->news);
  pthread_mutex_destroy(&self->mutex);
}
