// A growable run of bytes: doubles when it is full.
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 64 }; ///< bytes of the first allocation

bool buffer_reserve(buffer *self, size_t extra) {
  if (extra <= self->capacity - self->size) return true;
  if (extra > SIZE_MAX / 2 - self->size) return false;

  size_t capacity = self->capacity < CAPACITY_MIN ? CAPACITY_MIN : self->capacity;
  while (capacity - self->size < extra) capacity *= 2;
  uint8_t *data = realloc(self->data, capacity);
  if (data == NULL) return false;
  self->data = data;
  self->capacity = capacity;
  return true;
}

bool buffer_append(buffer *self, const void *data, size_t size) {
  if (size == 0) return true;
  if (!buffer_reserve(self, size)) return false;
  memcpy(self->data + self->size, data, size);
  self->size += size;
  return true;
}

bool buffer_append_string(buffer *self, const char *string) {
  return buffer_append(self, string, strlen(string));
}

bool buffer_append_byte(buffer *self, uint8_t byte) {
  return buffer_append(self, &byte, 1);
}

bool buffer_printf(buffer *self, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);

  bool ok = length >= 0 && buffer_reserve(self, (size_t)length + 1);
  if (ok) {
    vsnprintf((char *)self->data + self->size, (size_t)length + 1, format, arguments);
    self->size += (size_t)length;
  }
  va_end(arguments);
  return ok;
}

const char *buffer_string(buffer *self) {
  if (!buffer_reserve(self, 1)) return NULL;
  self->data[self->size] = 0;
  return (const char *)self->data;
}

char *buffer_take_string(buffer *self) {
  if (buffer_string(self) == NULL) return NULL;
  char *string = (char *)self->data;
  *self = (buffer){0};
  return string;
}

ubiq_bytes buffer_bytes(const buffer *self) {
  return (ubiq_bytes){self->data, self->size};
}

void buffer_clear(buffer *self) {
  self->size = 0;
}

void buffer_free(buffer *self) {
  free(self->data);
  *self = (buffer){0};
}
