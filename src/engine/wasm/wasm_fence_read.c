// Reading a module that gets limits: what it imports and defines, and, where calls are counted, the types of its functions.
#include "engine/wasm/wasm_fence_parts.h"

#include <stdlib.h>

// A part counts what it defines; what it imports comes on top.
static void count_imports(wasm_fencing *self) {
  static const wasm_space spaces[] = {[WASM_TABLE] = WASM_SPACE_TABLE,
                                      [WASM_MEMORY] = WASM_SPACE_MEMORY,
                                      [WASM_GLOBAL] = WASM_SPACE_GLOBAL,
                                      [WASM_TAG] = WASM_SPACE_TAG};
  wasm_part *part = &self->part;
  for (size_t i = 0; i < part->module->imports_count; i++) self->imported[part->module->imports[i].kind]++;
  for (int kind = WASM_TABLE; kind <= WASM_TAG; kind++) part->to.count[spaces[kind]] += self->imported[kind];
  self->tables = part->to.count[WASM_SPACE_TABLE];
  self->memories = part->to.count[WASM_SPACE_MEMORY];
  self->globals = part->to.count[WASM_SPACE_GLOBAL];
  for (uint32_t i = 0; i < part->details.functions_count; i++)
    part->functions[i] = i + (self->request->ask && i >= self->imported[WASM_FUNCTION]);
}

static void check_memory(wasm_reader *in) {
  enum { PAGE_BITS = 16 };
  wasm_limits limits = wasm_read_limits(in);
  if (limits.is_64) wasm_reader_fail(in, "a memory with addresses of 64 bits");
  if (limits.page_bits != PAGE_BITS) wasm_reader_fail(in, "a memory with pages of another size than 64 KiB");
}

static uint8_t read_table(wasm_reader *in) {
  uint8_t type = wasm_read_byte(in);
  if (type != TYPE_FUNCREF && type != TYPE_EXTERNREF) wasm_reader_fail(in, "a table of another type");
  if (wasm_read_limits(in).is_64) wasm_reader_fail(in, "a table with indices of 64 bits");
  return type;
}

void wasm_fencing_read_import(wasm_reader *in, uint8_t *table_type) {
  uint8_t kind = wasm_read_byte(in);
  switch (kind) {
  case WASM_FUNCTION: wasm_read_u32(in); break;
  case WASM_TABLE: *table_type = read_table(in); break;
  case WASM_MEMORY: check_memory(in); break;
  case WASM_GLOBAL:
    wasm_read_value_type(in);
    wasm_read_byte(in);
    break;
  case WASM_TAG:
    wasm_read_byte(in);
    wasm_read_u32(in);
    break;
  default: wasm_reader_fail(in, "unknown kind of import"); break;
  }
}

wasm_reader wasm_fencing_open(const wasm_fencing *self, wasm_section id, uint32_t *count) {
  wasm_reader body = self->part.sections[id].body;
  *count = self->part.present[id] ? wasm_read_count(&body, UINT32_MAX) : 0;
  return body;
}

static void read_imports(wasm_fencing *self) {
  uint32_t count, tables = 0;
  wasm_reader in = wasm_fencing_open(self, WASM_SECTION_IMPORT, &count);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&in); i++) {
    wasm_read_name(&in);
    wasm_read_name(&in);
    uint8_t type = 0;
    wasm_fencing_read_import(&in, &type);
    if (type) self->table_types[tables++] = type;
  }
  wasm_fencing_note(self, &in);
}

static void read_tables(wasm_fencing *self) {
  enum { WITH_EXPRESSION = 0x40 };
  uint32_t count;
  wasm_reader in = wasm_fencing_open(self, WASM_SECTION_TABLE, &count);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&in); i++) {
    bool has_expression = wasm_reader_left(&in) > 0 && *in.at == WITH_EXPRESSION;
    if (has_expression) wasm_read_skip(&in, 2);
    self->table_types[self->imported[WASM_TABLE] + i] = read_table(&in);
    if (has_expression) wasm_read_skip_expression(&in);
  }
  wasm_fencing_note(self, &in);
}

