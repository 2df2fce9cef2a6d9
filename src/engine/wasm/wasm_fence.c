// Reading a module that gets limits, and writing its sections. See wasm_fence.h.
//
// DESIGN. What is added stands last in its index space: the import behind the other imports, types, functions and globals
// behind all of theirs. So only the functions that the module defines move, by one, for the import.
#include "engine/wasm/wasm_fence_parts.h"

#include <stdlib.h>

enum { TYPE_FUNCTION = 0x60, TYPE_FUNCREF = 0x70, TYPE_EXTERNREF = 0x6f, TYPE_I32 = 0x7f };

// Reading.

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

// What an import is behind its names.
static void read_import(wasm_reader *in, uint8_t *table_type) {
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

static wasm_reader open_section(const wasm_fencing *self, wasm_section id, uint32_t *count) {
  wasm_reader body = self->part.sections[id].body;
  *count = self->part.present[id] ? wasm_read_count(&body, UINT32_MAX) : 0;
  return body;
}

static void read_imports(wasm_fencing *self) {
  uint32_t count, tables = 0;
  wasm_reader in = open_section(self, WASM_SECTION_IMPORT, &count);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&in); i++) {
    wasm_read_name(&in);
    wasm_read_name(&in);
    uint8_t type = 0;
    read_import(&in, &type);
    if (type) self->table_types[tables++] = type;
  }
  wasm_fencing_note(self, &in);
}

static void read_tables(wasm_fencing *self) {
  enum { WITH_EXPRESSION = 0x40 };
  uint32_t count;
  wasm_reader in = open_section(self, WASM_SECTION_TABLE, &count);
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
  wasm_reader in = open_section(self, WASM_SECTION_MEMORY, &count);
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
  wasm_reader in = open_section(self, WASM_SECTION_TYPE, &count);
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
  wasm_reader in = open_section(self, WASM_SECTION_FUNCTION, &count);
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

static void read_module(wasm_fencing *self) {
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

// Writing.

static void copy_section(wasm_fencing *self, wasm_section id) {
  const wasm_section_view *section = &self->part.sections[id];
  if (self->part.present[id]) wasm_write_bytes(&self->out, section->whole, section->whole_size);
}

// A section of `count` entries, which it takes.
static void end_section(wasm_fencing *self, wasm_section id, uint32_t count, wasm_writer *entries) {
  wasm_writer body = {.failed = entries->failed};
  wasm_write_u32(&body, count);
  wasm_write_bytes(&body, entries->bytes.data, entries->bytes.size);
  if (count > 0) wasm_write_section(&self->out, id, &body);
  self->out.failed |= body.failed;
  buffer_free(&body.bytes);
  buffer_free(&entries->bytes);
}

// The entries that the module has, as they are.
static wasm_writer keep_entries(const wasm_fencing *self, wasm_section id, uint32_t *count) {
  wasm_writer entries = {0};
  wasm_reader body = open_section(self, id, count);
  if (*count > 0) wasm_write_bytes(&entries, body.at, wasm_reader_left(&body));
  return entries;
}

// Those, with the indices of functions changed.
static wasm_writer copy_entries(wasm_fencing *self, wasm_section id, uint32_t *count) {
  wasm_writer entries = {0};
  wasm_reader body = open_section(self, id, count);
  if (self->part.present[id]) wasm_copy_entries(&body, id, *count, &entries, &self->part.to);
  wasm_fencing_note(self, &body);
  return entries;
}

static void rewrite_section(wasm_fencing *self, wasm_section id) {
  uint32_t count;
  wasm_writer entries = copy_entries(self, id, &count);
  end_section(self, id, count, &entries);
}

static void write_types(wasm_fencing *self) {
  static const uint8_t types[] = {
      TYPE_FUNCTION,
      0,
      0, // FENCE_TYPE_ASK
      TYPE_FUNCTION,
      1,
      TYPE_I32,
      1,
      TYPE_I32, // FENCE_TYPE_GROW_MEMORY
      TYPE_FUNCTION,
      2,
      TYPE_FUNCREF,
      TYPE_I32,
      1,
      TYPE_I32, // FENCE_TYPE_GROW_FUNCREFS
      TYPE_FUNCTION,
      2,
      TYPE_EXTERNREF,
      TYPE_I32,
      1,
      TYPE_I32, // FENCE_TYPE_GROW_EXTERNREFS
      TYPE_FUNCTION,
      3,
      TYPE_I32,
      TYPE_I32,
      TYPE_I32,
      0, // FENCE_TYPE_RANGE
  };
  uint32_t count;
  wasm_writer entries = keep_entries(self, WASM_SECTION_TYPE, &count);
  wasm_write_bytes(&entries, types, sizeof types);
  for (uint32_t i = 0; i < self->shapes.types_count; i++) {
    const wasm_shape *shape = &self->shapes.types[i];
    if (shape->results < 2) continue;
    wasm_write_byte(&entries, TYPE_FUNCTION);
    wasm_write_u32(&entries, 0);
    wasm_write_u32(&entries, shape->results);
    wasm_write_bytes(&entries, shape->result_types, shape->results);
  }
  end_section(self, WASM_SECTION_TYPE, count + FENCE_TYPES + self->block_types_count, &entries);
}

static void write_import_name(wasm_writer *out, const wasm_import_name *name) {
  wasm_write_name(out, name->module);
  wasm_write_name(out, name->name);
}

static void write_imports(wasm_fencing *self) {
  const wasm_import_name *ask = self->request->ask;
  uint32_t count;
  wasm_writer entries = {0};
  wasm_reader in = open_section(self, WASM_SECTION_IMPORT, &count);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&in); i++) {
    uint8_t type;
    wasm_read_name(&in);
    wasm_read_name(&in);
    const uint8_t *start = in.at;
    read_import(&in, &type);
    write_import_name(&entries, &self->request->imports[i]);
    wasm_write_bytes(&entries, start, (size_t)(in.at - start));
  }
  wasm_fencing_note(self, &in);
  if (ask) {
    write_import_name(&entries, ask);
    wasm_write_byte(&entries, WASM_FUNCTION);
    wasm_write_u32(&entries, wasm_fencing_type(self, FENCE_TYPE_ASK));
  }
  end_section(self, WASM_SECTION_IMPORT, count + (ask != NULL), &entries);
}

