/// A growable run of bytes.
///
/// A zeroed `buffer` is an empty one and needs no initialisation. Functions that grow it return false when
/// memory is out and leave what it held as it was; `ubiq_error_no_memory()` is what a caller then reports.
/// One thread at a time.
#ifndef UBIQ_BASE_BUFFER_H
#define UBIQ_BASE_BUFFER_H

#include "ubiq/base.h"

UBIQ_BEGIN

typedef struct buffer {
  uint8_t *data;   ///< owned; NULL until the first byte
  size_t size;     ///< bytes in use
  size_t capacity; ///< bytes allocated
} buffer;

/// Makes room for `extra` more bytes. False when memory is out.
UBIQ_NODISCARD bool buffer_reserve(buffer *self, size_t extra);

/// Appends `size` bytes. `data` may be NULL when `size` is 0, and must not point into the buffer itself.
UBIQ_NODISCARD bool buffer_append(buffer *self, const void *data, size_t size);

/// Appends a string without its NUL.
UBIQ_NODISCARD bool buffer_append_string(buffer *self, const char *string);

/// Appends one byte.
UBIQ_NODISCARD bool buffer_append_byte(buffer *self, uint8_t byte);

/// Appends printf-style text without its NUL.
UBIQ_NODISCARD bool buffer_printf(buffer *self, const char *format, ...) UBIQ_PRINTF(2, 3);

/// Ends what is in the buffer with a NUL that `size` does not count, and returns it as a string: borrowed
/// until the next change. NULL when memory is out.
UBIQ_NODISCARD const char *buffer_string(buffer *self);

/// Hands over the bytes, ended by a NUL that is not counted, and leaves the buffer empty. The result is the
/// caller's, for `free`; NULL when memory is out (the buffer keeps its bytes then).
UBIQ_NODISCARD char *buffer_take_string(buffer *self);

/// What is in the buffer, borrowed until the next change.
ubiq_bytes buffer_bytes(const buffer *self);

/// Forgets the bytes and keeps the memory.
void buffer_clear(buffer *self);

/// Gives the memory back and leaves an empty buffer. Twice is allowed.
void buffer_free(buffer *self);

UBIQ_END

#endif
