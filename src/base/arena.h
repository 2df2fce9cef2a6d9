/// Memory that is taken piece by piece and given back at once.
///
/// An `arena` holds a small first chunk inside itself, so that a short-lived one may never reach malloc. It
/// must be initialised where it stays (it must not be copied or moved once something was taken from it). One
/// thread at a time.
#ifndef UBIQ_BASE_ARENA_H
#define UBIQ_BASE_ARENA_H

#include "ubiq/base.h"

#include <stdalign.h>

enum {
  ARENA_FIRST_SIZE = 512,       ///< bytes that every arena holds inside itself
  ARENA_CHUNK_SIZE_MIN = 4096,  ///< bytes of the first chunk from malloc; later ones double
  ARENA_CHUNK_SIZE_MAX = 65536, ///< bytes where doubling ends
};

typedef struct arena_chunk arena_chunk;

typedef struct arena {
  arena_chunk *chunks; ///< from malloc, newest first
  uint8_t *at;         ///< the next free byte
  uint8_t *end;        ///< behind the last byte of the newest chunk
  size_t chunk_size;   ///< bytes of the next chunk
  alignas(max_align_t) uint8_t first[ARENA_FIRST_SIZE];
} arena;

/// Makes an arena ready. Allocates nothing and cannot fail.
void arena_init(arena *self);

/// Takes `size` bytes, aligned for any type, not zeroed. NULL when memory is out. A size of 0 gives a valid
/// pointer.
UBIQ_NODISCARD void *arena_alloc(arena *self, size_t size);

/// Takes an array of `count` elements of `size` bytes, zeroed. NULL when memory is out or the product
/// overflows.
UBIQ_NODISCARD void *arena_array(arena *self, size_t count, size_t size);

/// Copies `size` bytes into the arena. NULL when memory is out.
UBIQ_NODISCARD void *arena_copy(arena *self, const void *data, size_t size);

/// Copies `size` bytes into the arena and ends them with a NUL. NULL when memory is out.
UBIQ_NODISCARD char *arena_string(arena *self, const char *data, size_t size);

/// Makes a printf-style string in the arena. NULL when memory is out.
UBIQ_NODISCARD char *arena_printf(arena *self, const char *format, ...) UBIQ_PRINTF(2, 3);

/// Gives back everything that was taken. The arena can be used again.
void arena_reset(arena *self);

/// The same as `arena_reset`, named for the end of its life.
void arena_free(arena *self);

#endif
