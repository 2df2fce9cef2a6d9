#include "runtime/telemetry/run_calls.h"

#include "base/clock.h"
#include "base/fetch_headers.h"
#include "base/fetch_url.h"

#include <stdio.h>
#include <stdlib.h>

/// Where a URL leads, without what may be secret. One that cannot be read is not shown.
static void show(const char *url, char out[RUN_CALL_URL_SIZE]) {
  fetch_url parsed = {0};
  ubiq_error *error = fetch_url_parse(url, &parsed);
  snprintf(out, RUN_CALL_URL_SIZE, "%s", error == NULL ? parsed.shown : "");
  ubiq_error_delete(error);
  fetch_url_free(&parsed);
}

/// NULL when there is no room or no memory.
static run_call *add(run_calls *self) {
  run_call *call = self->count == RUN_CALLS_MAX ? NULL : calloc(1, sizeof *call);
  if (call == NULL) {
    self->dropped++;
    return NULL;
  }
  call->began_ns = clock_realtime_ns();
  *(self->last == NULL ? &self->first : &self->last->next) = call;
  self->last = call;
  self->count++;
  return call;
}

static run_call *under_way(const run_calls *self) {
  return self->last == NULL || self->last->ended_ns != 0 ? NULL : self->last;
}

void run_calls_ask(run_calls *self) {
  run_call *call = add(self);
  if (call != NULL) call->is_asked = true;
  self->is_asking = true;
}

void run_calls_answer(run_calls *self, const run_call *answer) {
  run_call *call = under_way(self);
  self->is_asking = false;
  if (call == NULL) return;
  call->ended_ns = clock_realtime_ns();
  call->operation = answer->operation;
  call->answered = answer->answered;
  call->bytes_in = answer->bytes_in;
  call->bytes_out = answer->bytes_out;
}

void run_calls_begin(run_calls *self, const char *method, const char *url) {
  run_call *call = self->is_asking ? under_way(self) : add(self);
  if (call == NULL) return;
  // A guest may say anything, which would be cut within a character; OpenTelemetry has a word for what is no method.
  snprintf(call->method, sizeof call->method, "%s", fetch_token_valid(method) ? method : "_OTHER");
  show(url, call->url);
}

void run_calls_end(run_calls *self, int status) {
  run_call *call = under_way(self);
  if (call == NULL) return;
  call->status = status;
  if (!call->is_asked) call->ended_ns = clock_realtime_ns();
}

uint64_t run_calls_child(const run_calls *self) {
  bool is_told = self->is_asking ? under_way(self) != NULL : self->count < RUN_CALLS_MAX;
  return is_told ? RUN_CALLS_CHILD + self->count - (self->is_asking ? 1 : 0) : 0;
}

run_call *run_calls_take(run_calls *self) {
  run_call *call = under_way(self);
  if (call != NULL) call->ended_ns = clock_realtime_ns();
  run_call *first = self->first;
  *self = (run_calls){.first = NULL};
  return first;
}

void run_calls_free(run_call *first) {
  for (run_call *next; first != NULL; first = next) {
    next = first->next;
    free(first);
  }
}
