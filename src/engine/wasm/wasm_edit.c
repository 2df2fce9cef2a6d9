// Adds exports to a module: its start function, whose section goes, so that nothing runs when the module is instantiated
// and the host calls it under its limits; and its memories, so that the host can count them. See wasm.h.
#include "engine/wasm/wasm_module.h"
#include "engine/wasm/wasm_writer.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct editing {
  wasm_writer out;
  wasm_writer added; // the exports to add, as they stand in the section
  uint32_t added_count;
  bool lifts_start; // the start section is left out
  bool is_exported;
} editing;

static void add_export(editing *self, const char *name, wasm_kind kind, uint32_t index) {
  wasm_write_name(&self->added, name);
  wasm_write_byte(&self->added, (uint8_t)kind);
  wasm_write_u32(&self->added, index);
  self->added_count++;
}

// The export section with the new exports; `old` is NULL for a module that has none.
static void write_exports(editing *self, const wasm_section_view *old) {
  wasm_reader entries = {0};
  uint32_t count = 0;
  if (old != NULL) {
    entries = old->body;
    count = wasm_read_count(&entries, WASM_ITEMS_MAX);
  }
  wasm_writer body = {0};
  wasm_write_u32(&body, count + self->added_count);
  if (old != NULL) wasm_write_bytes(&body, entries.at, wasm_reader_left(&entries));
  wasm_write_bytes(&body, self->added.bytes.data, self->added.bytes.size);
  body.failed |= self->added.failed;
  wasm_write_section(&self->out, WASM_SECTION_EXPORT, &body);
  buffer_free(&body.bytes);
  self->is_exported = true;
}

static void write_section(editing *self, const wasm_section_view *section) {
  if (section->id == WASM_SECTION_EXPORT) {
    write_exports(self, section);
    return;
  }
  if (!self->is_exported && wasm_section_rank(section->id) > wasm_section_rank(WASM_SECTION_EXPORT))
    write_exports(self, NULL);
  if (section->id != WASM_SECTION_START || !self->lifts_start)
    wasm_write_bytes(&self->out, section->whole, section->whole_size);
}

// The module was read before: nothing in it can be malformed.
static ubiq_error *edit(editing *self, const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size) {
  wasm_reader sections = wasm_reader_open(bytes, size);
  wasm_section_view section;
  wasm_write_header(&self->out);
  while (wasm_reader_section(&sections, &section)) write_section(self, &section);
  if (!self->is_exported) write_exports(self, NULL);
  buffer_free(&self->added.bytes);
  return wasm_writer_take(&self->out, out, out_size);
}

static ubiq_error *copy(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size) {
  wasm_writer writer = {0};
  wasm_write_bytes(&writer, bytes, size);
  return wasm_writer_take(&writer, out, out_size);
}

ubiq_error *wasm_lift_start(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size) {
  wasm_module *module;
  wasm_details details;
  editing self = {.lifts_start = true};
  ubiq_error *error = wasm_module_read_details(bytes, size, &module, &details);
  if (error != NULL) return error;
  if (wasm_module_export(module, WASM_START_EXPORT) != NULL) {
    error = ubiq_error_new(UBIQ_INVALID_INPUT,
                           "WebAssembly module: it exports \"%s\", a name that is kept for its start section",
                           WASM_START_EXPORT);
  } else if (!module->has_start) {
    error = copy(bytes, size, out, out_size);
  } else {
    add_export(&self, WASM_START_EXPORT, WASM_FUNCTION, details.start);
    error = edit(&self, bytes, size, out, out_size);
  }
  wasm_module_free(module);
  return error;
}

const wasm_item *wasm_module_memory(const wasm_module *module, uint32_t place) {
  uint32_t imported = 0;
  for (size_t i = 0; i < module->imports_count; i++) imported += module->imports[i].kind == WASM_MEMORY;
  for (size_t i = 0; i < module->exports_count; i++)
    if (module->exports[i].kind == WASM_MEMORY && module->exports[i].index == imported + place)
      return &module->exports[i];
  return NULL;
}

static void add_memories(editing *self, const wasm_module *module) {
  uint32_t imported = 0;
  for (size_t i = 0; i < module->imports_count; i++) imported += module->imports[i].kind == WASM_MEMORY;
  for (uint32_t place = 0; place < module->memories_count; place++) {
    char name[sizeof WASM_MEMORY_EXPORT + 10];
    snprintf(name, sizeof name, WASM_MEMORY_EXPORT "%u", place);
    if (wasm_module_memory(module, place) == NULL) add_export(self, name, WASM_MEMORY, imported + place);
  }
}

ubiq_error *wasm_export_memories(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size) {
  wasm_module *module;
  editing self = {0};
  ubiq_error *error = wasm_module_read(bytes, size, &module);
  if (error != NULL) return error;
  add_memories(&self, module);
  error = self.added_count > 0 ? edit(&self, bytes, size, out, out_size) : copy(bytes, size, out, out_size);
  wasm_module_free(module);
  return error;
}
