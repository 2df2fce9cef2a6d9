// Reads what a WebAssembly module imports, exports and defines. See wasm.h.
//
// Every index space (functions, tables, memories, globals, tags) is a list of `entity` that imports begin and sections
// continue; an export is looked up there. Sections that say nothing about types are skipped by their length.
#include "base/arena.h"
#include "engine/wasm/wasm_module.h"

#include <stdlib.h>

enum { KINDS = WASM_TAG + 1 };

typedef struct entity {
  uint32_t type_index;   // functions and tags
  wasm_type value_type;  // globals and tables
  bool is_mutable;       // globals
  uint64_t pages_min;    // memories
  uint64_t elements_min; // tables
} entity;

typedef struct type_entry {
  bool is_function;
  wasm_signature signature; // in the module's arena
} type_entry;

typedef struct parse {
  wasm_module *module;  // what it fills
  wasm_reader reader;   // over the section at hand
  buffer types;         // of type_entry
  buffer spaces[KINDS]; // of entity
  uint32_t start;
  int rank; // of the last section that was not a custom one
  bool no_memory;
} parse;

static void out_of_memory(parse *self) {
  self->no_memory = true;
  wasm_reader_fail(&self->reader, "out of memory");
}

static void keep(parse *self, buffer *list, const void *element, size_t size) {
  if (!wasm_reader_failed(&self->reader) && !buffer_append(list, element, size)) out_of_memory(self);
}

static uint32_t types_count(const parse *self) {
  return (uint32_t)(self->types.size / sizeof(type_entry));
}

static uint32_t space_count(const parse *self, wasm_kind kind) {
  return (uint32_t)(self->spaces[kind].size / sizeof(entity));
}

// The element's bytes, zeroed, or NULL with the reader failed.
static void *take_array(parse *self, size_t count, size_t size) {
  void *array = arena_array(self->module->arena, count, size);
  if (array == NULL) out_of_memory(self);
  return array;
}

// Types.

static const wasm_type *read_result_type(parse *self, uint16_t *count) {
  *count = (uint16_t)wasm_read_count(&self->reader, WASM_PARAMETERS_MAX);
  wasm_type *types = take_array(self, *count, sizeof(wasm_type));
  for (uint16_t i = 0; types != NULL && i < *count; i++) types[i] = wasm_read_value_type(&self->reader);
  return types;
}

static bool next_is(const parse *self, uint8_t byte) {
  return wasm_reader_left(&self->reader) > 0 && *self->reader.at == byte;
}

static void skip_field_type(parse *self) {
  enum { PACKED_I8 = 0x78, PACKED_I16 = 0x77 };
  wasm_reader *reader = &self->reader;
  bool packed = next_is(self, PACKED_I8) || next_is(self, PACKED_I16);
  if (packed)
    wasm_read_byte(reader);
  else
    wasm_read_value_type(reader);
  if (wasm_read_byte(reader) > 1) wasm_reader_fail(reader, "malformed mutability");
}

static void read_composite_type(parse *self, uint8_t form) {
  enum { FUNCTION = 0x60, STRUCT = 0x5f, ARRAY = 0x5e, CONTINUATION = 0x5d };
  type_entry entry = {.is_function = form == FUNCTION};
  switch (form) {
  case FUNCTION:
    entry.signature.params = read_result_type(self, &entry.signature.params_count);
    entry.signature.results = read_result_type(self, &entry.signature.results_count);
    break;
  case STRUCT:
    for (uint32_t left = wasm_read_count(&self->reader, WASM_ITEMS_MAX); left > 0; left--) skip_field_type(self);
    break;
  case ARRAY: skip_field_type(self); break;
  case CONTINUATION: wasm_read_signed(&self->reader, 33); break;
  default: wasm_reader_fail(&self->reader, "unknown form of type");
  }
  if (types_count(self) >= WASM_TYPES_MAX) wasm_reader_fail(&self->reader, "more types than the limit");
  keep(self, &self->types, &entry, sizeof entry);
}

static void read_subtype(parse *self, uint8_t form) {
  enum { SUB = 0x50, SUB_FINAL = 0x4f };
  if (form == SUB || form == SUB_FINAL) {
    for (uint32_t left = wasm_read_count(&self->reader, WASM_ITEMS_MAX); left > 0; left--) wasm_read_u32(&self->reader);
    form = wasm_read_byte(&self->reader);
  }
  read_composite_type(self, form);
}

