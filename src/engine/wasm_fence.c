// See wasm_fence.h. Everything that is added stands behind what the module has of its kind, so that no index changes.
#include "engine/wasm_fence_parts.h"

#include <stdlib.h>

enum { TYPE_FUNCTION = 0x60, TYPE_FUNCREF = 0x70, TYPE_EXTERNREF = 0x6f, TYPE_I32 = 0x7f };

// Reading.

static void read_shape(wasm_reader *in, wasm_shape *out) {
  if (wasm_read_byte(in) != TYPE_FUNCTION) wasm_reader_fail(in, "a type that is not a function's");
  out->params = wasm_read_count(in, WASM_PARAMETERS_MAX);
  wasm_read_skip(in, out->params);
  out->results = wasm_read_count(in, WASM_PARAMETERS_MAX);
  out->result_types = in->at;
  wasm_read_skip(in, out->results);
}

static void read_types(wasm_fencing *self) {
  wasm_reader in = self->part.sections[WASM_SECTION_TYPE].body;
  uint32_t count = self->part.present[WASM_SECTION_TYPE] ? wasm_read_count(&in, WASM_TYPES_MAX) : 0;
  for (uint32_t i = 0; i < count && i < self->part.details.types_count; i++) {
    read_shape(&in, &self->shapes.types[i]);
    self->shapes.types_count++;
    if (self->shapes.types[i].results > 1)
      self->block_types[i] = self->part.details.types_count + FENCE_TYPES + self->block_types_count++;
  }
  wasm_fencing_note(self, &in);
}

static void read_imports(wasm_fencing *self) {
  const wasm_module *module = self->part.module;
  for (size_t i = 0; i < module->imports_count; i++) {
    const wasm_item *import = &module->imports[i];
    uint32_t place = self->imported[import->kind]++;
    if (import->kind == WASM_FUNCTION) self->shapes.functions[place] = import->type_index;
    if (import->kind == WASM_TABLE)
      self->table_types[place] = import->value_type == WASM_TYPE_EXTERNREF ? TYPE_EXTERNREF : TYPE_FUNCREF;
  }
}

static void read_functions(wasm_fencing *self) {
  wasm_reader in = self->part.sections[WASM_SECTION_FUNCTION].body;
  self->shapes.functions_count = self->part.details.functions_count;
  if (!self->part.present[WASM_SECTION_FUNCTION]) return;
  wasm_read_u32(&in);
  for (uint32_t i = self->imported[WASM_FUNCTION]; i < self->shapes.functions_count; i++) {
    self->shapes.functions[i] = wasm_read_u32(&in);
    if (self->shapes.functions[i] >= self->shapes.types_count) wasm_reader_fail(&in, "type index out of range");
  }
  wasm_fencing_note(self, &in);
}

static void read_tables(wasm_fencing *self) {
  enum { WITH_EXPRESSION = 0x40 };
  wasm_reader in = self->part.sections[WASM_SECTION_TABLE].body;
  uint32_t defined = wasm_part_entries(&self->part, WASM_SECTION_TABLE);
  self->tables = self->imported[WASM_TABLE] + defined;
  if (defined) wasm_read_u32(&in);
  for (uint32_t i = self->imported[WASM_TABLE]; i < self->tables; i++) {
    self->table_types[i] = wasm_read_byte(&in);
    if (self->table_types[i] == WITH_EXPRESSION) wasm_reader_fail(&in, "a table with an initial value");
    uint64_t min = wasm_read_limits(&in).min;
    if (min > self->sizes.elements) self->sizes.elements = min;
  }
  wasm_fencing_note(self, &in);
}

