// Memory that is taken piece by piece and given back at once: a bump pointer through chunks that double in size.
//
// A piece larger than a quarter of the next chunk gets a chunk of its own, behind the newest, so that what is left of
// the newest is not lost.
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_chunk {
  arena_chunk *next;
  alignas(max_align_t) uint8_t data[];
};

void arena_init(arena *self) {
  self->chunks = NULL;
  self->at = self->first;
  self->end = self->first + sizeof self->first;
  self->chunk_size = ARENA_CHUNK_SIZE_MIN;
}

/// A chunk with room for `size` bytes, not yet in the list.
static arena_chunk *chunk_new(size_t size) {
  if (size > SIZE_MAX - sizeof(arena_chunk)) return NULL;
  return malloc(sizeof(arena_chunk) + size);
}

static void *alloc_alone(arena *self, size_t size) {
  arena_chunk *chunk = chunk_new(size);
  if (chunk == NULL) return NULL;
  if (self->chunks == NULL) {
    chunk->next = NULL;
    self->chunks = chunk;
  } else {
    chunk->next = self->chunks->next;
    self->chunks->next = chunk;
  }
  return chunk->data;
}

static void *alloc_in_new_chunk(arena *self, size_t size) {
  arena_chunk *chunk = chunk_new(self->chunk_size);
  if (chunk == NULL) return NULL;
  chunk->next = self->chunks;
  self->chunks = chunk;
  self->at = chunk->data + size;
  self->end = chunk->data + self->chunk_size;
  if (self->chunk_size < ARENA_CHUNK_SIZE_MAX) self->chunk_size *= 2;
  return chunk->data;
}

void *arena_alloc(arena *self, size_t size) {
  const size_t alignment = alignof(max_align_t);
  if (size > SIZE_MAX - alignment) return NULL;
  size_t rounded = (size + alignment - 1) / alignment * alignment;

  if (rounded <= (size_t)(self->end - self->at)) {
    void *piece = self->at;
    self->at += rounded;
    return piece;
  }
  return rounded > self->chunk_size / 4 ? alloc_alone(self, rounded) : alloc_in_new_chunk(self, rounded);
}

void *arena_array(arena *self, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) return NULL;
  void *array = arena_alloc(self, count * size);
  if (array != NULL) memset(array, 0, count * size);
  return array;
}

void *arena_copy(arena *self, const void *data, size_t size) {
  void *copy = arena_alloc(self, size);
  if (copy != NULL && size > 0) memcpy(copy, data, size);
  return copy;
}

char *arena_string(arena *self, const char *data, size_t size) {
  if (size == SIZE_MAX) return NULL;
  char *copy = arena_alloc(self, size + 1);
  if (copy == NULL) return NULL;
  if (size > 0) memcpy(copy, data, size);
  copy[size] = 0;
  return copy;
}

char *arena_printf(arena *self, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);

  char *string = length < 0 ? NULL : arena_alloc(self, (size_t)length + 1);
  if (string != NULL) vsnprintf(string, (size_t)length + 1, format, arguments);
  va_end(arguments);
  return string;
}

void arena_reset(arena *self) {
  arena_chunk *next;
  for (arena_chunk *chunk = self->chunks; chunk != NULL; chunk = next) {
    next = chunk->next;
    free(chunk);
  }
  arena_init(self);
}

void arena_free(arena *self) {
  arena_reset(self);
}
