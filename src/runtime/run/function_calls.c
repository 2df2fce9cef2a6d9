// A callee is owned by the service's call, which its caller's guest waits for.
#include "runtime/run/function_calls.h"

#include "base/json_write.h"
#include "runtime/project/project_settings.h"
#include "runtime/run/function_exchange.h"
#include "runtime/run/run_trace.h"
#include "runtime/run/unwaited.h"
#include "runtime/run/worker.h"
#include "services/work/run_results.h"

#include <stdlib.h>

/// A callee. Its input is the call's.
typedef struct callee {
  run run;
  service_call *call;
  buffer value;                        ///< its input, where the function takes whole requests
  char traceparent[TRACE_PARENT_SIZE]; ///< of the caller's span
} callee;

// --------------------------------------------------------------------------------------------------------- who asks

/// What comes of what a run asks for is a child of that.
static const char *traceparent(void *user) {
  return run_call_traceparent(user);
}

static const char *tracestate(void *user) {
  return run_tracestate(user);
}

/// A run that too many had begun may nothing.
static const permissions *permissions_of(run *self) {
  permissions *all = &self->permissions;
  *all = self->inherited == NULL ? (permissions){0} : *self->inherited;
  bool good = true;
  for (const run *at = self; good && at != NULL; at = at->caller) {
    good = permissions_join(all, at->function->permissions);
    for (size_t i = 0; good && at != self && at->inherited != NULL && i < at->inherited->count; i++)
      good = permissions_join(all, at->inherited->sets[i]);
  }
  if (!good) all->count = 0;
  return all;
}

/// The settings of its function have the name that the function borrows from the project.
static bool find_setting(const void *settings, text environment, text name, text *out) {
  const run *run = settings;
  const project *project = run->lease->release->project;
  const project_function *function = NULL;
  for (size_t i = 0; function == NULL && i < project->functions_count; i++)
    if (strcmp(project->functions[i].name, run->function->name) == 0) function = &project->functions[i];
  return project_find_setting(project, function, environment, name, out);
}

static ubiq_error *count_line(void *user, size_t size) {
  if (run_may_say(user, size)) return NULL;
  return ubiq_error_new(UBIQ_QUOTA, "log: the run has said as much as [project.quotas] log lets a run say");
}

static void describe(void *user, service_caller *out) {
  run *run = user;
  const project *project = run->lease->release->project;
  *out = (service_caller){.project = text_of(project->name),
                          .function = text_of(run->function->name),
                          .is_private = run->function->is_private,
                          .permissions = permissions_of(run),
                          .quotas = &project->quotas,
                          .traceparent = traceparent,
                          .tracestate = tracestate,
                          .deadline_ns = run->plugin == NULL ? UINT64_MAX : plugin_deadline_ns(run->plugin),
                          .depth = run->depth,
                          .hops = run->hops,
                          .run = run,
                          .count_line = count_line,
                          .find_setting = find_setting,
                          .settings = run};
}

static void *hold_release(void *user) {
  return release_retain(((run *)user)->lease->release);
}

static void let_release_go(void *held) {
  release_delete(held);
}

static void ring(void *user) {
  uv_async_send(&((worker *)user)->wakeup);
}

/// What a run asks others for counts for the first of those that wait for it, too: asking another function gets nobody more.
static void way(void *user, http_way *out) {
  run *self = user, *first = self;
  while (first->caller != NULL) first = first->caller;
  *out = (http_way){.loop = &self->worker->loop, .host = &self->host, .count = &first->requests};
}

static const http_host requests = {way};

static void asked(void *user) {
  run_ask(user);
}

static void answered(void *user, const api_outcome *outcome) {
  run *run = user;
  if (run->worker->numbers != NULL) service_counts_add(&run->worker->numbers->services, outcome);
  if (run->worker->options.ring == NULL) return;
  const run_call answer = {.operation = outcome->operation == NULL ? NULL : outcome->operation->name,
                           .answered = (int)outcome->status,
                           .bytes_in = outcome->bytes_in,
                           .bytes_out = outcome->bytes_out};
  run_answered(run, &answer);
}

