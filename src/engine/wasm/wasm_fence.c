// Writing the sections of a module that gets limits. See wasm_fence.h.
//
// DESIGN. What is added stands last in its index space: the import behind the other imports, types, functions and globals
// behind all of theirs. So only the functions that the module defines move, by one, for the import.
#include "engine/wasm/wasm_fence_parts.h"

#include <stdlib.h>

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
  wasm_reader body = wasm_fencing_open(self, id, count);
  if (*count > 0) wasm_write_bytes(&entries, body.at, wasm_reader_left(&body));
  return entries;
}

// Those, with the indices of functions changed.
static wasm_writer copy_entries(wasm_fencing *self, wasm_section id, uint32_t *count) {
  wasm_writer entries = {0};
  wasm_reader body = wasm_fencing_open(self, id, count);
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
  wasm_reader in = wasm_fencing_open(self, WASM_SECTION_IMPORT, &count);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&in); i++) {
    uint8_t type;
    wasm_read_name(&in);
    wasm_read_name(&in);
    const uint8_t *start = in.at;
    wasm_fencing_read_import(&in, &type);
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
  wasm_fencing_open(self, WASM_SECTION_CODE, &count);
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
  wasm_fencing_read(&self);
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