static void read_type(parse *self) {
  enum { GROUP = 0x4e };
  uint8_t form = wasm_read_byte(&self->reader);
  if (form != GROUP) {
    read_subtype(self, form);
    return;
  }
  for (uint32_t left = wasm_read_count(&self->reader, WASM_TYPES_MAX); left > 0; left--)
    read_subtype(self, wasm_read_byte(&self->reader));
}

static const wasm_signature *function_type(parse *self, uint32_t index) {
  static const wasm_signature none;
  const type_entry *types = (const type_entry *)(const void *)self->types.data;
  if (!wasm_reader_failed(&self->reader) && index >= types_count(self))
    wasm_reader_fail(&self->reader, "type index out of range");
  else if (!wasm_reader_failed(&self->reader) && !types[index].is_function)
    wasm_reader_fail(&self->reader, "a type that is not a function type");
  return wasm_reader_failed(&self->reader) ? &none : &types[index].signature;
}

// Entities: what stands in an index space.

static uint32_t read_function_type_index(parse *self) {
  uint32_t index = wasm_read_u32(&self->reader);
  function_type(self, index);
  return index;
}

static entity read_function(parse *self) {
  return (entity){.type_index = read_function_type_index(self)};
}

static entity read_table(parse *self) {
  entity table = {.value_type = wasm_read_value_type(&self->reader)};
  table.elements_min = wasm_read_limits(&self->reader).min;
  return table;
}

static uint64_t pages_of(wasm_limits limits) {
  uint64_t page = (UINT64_C(1) << 16) >> limits.page_bits; // of the memory's own pages to one of 64 KiB
  return limits.min / page + (limits.min % page != 0);
}

static entity read_memory(parse *self) {
  return (entity){.pages_min = pages_of(wasm_read_limits(&self->reader))};
}

static entity read_global(parse *self) {
  entity global = {.value_type = wasm_read_value_type(&self->reader)};
  uint8_t mutability = wasm_read_byte(&self->reader);
  if (mutability > 1) wasm_reader_fail(&self->reader, "malformed mutability");
  global.is_mutable = mutability == 1;
  return global;
}

static entity read_tag(parse *self) {
  if (wasm_read_byte(&self->reader) != 0) wasm_reader_fail(&self->reader, "unknown kind of tag");
  return (entity){.type_index = read_function_type_index(self)};
}

static entity (*const read_entity[KINDS])(parse *) = {
    [WASM_FUNCTION] = read_function, [WASM_TABLE] = read_table, [WASM_MEMORY] = read_memory,
    [WASM_GLOBAL] = read_global,     [WASM_TAG] = read_tag,
};

static const struct {
  const char *name;
  uint32_t max;
} kinds[KINDS] = {
    [WASM_FUNCTION] = {"function", WASM_ITEMS_MAX}, [WASM_TABLE] = {"table", WASM_MEMORIES_MAX},
    [WASM_MEMORY] = {"memory", WASM_MEMORIES_MAX},  [WASM_GLOBAL] = {"global", WASM_ITEMS_MAX},
    [WASM_TAG] = {"tag", WASM_ITEMS_MAX},
};

const char *wasm_kind_name(wasm_kind kind) {
  return kinds[kind].name;
}

static void keep_entity(parse *self, wasm_kind kind, const entity *element) {
  if (space_count(self, kind) >= kinds[kind].max) wasm_reader_fail(&self->reader, "more elements than the limit");
  keep(self, &self->spaces[kind], element, sizeof *element);
}

static wasm_kind read_kind(parse *self) {
  uint8_t kind = wasm_read_byte(&self->reader);
  if (kind >= KINDS) wasm_reader_fail(&self->reader, "unknown kind of import or export");
  return kind < KINDS ? (wasm_kind)kind : WASM_FUNCTION;
}

static const char *read_string(parse *self) {
  text name = wasm_read_name(&self->reader);
  const char *copy = arena_string(self->module->arena, name.data, name.size);
  if (copy == NULL) out_of_memory(self);
  return copy;
}

