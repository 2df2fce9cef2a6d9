// Compiled modules in memory, named as the entries of the module cache are: what a compiled plugin in a file holds.
#ifndef ENGINE_CACHE_CACHE_SET_H
#define ENGINE_CACHE_CACHE_SET_H

#include "engine/cache/cache_key.h"

typedef struct cache_set_entry {
  char name[CACHE_NAME_SIZE];
  ubiq_bytes code; ///< serialized
} cache_set_entry;

/// Zeroed: an empty one.
typedef struct cache_set {
  cache_set_entry *entries; ///< owned
  size_t count;
  bool is_borrowed; ///< the code belongs to somebody else
} cache_set;

/// Adds what a module was compiled to. Errors: `unavailable` when the engine cannot serialize.
ubiq_error *cache_set_add(cache_set *self, const char *settings, const uint8_t *wasm, size_t size,
                          engine_module *module);

/// Adds code that outlives the set; `name` has CACHE_NAME_SIZE - 1 characters. False when memory is out.
UBIQ_NODISCARD bool cache_set_borrow(cache_set *self, const char *name, ubiq_bytes code);

/// Takes a module's code out of the set, of which everything was authenticated before: deserializing trusts it. Errors:
/// `invalid_input` when it holds none for this module, engine and settings; `unavailable` when what it holds does not
/// fit the engine.
ubiq_error *cache_set_load(const cache_set *self, engine *engine, const char *settings, const uint8_t *wasm,
                           size_t size, engine_module **out);

/// Forgets everything. Twice is allowed.
void cache_set_free(cache_set *self);

#endif
