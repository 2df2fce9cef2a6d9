// The Wasmtime adapter: values of components, from Wasmtime's to ours and back.
#include "engine/wasmtime/component.h"

#include <string.h>

typedef wasmtime_component_val_t val;

// -- From the guest --

static text text_in(const wasm_name_t *name) {
  return (text){name->data, name->size};
}

static bool is_bytes(const wasmtime_component_vallist_t *list) {
  return list->size > 0 && list->data[0].kind == WASMTIME_COMPONENT_U8;
}

static ubiq_error *lift_bytes(arena *arena, const wasmtime_component_vallist_t *list, component_value *out) {
  char *bytes = arena_alloc(arena, list->size);
  if (!bytes) return ubiq_error_no_memory();
  for (size_t i = 0; i < list->size; i++) bytes[i] = (char)list->data[i].of.u8;
  *out = (component_value){.kind = COMPONENT_BYTES, .string = {bytes, list->size}};
  return NULL;
}

static ubiq_error *lift_all(wasmtime_context_t *context, arena *arena, const val *values, size_t count,
                            component_value *out) {
  component_value *items = arena_array(arena, count + 1, sizeof *items);
  if (!items) return ubiq_error_no_memory();
  out->items = items;
  out->count = count;
  ubiq_error *error = NULL;
  for (size_t i = 0; i < count && !error; i++) error = wt_component_lift(context, arena, &values[i], &items[i]);
  return error;
}

static ubiq_error *lift_record(wasmtime_context_t *context, arena *arena, const wasmtime_component_valrecord_t *record,
                               component_value *out) {
  component_value *items = arena_array(arena, record->size + 1, sizeof *items);
  if (!items) return ubiq_error_no_memory();
  *out = (component_value){.kind = COMPONENT_RECORD, .items = items, .count = record->size};
  ubiq_error *error = NULL;
  for (size_t i = 0; i < record->size && !error; i++) {
    error = wt_component_lift(context, arena, &record->data[i].val, &items[i]);
    items[i].name = text_in(&record->data[i].name);
  }
  return error;
}

static ubiq_error *lift_resource(wasmtime_context_t *context, const val *value, component_value *out) {
  wasmtime_component_resource_host_t *host = NULL;
  wasmtime_error_t *error = wasmtime_component_resource_any_to_host(context, value->of.resource, &host);
  *out = (component_value){.kind = error ? COMPONENT_OTHER : COMPONENT_RESOURCE};
  if (error) {
    wasmtime_error_delete(error);
    return NULL;
  }
  out->type = wasmtime_component_resource_host_type(host);
  out->number = wasmtime_component_resource_host_rep(host);
  wasmtime_component_resource_host_delete(host);
  return NULL;
}

// Of a variant, an option or a result.
static ubiq_error *lift_payload(wasmtime_context_t *context, arena *arena, const val *payload, component_value *out) {
  return payload ? lift_all(context, arena, payload, 1, out) : NULL;
}

ubiq_error *wt_component_lift(wasmtime_context_t *context, arena *arena, const val *value, component_value *out) {
  *out = (component_value){.kind = COMPONENT_OTHER};
  switch (value->kind) {
  case WASMTIME_COMPONENT_BOOL: *out = (component_value){.kind = COMPONENT_BOOL, .is = value->of.boolean}; return NULL;
  case WASMTIME_COMPONENT_U8: *out = (component_value){.kind = COMPONENT_U8, .number = value->of.u8}; return NULL;
  case WASMTIME_COMPONENT_U32: *out = (component_value){.kind = COMPONENT_U32, .number = value->of.u32}; return NULL;
  case WASMTIME_COMPONENT_U64: *out = (component_value){.kind = COMPONENT_U64, .number = value->of.u64}; return NULL;
  case WASMTIME_COMPONENT_STRING:
    *out = (component_value){.kind = COMPONENT_STRING, .string = text_in(&value->of.string)};
    return NULL;
  case WASMTIME_COMPONENT_ENUM:
    *out = (component_value){.kind = COMPONENT_VARIANT, .string = text_in(&value->of.enumeration)};
    return NULL;
  case WASMTIME_COMPONENT_LIST:
    if (is_bytes(&value->of.list)) return lift_bytes(arena, &value->of.list, out);
    out->kind = COMPONENT_LIST;
    return lift_all(context, arena, value->of.list.data, value->of.list.size, out);
  case WASMTIME_COMPONENT_TUPLE:
    out->kind = COMPONENT_TUPLE;
    return lift_all(context, arena, value->of.tuple.data, value->of.tuple.size, out);
  case WASMTIME_COMPONENT_RECORD: return lift_record(context, arena, &value->of.record, out);
  case WASMTIME_COMPONENT_VARIANT:
    *out = (component_value){.kind = COMPONENT_VARIANT, .string = text_in(&value->of.variant.discriminant)};
    return lift_payload(context, arena, value->of.variant.val, out);
  case WASMTIME_COMPONENT_OPTION:
    *out = (component_value){.kind = COMPONENT_OPTION, .is = value->of.option != NULL};
    return lift_payload(context, arena, value->of.option, out);
  case WASMTIME_COMPONENT_RESULT:
    *out = (component_value){.kind = COMPONENT_RESULT, .is = value->of.result.is_ok};
    return lift_payload(context, arena, value->of.result.val, out);
  case WASMTIME_COMPONENT_RESOURCE: return lift_resource(context, value, out);
  default: return NULL;
  }
}

// -- To the guest --

