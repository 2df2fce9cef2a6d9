// The stores of an engine, and which of them run guest code at the moment: those that a tick has to reach
// (engine/wasm/wasm_fence.h). A call costs two writes; that stores come and go takes a lock.
#ifndef ENGINE_LOADED_RUNNING_H
#define ENGINE_LOADED_RUNNING_H

#include <pthread.h>
#include <stdatomic.h>

/// A store's place in the list. A zeroed one is in none.
typedef struct running {
  void *store;
  atomic_uint depth; ///< of calls from the host: host functions call the kernel. Written by the store's thread alone
  struct running *next, **link;
} running;

typedef struct running_list {
  pthread_mutex_t mutex; ///< held while the list changes or is gone through
  running *first;
} running_list;

void running_list_open(running_list *self);
void running_list_close(running_list *self);

void running_add(running_list *self, running *one, void *store);
/// Once it returns `tell` is not called for that store any more. Nothing happens to one that is in no list.
void running_remove(running_list *self, running *one);

/// Calls `tell` for every store that runs, and perhaps for one whose call has just ended. Any thread.
void running_tell(running_list *self, void (*tell)(void *store));

/// Around every call from the host, on the store's thread.
static inline void running_begin(running *self) {
  unsigned depth = atomic_load_explicit(&self->depth, memory_order_relaxed);
  atomic_store_explicit(&self->depth, depth + 1, memory_order_relaxed);
}
static inline void running_end(running *self) {
  unsigned depth = atomic_load_explicit(&self->depth, memory_order_relaxed);
  atomic_store_explicit(&self->depth, depth - 1, memory_order_relaxed);
}

#endif
