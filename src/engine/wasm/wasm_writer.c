// Writing WebAssembly binaries. See wasm_writer.h.
#include "engine/wasm/wasm_writer.h"

void wasm_write_bytes(wasm_writer *self, const void *data, size_t size) {
  if (!self->failed && !buffer_append(&self->bytes, data, size)) self->failed = true;
}

void wasm_write_byte(wasm_writer *self, uint8_t byte) {
  wasm_write_bytes(self, &byte, 1);
}

void wasm_write_u32(wasm_writer *self, uint32_t value) {
  while (value >= 0x80) {
    wasm_write_byte(self, (uint8_t)(value | 0x80));
    value >>= 7;
  }
  wasm_write_byte(self, (uint8_t)value);
}

void wasm_write_name(wasm_writer *self, const char *name) {
  wasm_write_name_of(self, "", name);
}

void wasm_write_name_of(wasm_writer *self, const char *prefix, const char *name) {
  wasm_write_u32(self, (uint32_t)(strlen(prefix) + strlen(name)));
  wasm_write_bytes(self, prefix, strlen(prefix));
  wasm_write_bytes(self, name, strlen(name));
}

void wasm_write_header(wasm_writer *self) {
  wasm_write_bytes(self, "\0asm\1\0\0\0", WASM_HEADER_SIZE);
}

void wasm_write_heap_index(wasm_writer *self, uint32_t index) {
  for (; index >= 0x40; index >>= 7) wasm_write_byte(self, (uint8_t)(index | 0x80));
  wasm_write_byte(self, (uint8_t)index);
}

void wasm_write_sized(wasm_writer *self, const wasm_writer *body) {
  if (body->failed || body->bytes.size > UINT32_MAX) {
    self->failed = true;
    return;
  }
  wasm_write_u32(self, (uint32_t)body->bytes.size);
  wasm_write_bytes(self, body->bytes.data, body->bytes.size);
}

void wasm_write_section(wasm_writer *self, wasm_section id, const wasm_writer *body) {
  wasm_write_byte(self, (uint8_t)id);
  wasm_write_sized(self, body);
}

ubiq_error *wasm_writer_take(wasm_writer *self, uint8_t **out, size_t *size) {
  bool failed = self->failed;
  if (failed) {
    buffer_free(&self->bytes);
  } else {
    *out = self->bytes.data;
    *size = self->bytes.size;
  }
  *self = (wasm_writer){0};
  return failed ? ubiq_error_no_memory() : NULL;
}
