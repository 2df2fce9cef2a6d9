// Memories that the adapter provides in place of Wasmtime's pool, for guests whose memory is too large to be written as a whole:
// what they hold can be put back page by page, and they can shrink.
#ifndef ENGINE_WASMTIME_MEMORY_H
#define ENGINE_WASMTIME_MEMORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wasmtime.h>

/// Tells which pages were touched.
typedef struct wt_pagemap {
  int file;
  size_t page_bytes;
  const volatile uint8_t *is_ours; ///< 0 in a child of a fork, whose pages are others; NULL: the system does not tell
} wt_pagemap;

/// A page that was touched, at an offset. False: enough.
typedef bool (*wt_touched)(void *user, size_t from);

/// Where the system does not tell, wt_pagemap_tell is false.
void wt_pagemap_open(wt_pagemap *self);
void wt_pagemap_close(wt_pagemap *self);
/// Calls `touched` for each page of private memory at `data`, the start of a page, that may hold other things than zeros.
/// False: they are not all told.
bool wt_pagemap_tell(const wt_pagemap *self, const uint8_t *data, size_t size, wt_touched touched, void *user);

struct wt_memory;

/// The memories of one of Wasmtime's engines. Its users are threads of any kind: `lock` guards what is free.
typedef struct wt_memories {
  pthread_mutex_t lock;
  const wt_pagemap *pagemap; ///< borrowed
  size_t bytes_max;          ///< of each
  size_t place_bytes;        ///< from one to the next; a power of two
  uint32_t left;             ///< how many more there may be at once
  uint32_t warm_count;       ///< of `warm`
  struct wt_memory *warm;    ///< free, all zeros, some of their pages still there
  struct wt_memory *cold;    ///< free, and nothing is there
  struct wt_block *blocks;
} wt_memories;

/// `bytes_max` is the largest that one may become, `count_max` how many there may be at once.
void wt_memories_open(wt_memories *self, const wt_pagemap *pagemap, size_t bytes_max, uint32_t count_max);
/// None may be in use.
void wt_memories_close(wt_memories *self);

/// Has Wasmtime take its memories from here. The code has to check all bounds: no room is reserved, and nothing guarded.
void wt_memories_provide(wt_memories *self, wasm_config_t *config);

/// Lets a memory of this kind, by its first byte, have `size` bytes again, which it had before. What is behind must be zeros.
/// Wasmtime sees it when the memory is asked to grow, be it by nothing.
void wt_memory_shrink(const wt_memories *self, const uint8_t *data, size_t size);

#endif
