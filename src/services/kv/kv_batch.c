// kv.batch: several changes, all or none. The body was checked against the API: what is in it has the types that it is to have.
#include "base/json_write.h"
#include "services/kv/kv.h"
#include "services/operations.h"
#include "services/permissions/permissions.h"
#include "services/quotas.h"
#include "services/stored_value.h"

#include <inttypes.h>

static text text_at(yyjson_val *operation, const char *name) {
  yyjson_val *value = yyjson_obj_get(operation, name);
  return (text){yyjson_get_str(value), yyjson_get_len(value)};
}

static ubiq_error *wrong(const char *what) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s", what);
}

/// A put's value: JSON, or bytes in base64.
static ubiq_error *read_value(yyjson_val *operation, stored_value *out) {
  yyjson_val *json = yyjson_obj_get(operation, "value");
  yyjson_val *base64 = yyjson_obj_get(operation, "base64");
  *out = (stored_value){0};
  if ((json == NULL) == (base64 == NULL)) return wrong("a put has a `value` or `base64`; expected one of them");
  if (json != NULL) return stored_value_of_json(json, out);
  buffer bytes = {0};
  text_base64_result result = text_base64_decode(&bytes, text_at(operation, "base64"));
  *out = (stored_value){.bytes = buffer_bytes(&bytes), .owned = bytes.data};
  if (result == TEXT_BASE64_NO_MEMORY) return ubiq_error_no_memory();
  if (result == TEXT_BASE64_INVALID) return wrong("`base64` is no base64");
  return stored_media_type(text_at(operation, "media_type"), &out->media_type);
}

static ubiq_error *read_put(yyjson_val *operation, backend_kv_change *change, stored_value *value) {
  change->action = BACKEND_KV_PUT;
  ubiq_error *error = read_value(operation, value);
  change->value = value->bytes;
  change->media_type = value->media_type;
  return error != NULL ? error : stored_expiry_of_json(operation, &change->expires_ms);
}

static ubiq_error *read_delete(yyjson_val *operation, backend_kv_change *change, stored_value *value) {
  (void)operation;
  (void)value;
  change->action = BACKEND_KV_DELETE;
  return NULL;
}

static ubiq_error *read_increment(yyjson_val *operation, backend_kv_change *change, stored_value *value) {
  (void)value;
  yyjson_val *by = yyjson_obj_get(operation, "by");
  change->action = BACKEND_KV_INCREMENT;
  change->amount = by == NULL ? 1 : yyjson_get_sint(by);
  return stored_expiry_of_json(operation, &change->expires_ms);
}

static ubiq_error *read_check(yyjson_val *operation, backend_kv_change *change, stored_value *value) {
  (void)operation;
  (void)value;
  change->action = BACKEND_KV_CHECK;
  return change->condition == BACKEND_KV_ALWAYS ? wrong("a check has `if_absent` or `if_version`; expected one of them")
                                                : NULL;
}

static ubiq_error *read_condition(yyjson_val *operation, backend_kv_change *change) {
  bool if_absent = yyjson_get_bool(yyjson_obj_get(operation, "if_absent"));
  yyjson_val *version = yyjson_obj_get(operation, "if_version");
  if (if_absent && version != NULL) return wrong("`if_absent` and `if_version` are both given; expected one of them");
  if (if_absent) change->condition = BACKEND_KV_IF_ABSENT;
  if (version != NULL) change->condition = BACKEND_KV_IF_VERSION;
  change->version = yyjson_get_uint(version);
  return NULL;
}

typedef struct kind {
  const char *name;
  ubiq_error *(*read)(yyjson_val *operation, backend_kv_change *change, stored_value *value);
} kind;

static ubiq_error *read_operation(yyjson_val *operation, backend_kv_change *change, stored_value *value) {
  static const kind kinds[] = {
      {"put", read_put}, {"delete", read_delete}, {"increment", read_increment}, {"check", read_check}};
  change->key = text_at(operation, "key");
  ubiq_error *error = stored_key_check(change->key);
  if (error == NULL) error = read_condition(operation, change);
  for (size_t i = 0; error == NULL && i < sizeof kinds / sizeof kinds[0]; i++)
    if (yyjson_equals_str(yyjson_obj_get(operation, "op"), kinds[i].name))
      return kinds[i].read(operation, change, value);
  return error != NULL ? error : wrong("`op` is unknown; expected put, delete, increment or check");
}

static bool write_result(buffer *out, const backend_kv_change *change) {
  bool good = buffer_append_byte(out, '{');
  if (change->version_now != 0) good = good && buffer_printf(out, "\"version\":%" PRIu64, change->version_now);
  if (change->action == BACKEND_KV_INCREMENT) good = good && buffer_printf(out, ",\"value\":%" PRId64, change->number);
  return good && buffer_append_byte(out, '}');
}

static void answer_batch(kv_write *self) {
  buffer *out = &self->call->bytes;
  bool good = buffer_append_string(out, "{\"results\":[");
  for (size_t i = 0; good && i < self->operation.count; i++)
    good = (i == 0 || buffer_append_byte(out, ',')) && write_result(out, &self->operation.changes[i]);
  if (good)
    service_call_answer_json(self->call, TEXT("]}"));
  else
    service_call_fail(self->call, ubiq_error_no_memory());
}

/// What the API cannot check before, because the keys are in the body.
static ubiq_error *check_permission(const service_caller *caller, const backend_kv_change *change) {
  const text action = change->action == BACKEND_KV_CHECK ? TEXT("read") : TEXT("write");
  const permission_ask ask = {TEXT("kv"), action, change->key, false};
  return caller->permissions == NULL ? NULL : permissions_check(caller->permissions, &ask);
}

static ubiq_error *read_batch(kv_write *self, yyjson_val *operations) {
  const uint64_t bytes_max = quotas_of(&self->call->caller)->kv_value_bytes;
  size_t index, count;
  yyjson_val *operation;
  yyjson_arr_foreach(operations, index, count, operation) {
    backend_kv_change *change = &self->operation.changes[index];
    ubiq_error *error = read_operation(operation, change, &self->values[index]);
    if (error == NULL) error = stored_value_check(&self->values[index], bytes_max);
    if (error == NULL) error = check_permission(&self->call->caller, change);
    if (error != NULL) return ubiq_error_wrap(error, "operations[%zu]", index);
  }
  return NULL;
}

void service_kv_batch(service_call *call) {
  yyjson_val *operations = yyjson_obj_get(call->body.value, "operations");
  size_t count = yyjson_arr_size(operations);
  if (count == 0 || count > KV_BATCH_MAX) {
    service_call_fail(
        call, ubiq_error_new(UBIQ_INVALID_INPUT, "operations: there are %zu; expected 1 to %d", count, KV_BATCH_MAX));
    return;
  }
  kv_write *self = kv_write_new(call, count, answer_batch);
  if (self == NULL)
    service_call_fail(call, ubiq_error_no_memory());
  else
    kv_write_start(self, read_batch(self, operations));
}