static void write_functions(wasm_fencing *self) {
  uint32_t count;
  wasm_writer entries = keep_entries(self, WASM_SECTION_FUNCTION, &count);
  for (uint32_t i = 0; i < self->memories; i++)
    wasm_write_u32(&entries, wasm_fencing_type(self, FENCE_TYPE_GROW_MEMORY));
  for (uint32_t i = 0; i < self->tables; i++)
    wasm_write_u32(&entries,
                   wasm_fencing_type(self, self->table_types[i] == TYPE_EXTERNREF ? FENCE_TYPE_GROW_EXTERNREFS
                                                                                  : FENCE_TYPE_GROW_FUNCREFS));
  for (uint32_t i = 0; i < self->ranges_count; i++) wasm_write_u32(&entries, wasm_fencing_type(self, FENCE_TYPE_RANGE));
  end_section(self, WASM_SECTION_FUNCTION, count + wasm_fencing_added(self), &entries);
}

static uint32_t globals_added(const wasm_fencing *self) {
  return self->request->counts_stack ? FENCE_GLOBALS : FENCE_STACK;
}

static void write_globals(wasm_fencing *self) {
  enum { MUTABLE = 1, OP_I32_CONST = 0x41, OP_END = 0x0b, PAGES_MAX = 65536, MINUS_ONE = 0x7f };
  static const uint8_t before[] = {TYPE_I32, MUTABLE};
  uint32_t count;
  wasm_writer entries = copy_entries(self, WASM_SECTION_GLOBAL, &count);
  for (uint32_t i = 0; i < globals_added(self); i++) {
    wasm_write_bytes(&entries, before, sizeof before);
    if (i == FENCE_ELEMENTS)
      wasm_fencing_op(&entries, OP_I32_CONST, MINUS_ONE);
    else
      wasm_fencing_constant(&entries, i == FENCE_PAGES ? PAGES_MAX : 0);
    wasm_write_byte(&entries, OP_END);
  }
  end_section(self, WASM_SECTION_GLOBAL, count + globals_added(self), &entries);
}

static ubiq_error *check_name(const wasm_item *item, const char *kept) {
  if (strcmp(item->name, kept) != 0) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "it exports \"%s\", a name that is kept for the host", kept);
}

