// The adapter for wasm.h: modules, from source and from what was serialized.
#include "engine/wasm/wasm_reader.h"
#include "engine/wasm_c_api/internal.h"

#include <stdlib.h>
#include <string.h>

void capi_module_delete(engine_module *base) {
  capi_module *self = (capi_module *)base;
  if (self->unit) ubiq_hook_unit_delete(self->unit);
  wasm_module_free(self->base.wasm);
  buffer_free(&self->interface);
  free(self->import_places);
  free(self->export_places);
  free(self);
}

// -- Places: where each import and export of ours is among the engine's. There may be a hundred thousand --

static bool is_named(const wasm_name_t *name, const char *text) {
  return name->size == strlen(text) && memcmp(name->data, text, name->size) == 0;
}

typedef struct capi_place {
  text name;
  uint32_t place;
} capi_place;

static int compare_names(const void *one, const void *other) {
  const text *a = &((const capi_place *)one)->name, *b = &((const capi_place *)other)->name;
  int order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

static capi_place *sort_exports(const wasm_exporttype_vec_t *exports) {
  capi_place *places = calloc(exports->size + 1, sizeof *places);
  for (uint32_t i = 0; places && i < exports->size; i++) {
    const wasm_name_t *name = wasm_exporttype_name(exports->data[i]);
    places[i] = (capi_place){.name = {name->data, name->size}, .place = i};
  }
  if (places) qsort(places, exports->size, sizeof *places, compare_names);
  return places;
}

static ubiq_error *find_exports(capi_module *module, const wasm_exporttype_vec_t *exports) {
  size_t count = module->base.wasm->exports_count;
  module->export_places = calloc(count + 1, sizeof *module->export_places);
  capi_place *sorted = sort_exports(exports);
  bool is_there = module->export_places && sorted;
  for (size_t i = 0; i < count && is_there; i++) {
    const char *name = module->base.wasm->exports[i].name;
    capi_place wanted = {.name = {name, strlen(name)}};
    const capi_place *found = bsearch(&wanted, sorted, exports->size, sizeof *sorted, compare_names);
    module->export_places[i] = found ? found->place : CAPI_NOWHERE;
  }
  free(sorted);
  return is_there ? NULL : ubiq_error_no_memory();
}

static bool is_of_kind(const wasm_importtype_t *theirs, wasm_kind kind) {
  static const wasm_externkind_t kinds[] = {[WASM_FUNCTION] = WASM_EXTERN_FUNC,
                                            [WASM_TABLE] = WASM_EXTERN_TABLE,
                                            [WASM_MEMORY] = WASM_EXTERN_MEMORY,
                                            [WASM_GLOBAL] = WASM_EXTERN_GLOBAL};
  return kind <= WASM_GLOBAL && kinds[kind] == wasm_externtype_kind(wasm_importtype_type(theirs));
}

static bool is_import(const wasm_importtype_t *theirs, const wasm_item *ours) {
  return is_of_kind(theirs, ours->kind) && is_named(wasm_importtype_module(theirs), ours->module) &&
         is_named(wasm_importtype_name(theirs), ours->name);
}

// Imports of one kind keep their order: so each is the next of its kind.
static ubiq_error *find_imports(capi_module *module, const wasm_importtype_vec_t *imports) {
  size_t count = module->base.wasm->imports_count, next[WASM_TAG + 1] = {0};
  module->import_places = calloc(count + 1, sizeof *module->import_places);
  if (!module->import_places) return ubiq_error_no_memory();
  bool all = imports->size == count;
  for (size_t i = 0; i < count && all; i++) {
    const wasm_item *ours = &module->base.wasm->imports[i];
    size_t place = next[ours->kind];
    while (place < count && !is_of_kind(imports->data[place], ours->kind)) place++;
    all = place < count && is_import(imports->data[place], ours);
    module->import_places[i] = (uint32_t)place;
    next[ours->kind] = place + 1;
  }
  return all ? NULL : ubiq_error_new(UBIQ_INTERNAL, CAPI_NAME " tells other imports than the module has");
}

static ubiq_error *find_places(capi_module *module, wasm_store_t *store) {
  wasm_exporttype_vec_t exports = {0};
  wasm_importtype_vec_t imports = {0};
  ubiq_hook_exports(store, module->unit, &exports);
  ubiq_hook_imports(store, module->unit, &imports);
  ubiq_error *error = find_exports(module, &exports);
  if (!error) error = find_imports(module, &imports);
  wasm_importtype_vec_delete(&imports);
  wasm_exporttype_vec_delete(&exports);
  return error;
}

static ubiq_error *refuse(wasm_byte_vec_t *message) {
  ubiq_error *error = ubiq_error_new(UBIQ_INVALID_INPUT, "%.*s", (int)message->size, message->data);
  wasm_byte_vec_delete(message);
  return error;
}

static ubiq_error *compile_in(const capi_engine *engine, wasm_store_t *store, const wasm_byte_vec_t *wasm,
                              capi_module *module) {
  wasm_byte_vec_t message;
  module->unit = ubiq_hook_unit_new(engine->engine, store, wasm, engine->fuel, &message);
  return module->unit ? NULL : refuse(&message);
}

// What wasm_module_read reads of a module: a module as well.
static bool is_interface(wasm_section section) {
  return section != WASM_SECTION_CUSTOM && section != WASM_SECTION_ELEMENT && section != WASM_SECTION_CODE &&
         section != WASM_SECTION_DATA && section != WASM_SECTION_DATA_COUNT;
}

static ubiq_error *keep_interface(const uint8_t *bytes, size_t size, buffer *out) {
  wasm_reader reader = wasm_reader_open(bytes, size);
  wasm_section_view section;
  bool ok = buffer_append(out, bytes, WASM_HEADER_SIZE);
  while (wasm_reader_section(&reader, &section))
    if (is_interface(section.id)) ok = ok && buffer_append(out, section.whole, section.whole_size);
  return ok ? NULL : ubiq_error_no_memory();
}

static ubiq_error *read_module(const uint8_t *bytes, size_t size, capi_module *module) {
  ubiq_error *error = wasm_module_read(bytes, size, &module->base.wasm);
  if (!error && (wasm_c_api_ops.capabilities & ENGINE_CAN_SERIALIZE))
    error = keep_interface(bytes, size, &module->interface);
  return error;
}

static ubiq_error *check_process(void) {
  const char *hindrance = ubiq_hook_hindrance();
  return hindrance ? ubiq_error_new(UBIQ_UNAVAILABLE, "%s", hindrance) : NULL;
}

/// Makes the engine's part of `bytes`, with a store that ends afterwards.
typedef ubiq_error *(*make_unit)(const capi_engine *engine, wasm_store_t *store, const wasm_byte_vec_t *bytes,
                                 capi_module *module);

static ubiq_error *module_new(engine *base, ubiq_bytes wasm, ubiq_bytes bytes, make_unit make, engine_module **out) {
  capi_engine *engine = (capi_engine *)base;
  capi_module *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->base.base.ops = &wasm_c_api_ops;
  wasm_byte_vec_t vector = {.size = bytes.size, .data = (char *)bytes.data};
  wasm_store_t *store = wasm_store_new(engine->engine);
  ubiq_error *error = check_process();
  if (!error) error = read_module(wasm.data, wasm.size, self);
  if (!error) error = make(engine, store, &vector, self);
  if (!error) error = find_places(self, store);
  wasm_store_delete(store);
  if (error) {
    capi_module_delete(&self->base.base);
    return error;
  }
  *out = &self->base.base;
  return NULL;
}

ubiq_error *capi_compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out) {
  ubiq_bytes bytes = {wasm, size};
  ubiq_error *error = module_new(engine, bytes, bytes, compile_in, out);
  return error ? ubiq_error_wrap(error, "module does not compile") : NULL;
}