static void describe(parse *self, wasm_item *item, const entity *element) {
  item->type_index = element->type_index;
  item->value_type = element->value_type;
  item->is_mutable = element->is_mutable;
  item->pages_min = element->pages_min;
  if (item->kind == WASM_FUNCTION) item->signature = *function_type(self, element->type_index);
}

static void read_import(parse *self, wasm_item *item) {
  item->module = read_string(self);
  item->name = read_string(self);
  item->kind = read_kind(self);
  entity element = read_entity[item->kind](self);
  item->index = space_count(self, item->kind);
  keep_entity(self, item->kind, &element);
  describe(self, item, &element);
}

static void read_export(parse *self, wasm_item *item) {
  item->name = read_string(self);
  item->kind = read_kind(self);
  item->index = wasm_read_u32(&self->reader);
  if (item->index >= space_count(self, item->kind))
    wasm_reader_fail(&self->reader, "export of something that does not exist");
  if (wasm_reader_failed(&self->reader)) return;
  const entity *space = (const entity *)(const void *)self->spaces[item->kind].data;
  describe(self, item, &space[item->index]);
}

// Sections.

static void read_types(parse *self) {
  uint32_t count = wasm_read_count(&self->reader, WASM_TYPES_MAX);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&self->reader); i++) read_type(self);
}

static wasm_item *read_items(parse *self, size_t *count, void (*read)(parse *, wasm_item *)) {
  *count = wasm_read_count(&self->reader, WASM_ITEMS_MAX);
  wasm_item *items = take_array(self, *count, sizeof(wasm_item));
  for (size_t i = 0; i < *count && !wasm_reader_failed(&self->reader); i++) read(self, &items[i]);
  return items;
}

static void read_imports(parse *self) {
  self->module->imports = read_items(self, &self->module->imports_count, read_import);
}

static void read_exports(parse *self) {
  self->module->exports = read_items(self, &self->module->exports_count, read_export);
}

static void read_functions(parse *self) {
  uint32_t count = wasm_read_count(&self->reader, WASM_ITEMS_MAX);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&self->reader); i++) {
    entity element = read_function(self);
    keep_entity(self, WASM_FUNCTION, &element);
  }
}

static void read_tables(parse *self) {
  enum { WITH_EXPRESSION = 0x40 };
  uint32_t count = wasm_read_count(&self->reader, WASM_MEMORIES_MAX);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&self->reader); i++) {
    bool has_expression = next_is(self, WITH_EXPRESSION);
    if (has_expression) wasm_read_skip(&self->reader, 2);
    entity element = read_table(self);
    if (has_expression) wasm_read_skip_expression(&self->reader);
    keep_entity(self, WASM_TABLE, &element);
    if (element.elements_min > self->module->table_elements_min)
      self->module->table_elements_min = element.elements_min;
  }
}

static void read_memories(parse *self) {
  wasm_module *module = self->module;
  module->memories_count = wasm_read_count(&self->reader, WASM_MEMORIES_MAX);
  for (uint32_t i = 0; i < module->memories_count && !wasm_reader_failed(&self->reader); i++) {
    entity element = read_memory(self);
    keep_entity(self, WASM_MEMORY, &element);
    if (element.pages_min > module->memory_pages_most) module->memory_pages_most = element.pages_min;
    bool overflows = element.pages_min > UINT64_MAX - module->memory_pages_min;
    module->memory_pages_min = overflows ? UINT64_MAX : module->memory_pages_min + element.pages_min;
  }
}

static void read_globals(parse *self) {
  uint32_t count = wasm_read_count(&self->reader, WASM_ITEMS_MAX);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&self->reader); i++) {
    entity element = read_global(self);
    wasm_read_skip_expression(&self->reader);
    keep_entity(self, WASM_GLOBAL, &element);
  }
}

static void read_tags(parse *self) {
  uint32_t count = wasm_read_count(&self->reader, WASM_ITEMS_MAX);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&self->reader); i++) {
    entity element = read_tag(self);
    keep_entity(self, WASM_TAG, &element);
  }
}