static void read_memories(wasm_fencing *self) {
  wasm_reader in = self->part.sections[WASM_SECTION_MEMORY].body;
  uint32_t defined = wasm_part_entries(&self->part, WASM_SECTION_MEMORY);
  self->memories = self->imported[WASM_MEMORY] + defined;
  if (defined) wasm_read_u32(&in);
  for (uint32_t i = 0; i < defined; i++) {
    uint64_t min = wasm_read_limits(&in).min;
    if (min > self->sizes.pages) self->sizes.pages = min;
  }
  wasm_fencing_note(self, &in);
}

static bool make_room(wasm_fencing *self) {
  const wasm_part *part = &self->part;
  size_t tables = part->module->imports_count + wasm_part_entries(part, WASM_SECTION_TABLE);
  self->shapes.types = calloc((size_t)part->details.types_count + 1, sizeof *self->shapes.types);
  self->shapes.functions = calloc((size_t)part->details.functions_count + 1, sizeof *self->shapes.functions);
  self->block_types = calloc((size_t)part->details.types_count + 1, sizeof *self->block_types);
  self->table_types = calloc(tables + 1, 1);
  return self->shapes.types && self->shapes.functions && self->block_types && self->table_types;
}

// The copied code keeps all its indices, which the engine has checked.
static void keep_indices(wasm_part *part) {
  for (uint32_t i = 0; i < part->details.functions_count; i++) part->functions[i] = i;
  for (int space = 0; space < WASM_SPACES; space++) part->to.count[space] = UINT32_MAX;
}

static ubiq_error *read_module(wasm_fencing *self, const uint8_t *bytes, size_t size) {
  ubiq_error *error = wasm_part_read(&self->part, bytes, size);
  if (!error && !make_room(self)) error = ubiq_error_no_memory();
  if (error) return error;
  read_types(self);
  read_imports(self);
  read_functions(self);
  read_tables(self);
  read_memories(self);
  self->globals = self->imported[WASM_GLOBAL] + wasm_part_entries(&self->part, WASM_SECTION_GLOBAL);
  keep_indices(&self->part);
  return self->error;
}

// Writing.

static void copy_section(wasm_fencing *self, wasm_section id) {
  const wasm_section_view *section = &self->part.sections[id];
  if (self->part.present[id]) wasm_write_bytes(&self->out, section->whole, section->whole_size);
}

// A section with `count` entries more, which it takes.
static void append(wasm_fencing *self, wasm_section id, uint32_t count, wasm_writer *added) {
  wasm_reader entries = self->part.sections[id].body;
  uint32_t before = self->part.present[id] ? wasm_read_count(&entries, UINT32_MAX) : 0;
  wasm_writer body = {.failed = added->failed};
  wasm_write_u32(&body, before + count);
  if (self->part.present[id]) wasm_write_bytes(&body, entries.at, wasm_reader_left(&entries));
  wasm_write_bytes(&body, added->bytes.data, added->bytes.size);
  if (before + count > 0) wasm_write_section(&self->out, id, &body);
  buffer_free(&body.bytes);
  buffer_free(&added->bytes);
}

static void write_types(wasm_fencing *self) {
  static const uint8_t types[] = {
      TYPE_FUNCTION,
      0,
      0, // () -> ()
      TYPE_FUNCTION,
      1,
      TYPE_I32,
      1,
      TYPE_I32, // (i32) -> i32
      TYPE_FUNCTION,
      2,
      TYPE_FUNCREF,
      TYPE_I32,
      1,
      TYPE_I32, // (funcref, i32) -> i32
      TYPE_FUNCTION,
      2,
      TYPE_EXTERNREF,
      TYPE_I32,
      1,
      TYPE_I32, // (externref, i32) -> i32
  };
  wasm_writer added = {0};
  wasm_write_bytes(&added, types, sizeof types);
  for (uint32_t i = 0; i < self->shapes.types_count; i++) {
    const wasm_shape *shape = &self->shapes.types[i];
    if (shape->results < 2) continue;
    wasm_write_byte(&added, TYPE_FUNCTION);
    wasm_write_u32(&added, 0);
    wasm_write_u32(&added, shape->results);
    wasm_write_bytes(&added, shape->result_types, shape->results);
  }
  append(self, WASM_SECTION_TYPE, FENCE_TYPES + self->block_types_count, &added);
}

