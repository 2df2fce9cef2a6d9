// The Wasmtime adapter: what components import and export, with the types of functions as text. Types of strangers may be
// large: text that gets too long is cut, so that it is equal to nothing that anybody expects.
#include "engine/wasmtime/component.h"

#include <string.h>

enum { TYPE_BYTES_MAX = 4096, ITEMS_MAX = 4096 };

typedef wasmtime_component_valtype_t valtype;

static bool print(buffer *out, const valtype *type);

// Ends the type also where printing has failed before.
static bool print_owned(bool good, buffer *out, valtype *type) {
  good = good && print(out, type);
  wasmtime_component_valtype_delete(type);
  return good;
}

static bool print_name(buffer *out, size_t index, const char *name, size_t size) {
  return (index == 0 || buffer_append_string(out, ", ")) && buffer_append(out, name, size);
}

static bool print_list(buffer *out, const valtype *type) {
  valtype element;
  wasmtime_component_list_type_element(type->of.list, &element);
  return print_owned(buffer_append_string(out, "list<"), out, &element) && buffer_append_byte(out, '>');
}

static bool print_option(buffer *out, const valtype *type) {
  valtype some;
  wasmtime_component_option_type_ty(type->of.option, &some);
  return print_owned(buffer_append_string(out, "option<"), out, &some) && buffer_append_byte(out, '>');
}

static bool print_record(buffer *out, const valtype *type) {
  size_t count = wasmtime_component_record_type_field_count(type->of.record);
  bool good = buffer_append_string(out, "record{");
  for (size_t i = 0; good && i < count && out->size < TYPE_BYTES_MAX; i++) {
    const char *name;
    size_t size;
    valtype field;
    good = wasmtime_component_record_type_field_nth(type->of.record, i, &name, &size, &field);
    if (good) good = print_owned(print_name(out, i, name, size) && buffer_append_string(out, ": "), out, &field);
  }
  return good && buffer_append_byte(out, '}');
}

static bool print_tuple(buffer *out, const valtype *type) {
  size_t count = wasmtime_component_tuple_type_types_count(type->of.tuple);
  bool good = buffer_append_string(out, "tuple<");
  for (size_t i = 0; good && i < count && out->size < TYPE_BYTES_MAX; i++) {
    valtype item;
    good = wasmtime_component_tuple_type_types_nth(type->of.tuple, i, &item);
    if (good) good = print_owned(i == 0 || buffer_append_string(out, ", "), out, &item);
  }
  return good && buffer_append_byte(out, '>');
}

static bool print_case(buffer *out, const valtype *type, size_t index) {
  const char *name;
  size_t size;
  bool has_payload;
  valtype payload;
  if (!wasmtime_component_variant_type_case_nth(type->of.variant, index, &name, &size, &has_payload, &payload))
    return false;
  bool good = print_name(out, index, name, size);
  if (!has_payload) return good;
  return print_owned(good && buffer_append_byte(out, '('), out, &payload) && buffer_append_byte(out, ')');
}

static bool print_variant(buffer *out, const valtype *type) {
  size_t count = wasmtime_component_variant_type_case_count(type->of.variant);
  bool good = buffer_append_string(out, "variant{");
  for (size_t i = 0; good && i < count && out->size < TYPE_BYTES_MAX; i++) good = print_case(out, type, i);
  return good && buffer_append_byte(out, '}');
}

static bool print_result(buffer *out, const valtype *type) {
  valtype ok, err;
  bool good = buffer_append_string(out, "result<");
  bool has_ok = wasmtime_component_result_type_ok(type->of.result, &ok);
  good = has_ok ? print_owned(good, out, &ok) : good && buffer_append_byte(out, '_');
  good = good && buffer_append_string(out, ", ");
  bool has_err = wasmtime_component_result_type_err(type->of.result, &err);
  good = has_err ? print_owned(good, out, &err) : good && buffer_append_byte(out, '_');
  return good && buffer_append_byte(out, '>');
}

static bool print(buffer *out, const valtype *type) {
  static const char *const plain[] = {"bool", "s8",  "s16", "s32", "s64",  "u8",    "u16",
                                      "u32",  "u64", "f32", "f64", "char", "string"};
  if (out->size >= TYPE_BYTES_MAX) return buffer_append_string(out, "...");
  if (type->kind <= WASMTIME_COMPONENT_VALTYPE_STRING) return buffer_append_string(out, plain[type->kind]);
  switch (type->kind) {
  case WASMTIME_COMPONENT_VALTYPE_LIST: return print_list(out, type);
  case WASMTIME_COMPONENT_VALTYPE_RECORD: return print_record(out, type);
  case WASMTIME_COMPONENT_VALTYPE_TUPLE: return print_tuple(out, type);
  case WASMTIME_COMPONENT_VALTYPE_VARIANT: return print_variant(out, type);
  case WASMTIME_COMPONENT_VALTYPE_OPTION: return print_option(out, type);
  case WASMTIME_COMPONENT_VALTYPE_RESULT: return print_result(out, type);
  case WASMTIME_COMPONENT_VALTYPE_ENUM: return buffer_append_string(out, "enum");
  case WASMTIME_COMPONENT_VALTYPE_FLAGS: return buffer_append_string(out, "flags");
  case WASMTIME_COMPONENT_VALTYPE_OWN: return buffer_append_string(out, "own");
  case WASMTIME_COMPONENT_VALTYPE_BORROW: return buffer_append_string(out, "borrow");
  default: return buffer_append_string(out, "something else");
  }
}

