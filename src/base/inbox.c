// A list behind a mutex: who posts from another thread pays for a wake, beside which the mutex is nothing.
#include "base/inbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct inbox {
  atomic_uint holders;
  void (*ring)(void *user);
  void *user;
  pthread_mutex_t mutex; ///< guards what follows
  inbox_item *first, *last;
  bool is_closed;
};

inbox *inbox_new(void (*ring)(void *user), void *user) {
  inbox *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  atomic_init(&self->holders, 1);
  pthread_mutex_init(&self->mutex, NULL);
  self->ring = ring;
  self->user = user;
  return self;
}

inbox *inbox_retain(inbox *self) {
  atomic_fetch_add_explicit(&self->holders, 1, memory_order_relaxed);
  return self;
}

void inbox_release(inbox *self) {
  if (self == NULL || atomic_fetch_sub_explicit(&self->holders, 1, memory_order_acq_rel) > 1) return;
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

bool inbox_post(inbox *self, inbox_item *item) {
  item->next = NULL;
  pthread_mutex_lock(&self->mutex);
  bool is_open = !self->is_closed;
  if (is_open) {
    bool is_first = self->first == NULL;
    *(is_first ? &self->first : &self->last->next) = item;
    self->last = item;
    if (is_first) self->ring(self->user);
  }
  pthread_mutex_unlock(&self->mutex);
  return is_open;
}

static inbox_item *take_all(inbox *self, bool closes) {
  pthread_mutex_lock(&self->mutex);
  inbox_item *first = self->first;
  self->first = self->last = NULL;
  self->is_closed |= closes;
  pthread_mutex_unlock(&self->mutex);
  return first;
}

static void hand_out(inbox_item *item) {
  while (item != NULL) {
    inbox_item *next = item->next;
    item->take(item);
    item = next;
  }
}

void inbox_take(inbox *self) {
  hand_out(take_all(self, false));
}

void inbox_close(inbox *self) {
  hand_out(take_all(self, true));
}
