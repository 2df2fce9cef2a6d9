// A request's parts become the API's, its connection's thread waits for the answer, and that becomes a response.
// Objects of the storage are never in memory as a whole: they come in parts, and go out of their files.
#include "server/admin/admin_platform.h"

#include "api/answer.h"
#include "api/dispatch.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/media_type.h"
#include "base/waiter.h"
#include "runtime/project/project_settings.h"
#include "runtime/run/function_calls.h"
#include "runtime/run/function_exchange.h"
#include "runtime/run/unwaited.h"
#include "server/admin/admin_connections.h"
#include "server/admin/admin_tokens.h"
#include "server/front/head_room.h"
#include "services/permissions/permissions.h"
#include "services/work/run_results.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/// A call whose thread waits for it.
typedef struct admin_platform_call {
  service_call call;
  services services;
  admin_request *request;
  yyjson_doc *document; ///< of a body in JSON
  api_field *fields;    ///< query and headers, as they are handed out
  size_t count;
  waiter waiter; ///< for the call's end
  uint64_t asked_ns;
  release *current;      ///< what was served when it came
  errand errand;         ///< where it has a function run
  permissions allowed;   ///< to whoever asks: a share; none: everything
  service_stubs refusal; ///< of who may only look, and changes
} waiting;

bool admin_platform_may_have(const char *path) {
  return text_starts_with(text_of(path), TEXT("/v1/"));
}

// ------------------------------------------------------------------------------------------------------- functions

static waiting *waiting_of(service_call *call) {
  return (waiting *)(void *)call;
}

static void list(service_call *call) {
  function_calls_list(call, waiting_of(call)->current->project);
}

/// On a worker's thread. From its end on the call is the connection's.
static void take_output(errand *errand, ubiq_error *error, ubiq_bytes output) {
  waiting *self = errand->user;
  const function *function = release_function(self->current, errand->function);
  if (error == NULL && function != NULL) error = function_exchange_answer(&self->call, function, output);
  if (error != NULL)
    service_call_fail(&self->call, error);
  else
    service_call_done(&self->call);
}

static void hand_over(void *server, errand *errand) {
  server_take_errand(server, errand);
}

static void run_function(service_call *call, text name, ubiq_bytes input, bool waits) {
  waiting *self = waiting_of(call);
  const errand_taker workers = {hand_over, self->request->context->server};
  if (release_function(self->current, name) == NULL) {
    service_call_fail(call, ubiq_error_new(UBIQ_NOT_FOUND, "the project has no such function"));
  } else if (!waits) {
    unwaited_start(call, name, input, NULL, &workers);
  } else {
    self->errand = (errand){
        .function = name, .input = input, .inherited = call->caller.permissions, .done = take_output, .user = self};
    workers.start(workers.user, &self->errand);
  }
}

static const function_host functions = {list, run_function, function_calls_result};

// --------------------------------------------------------------------------------------------------------- the request

static bool lower(arena *arena, const char *name, text *out) {
  char *copy = arena_string(arena, name, strlen(name));
  if (copy == NULL) return false;
  for (char *at = copy; *at != '\0'; at++)
    if (*at >= 'A' && *at <= 'Z') *at |= 0x20;
  *out = text_of(copy);
  return true;
}

static enum MHD_Result add_field(void *user, enum MHD_ValueKind kind, const char *name, const char *value) {
  waiting *self = user;
  if (head_is_ours(value)) return MHD_YES;
  api_field *field = &self->fields[self->count];
  if (self->count == API_FIELDS_MAX) return MHD_NO;
  *field = (api_field){text_of(name), text_of(value)};
  if (kind == MHD_HEADER_KIND && !lower(&self->call.arena, name, &field->name)) return MHD_NO;
  self->count++;
  return MHD_YES;
}

static enum MHD_Result count_field(void *user, enum MHD_ValueKind kind, const char *name, const char *value) {
  (void)kind;
  (void)name;
  *(size_t *)user += !head_is_ours(value);
  return MHD_YES;
}

static ubiq_error *collect(waiting *self, enum MHD_ValueKind kind, const char *what, const api_field **out,
                           size_t *count) {
  size_t all = 0;
  MHD_get_connection_values(self->request->mhd, kind, count_field, &all);
  *out = self->fields = arena_array(&self->call.arena, API_FIELDS_MAX, sizeof *self->fields);
  *count = self->count = 0;
  if (self->fields == NULL) return ubiq_error_no_memory();
  MHD_get_connection_values(self->request->mhd, kind, add_field, self);
  *count = self->count;
  if (all == self->count) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "the request has %zu %s; expected at most %d", all, what, API_FIELDS_MAX);
}

static bool is_coming(const admin_request *request) {
  const char *length = admin_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return admin_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE) != NULL ||
         admin_request_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL ||
         (length != NULL && strcmp(length, "0") != 0);
}

