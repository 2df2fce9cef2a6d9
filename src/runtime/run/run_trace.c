// Nothing is made before it is asked for, and nothing noted that no collector is told of.
#include "runtime/run/run_trace.h"

#include "runtime/run/worker.h"

#include <stdlib.h>
#include <string.h>

const trace *run_trace(run *self) {
  if (self->has_trace) return &self->trace;
  const text parent = self->parent == NULL ? (text){NULL, 0} : self->parent(self);
  trace_begin(&self->worker->trace_ids, parent, self->worker->keeps_runs, &self->trace);
  self->has_trace = true;
  return &self->trace;
}

const char *run_traceparent(run *self) {
  trace_write(run_trace(self), self->traceparent);
  return self->traceparent;
}

/// A list counts only beside a traceparent that does. Without memory for it, it is not handed on.
static char *read_tracestate(run *self) {
  char list[TRACE_STATE_SIZE];
  if (self->parent_state == NULL || !trace_has_parent(run_trace(self))) return NULL;
  return self->parent_state(self, list) == 0 ? NULL : strdup(list);
}

const char *run_tracestate(run *self) {
  if (!self->has_tracestate) self->tracestate = read_tracestate(self);
  self->has_tracestate = true;
  return self->tracestate;
}

void run_trace_forget(run *self) {
  free(self->tracestate);
  self->tracestate = NULL;
  run_calls_free(run_calls_take(&self->calls));
  self->has_trace = self->has_tracestate = false;
}

/// Whether a collector is told what the run's guest asks for.
static bool keeps_calls(run *self) {
  return self->worker->options.ring != NULL && !self->is_start && (run_trace(self)->flags & TRACE_SAMPLED) != 0;
}

const char *run_call_traceparent(run *self) {
  uint64_t child = keeps_calls(self) ? run_calls_child(&self->calls) : 0;
  if (child == 0) return run_traceparent(self);
  trace call = *run_trace(self);
  trace_child(&self->trace, child, call.span);
  trace_write(&call, self->call_traceparent);
  return self->call_traceparent;
}

static const char *traceparent(void *user) {
  return run_call_traceparent(user);
}

void run_ask(run *self) {
  if (keeps_calls(self)) run_calls_ask(&self->calls);
}

void run_answered(run *self, const run_call *answer) {
  run_calls_answer(&self->calls, answer);
}

static void request_begun(void *user, const char *method, const char *url) {
  run *self = user;
  if (keeps_calls(self)) run_calls_begin(&self->calls, method, url);
}

static void request_ended(void *user, int status) {
  run_calls_end(&((run *)user)->calls, status);
}

static const char *tracestate(void *user) {
  return run_tracestate(user);
}

void run_trace_host(plugin_host *host) {
  host->traceparent = traceparent;
  host->tracestate = tracestate;
  host->request_begun = request_begun;
  host->request_ended = request_ended;
}