// The start function's type is checked here because an engine no longer looks at it once it was lifted.
static void read_start(parse *self) {
  self->start = wasm_read_u32(&self->reader);
  if (self->start >= space_count(self, WASM_FUNCTION))
    wasm_reader_fail(&self->reader, "start function that does not exist");
  if (wasm_reader_failed(&self->reader)) return;
  const entity *functions = (const entity *)(const void *)self->spaces[WASM_FUNCTION].data;
  const wasm_signature *signature = function_type(self, functions[self->start].type_index);
  if (signature->params_count != 0 || signature->results_count != 0)
    wasm_reader_fail(&self->reader, "start function with parameters or results; expected () -> ()");
  self->module->has_start = true;
}

static void (*const read_section[WASM_SECTIONS])(parse *) = {
    [WASM_SECTION_TYPE] = read_types,         [WASM_SECTION_IMPORT] = read_imports,
    [WASM_SECTION_FUNCTION] = read_functions, [WASM_SECTION_TABLE] = read_tables,
    [WASM_SECTION_MEMORY] = read_memories,    [WASM_SECTION_GLOBAL] = read_globals,
    [WASM_SECTION_EXPORT] = read_exports,     [WASM_SECTION_START] = read_start,
    [WASM_SECTION_TAG] = read_tags,
};

static void check_order(parse *self, wasm_section id) {
  int rank = wasm_section_rank(id);
  if (rank == 0) return;
  if (rank <= self->rank) wasm_reader_fail(&self->reader, "section twice or out of order");
  self->rank = rank;
}

static void read_one_section(parse *self, const wasm_section_view *section) {
  self->reader = section->body;
  check_order(self, section->id);
  if (wasm_reader_failed(&self->reader) || read_section[section->id] == NULL) return;
  read_section[section->id](self);
  if (!wasm_reader_failed(&self->reader) && wasm_reader_left(&self->reader) != 0)
    wasm_reader_fail(&self->reader, "bytes behind the section's content");
}

static ubiq_error *parse_error(const parse *self, const wasm_reader *sections) {
  if (self->no_memory) return ubiq_error_no_memory();
  ubiq_error *error = wasm_reader_error(&self->reader);
  return error != NULL ? error : wasm_reader_error(sections);
}

static ubiq_error *read_sections(parse *self, const uint8_t *bytes, size_t size) {
  wasm_reader sections = wasm_reader_open(bytes, size);
  wasm_section_view section;
  while (!wasm_reader_failed(&self->reader) && wasm_reader_section(&sections, &section))
    read_one_section(self, &section);
  return parse_error(self, &sections);
}

static wasm_module *module_new(void) {
  wasm_module *module = calloc(1, sizeof *module);
  if (module == NULL) return NULL;
  module->arena = malloc(sizeof *module->arena);
  if (module->arena == NULL) {
    free(module);
    return NULL;
  }
  arena_init(module->arena);
  return module;
}

void wasm_module_free(wasm_module *module) {
  if (module == NULL) return;
  arena_free(module->arena);
  free(module->arena);
  free(module);
}

static ubiq_error *tell_details(parse *self, wasm_details *details) {
  const entity *functions = (const entity *)(const void *)self->spaces[WASM_FUNCTION].data;
  const type_entry *types = (const type_entry *)(const void *)self->types.data;
  uint32_t count = space_count(self, WASM_FUNCTION);
  uint16_t *params_counts = arena_array(self->module->arena, count, sizeof *params_counts);
  if (params_counts == NULL) return ubiq_error_no_memory();
  for (uint32_t i = 0; i < count; i++) params_counts[i] = types[functions[i].type_index].signature.params_count;
  *details = (wasm_details){self->start, types_count(self), count, params_counts};
  return NULL;
}

ubiq_error *wasm_module_read_details(const uint8_t *bytes, size_t size, wasm_module **out, wasm_details *details) {
  parse self = {.module = module_new()};
  if (self.module == NULL) return ubiq_error_no_memory();
  ubiq_error *error = read_sections(&self, bytes, size);
  if (error == NULL) error = tell_details(&self, details);
  if (error == NULL) error = wasm_module_sort_exports(self.module);
  buffer_free(&self.types);
  for (int kind = 0; kind < KINDS; kind++) buffer_free(&self.spaces[kind]);
  if (error != NULL) {
    wasm_module_free(self.module);
    return error;
  }
  *out = self.module;
  return NULL;
}

ubiq_error *wasm_module_read(const uint8_t *bytes, size_t size, wasm_module **out) {
  wasm_details details;
  return wasm_module_read_details(bytes, size, out, &details);
}