static void write_functions(wasm_fencing *self) {
  uint32_t types = self->part.details.types_count;
  wasm_writer added = {0};
  for (uint32_t i = 0; i < self->memories; i++) wasm_write_u32(&added, types + FENCE_TYPE_GROW_MEMORY);
  for (uint32_t i = 0; i < self->tables; i++)
    wasm_write_u32(&added, types + (self->table_types[i] == TYPE_EXTERNREF ? FENCE_TYPE_GROW_EXTERNREFS
                                                                           : FENCE_TYPE_GROW_FUNCREFS));
  append(self, WASM_SECTION_FUNCTION, self->memories + self->tables, &added);
}

static void write_tables(wasm_fencing *self) {
  static const uint8_t table[] = {TYPE_FUNCREF, 1, 1, 1};
  wasm_writer added = {0};
  wasm_write_bytes(&added, table, sizeof table);
  append(self, WASM_SECTION_TABLE, 1, &added);
}

static void write_globals(wasm_fencing *self) {
  enum { MUTABLE = 1, OP_I32_CONST = 0x41, OP_END = 0x0b };
  static const uint8_t global[] = {TYPE_I32, MUTABLE, OP_I32_CONST, 0, OP_END};
  wasm_writer added = {0};
  for (int i = 0; i < FENCE_GLOBALS; i++) wasm_write_bytes(&added, global, sizeof global);
  append(self, WASM_SECTION_GLOBAL, FENCE_GLOBALS, &added);
}

static void write_exports(wasm_fencing *self) {
  static const char *const names[FENCE_GLOBALS] = {[FENCE_STACK] = WASM_FENCE_STACK,
                                                   [FENCE_DUE] = WASM_FENCE_DUE,
                                                   [FENCE_PAGES] = WASM_FENCE_PAGES,
                                                   [FENCE_ELEMENTS] = WASM_FENCE_ELEMENTS};
  wasm_writer added = {0};
  for (uint32_t i = 0; i < FENCE_GLOBALS; i++) {
    wasm_write_name(&added, names[i]);
    wasm_write_byte(&added, WASM_GLOBAL);
    wasm_write_u32(&added, self->globals + i);
  }
  wasm_write_name(&added, WASM_FENCE_TABLE);
  wasm_write_byte(&added, WASM_TABLE);
  wasm_write_u32(&added, self->tables);
  append(self, WASM_SECTION_EXPORT, FENCE_GLOBALS + 1, &added);
}

static void write_module(wasm_fencing *self) {
  wasm_write_header(&self->out);
  write_types(self);
  copy_section(self, WASM_SECTION_IMPORT);
  write_functions(self);
  write_tables(self);
  copy_section(self, WASM_SECTION_MEMORY);
  copy_section(self, WASM_SECTION_TAG);
  write_globals(self);
  write_exports(self);
  copy_section(self, WASM_SECTION_START);
  copy_section(self, WASM_SECTION_ELEMENT);
  copy_section(self, WASM_SECTION_DATA_COUNT);
  wasm_fencing_write_code(self);
  copy_section(self, WASM_SECTION_DATA);
}

ubiq_error *wasm_fence(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size, wasm_fence_sizes *sizes) {
  wasm_fencing self = {0};
  ubiq_error *error = read_module(&self, bytes, size);
  if (!error) write_module(&self);
  if (!error) error = self.error;
  if (error)
    buffer_free(&self.out.bytes);
  else
    error = wasm_writer_take(&self.out, out, out_size);
  *sizes = self.sizes;
  wasm_part_free(&self.part);
  free(self.shapes.types);
  free(self.shapes.functions);
  free(self.block_types);
  free(self.table_types);
  return error;
}
