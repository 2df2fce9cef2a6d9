// See engines.h.
// LOCKS: `mutex` guards the table; an engine once in it stays.
#include "plugin/parts/engines.h"

#include "base/log.h"
#include "base/sanitized.h"
#include "engine/ticker.h"
#include "plugin/plugin.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

// Sanitizers leave little address space to others.
enum {
  SMALL_STORES = SANITIZED ? 1100 : 100000,
  STORES_MIN = 8, // a smaller pool is not worth having
  LARGE_STORES = SANITIZED ? 40 : 4000,
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

enum { IMPLEMENTATIONS_MAX = 8 };

/// The engines of one implementation.
typedef struct engines_row {
  const engine_ops *ops;
  engine *engines[ENGINE_CLASS_COUNT];
} engines_row;

// The process's engines; see the header for why they are kept.
static struct {
  pthread_mutex_t mutex;
  engines_row rows[IMPLEMENTATIONS_MAX];
} table = {.mutex = PTHREAD_MUTEX_INITIALIZER};

const char *engines_class_name(engine_class class) {
  return classes[class].name;
}

// Linux bounds how many separate mappings a process has. A suspended run takes two for its stack and two for each of its
// memories, so the bound says how many may be suspended at once: 10,000 with the usual 65,530.
static uint32_t fibers_that_fit(uint32_t wanted) {
  enum { MAPS_DEFAULT = 65530, MAPS_FOR_OTHERS = 4000, MAPS_PER_RUN = 6 };
  unsigned long maps = MAPS_DEFAULT;
  FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
  if (file && fscanf(file, "%lu", &maps) != 1) maps = MAPS_DEFAULT;
  if (file) fclose(file);
  unsigned long fit = maps > MAPS_FOR_OTHERS ? (maps - MAPS_FOR_OTHERS) / MAPS_PER_RUN : 1;
  return fit < wanted ? (uint32_t)fit : wanted;
}

uint32_t plugin_parts(void) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  return processors > 1 ? (uint32_t)processors : 1;
}

static ubiq_error *open_smaller(const engine_ops *ops, engine_class class, engine **out) {
  engine_options options = classes[class].options;
  if (class == ENGINE_CLASS_SMALL) options.parts = plugin_parts();
  options.fibers_max = fibers_that_fit(options.fibers_max);
  for (;;) {
    ubiq_error *error = engine_open(ops, &options, out);
    if (!error || options.memory_bytes_max == 0) return error;
    ubiq_error_delete(error);
    options.stores_max /= 8;
    options.fibers_max = options.fibers_max < options.stores_max ? options.fibers_max : options.stores_max;
    if (options.stores_max >= STORES_MIN) {
      log_warn("no address space for the %s pool; trying with %u stores", classes[class].name, options.stores_max);
      continue;
    }
    log_warn("no address space for the %s pool; going without one", classes[class].name);
    options = (engine_options){.fuel = options.fuel};
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

static engines_row *find_row(const engine_ops *ops) {
  size_t i = 0;
  while (table.rows[i].ops && table.rows[i].ops != ops) i++;
  assert(i < IMPLEMENTATIONS_MAX);
  table.rows[i].ops = ops;
  return &table.rows[i];
}

ubiq_error *engines_get(const engine_ops *ops, engine_class class, engine **out) {
  ubiq_error *error = NULL;
  pthread_mutex_lock(&table.mutex);
  engine **engine = &find_row(ops)->engines[class];
  if (!*engine) error = open_class(ops, class, engine);
  *out = *engine;
  pthread_mutex_unlock(&table.mutex);
  return error;
}