static ubiq_error *lower_text(text from, wasm_name_t *out) {
  if (!text_utf8_valid(from.data, from.size))
    return ubiq_error_new(UBIQ_INTERNAL, "a text of %zu bytes for a component is not UTF-8", from.size);
  wasm_byte_vec_new(out, from.size, from.data);
  return NULL;
}

static void lower_bytes(const component_value *value, val *out) {
  out->kind = WASMTIME_COMPONENT_LIST;
  wasmtime_component_vallist_new_uninit(&out->of.list, value->string.size);
  for (size_t i = 0; i < value->string.size; i++)
    out->of.list.data[i] = (val){.kind = WASMTIME_COMPONENT_U8, .of.u8 = (uint8_t)value->string.data[i]};
}

// What was begun is a whole value also when a part of it fails: the rest stays false, as it was made.
static ubiq_error *lower_all(wasmtime_context_t *context, const component_value *value, val *out) {
  ubiq_error *error = NULL;
  for (size_t i = 0; i < value->count; i++) out[i] = (val){.kind = WASMTIME_COMPONENT_BOOL};
  for (size_t i = 0; i < value->count && !error; i++) error = wt_component_lower(context, &value->items[i], &out[i]);
  return error;
}

static ubiq_error *lower_record(wasmtime_context_t *context, const component_value *value, val *out) {
  out->kind = WASMTIME_COMPONENT_RECORD;
  wasmtime_component_valrecord_new_uninit(&out->of.record, value->count);
  wasmtime_component_valrecord_entry_t *fields = out->of.record.data;
  for (size_t i = 0; i < value->count; i++) {
    wasm_byte_vec_new_empty(&fields[i].name);
    fields[i].val = (val){.kind = WASMTIME_COMPONENT_BOOL};
  }
  ubiq_error *error = NULL;
  for (size_t i = 0; i < value->count && !error; i++) {
    error = lower_text(value->items[i].name, &fields[i].name);
    if (!error) error = wt_component_lower(context, &value->items[i], &fields[i].val);
  }
  return error;
}

static ubiq_error *lower_payload(wasmtime_context_t *context, const component_value *value, val **out) {
  *out = NULL;
  if (value->count == 0) return NULL;
  val payload = {.kind = WASMTIME_COMPONENT_BOOL};
  ubiq_error *error = wt_component_lower(context, &value->items[0], &payload);
  *out = wasmtime_component_val_new(&payload);
  return error;
}

static ubiq_error *lower_variant(wasmtime_context_t *context, const component_value *value, val *out) {
  out->kind = WASMTIME_COMPONENT_VARIANT;
  wasm_byte_vec_new_empty(&out->of.variant.discriminant);
  out->of.variant.val = NULL;
  ubiq_error *error = lower_text(value->string, &out->of.variant.discriminant);
  return error ? error : lower_payload(context, value, &out->of.variant.val);
}

static ubiq_error *lower_resource(wasmtime_context_t *context, const component_value *value, val *out) {
  wasmtime_component_resource_any_t *any = NULL;
  wasmtime_component_resource_host_t *host =
      wasmtime_component_resource_host_new(true, (uint32_t)value->number, value->type);
  ubiq_error *error = wt_take_error(NULL, wasmtime_component_resource_host_to_any(context, host, &any), NULL);
  wasmtime_component_resource_host_delete(host);
  if (error) return error;
  out->kind = WASMTIME_COMPONENT_RESOURCE;
  out->of.resource = any;
  return NULL;
}

ubiq_error *wt_component_lower(wasmtime_context_t *context, const component_value *value, val *out) {
  *out = (val){.kind = WASMTIME_COMPONENT_BOOL, .of.boolean = value->is};
  switch (value->kind) {
  case COMPONENT_BOOL: return NULL;
  case COMPONENT_U8: *out = (val){.kind = WASMTIME_COMPONENT_U8, .of.u8 = (uint8_t)value->number}; return NULL;
  case COMPONENT_U32: *out = (val){.kind = WASMTIME_COMPONENT_U32, .of.u32 = (uint32_t)value->number}; return NULL;
  case COMPONENT_U64: *out = (val){.kind = WASMTIME_COMPONENT_U64, .of.u64 = value->number}; return NULL;
  case COMPONENT_STRING: {
    wasm_name_t string;
    ubiq_error *error = lower_text(value->string, &string);
    if (!error) *out = (val){.kind = WASMTIME_COMPONENT_STRING, .of.string = string};
    return error;
  }
  case COMPONENT_BYTES: lower_bytes(value, out); return NULL;
  case COMPONENT_LIST:
    out->kind = WASMTIME_COMPONENT_LIST;
    wasmtime_component_vallist_new_uninit(&out->of.list, value->count);
    return lower_all(context, value, out->of.list.data);
  case COMPONENT_TUPLE:
    out->kind = WASMTIME_COMPONENT_TUPLE;
    wasmtime_component_valtuple_new_uninit(&out->of.tuple, value->count);
    return lower_all(context, value, out->of.tuple.data);
  case COMPONENT_RECORD: return lower_record(context, value, out);
  case COMPONENT_VARIANT: return lower_variant(context, value, out);
  case COMPONENT_OPTION: out->kind = WASMTIME_COMPONENT_OPTION; return lower_payload(context, value, &out->of.option);
  case COMPONENT_RESULT:
    out->kind = WASMTIME_COMPONENT_RESULT;
    out->of.result.is_ok = value->is;
    return lower_payload(context, value, &out->of.result.val);
  case COMPONENT_RESOURCE: return lower_resource(context, value, out);
  case COMPONENT_OTHER: break;
  }
  return ubiq_error_new(UBIQ_INTERNAL, "a component's value of a kind that is only read");
}
