// Handlers of kv: one key each.
#include "services/kv/kv.h"

#include "base/clock.h"
#include "base/units.h"
#include "services/condition.h"
#include "services/operations.h"
#include "services/quotas.h"
#include "services/services.h"
#include "services/stored_value.h"

#include <inttypes.h>
#include <stdio.h>

enum { VERSION_TEXT_SIZE = 24 };

backend_place kv_place(const service_caller *caller) {
  return (backend_place){caller->project, caller->is_private ? caller->function : (text){NULL, 0}};
}

/// The backend, or an answer that there is none.
static backend *backend_of(service_call *call) {
  backend *backend = call->services->backend;
  if (backend == NULL) service_call_fail(call, ubiq_error_new(UBIQ_UNAVAILABLE, "kv: this server keeps nothing"));
  return backend;
}

bool kv_answer_version(service_call *call, uint64_t version) {
  char tag[VERSION_TEXT_SIZE];
  snprintf(tag, sizeof tag, "\"%" PRIu64 "\"", version);
  return service_call_header(call, "etag", text_of(tag));
}

static bool is_unchanged(const service_call *call, uint64_t version) {
  char tag[VERSION_TEXT_SIZE];
  snprintf(tag, sizeof tag, "%" PRIu64, version);
  const condition condition = {.none_match = call->params[KV_GET_IF_NONE_MATCH].text};
  return condition_is_unchanged(&condition, text_of(tag));
}

static void answer_unchanged(service_call *call) {
  call->status = 304;
  service_call_done(call);
}

// -------------------------------------------------------------------------------------------------------------- reading

static void answer_read(backend_kv_read *operation) {
  service_call *call = operation->user;
  if (operation->error != NULL)
    service_call_fail(call, operation->error);
  else if (!operation->is_found)
    service_call_fail(call, ubiq_error_new(UBIQ_NOT_FOUND, "kv: there is no such key"));
  else if (!kv_answer_version(call, operation->entry.version))
    service_call_fail(call, ubiq_error_no_memory());
  else if (is_unchanged(call, operation->entry.version))
    answer_unchanged(call);
  else
    stored_value_answer(call, operation->entry.value, operation->entry.media_type);
}

void service_kv_get(service_call *call) {
  backend *backend = backend_of(call);
  if (backend == NULL) return;
  ubiq_error *error = stored_key_check(call->params[KV_GET_KEY].text);
  backend_kv_read *operation = error == NULL ? arena_array(&call->arena, 1, sizeof *operation) : NULL;
  if (error == NULL && operation == NULL) error = ubiq_error_no_memory();
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  *operation = (backend_kv_read){
      .place = kv_place(&call->caller), .key = call->params[KV_GET_KEY].text, .done = answer_read, .user = call};
  backend_kv_read_start(backend, operation);
}

// -------------------------------------------------------------------------------------------------------------- writing

static backend_kv_limits limits_of(const service_call *call) {
  const quotas *quotas = quotas_of(&call->caller);
  return (backend_kv_limits){quotas->kv_keys, quotas->kv_bytes};
}

kv_write *kv_write_new(service_call *call, size_t count, void (*answer)(kv_write *self)) {
  kv_write *self = arena_array(&call->arena, 1, sizeof *self);
  if (self == NULL) return NULL;
  *self = (kv_write){.operation = {.place = kv_place(&call->caller),
                                   .changes = arena_array(&call->arena, count, sizeof *self->operation.changes),
                                   .count = count,
                                   .limits = limits_of(call),
                                   .user = self},
                     .call = call,
                     .values = arena_array(&call->arena, count, sizeof *self->values),
                     .answer = answer};
  return self->operation.changes == NULL || self->values == NULL ? NULL : self;
}

static void end_write(kv_write *self, ubiq_error *error) {
  service_call *call = self->call;
  for (size_t i = 0; i < self->operation.count; i++) stored_value_free(&self->values[i]);
  if (error == NULL) {
    self->answer(self);
    return;
  }
  if (self->operation.refusal == BACKEND_KV_REFUSED_CONDITION) call->status = 412;
  if (self->operation.refusal == BACKEND_KV_REFUSED_LIMIT) error = ubiq_error_wrap(error, "[project.quotas]");
  if (self->operation.refusal != BACKEND_KV_REFUSED_NOT && self->operation.count > 1)
    error = ubiq_error_wrap(error, "operations[%zu]", self->operation.failed);
  service_call_fail(call, error);
}

static void write_done(backend_kv_write *operation) {
  end_write(operation->user, operation->error);
}

