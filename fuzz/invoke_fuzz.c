/// Whatever a guest may pass to InvokeHost: its first byte is the format, the rest the request. It goes all the way to the
/// services, of which the log and the cache are there; whatever it is, there is one answer, which is a well-formed value with a
/// status and as the API says.
#include "api/answer.h"
#include "api/dispatch.h"
#include "api/envelope.h"
#include "base/json.h"
#include "services/cache/cache.h"
#include "services/permissions/permissions.h"
#include "services/services.h"

#include "ubiq/log.h"

#include <stdlib.h>

enum { CACHE_BYTES = 256 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// A call, which is gone once it is answered, as those of guests are.
typedef struct asked {
  service_call call;
  yyjson_doc *document; ///< the request
  unsigned *status;     ///< set when it is answered
} asked;

static void check_answer(const service_call *call) {
  buffer out = {0};
  if (!envelope_write(ENVELOPE_JSON, call, &out)) abort();
  yyjson_doc *document = yyjson_read((const char *)out.data, out.size, 0);
  yyjson_val *status = yyjson_obj_get(yyjson_doc_get_root(document), "status");
  if (!yyjson_is_uint(status) || yyjson_get_uint(status) != call->status) abort();
  if (call->status < 200 || call->status > 599) abort();
  yyjson_doc_free(document);
  buffer_clear(&out);
  if (!envelope_write(ENVELOPE_MESSAGEPACK, call, &out)) abort();
  buffer_free(&out);
}

static void done(service_call *call) {
  asked *self = (asked *)(void *)call;
  if (call->operation != NULL && api_answer_check(call) != NULL) abort();
  api_conclude(call);
  check_answer(call);
  *self->status = call->status;
  yyjson_doc_free(self->document);
  buffer_free(&call->bytes);
  arena_free(&call->arena);
  free(self);
}

/// Asks once, of services of its own, and answers the status.
static unsigned ask(int32_t format, ubiq_bytes request, const permissions *granted) {
  unsigned status = 0;
  services services = {.cache = cache_new(CACHE_BYTES, NULL)};
  asked *self = calloc(1, sizeof *self);
  if (self == NULL || services.cache == NULL) abort();
  self->status = &status;
  self->call.caller = (service_caller){
      .project = TEXT("shop"), .function = TEXT("greet"), .permissions = granted, .deadline_ns = UINT64_MAX};
  self->call.services = &services;
  self->call.done = done;
  arena_init(&self->call.arena);
  api_request *read = arena_alloc(&self->call.arena, sizeof *read);
  ubiq_error *error = envelope_read(format, request, &self->call.arena, &self->document, read);
  if (error != NULL)
    service_call_fail(&self->call, error);
  else
    api_dispatch(&self->call, read);
  if (status == 0) abort();
  cache_delete(services.cache);
  return status;
}

static permission_set *some_permissions(void) {
  static const text list[] = {{"cache:*:a*", sizeof "cache:*:a*" - 1},
                              {"kv:read:user:*", sizeof "kv:read:user:*" - 1},
                              {"functions:call:*", sizeof "functions:call:*" - 1}};
  permission_set *set = NULL;
  if (permission_set_new(TEXT("greet"), list, sizeof list / sizeof *list, &set) != NULL) abort();
  return set;
}

/// What is parsed is valid; what is not, is not, but for what only a parser looks at.
static void check_validity(ubiq_bytes json) {
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse("text", json.data, json.size, &document);
  yyjson_doc *plain = yyjson_read((const char *)json.data, json.size, YYJSON_READ_BIGNUM_AS_RAW);
  const bool is_valid = json_is_valid(json.data, json.size);
  if ((error == NULL && !is_valid) || (is_valid && plain == NULL)) abort();
  ubiq_error_delete(error);
  yyjson_doc_free(document);
  yyjson_doc_free(plain);
}

/// Who may do less is told the same, or that it may not: never more.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  const ubiq_bytes request = {data + 1, size - 1};
  check_validity(request);
  permission_set *set = some_permissions();
  const permissions granted = {.sets = {set}, .count = 1};
  unsigned allowed = ask(data[0] - '0', request, NULL), checked = ask(data[0] - '0', request, &granted);
  if (checked != allowed && checked != 403) abort();
  permission_set_delete(set);
  return 0;
}