bool function_calls_open(worker *worker) {
  services *services = worker->options.services != NULL ? worker->options.services : &worker->services;
  services->functions = &function_calls_host; // all workers say the same, before any has begun
  services->http = &requests;
  worker->api = (api_host){.services = services,
                           .inbox = inbox_new(ring, worker),
                           .caller = describe,
                           .hold = hold_release,
                           .let_go = let_release_go};
  if (worker->numbers != NULL || worker->options.ring != NULL) {
    worker->api.asked = asked;
    worker->api.answered = answered;
  }
  return worker->api.inbox != NULL;
}

void function_calls_close(worker *worker) {
  if (worker->api.inbox == NULL) return;
  inbox_close(worker->api.inbox);
  inbox_release(worker->api.inbox);
  worker->api.inbox = NULL;
}

// ------------------------------------------------------------------------------------------------------------ a callee

static void callee_end(callee *self) {
  run_end(&self->run);
  lease_let_go(self->run.lease);
  buffer_free(&self->value);
  free(self);
}

static void finish(callee *self) {
  service_call *call = self->call;
  ubiq_error *error = self->run.error;
  self->run.error = NULL;
  if (error == NULL) error = function_exchange_answer(call, self->run.function, self->run.output);
  callee_end(self);
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_done(call);
}

static void done(run *run) {
  finish((callee *)(void *)((char *)run - offsetof(callee, run)));
}

/// The caller has ended.
static void cancel(service_call *call) {
  callee_end(call->state);
  service_call_fail(call, ubiq_error_new(UBIQ_CANCELLED, "the caller has ended"));
}

static text parent(const run *run) {
  return text_of(((const callee *)(const void *)((const char *)run - offsetof(callee, run)))->traceparent);
}

/// The caller, whose list it is, waits.
static size_t parent_state(const run *run, char out[TRACE_STATE_SIZE]) {
  const char *state = run_tracestate(run->caller);
  return state == NULL ? 0 : trace_state_read(text_of(state), out);
}

static callee *callee_new(service_call *call, run *caller, const function *function, ubiq_bytes input) {
  callee *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  run_init(&self->run, caller->worker);
  self->call = call;
  self->run.function = function;
  self->run.lease = caller->lease;
  self->run.lease->holders++;
  self->run.input = input;
  self->run.done = done;
  self->run.parent = parent;
  self->run.parent_state = parent_state;
  self->run.caller = caller;
  self->run.begins_in_turn = true;
  self->run.depth = caller->depth + 1;
  self->run.hops = caller->hops;
  self->run.identity = caller->identity;
  self->run.deadline_max = call->caller.deadline_ns == UINT64_MAX ? 0 : call->caller.deadline_ns;
  memcpy(self->traceparent, run_call_traceparent(caller), sizeof self->traceparent);
  return self;
}

static void start(service_call *call, run *caller, const function *function, ubiq_bytes input) {
  callee *self = callee_new(call, caller, function, input);
  if (self == NULL) {
    service_call_fail(call, ubiq_error_no_memory());
    return;
  }
  ubiq_error *error = function_exchange_input(call, &self->run, &self->value);
  if (error != NULL) {
    callee_end(self);
    service_call_fail(call, error);
    return;
  }
  call->state = self;
  call->cancel = cancel;
  if (run_start(&self->run)) finish(self);
}

// ------------------------------------------------------------------------------------------- runs that nobody waits for

static void take_here(void *worker, errand *errand) {
  errands_take(errand, worker);
}

static void start_unwaited(service_call *call, const run *caller, text name, ubiq_bytes input) {
  const errand_taker here = {take_here, caller->worker};
  unwaited_start(call, name, input, caller->lease->release, &here);
}

void function_calls_result(service_call *call, text id) {
  ubiq_error *error = NULL;
  run_results *results = call->services->runs;
  bool is_found = results != NULL && run_results_find(results, call->caller.project, id, &call->bytes, &error);
  if (!is_found) error = ubiq_error_new(UBIQ_NOT_FOUND, "there is no such run, or it ended more than an hour ago");
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_answer_json(call, (text){NULL, 0});
}

