// Secrets lie in the backend's kv, in a place that no project can be called: its name begins with a control character.
#include "services/config/secrets.h"

#include "base/digest.h"
#include "base/json_write.h"
#include "services/config/config.h"
#include "services/config/secrets_key.h"
#include "services/operations.h"
#include "services/services.h"

#include <inttypes.h>
#include <stdlib.h>

struct secrets {
  backend *backend;
  uint8_t key[SECRETS_KEY_SIZE];
};

ubiq_error *secrets_open(const char *directory, backend *backend, secrets **out) {
  secrets *self = malloc(sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->backend = backend;
  ubiq_error *error = secrets_key_read(directory, self->key);
  if (error == NULL)
    *out = self;
  else
    free(self);
  return error;
}

void secrets_close(secrets *self) {
  if (self == NULL) return;
  digest_wipe(self, sizeof *self);
  free(self);
}

static bool set_place(service_call *call, backend_place *out) {
  const text project = call->caller.project;
  const char *name = arena_printf(&call->arena, "\1secrets:%.*s", (int)project.size, project.data);
  *out = (backend_place){.project = text_of(name)};
  return name != NULL;
}

/// Names are shown to people.
static ubiq_error *check_name(text name) {
  bool good = name.size > 0 && name.size <= SECRETS_NAME_MAX && text_utf8_valid(name.data, name.size);
  for (size_t i = 0; good && i < name.size; i++) good = (unsigned char)name.data[i] >= ' ' && name.data[i] != 0x7f;
  return good ? NULL
              : ubiq_error_new(UBIQ_INVALID_INPUT,
                               "the secret's name is none; expected 1 to %d bytes of UTF-8 without control characters",
                               SECRETS_NAME_MAX);
}

/// Whether a function asks, and whether there is anything to ask; else the error.
static ubiq_error *check_caller(const service_call *call, bool is_for_functions) {
  bool is_function = call->caller.function.size > 0;
  if (is_function && !is_for_functions)
    return ubiq_error_new(UBIQ_DENIED, "functions read secrets and change none; expected `ubiq secret`, or a token of "
                                       "the admin API");
  if (!is_function && is_for_functions)
    return ubiq_error_new(UBIQ_DENIED, "secrets are read by functions alone; whoever has forgotten one sets it anew");
  return call->services->secrets != NULL ? NULL
                                         : ubiq_error_new(UBIQ_UNAVAILABLE, "secrets: this server keeps nothing");
}

// ------------------------------------------------------------------------------------------------------------ reading

static void answer_secret(service_call *call, ubiq_bytes sealed) {
  const secrets *self = call->services->secrets;
  const text name = call->params[SECRETS_GET_NAME].text;
  buffer value = {0};
  secrets_result result = secrets_unseal(self->key, call->caller.project, name, sealed, &value);
  if (result == SECRETS_OK)
    config_answer(call, name, (text){(const char *)value.data, value.size});
  else if (result == SECRETS_NO_MEMORY)
    service_call_fail(call, ubiq_error_no_memory());
  else
    service_call_fail(call, ubiq_error_new(UBIQ_UNAVAILABLE,
                                           "the secret was sealed with another key; expected the file " SECRETS_KEY_FILE
                                           " that it was set with, or that it is set anew"));
  if (value.size > 0) digest_wipe(value.data, value.size);
  buffer_free(&value);
}

static void take_read(backend_kv_read *operation) {
  service_call *call = operation->user;
  if (operation->error != NULL)
    service_call_fail(call, operation->error);
  else if (!operation->is_found)
    service_call_fail(call,
                      ubiq_error_new(UBIQ_NOT_FOUND, "secrets: there is no such secret; set it with `ubiq secret`"));
  else
    answer_secret(call, operation->entry.value);
}

void service_secrets_get(service_call *call) {
  ubiq_error *error = check_caller(call, true);
  backend_kv_read *operation = arena_array(&call->arena, 1, sizeof *operation);
  if (error == NULL && (operation == NULL || !set_place(call, &operation->place))) error = ubiq_error_no_memory();
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  operation->key = call->params[SECRETS_GET_NAME].text;
  operation->done = take_read;
  operation->user = call;
  backend_kv_read_start(call->services->secrets->backend, operation);
}

// ------------------------------------------------------------------------------------------------------------ listing

typedef struct listing {
  backend_kv_list operation;
  service_call *call;
  bool is_good; ///< memory sufficed
  size_t count;
} listing;

static void write_item(backend_kv_list *operation, const backend_kv_entry *entry, size_t value_size) {
  listing *self = operation->user;
  buffer *out = &self->call->bytes;
  (void)value_size;
  self->is_good = self->is_good && (self->count++ == 0 || buffer_append_byte(out, ',')) &&
                  buffer_append_string(out, "{\"name\":") && json_write_text(out, entry->key) &&
                  buffer_printf(out, ",\"version\":%" PRIu64 "}", entry->version);
}

static void take_list(backend_kv_list *operation) {
  listing *self = operation->user;
  if (operation->error != NULL)
    service_call_fail(self->call, operation->error);
  else if (!self->is_good)
    service_call_fail(self->call, ubiq_error_no_memory());
  else
    service_call_answer_json(self->call, TEXT("]}"));
}

void service_secrets_list(service_call *call) {
  ubiq_error *error =
      call->services->secrets != NULL ? NULL : ubiq_error_new(UBIQ_UNAVAILABLE, "secrets: this server keeps nothing");
  listing *self = arena_array(&call->arena, 1, sizeof *self);
  if (error == NULL &&
      (self == NULL || !set_place(call, &self->operation.place) || !buffer_append_string(&call->bytes, "{\"items\":[")))
    error = ubiq_error_no_memory();
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  self->operation.limit = SECRETS_MAX;
  self->operation.each = write_item;
  self->operation.done = take_list;
  self->operation.user = self;
  self->call = call;
  self->is_good = true;
  backend_kv_list_start(call->services->secrets->backend, &self->operation);
}

// ------------------------------------------------------------------------------------------------------------ writing

typedef struct writing {
  backend_kv_write operation;
  backend_kv_change change;
  service_call *call;
  buffer sealed;
} writing;

static void end_write(writing *self, ubiq_error *error) {
  service_call *call = self->call;
  buffer_free(&self->sealed);
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_done(call);
}

static void take_write(backend_kv_write *operation) {
  end_write(operation->user, operation->error);
}

static ubiq_error *seal(writing *self, text name) {
  yyjson_val *value = yyjson_obj_get(self->call->body.value, "value");
  const text plain = {yyjson_get_str(value), yyjson_get_len(value)};
  if (plain.size > SECRETS_VALUE_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "the secret has %zu bytes; expected at most %d", plain.size,
                          SECRETS_VALUE_MAX);
  if (!secrets_seal(self->call->services->secrets->key, self->call->caller.project, name, plain, &self->sealed))
    return ubiq_error_no_memory();
  self->change.value = buffer_bytes(&self->sealed);
  self->change.media_type = TEXT("application/octet-stream");
  return NULL;
}

static void write_secret(service_call *call, text name, backend_kv_action action) {
  ubiq_error *error = check_caller(call, false);
  if (error == NULL) error = check_name(name);
  writing *self = error == NULL ? arena_array(&call->arena, 1, sizeof *self) : NULL;
  if (error == NULL && (self == NULL || !set_place(call, &self->operation.place))) error = ubiq_error_no_memory();
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  self->call = call;
  self->change = (backend_kv_change){.action = action, .key = name};
  self->operation.changes = &self->change;
  self->operation.count = 1;
  self->operation.limits = (backend_kv_limits){SECRETS_MAX, (uint64_t)SECRETS_MAX * SECRETS_VALUE_MAX * 2};
  self->operation.done = take_write;
  self->operation.user = self;
  error = action == BACKEND_KV_PUT ? seal(self, name) : NULL;
  if (error != NULL)
    end_write(self, error);
  else
    backend_kv_write_start(call->services->secrets->backend, &self->operation);
}

void service_secrets_put(service_call *call) {
  write_secret(call, call->params[SECRETS_PUT_NAME].text, BACKEND_KV_PUT);
}

void service_secrets_delete(service_call *call) {
  write_secret(call, call->params[SECRETS_DELETE_NAME].text, BACKEND_KV_DELETE);
}
