// See engines.h.
// LOCKS: `mutex` guards the table; an engine once in it stays.
#include "plugin/engines.h"

#include "base/log.h"
#include "engine/ticker.h"

#include <pthread.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

// Sanitizers leave little address space to others.
enum {
  SMALL_STORES = SANITIZED ? 1100 : 20000,
  LARGE_STORES = SANITIZED ? 16 : 4000,
  LARGE_FIBERS = SANITIZED ? 16 : 256, // each costs two system calls when the pool is opened
};

typedef struct class_row {
  const char *name;
  engine_options options;
} class_row;

static const class_row classes[ENGINE_CLASS_COUNT] = {
    [ENGINE_CLASS_SMALL] =
        {"small", {.memory_bytes_max = ENGINE_SMALL_BYTES, .stores_max = SMALL_STORES, .fibers_max = SMALL_STORES}},
    [ENGINE_CLASS_LARGE] =
        {"large", {.memory_bytes_max = UINT64_C(4) << 30, .stores_max = LARGE_STORES, .fibers_max = LARGE_FIBERS}},
    [ENGINE_CLASS_LOOSE] = {"loose", {.memory_bytes_max = 0}},
    [ENGINE_CLASS_FUEL] = {"fuel", {.memory_bytes_max = 0, .fuel = true}},
};

// The process's engines; see the header for why they are kept.
static struct {
  pthread_mutex_t mutex;
  engine *engines[ENGINE_CLASS_COUNT];
} table = {.mutex = PTHREAD_MUTEX_INITIALIZER};

const char *engines_class_name(engine_class class) {
  return classes[class].name;
}

static ubiq_error *open_smaller(const engine_ops *ops, engine_class class, engine **out) {
  engine_options options = classes[class].options;
  for (;;) {
    ubiq_error *error = engine_open(ops, &options, out);
    if (!error || options.memory_bytes_max == 0) return error;
    ubiq_error_delete(error);
    options.stores_max /= 8;
    options.fibers_max = options.fibers_max < options.stores_max ? options.fibers_max : options.stores_max;
    if (options.stores_max < 8) options = (engine_options){.fuel = options.fuel};
    log_warn("no address space for the %s pool; trying with %u stores", classes[class].name, options.stores_max);
  }
}

static ubiq_error *open_class(const engine_ops *ops, engine_class class, engine **out) {
  engine *opened = NULL;
  ubiq_error *error = open_smaller(ops, class, &opened);
  if (!error) error = ticker_add(opened);
  if (error) {
    engine_close(opened);
    return error;
  }
  *out = opened;
  return NULL;
}

ubiq_error *engines_get(const engine_ops *ops, engine_class class, engine **out) {
  ubiq_error *error = NULL;
  pthread_mutex_lock(&table.mutex);
  if (!table.engines[class]) error = open_class(ops, class, &table.engines[class]);
  *out = table.engines[class];
  pthread_mutex_unlock(&table.mutex);
  return error;
}