static void write_exports(wasm_fencing *self) {
  static const char *const names[FENCE_GLOBALS] = {[FENCE_DUE] = WASM_FENCE_DUE,
                                                   [FENCE_PAGES] = WASM_FENCE_PAGES,
                                                   [FENCE_ELEMENTS] = WASM_FENCE_ELEMENTS,
                                                   [FENCE_STACK] = WASM_FENCE_STACK};
  const wasm_module *module = self->part.module;
  uint32_t count = (uint32_t)module->exports_count;
  wasm_writer entries = {0};
  for (size_t i = 0; i < module->exports_count; i++) {
    const wasm_item *item = &module->exports[i];
    wasm_write_name(&entries, item->name);
    wasm_write_byte(&entries, (uint8_t)item->kind);
    wasm_write_u32(&entries, item->kind == WASM_FUNCTION ? self->part.functions[item->index] : item->index);
    for (uint32_t j = 0; j < FENCE_GLOBALS && !self->error; j++)
      if (names[j]) self->error = check_name(item, names[j]);
  }
  for (uint32_t i = 0; i < globals_added(self); i++) {
    if (!names[i]) continue;
    wasm_write_name(&entries, names[i]);
    wasm_write_byte(&entries, WASM_GLOBAL);
    wasm_write_u32(&entries, self->globals + i);
    count++;
  }
  end_section(self, WASM_SECTION_EXPORT, count, &entries);
}

static void write_start(wasm_fencing *self) {
  wasm_writer body = {0};
  if (!self->part.module->has_start) return;
  wasm_write_u32(&body, self->part.functions[self->part.details.start]);
  wasm_write_section(&self->out, WASM_SECTION_START, &body);
  buffer_free(&body.bytes);
}

static void write_code(wasm_fencing *self) {
  uint32_t count;
  open_section(self, WASM_SECTION_CODE, &count);
  wasm_fencing_write_growing(self, &self->bodies);
  wasm_fencing_write_ranges(self, &self->bodies);
  end_section(self, WASM_SECTION_CODE, count + wasm_fencing_added(self), &self->bodies);
  self->bodies = (wasm_writer){0};
}

static void write_fenced(wasm_fencing *self) {
  wasm_write_header(&self->out);
  write_types(self);
  write_imports(self);
  write_functions(self);
  rewrite_section(self, WASM_SECTION_TABLE);
  copy_section(self, WASM_SECTION_MEMORY);
  copy_section(self, WASM_SECTION_TAG);
  write_globals(self);
  write_exports(self);
  write_start(self);
  rewrite_section(self, WASM_SECTION_ELEMENT);
  copy_section(self, WASM_SECTION_DATA_COUNT);
  write_code(self);
  copy_section(self, WASM_SECTION_DATA);
}

// Other names for the imports, and nothing else.
static void write_named(wasm_fencing *self) {
  static const wasm_section order[] = {
      WASM_SECTION_TYPE,       WASM_SECTION_IMPORT, WASM_SECTION_FUNCTION, WASM_SECTION_TABLE, WASM_SECTION_MEMORY,
      WASM_SECTION_TAG,        WASM_SECTION_GLOBAL, WASM_SECTION_EXPORT,   WASM_SECTION_START, WASM_SECTION_ELEMENT,
      WASM_SECTION_DATA_COUNT, WASM_SECTION_CODE,   WASM_SECTION_DATA,
  };
  wasm_write_header(&self->out);
  for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
    if (order[i] == WASM_SECTION_IMPORT)
      write_imports(self);
    else
      copy_section(self, order[i]);
  }
}

static void free_all(wasm_fencing *self) {
  wasm_part_free(&self->part);
  free(self->shapes.types);
  free(self->shapes.functions);
  free(self->block_types);
  free(self->table_types);
  free(self->ranges);
  free(self->range_of);
  buffer_free(&self->turn.bytes);
  buffer_free(&self->bodies.bytes);
}

ubiq_error *wasm_fence(const wasm_fence_request *request, uint8_t **out, size_t *out_size) {
  wasm_fencing self = {.request = request};
  read_module(&self);
  if (!self.error) self.out.failed |= !buffer_reserve(&self.out.bytes, request->size);
  if (!self.error && request->ask) wasm_fencing_make_code(&self);
  if (!self.error && request->ask) write_fenced(&self);
  if (!self.error && !request->ask) write_named(&self);
  if (self.error)
    buffer_free(&self.out.bytes);
  else
    self.error = wasm_writer_take(&self.out, out, out_size);
  free_all(&self);
  return self.error;
}
