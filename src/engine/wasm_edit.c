// Lifts the start function out of a module: its start section becomes an export, so that nothing runs when the module
// is instantiated and the host calls it under its limits. See wasm.h.
#include "engine/wasm_module.h"
#include "engine/wasm_writer.h"

#include <stdlib.h>

typedef struct lifting {
  wasm_writer out;
  uint32_t start; // index of the function to export
  bool is_exported;
} lifting;

// The export section with one export more; `old` is NULL for a module that has none.
static void write_exports(lifting *self, const wasm_section_view *old) {
  wasm_reader entries = {0};
  uint32_t count = 0;
  if (old != NULL) {
    entries = old->body;
    count = wasm_read_count(&entries, WASM_ITEMS_MAX);
  }
  wasm_writer body = {0};
  wasm_write_u32(&body, count + 1);
  if (old != NULL) wasm_write_bytes(&body, entries.at, wasm_reader_left(&entries));
  wasm_write_name(&body, WASM_START_EXPORT);
  wasm_write_byte(&body, WASM_FUNCTION);
  wasm_write_u32(&body, self->start);
  wasm_write_section(&self->out, WASM_SECTION_EXPORT, &body);
  buffer_free(&body.bytes);
  self->is_exported = true;
}

static void write_section(lifting *self, const wasm_section_view *section) {
  if (section->id == WASM_SECTION_EXPORT) {
    write_exports(self, section);
    return;
  }
  if (!self->is_exported && wasm_section_rank(section->id) > wasm_section_rank(WASM_SECTION_EXPORT))
    write_exports(self, NULL);
  if (section->id != WASM_SECTION_START) wasm_write_bytes(&self->out, section->whole, section->whole_size);
}

// The module was read before: nothing in it can be malformed.
static ubiq_error *lift(const uint8_t *bytes, size_t size, uint32_t start, uint8_t **out, size_t *out_size) {
  lifting self = {.start = start};
  wasm_reader sections = wasm_reader_open(bytes, size);
  wasm_section_view section;
  wasm_write_header(&self.out);
  while (wasm_reader_section(&sections, &section)) write_section(&self, &section);
  return wasm_writer_take(&self.out, out, out_size);
}

static ubiq_error *copy(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size) {
  wasm_writer writer = {0};
  wasm_write_bytes(&writer, bytes, size);
  return wasm_writer_take(&writer, out, out_size);
}

ubiq_error *wasm_lift_start(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size) {
  wasm_module *module;
  wasm_details details;
  ubiq_error *error = wasm_module_read_details(bytes, size, &module, &details);
  if (error != NULL) return error;
  if (wasm_module_export(module, WASM_START_EXPORT) != NULL)
    error = ubiq_error_new(UBIQ_INVALID_INPUT,
                           "WebAssembly module: it exports \"%s\", a name that is kept for its start section",
                           WASM_START_EXPORT);
  else if (!module->has_start)
    error = copy(bytes, size, out, out_size);
  else
    error = lift(bytes, size, details.start, out, out_size);
  wasm_module_free(module);
  return error;
}