/// Before it has come.
static void announce_body(const waiting *self, api_request *out) {
  const char *length = admin_request_header(self->request, MHD_HTTP_HEADER_CONTENT_LENGTH);
  out->body = (service_body){
      .kind = SERVICE_BODY_PARTS,
      .media_type = text_of(admin_request_header(self->request, MHD_HTTP_HEADER_CONTENT_TYPE)),
  };
  if (length != NULL) (void)text_to_u64(text_of(length), &out->body.expected);
}

static ubiq_error *read_body(waiting *self, api_request *out) {
  const buffer *body = &self->request->body;
  const char *header = admin_request_header(self->request, MHD_HTTP_HEADER_CONTENT_TYPE);
  if (body->size == 0 && header == NULL) return NULL;
  const text type = text_of(header);
  if (!media_type_is_json(type)) {
    out->body = (service_body){.kind = SERVICE_BODY_BYTES, .bytes = buffer_bytes(body), .media_type = type};
    return NULL;
  }
  ubiq_error *error = json_parse("body", body->data, body->size, &self->document);
  out->body = (service_body){.kind = SERVICE_BODY_JSON, .value = yyjson_doc_get_root(self->document)};
  return error;
}

static text path_of(const admin_request *self) {
  const char *target = admin_connection_target(self->connection);
  return (text){target, strcspn(target, "?")};
}

static ubiq_error *read_request(waiting *self, const char *method, bool is_whole, api_request *out) {
  *out = (api_request){.method = text_of(method), .path = path_of(self->request)};
  ubiq_error *error = collect(self, MHD_GET_ARGUMENT_KIND, "parameters", &out->query, &out->query_count);
  if (error == NULL) error = collect(self, MHD_HEADER_KIND, "headers", &out->headers, &out->headers_count);
  if (error != NULL || is_whole) return error != NULL ? error : read_body(self, out);
  announce_body(self, out);
  return NULL;
}

// ---------------------------------------------------------------------------------------------------------- the answer

static void tell(service_call *call) {
  waiter_tell(&waiting_of(call)->waiter);
}

static const char *media_type(const service_call *call) {
  const service_body *body = &call->answer;
  if (body->media_type.size > 0) return body->media_type.data;
  return body->kind == SERVICE_BODY_JSON ? "application/json" : "application/octet-stream";
}

/// Nobody asks for a byte of what a HEAD tells of.
static ssize_t no_bytes(void *user, uint64_t at, char *out, size_t size) {
  (void)user, (void)at, (void)out, (void)size;
  return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *make_response(const service_body *body) {
  if (body->kind == SERVICE_BODY_NONE && body->expected > 0)
    return MHD_create_response_from_callback(body->expected, 1, no_bytes, NULL, NULL);
  if (body->kind != SERVICE_BODY_FILE) {
    void *data = (void *)(uintptr_t)(body->bytes.size == 0 ? (const uint8_t *)"" : body->bytes.data);
    return MHD_create_response_from_buffer(body->bytes.size, data, MHD_RESPMEM_MUST_COPY);
  }
  struct MHD_Response *made =
      MHD_create_response_from_fd_at_offset64(body->file.size, body->file.descriptor, body->file.from);
  if (made == NULL) close(body->file.descriptor);
  return made;
}

static answer make_answer(const service_call *call) {
  const service_body *body = &call->answer;
  answer self = {.status = call->status, .response = make_response(body)};
  if (self.response == NULL) return self;
  if (body->kind != SERVICE_BODY_NONE || body->media_type.size > 0)
    MHD_add_response_header(self.response, MHD_HTTP_HEADER_CONTENT_TYPE, media_type(call));
  for (size_t i = 0; i < call->headers_count; i++)
    MHD_add_response_header(self.response, call->headers[i].name, call->headers[i].value.data);
  return self;
}

static bool find_setting(const void *settings, text environment, text name, text *out) {
  return project_find_setting(settings, NULL, environment, name, out);
}

/// Stands before every service: whatever a handler would ask for, and what needs no permission.
static bool refuse(void *user, service_call *call, text method, text path) {
  (void)method;
  (void)path;
  permission_ask ask = {.action = TEXT("*")};
  text name = text_of(call->operation->name);
  text_split(&name, '.', &ask.service);
  service_call_fail(call, permission_set_deny(user, &ask));
  return true;
}

/// Who may only look is allowed nothing where something may change, whatever its token says.
static ubiq_error *read_permissions(waiting *self) {
  const admin_request *request = self->request;
  const admin_context *context = request->context;
  bool is_refused = request->endpoint->changes && !request->who.may_change;
  ubiq_error *error =
      admin_tokens_permissions(context->tokens, release_store_database(releases_store(context->releases)),
                               &request->who, is_refused, &self->allowed);
  if (error != NULL || self->allowed.count == 0) return error;
  self->refusal = (service_stubs){refuse, (void *)(uintptr_t)self->allowed.sets[0]};
  if (is_refused) self->services.stubs = &self->refusal;
  return NULL;
}

static waiting *waiting_new(admin_request *request) {
  waiting *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->asked_ns = clock_monotonic_ns();
  self->services = server_services(request->context->server);
  self->services.functions = &functions;
  self->request = request;
  self->current = releases_hold(request->context->releases);
  waiter_init(&self->waiter);
  arena_init(&self->call.arena);
  return self;
}

static void waiting_delete(waiting *self) {
  release_delete(self->current); // what was answered may point there
  permissions_let_go(&self->allowed);
  waiter_end(&self->waiter);
  yyjson_doc_free(self->document);
  buffer_free(&self->call.bytes);
  arena_free(&self->call.arena);
  free(self);
}

static void ask(waiting *self, const char *method, bool is_whole) {
  api_request request;
  ubiq_error *error = read_permissions(self);
  self->call.caller = (service_caller){.project = text_of(self->current->project->name),
                                       .permissions = self->allowed.count == 0 ? NULL : &self->allowed,
                                       .quotas = &self->current->project->quotas,
                                       .deadline_ns = UINT64_MAX,
                                       .find_setting = find_setting,
                                       .settings = self->current->project};
  self->call.services = &self->services;
  self->call.takes_files = true;
  self->call.done = tell;
  if (error == NULL) error = read_request(self, method, is_whole, &request);
  if (error != NULL)
    service_call_fail(&self->call, error);
  else
    api_dispatch(&self->call, &request);
  waiter_wait(&self->waiter);
}

static void count(const waiting *self) {
  const service_body *sent = &self->call.answer;
  const api_outcome outcome = {.operation = self->call.operation,
                               .status = self->call.status,
                               .took_ns = clock_monotonic_ns() - self->asked_ns,
                               .bytes_in = self->request->received,
                               .bytes_out = sent->kind == SERVICE_BODY_FILE ? sent->file.size : sent->bytes.size};
  metrics_count_service(server_metrics(self->request->context->server), &outcome);
}

static answer conclude(waiting *self) {
  if (self->services.checks_answers) api_hold_against(&self->call);
  api_conclude(&self->call);
  count(self);
  answer answer = make_answer(&self->call);
  waiting_delete(self);
  return answer;
}

static answer answer_platform(admin_request *request, const char *method) {
  waiting *self = waiting_new(request);
  if (self == NULL) return (answer){0};
  ask(self, method, true);
  return conclude(self);
}

// ------------------------------------------------------------------------------------------------------ bodies in parts

bool admin_platform_begin(admin_request *request, const char *method) {
  const text type = text_of(admin_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE));
  if (media_type_is_json(type) || !is_coming(request) || !api_takes_parts(text_of(method), path_of(request)))
    return true;
  waiting *self = request->call = waiting_new(request);
  if (self == NULL) return true; // it is kept in memory, or there is none
  ask(self, method, false);
  assert(self->call.error != NULL || self->call.intake != NULL);
  return self->call.error == NULL;
}

