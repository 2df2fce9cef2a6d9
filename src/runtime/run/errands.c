// An errand goes to the next worker whose inbox is open; there it is a run like any other.
#include "runtime/run/errands.h"

#include "runtime/run/run_trace.h"
#include "runtime/run/worker.h"

#include <stdatomic.h>
#include <stdlib.h>

struct errands {
  atomic_uint turn; ///< whose inbox is next
  unsigned count;
  struct {
    worker *worker;
    inbox *inbox;
  } places[];
};

errands *errands_new(unsigned workers_max) {
  errands *self = calloc(1, sizeof *self + workers_max * sizeof self->places[0]);
  return self;
}

void errands_join(errands *self, worker *worker) {
  self->places[self->count].worker = worker;
  self->places[self->count++].inbox = inbox_retain(worker->api.inbox);
}

void errands_delete(errands *self) {
  if (self == NULL) return;
  for (unsigned i = 0; i < self->count; i++) inbox_release(self->places[i].inbox);
  free(self);
}

// ------------------------------------------------------------------------------------------------- on a worker's thread

struct errand_run {
  run run;
  errand *errand;
  buffer value;                       ///< the input of a function that is given requests
  struct errand_run *previous, *next; ///< in the worker's list
};

static errand_run *from(const run *run) {
  return (errand_run *)(void *)((char *)(uintptr_t)run - offsetof(errand_run, run));
}

static void enlist(errand_run *self, errand_list *list) {
  self->previous = NULL;
  self->next = list->first;
  if (list->first != NULL) list->first->previous = self;
  list->first = self;
  list->count++;
}

static void unlist(errand_run *self, errand_list *list) {
  *(self->previous == NULL ? &list->first : &self->previous->next) = self->next;
  if (self->next != NULL) self->next->previous = self->previous;
  list->count--;
}

/// Tells how it went while the output is there; afterwards the errand is its owner's, and with it what the run's span comes of,
/// which who keeps what ran asks for at the run's end.
static void finish(errand_run *self, ubiq_error *error) {
  lease *lease = self->run.lease;
  unlist(self, &self->run.worker->errands);
  if (self->run.worker->keeps_runs) run_trace(&self->run);
  self->errand->done(self->errand, error, self->run.output);
  run_end(&self->run);
  lease_let_go(lease);
  buffer_free(&self->value);
  free(self);
}

static void begun(run *run) {
  errand *errand = from(run)->errand;
  errand->begun(errand);
}

static void done(run *run) {
  ubiq_error *error = run->error;
  run->error = NULL;
  finish(from(run), error);
}

static text parent(const run *run) {
  return from(run)->errand->traceparent;
}

static size_t parent_state(const run *run, char out[TRACE_STATE_SIZE]) {
  return trace_state_read(from(run)->errand->tracestate, out);
}

static void refuse(errand *self, ubiq_error *error) {
  self->done(self, error, (ubiq_bytes){0});
}

static ubiq_error *find(const errand *self, const lease *lease, const function **out) {
  const release *release = lease->release;
  if (self->project.size > 0 && !text_equal_string(self->project, release->project->name))
    return ubiq_error_new(UBIQ_NOT_FOUND, "the project \"%.*s\" is not served here", (int)self->project.size,
                          self->project.data);
  *out = release_function(release, self->function);
  if (*out == NULL)
    return ubiq_error_new(UBIQ_NOT_FOUND, "the project has no function \"%.*s\"", (int)self->function.size,
                          self->function.data);
  if (self->input.size <= (*out)->limits.body_bytes_max) return NULL;
  return ubiq_error_new(UBIQ_TOO_LARGE, "%s: the input has %zu bytes; expected at most %llu", (*out)->name,
                        self->input.size, (unsigned long long)(*out)->limits.body_bytes_max);
}

/// What a function gets that is given requests: the errand as a POST.
static ubiq_error *write_request(errand_run *self) {
  const errand *errand = self->errand;
  const http_request request = {.method = TEXT("POST"),
                                .path = errand->path.size == 0 ? TEXT("/") : errand->path,
                                .headers = errand->headers,
                                .headers_count = errand->headers_count,
                                .body = errand->input,
                                .trace = text_of(run_traceparent(&self->run))};
  ubiq_error *error = http_request_write(&request, &self->value);
  self->run.input = buffer_bytes(&self->value);
  return error;
}

static errand_run *run_new(errand *errand, lease *lease, const function *function) {
  errand_run *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  run_init(&self->run, errand->worker);
  self->errand = errand;
  self->run.function = function;
  self->run.lease = lease;
  self->run.input = errand->input;
  self->run.begun = errand->begun == NULL ? NULL : begun;
  self->run.done = done;
  self->run.parent = parent;
  self->run.parent_state = parent_state;
  self->run.depth = errand->depth;
  self->run.inherited = errand->inherited;
  self->run.begins_in_turn = true; // it may be a guest that has it taken
  self->run.hops = errand->hops;
  return self;
}

static void begin(errand *errand, lease *lease, const function *function) {
  errand_run *self = run_new(errand, lease, function);
  if (self == NULL) {
    lease_let_go(lease);
    refuse(errand, ubiq_error_no_memory());
    return;
  }
  enlist(self, &self->run.worker->errands);
  ubiq_error *error = function->input == PROJECT_REQUEST ? write_request(self) : NULL;
  if (error != NULL)
    finish(self, error);
  else if (run_start(&self->run))
    done(&self->run);
}

void errands_take(errand *self, worker *worker) {
  self->worker = worker;
  if (worker->stop_seen != WORKER_STOP_NONE || worker->finishing) {
    refuse(self, ubiq_error_new(UBIQ_UNAVAILABLE, "the server stops"));
    return;
  }
  lease *lease = worker_hold(worker);
  const function *function = NULL;
  ubiq_error *error = find(self, lease, &function);
  if (error == NULL) {
    begin(self, lease, function);
    return;
  }
  lease_let_go(lease);
  refuse(self, error);
}

static void take(inbox_item *item) {
  errand *self = (errand *)(void *)((char *)item - offsetof(errand, item));
  errands_take(self, self->worker);
}

void errands_cancel(worker *worker) {
  for (errand_run *run = worker->errands.first, *next; run != NULL; run = next) {
    next = run->next;
    finish(run, ubiq_error_new(UBIQ_CANCELLED, "the server stops"));
  }
}

// --------------------------------------------------------------------------------------------------------- any thread

void errands_start(errands *self, errand *errand) {
  unsigned turn = atomic_fetch_add_explicit(&self->turn, 1, memory_order_relaxed);
  errand->item = (inbox_item){.take = take};
  for (unsigned i = 0; i < self->count; i++) {
    unsigned place = (turn + i) % self->count;
    errand->worker = self->places[place].worker;
    if (inbox_post(self->places[place].inbox, &errand->item)) return;
  }
  refuse(errand, ubiq_error_new(UBIQ_UNAVAILABLE, "no worker is there"));
}
