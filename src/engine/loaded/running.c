// See running.h.
#include "engine/loaded/running.h"

void running_list_open(running_list *self) {
  pthread_mutex_init(&self->mutex, NULL);
  self->first = NULL;
}

void running_list_close(running_list *self) {
  pthread_mutex_destroy(&self->mutex);
}

void running_add(running_list *self, running *one, void *store) {
  pthread_mutex_lock(&self->mutex);
  one->store = store;
  one->next = self->first;
  one->link = &self->first;
  if (one->next) one->next->link = &one->next;
  self->first = one;
  pthread_mutex_unlock(&self->mutex);
}

void running_remove(running_list *self, running *one) {
  if (!one->link) return;
  pthread_mutex_lock(&self->mutex);
  *one->link = one->next;
  if (one->next) one->next->link = one->link;
  pthread_mutex_unlock(&self->mutex);
}

void running_tell(running_list *self, void (*tell)(void *store)) {
  pthread_mutex_lock(&self->mutex);
  for (running *one = self->first; one; one = one->next)
    if (atomic_load_explicit(&one->depth, memory_order_relaxed) > 0) tell(one->store);
  pthread_mutex_unlock(&self->mutex);
}