bool admin_platform_add(waiting *self, ubiq_bytes part) {
  service_call *call = &self->call;
  if (call->error != NULL) return false;
  call->error = call->intake->add(call->intake, part);
  return call->error == NULL;
}

static void drop_intake(service_call *call) {
  if (call->intake != NULL) call->intake->drop(call->intake);
  call->intake = NULL;
}

answer admin_platform_finish(admin_request *request) {
  waiting *self = request->call;
  service_call *call = &self->call;
  request->call = NULL;
  if (call->error != NULL) {
    drop_intake(call);
    return conclude(self);
  }
  call->intake->finish(call->intake, call);
  waiter_wait(&self->waiter);
  return conclude(self);
}

void admin_platform_drop(waiting *self) {
  if (self == NULL) return;
  drop_intake(&self->call);
  ubiq_error_delete(self->call.error);
  waiting_delete(self);
}

// ----------------------------------------------------------------------------------------------------------- endpoints

static answer answer_get(admin_request *self) {
  return answer_platform(self, MHD_HTTP_METHOD_GET);
}

static answer answer_head(admin_request *self) {
  return answer_platform(self, MHD_HTTP_METHOD_HEAD);
}

static answer answer_post(admin_request *self) {
  return answer_platform(self, MHD_HTTP_METHOD_POST);
}

static answer answer_put(admin_request *self) {
  return answer_platform(self, MHD_HTTP_METHOD_PUT);
}

static answer answer_delete(admin_request *self) {
  return answer_platform(self, MHD_HTTP_METHOD_DELETE);
}

/// No operation has it: the answer says which methods its path has.
static answer answer_other(admin_request *self) {
  return answer_platform(self, "such method");
}

static const admin_endpoint endpoints[] = {
    {.method = "GET", .answer = answer_get},
    {.method = "HEAD", .answer = answer_head},
    {.method = "POST", .changes = true, .answer = answer_post},
    {.method = "PUT", .changes = true, .answer = answer_put},
    {.method = "DELETE", .changes = true, .answer = answer_delete},
};

static const admin_endpoint other = {.answer = answer_other};

bool admin_platform_is(const admin_endpoint *endpoint) {
  return endpoint == &other || (endpoint >= endpoints && endpoint < endpoints + sizeof endpoints / sizeof endpoints[0]);
}

const admin_endpoint *admin_platform_endpoint(const char *method) {
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
    if (strcmp(endpoints[i].method, method) == 0) return &endpoints[i];
  return &other;
}