static bool print_function(buffer *out, const wasmtime_component_func_type_t *type) {
  size_t count = wasmtime_component_func_type_param_count(type);
  bool good = (!wasmtime_component_func_type_async(type) || buffer_append_string(out, "async ")) &&
              buffer_append_byte(out, '(');
  for (size_t i = 0; good && i < count && out->size < TYPE_BYTES_MAX; i++) {
    const char *name;
    size_t size;
    valtype param;
    good = wasmtime_component_func_type_param_nth(type, i, &name, &size, &param);
    if (good) good = print_owned(print_name(out, i, name, size) && buffer_append_string(out, ": "), out, &param);
  }
  valtype result;
  good = good && buffer_append_byte(out, ')');
  if (!wasmtime_component_func_type_result(type, &result)) return good;
  return print_owned(good && buffer_append_string(out, " -> "), out, &result);
}

// -- Items --

/// What is known while items are listed.
typedef struct listing {
  const wasm_engine_t *engine;
  arena *arena;
  component_item *items;
  size_t count;
} listing;

static ubiq_error *take_type(const listing *self, const wasmtime_component_item_t *type, component_item *item) {
  item->is_resource = type->kind == WASMTIME_COMPONENT_ITEM_RESOURCE;
  if (type->kind != WASMTIME_COMPONENT_ITEM_COMPONENT_FUNC) return NULL;
  buffer text = {0};
  if (print_function(&text, type->of.component_func))
    item->type = arena_string(self->arena, (char *)text.data, text.size);
  buffer_free(&text);
  return item->type ? NULL : ubiq_error_no_memory();
}

static ubiq_error *take(listing *self, const char *interface, const char *name, size_t size,
                        const wasmtime_component_item_t *type) {
  if (self->count == ITEMS_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "the component has more than %d imports or exports", ITEMS_MAX);
  component_item *item = &self->items[self->count];
  *item = (component_item){.interface = interface, .name = arena_string(self->arena, name, size)};
  ubiq_error *error = item->name ? take_type(self, type, item) : ubiq_error_no_memory();
  if (!error) self->count++;
  return error;
}

static ubiq_error *take_interface(listing *self, const char *name, size_t size,
                                  const wasmtime_component_instance_type_t *type) {
  const char *interface = arena_string(self->arena, name, size);
  size_t count = wasmtime_component_instance_type_export_count(type, self->engine);
  ubiq_error *error = interface ? NULL : ubiq_error_no_memory();
  for (size_t i = 0; i < count && !error; i++) {
    wasmtime_component_extern_t *item = NULL;
    wasmtime_component_item_t item_type;
    if (!wasmtime_component_instance_type_export_nth(type, self->engine, i, &name, &size, &item)) break;
    wasmtime_component_extern_type(item, &item_type);
    error = take(self, interface, name, size, &item_type);
    wasmtime_component_item_delete(&item_type);
    wasmtime_component_extern_delete(item);
  }
  return error;
}

static ubiq_error *take_extern(listing *self, const char *name, size_t size, const wasmtime_component_extern_t *item) {
  wasmtime_component_item_t type;
  wasmtime_component_extern_type(item, &type);
  ubiq_error *error = type.kind == WASMTIME_COMPONENT_ITEM_COMPONENT_INSTANCE
                          ? take_interface(self, name, size, type.of.component_instance)
                          : take(self, "", name, size, &type);
  wasmtime_component_item_delete(&type);
  return error;
}

static ubiq_error *take_all(listing *self, const wasmtime_component_type_t *type, bool exports) {
  size_t count = exports ? wasmtime_component_type_export_count(type, self->engine)
                         : wasmtime_component_type_import_count(type, self->engine);
  ubiq_error *error = NULL;
  for (size_t i = 0; i < count && !error; i++) {
    const char *name;
    size_t size;
    wasmtime_component_extern_t *item = NULL;
    bool there = exports ? wasmtime_component_type_export_nth(type, self->engine, i, &name, &size, &item)
                         : wasmtime_component_type_import_nth(type, self->engine, i, &name, &size, &item);
    if (!there) break;
    error = take_extern(self, name, size, item);
    wasmtime_component_extern_delete(item);
  }
  return error;
}

ubiq_error *wt_component_items(engine_module *base, bool exports, arena *arena, component_items *out) {
  const wt_module *module = (wt_module *)base;
  listing self = {.engine = module->engine->parts[0].engine, .arena = arena};
  self.items = arena_array(arena, ITEMS_MAX, sizeof *self.items);
  if (!self.items) return ubiq_error_no_memory();
  wasmtime_component_type_t *type = wasmtime_component_type(module->component);
  ubiq_error *error = take_all(&self, type, exports);
  wasmtime_component_type_delete(type);
  *out = (component_items){self.items, self.count};
  return error;
}
