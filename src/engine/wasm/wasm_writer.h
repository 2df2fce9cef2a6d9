// Writing the pieces of a WebAssembly binary. A writer remembers that memory ran out; look once, at the end.
#ifndef ENGINE_WASM_WASM_WRITER_H
#define ENGINE_WASM_WASM_WRITER_H

#include "base/buffer.h"
#include "engine/wasm/wasm_reader.h"

/// A zeroed one is an empty one.
typedef struct wasm_writer {
  buffer bytes; ///< owned; buffer_free ends it
  bool failed;  ///< memory ran out, or a section passed 4 GiB
} wasm_writer;

void wasm_write_bytes(wasm_writer *self, const void *data, size_t size);
void wasm_write_byte(wasm_writer *self, uint8_t byte);
void wasm_write_u32(wasm_writer *self, uint32_t value);
void wasm_write_name(wasm_writer *self, const char *name);
/// A name in two parts, written as one.
void wasm_write_name_of(wasm_writer *self, const char *prefix, const char *name);
void wasm_write_header(wasm_writer *self);
/// A type's index as it stands in a heap type: a signed number.
void wasm_write_heap_index(wasm_writer *self, uint32_t index);
/// Writes the size of `body` and its bytes; a failed body fails the writer.
void wasm_write_sized(wasm_writer *self, const wasm_writer *body);
/// Writes a section with `body`'s bytes; a failed body fails the writer.
void wasm_write_section(wasm_writer *self, wasm_section id, const wasm_writer *body);
/// Gives what was written to the caller (free) and ends the writer, or frees it and says that memory ran out.
ubiq_error *wasm_writer_take(wasm_writer *self, uint8_t **out, size_t *size);

#endif