static void read_memories(wasm_fencing *self) {
  uint32_t count;
  wasm_reader in = wasm_fencing_open(self, WASM_SECTION_MEMORY, &count);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&in); i++) check_memory(&in);
  if (self->memories > WASM_MEMORIES_MAX) wasm_reader_fail(&in, "more memories than the limit");
  wasm_fencing_note(self, &in);
}

static void read_type_bytes(wasm_reader *in, uint32_t count) {
  for (uint32_t i = 0; i < count && !wasm_reader_failed(in); i++) {
    const uint8_t *start = in->at;
    wasm_read_value_type(in);
    if (in->at - start > 1) wasm_reader_fail(in, "a reference to a type of the module's own");
  }
}

static void read_shape(wasm_reader *in, wasm_shape *out) {
  if (wasm_read_byte(in) != TYPE_FUNCTION) wasm_reader_fail(in, "a type that is not a function's");
  out->params = wasm_read_count(in, WASM_PARAMETERS_MAX);
  read_type_bytes(in, out->params);
  out->results = wasm_read_count(in, WASM_PARAMETERS_MAX);
  out->result_types = in->at;
  read_type_bytes(in, out->results);
}

static void read_shapes(wasm_fencing *self) {
  uint32_t count;
  wasm_reader in = wasm_fencing_open(self, WASM_SECTION_TYPE, &count);
  for (uint32_t i = 0; i < count && i < self->part.details.types_count; i++) {
    read_shape(&in, &self->shapes.types[i]);
    self->shapes.types_count++;
    if (self->shapes.types[i].results > 1)
      self->block_types[i] = wasm_fencing_type(self, FENCE_TYPES + self->block_types_count++);
  }
  wasm_fencing_note(self, &in);
}

static void read_function_types(wasm_fencing *self) {
  const wasm_module *module = self->part.module;
  uint32_t count, function = 0;
  wasm_reader in = wasm_fencing_open(self, WASM_SECTION_FUNCTION, &count);
  for (size_t i = 0; i < module->imports_count; i++)
    if (module->imports[i].kind == WASM_FUNCTION) self->shapes.functions[function++] = module->imports[i].type_index;
  self->shapes.functions_count = self->part.details.functions_count;
  for (; function < self->shapes.functions_count; function++) {
    self->shapes.functions[function] = wasm_read_u32(&in);
    if (self->shapes.functions[function] >= self->shapes.types_count) wasm_reader_fail(&in, "type index out of range");
  }
  wasm_fencing_note(self, &in);
}

static bool make_room(wasm_fencing *self) {
  enum { KINDS = 2 };
  const wasm_details *details = &self->part.details;
  size_t memories = self->memories > WASM_MEMORIES_MAX ? 0 : self->memories; // refused later
  self->table_types = calloc((size_t)self->tables + 1, 1);
  self->range_of = calloc(KINDS * memories * memories + 1, sizeof *self->range_of);
  if (!self->table_types || !self->range_of || !self->request->counts_stack) return self->table_types && self->range_of;
  self->shapes.types = calloc((size_t)details->types_count + 1, sizeof *self->shapes.types);
  self->shapes.functions = calloc((size_t)details->functions_count + 1, sizeof *self->shapes.functions);
  self->block_types = calloc((size_t)details->types_count + 1, sizeof *self->block_types);
  return self->shapes.types && self->shapes.functions && self->block_types;
}

void wasm_fencing_read(wasm_fencing *self) {
  self->error = wasm_part_read(&self->part, self->request->wasm, self->request->size);
  if (self->error) return;
  count_imports(self);
  if (!self->request->ask) return;
  if (!make_room(self)) {
    self->error = ubiq_error_no_memory();
    return;
  }
  read_imports(self);
  read_tables(self);
  read_memories(self);
  if (self->request->counts_stack) read_shapes(self);
  if (self->request->counts_stack) read_function_types(self);
}