// -- Serialized: the size of the interface (8 bytes), the interface, the engine's own --

ubiq_error *capi_serialize(engine_module *base, uint8_t **bytes, size_t *size) {
  const capi_module *module = (const capi_module *)base;
  wasm_byte_vec_t vector;
  ubiq_hook_serialize(module->unit, &vector);
  uint64_t interface_size = module->interface.size;
  size_t all = sizeof interface_size + module->interface.size + vector.size;
  uint8_t *out = vector.size ? malloc(all) : NULL;
  if (out) {
    memcpy(out, &interface_size, sizeof interface_size);
    memcpy(out + sizeof interface_size, module->interface.data, module->interface.size);
    memcpy(out + sizeof interface_size + module->interface.size, vector.data, vector.size);
  }
  wasm_byte_vec_delete(&vector);
  *bytes = out;
  *size = all;
  return out ? NULL : ubiq_error_no_memory();
}

static ubiq_error *does_not_fit(void) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "compiled module does not fit this engine");
}

static ubiq_error *deserialize_in(const capi_engine *engine, wasm_store_t *store, const wasm_byte_vec_t *bytes,
                                  capi_module *module) {
  (void)store;
  module->unit = ubiq_hook_deserialize(bytes, engine->fuel);
  return module->unit ? NULL : does_not_fit();
}

ubiq_error *capi_deserialize(engine *engine, const uint8_t *bytes, size_t size, engine_module **out) {
  uint64_t interface_size;
  if (size < sizeof interface_size) return does_not_fit();
  memcpy(&interface_size, bytes, sizeof interface_size);
  if (interface_size > size - sizeof interface_size) return does_not_fit();
  ubiq_bytes interface = {bytes + sizeof interface_size, (size_t)interface_size};
  ubiq_bytes theirs = {interface.data + interface.size, size - sizeof interface_size - interface.size};
  return module_new(engine, interface, theirs, deserialize_in, out);
}