void kv_write_start(kv_write *self, ubiq_error *error) {
  if (error == NULL && self->call->services->backend == NULL)
    error = ubiq_error_new(UBIQ_UNAVAILABLE, "kv: this server keeps nothing");
  if (error != NULL) {
    end_write(self, error);
    return;
  }
  self->operation.done = write_done;
  backend_kv_write_start(self->call->services->backend, &self->operation);
}

/// A write of one change to the key that the first parameter is; NULL when that was answered as a failure already.
static kv_write *begin_one(service_call *call, backend_kv_action action, void (*answer)(kv_write *self)) {
  ubiq_error *error = stored_key_check(call->params[0].text);
  kv_write *self = error == NULL ? kv_write_new(call, 1, answer) : NULL;
  if (self == NULL) {
    service_call_fail(call, error != NULL ? error : ubiq_error_no_memory());
    return NULL;
  }
  self->operation.changes[0] = (backend_kv_change){.action = action, .key = call->params[0].text};
  return self;
}

static void answer_version(kv_write *self) {
  char json[VERSION_TEXT_SIZE * 2];
  uint64_t version = self->operation.changes[0].version_now;
  int size = snprintf(json, sizeof json, "{\"version\":%" PRIu64 "}", version);
  if (kv_answer_version(self->call, version))
    service_call_answer_json(self->call, (text){json, (size_t)size});
  else
    service_call_fail(self->call, ubiq_error_no_memory());
}

/// A version is said by `if_version` or, as HTTP has it, by the etag in `if-match`.
static ubiq_error *set_condition(backend_kv_change *change, const condition *condition, const service_param *version) {
  bool if_absent = false;
  ubiq_error *error = condition_read_version(condition, &if_absent, &change->version);
  if (error != NULL) return error;
  if ((change->version > 0) + version->is_given + if_absent > 1)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "if_absent and if_version are both given; expected one of them");
  if (version->is_given) change->version = version->number;
  if (if_absent) change->condition = BACKEND_KV_IF_ABSENT;
  if (change->version > 0) change->condition = BACKEND_KV_IF_VERSION;
  return NULL;
}

void service_kv_put(service_call *call) {
  kv_write *self = begin_one(call, BACKEND_KV_PUT, answer_version);
  if (self == NULL) return;
  backend_kv_change *change = &self->operation.changes[0];
  const condition condition = {call->params[KV_PUT_IF_ABSENT].number != 0, call->params[KV_PUT_IF_MATCH].text,
                               call->params[KV_PUT_IF_NONE_MATCH].text};
  ubiq_error *error = set_condition(change, &condition, &call->params[KV_PUT_IF_VERSION]);
  if (error == NULL) error = stored_expiry(&call->params[KV_PUT_TTL], &change->expires_ms);
  if (error == NULL) error = stored_value_read(&call->body, quotas_of(&call->caller)->kv_value_bytes, &self->values[0]);
  change->value = self->values[0].bytes;
  change->media_type = self->values[0].media_type;
  kv_write_start(self, error);
}

static void answer_nothing(kv_write *self) {
  service_call_done(self->call);
}

void service_kv_delete(service_call *call) {
  kv_write *self = begin_one(call, BACKEND_KV_DELETE, answer_nothing);
  if (self == NULL) return;
  const condition condition = {.match = call->params[KV_DELETE_IF_MATCH].text};
  kv_write_start(self, set_condition(&self->operation.changes[0], &condition, &call->params[KV_DELETE_IF_VERSION]));
}

static void answer_number(kv_write *self) {
  char json[VERSION_TEXT_SIZE * 3];
  const backend_kv_change *change = &self->operation.changes[0];
  int size = snprintf(json, sizeof json, "{\"value\":%" PRId64 ",\"version\":%" PRIu64 "}", change->number,
                      change->version_now);
  if (kv_answer_version(self->call, change->version_now))
    service_call_answer_json(self->call, (text){json, (size_t)size});
  else
    service_call_fail(self->call, ubiq_error_no_memory());
}

void service_kv_increment(service_call *call) {
  kv_write *self = begin_one(call, BACKEND_KV_INCREMENT, answer_number);
  if (self == NULL) return;
  backend_kv_change *change = &self->operation.changes[0];
  yyjson_val *by = yyjson_obj_get(call->body.value, "by");
  change->amount = by == NULL ? 1 : yyjson_get_sint(by);
  kv_write_start(self, stored_expiry_of_json(call->body.value, &change->expires_ms));
}
