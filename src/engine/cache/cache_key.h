// What the module cache and compiled plugins in files (plugin/compile/artifact.h) have in common: the user's folder and key, and
// how a compiled module is named.
#ifndef ENGINE_CACHE_CACHE_KEY_H
#define ENGINE_CACHE_CACHE_KEY_H

#include "base/digest.h"
#include "engine/engine.h"

enum { CACHE_NAME_SIZE = DIGEST_SHA256_HEX_SIZE };

typedef struct cache_place {
  char *folder; ///< owned; NULL: the cache is turned off, or there is no place for one
  uint8_t key[DIGEST_KEY_SIZE];
} cache_place;

/// Finds the folder, makes it where it is missing, and reads its key, which is made too. See cache.h for where it is and
/// what it must be like. Close it also after an error. Any thread, any number of processes.
ubiq_error *cache_place_open(cache_place *self);
void cache_place_close(cache_place *self);

/// The name of a compiled module: a hash of the module, the engine, its version, our sources that it is made of, and its
/// settings: what another build made, whose code may call what is no more, is not found. False when memory is out.
bool cache_name(const engine_ops *ops, const char *settings, const uint8_t *wasm, size_t size,
                char name[CACHE_NAME_SIZE]);

#endif