// ---------------------------------------------------------------------------------------------------------- the service

static ubiq_error *no_function(const release *release, text name) {
  const project *project = release->project;
  const char *nearest = NULL;
  const char **names = calloc(project->functions_count + 1, sizeof *names);
  for (size_t i = 0; names != NULL && i < project->functions_count; i++) names[i] = project->functions[i].name;
  if (names != NULL) nearest = text_nearest(name, names, project->functions_count);
  free(names);
  return nearest == NULL
             ? ubiq_error_new(UBIQ_NOT_FOUND, "the project has no such function")
             : ubiq_error_new(UBIQ_NOT_FOUND, "the project has no such function; did you mean \"%s\"?", nearest);
}

/// The one instance of a pinned function cannot wait for itself.
static bool waits_for(const run *caller, const function *function) {
  while (caller != NULL && strcmp(caller->function->name, function->name) != 0) caller = caller->caller;
  return caller != NULL;
}

static ubiq_error *check(const run *caller, const function *function, ubiq_bytes input) {
  if (caller->depth >= FUNCTION_CALLS_DEPTH_MAX)
    return ubiq_error_new(UBIQ_DENIED, "%s: functions call each other %d deep already, which is as deep as they may",
                          function->name, FUNCTION_CALLS_DEPTH_MAX);
  if (function->auth == PROJECT_AUTH_REQUIRED && caller->identity.size == 0)
    return ubiq_error_new(UBIQ_DENIED, "%s: asks who makes the request (auth = \"required\"), which nobody says here",
                          function->name);
  if (function->pool.pin != NULL && waits_for(caller, function))
    return ubiq_error_new(UBIQ_UNAVAILABLE, "%s: has one instance (instance = \"pinned\"), which waits for this call",
                          function->name);
  if (input.size <= function->limits.body_bytes_max) return NULL;
  return ubiq_error_new(UBIQ_TOO_LARGE, "%s: the input has %zu bytes; expected at most %llu", function->name,
                        input.size, (unsigned long long)function->limits.body_bytes_max);
}

static void run_function(service_call *call, text name, ubiq_bytes input, bool waits) {
  run *caller = call->caller.run;
  const release *release = caller->lease->release;
  const function *function = release_function(release, name);
  if (function == NULL) {
    service_call_fail(call, no_function(release, name));
    return;
  }
  ubiq_error *error = check(caller, function, input);
  if (error != NULL)
    service_call_fail(call, error);
  else if (waits)
    start(call, caller, function, input);
  else
    start_unwaited(call, caller, name, input);
}

static bool write_route(const project_function *function, buffer *out) {
  if (function->path.size == 0) return true;
  buffer route = {0};
  bool good =
      (function->method.size == 0 ||
       (buffer_append(&route, function->method.data, function->method.size) && buffer_append_byte(&route, ' '))) &&
      buffer_append(&route, function->host.data, function->host.size) &&
      buffer_append(&route, function->path.data, function->path.size) && buffer_append_string(out, ",\"route\":") &&
      json_write_text(out, (text){(const char *)route.data, route.size});
  buffer_free(&route);
  return good;
}

static bool write_function(const project *project, const project_function *function, buffer *out) {
  return buffer_append_string(out, function == project->functions ? "{\"name\":" : ",{\"name\":") &&
         json_write_text(out, text_of(function->name)) && buffer_append_string(out, ",\"version\":") &&
         json_write_text(out, text_of(project->version)) && write_route(function, out) && buffer_append_byte(out, '}');
}

void function_calls_list(service_call *call, const project *project) {
  bool good = buffer_append_string(&call->bytes, "{\"functions\":[");
  for (size_t i = 0; good && i < project->functions_count; i++)
    good = write_function(project, &project->functions[i], &call->bytes);
  if (good)
    service_call_answer_json(call, TEXT("]}"));
  else
    service_call_fail(call, ubiq_error_no_memory());
}

static void list(service_call *call) {
  const run *caller = call->caller.run;
  function_calls_list(call, caller->lease->release->project);
}

const function_host function_calls_host = {list, run_function, function_calls_result};
