// More instances than the pool has places for: the others are made by an engine without a pool, which takes longer and is
// bounded by the process's mappings only. Embedders' plugins alone; the server's pool is meant to be a bound.
// LOCKS: `mutex` guards `unpooled` of every compiled plugin, and making it.
#include "plugin/compile/overflow.h"
#include "plugin/compile/compile.h"

#include "base/log.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void make_unpooled(compiled *self) {
  ubiq_error *error = compiled_make_unpooled(self, &self->unpooled);
  self->has_no_unpooled = error != NULL;
  log_debug("%s: the pool is full; %s%s", self->name,
            error ? "it cannot be made without one: " : "further instances are made without one",
            ubiq_error_message(error));
  ubiq_error_delete(error);
}

// NULL where it cannot be, which is tried once.
static compiled *find_unpooled(compiled *self) {
  pthread_mutex_lock(&mutex);
  if (!self->unpooled && !self->has_no_unpooled) make_unpooled(self);
  compiled *unpooled = self->unpooled;
  pthread_mutex_unlock(&mutex);
  return unpooled;
}

// Whether what was learnt of the one holds for the other.
static bool have_one_structure(const compiled *a, const compiled *b) {
  return a->main == b->main && a->is_merged == b->is_merged && a->memories_count == b->memories_count &&
         a->steps_count == b->steps_count;
}

ubiq_error *overflow_store_new(compiled *self, const engine_store_options *options, engine_store **out) {
  ubiq_error *busy = engine_store_new(self->image, options, out);
  if (ubiq_error_code(busy) != UBIQ_BUSY || !self->is_pooled || !self->sources) return busy;
  compiled *unpooled = find_unpooled(self);
  if (!unpooled || !have_one_structure(self, unpooled)) return busy;
  ubiq_error_delete(busy);
  return engine_store_new(unpooled->image, options, out);
}
