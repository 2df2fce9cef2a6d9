// Modules compiled lately, kept in memory: a plugin that is made again from the same bytes links what is there.
//
// A module is found by a digest of all that its code was made from; whoever keeps one says what that is. At most
// RECENT_MODULES_MAX modules of RECENT_BYTES_MAX bytes of Wasm together are kept for the whole process; those used
// longest ago go. What goes lives on where it is in use. A kept module is of its engine, so engines are never closed while any
// is kept: plugin/parts/engines.c opens them for good.
#ifndef ENGINE_CACHE_RECENT_H
#define ENGINE_CACHE_RECENT_H

#include "base/digest.h"
#include "engine/engine.h"

enum { RECENT_MODULES_MAX = 64, RECENT_BYTES_MAX = 16 << 20 };

typedef struct recent_key {
  uint8_t digest[DIGEST_MAC_SIZE];
} recent_key;

/// The key of what the parts hold, in this order. Only for this process.
recent_key recent_key_of(const ubiq_bytes *parts, size_t count);

/// The module of this key that `engine` has compiled, now with one owner more: the caller. NULL when none is kept. Any
/// thread.
engine_module *recent_find(const engine *engine, const recent_key *key);

/// Keeps a module that was made from `size` bytes of Wasm; the caller stays an owner. Larger ones than all may have
/// together are not kept. Any thread.
void recent_keep(const engine *engine, const recent_key *key, engine_module *module, size_t size);

#endif
