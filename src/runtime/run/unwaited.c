// An unwaited run owns all that its errand borrows, until its result is kept.
#include "runtime/run/unwaited.h"

#include "base/log.h"
#include "runtime/telemetry/trace.h"
#include "runtime/telemetry/trace_state.h"
#include "services/permissions/permissions.h"
#include "services/services.h"
#include "services/work/kept_trace.h"
#include "services/work/run_results.h"

#include <stdlib.h>

typedef struct unwaited {
  errand errand;
  run_results *results;
  char id[RUN_ID_SIZE];
  char *function; ///< owned
  buffer input;
  char traceparent[TRACE_PARENT_SIZE]; ///< of who began it; empty: nobody's
  char tracestate[TRACE_STATE_SIZE];   ///< that goes with it; empty: none
  permissions inherited;               ///< and what that may do; shares of its sets
  release *held;                       ///< owned; NULL: none
} unwaited;

static void unwaited_free(unwaited *self) {
  permissions_let_go(&self->inherited);
  release_delete(self->held);
  free(self->function);
  buffer_free(&self->input);
  free(self);
}

static void keep_result(errand *errand, ubiq_error *error, ubiq_bytes output) {
  unwaited *self = errand->user;
  const text type = error != NULL ? (text){NULL, 0} : run_results_type(output);
  if (error != NULL)
    log_from(UBIQ_LOG_WARN, self->function, "%s: %s", ubiq_code_name(ubiq_error_code(error)),
             ubiq_error_message(error));
  run_results_end(self->results, self->id, error, output, type);
  ubiq_error_delete(error);
  unwaited_free(self);
}

static void note_begin(errand *errand) {
  unwaited *self = errand->user;
  run_results_begin(self->results, self->id);
}

static void keep_trace(unwaited *self, const service_call *call) {
  const kept_trace trace = kept_trace_of(call);
  snprintf(self->traceparent, sizeof self->traceparent, "%.*s", (int)trace.parent.size, trace.parent.data);
  snprintf(self->tracestate, sizeof self->tracestate, "%.*s", (int)trace.state.size, trace.state.data);
}

static void describe(unwaited *self, const service_call *call, release *release) {
  const service_caller *caller = &call->caller;
  bool is_run = caller->run != NULL;
  keep_trace(self, call);
  if (caller->permissions != NULL) {
    self->inherited = *caller->permissions;
    permissions_hold(&self->inherited);
  }
  if (release != NULL) self->held = release_retain(release);
  self->errand = (errand){.function = text_of(self->function),
                          .input = buffer_bytes(&self->input),
                          .traceparent = text_of(self->traceparent),
                          .tracestate = text_of(self->tracestate),
                          .inherited = caller->permissions == NULL ? NULL : &self->inherited,
                          .depth = is_run ? caller->depth + 1 : 0,
                          .hops = caller->hops,
                          .begun = note_begin,
                          .done = keep_result,
                          .user = self};
}

static unwaited *unwaited_new(text function, ubiq_bytes input) {
  unwaited *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->function = strndup(function.data, function.size);
  if (self->function != NULL && buffer_append(&self->input, input.data, input.size)) return self;
  unwaited_free(self);
  return NULL;
}

/// The run may be over when this returns.
static ubiq_error *begin(service_call *call, unwaited *self, const errand_taker *taker) {
  self->results = call->services->runs;
  ubiq_error *error = run_results_add(self->results, call->caller.project, text_of(self->function), self->id);
  if (error == NULL && !buffer_printf(&call->bytes, "{\"id\":\"%s\"}", self->id)) {
    error = ubiq_error_no_memory();
    run_results_end(self->results, self->id, error, (ubiq_bytes){0}, (text){NULL, 0});
  }
  if (error != NULL) {
    unwaited_free(self);
    return error;
  }
  taker->start(taker->user, &self->errand);
  return NULL;
}

static ubiq_error *try_to_start(service_call *call, text function, ubiq_bytes input, release *release,
                                const errand_taker *taker) {
  if (call->services->runs == NULL)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "this server keeps no results; wait=true waits for them");
  unwaited *self = unwaited_new(function, input);
  if (self == NULL) return ubiq_error_no_memory();
  describe(self, call, release);
  return begin(call, self, taker);
}

void unwaited_start(service_call *call, text function, ubiq_bytes input, release *release, const errand_taker *taker) {
  ubiq_error *error = try_to_start(call, function, input, release, taker);
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  call->status = 202;
  service_call_answer_json(call, (text){NULL, 0});
}
