#include "runtime/run_calls.h"

#include "base/clock.h"
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

void run_calls_begin(run_calls *self, const char *method, const char *url) {
  run_call *call = self->count == RUN_CALLS_MAX ? NULL : calloc(1, sizeof *call);
  if (call == NULL) {
    self->dropped++;
    return;
  }
  call->began_ns = clock_realtime_ns();
  snprintf(call->method, sizeof call->method, "%s", method);
  show(url, call->url);
  *(self->last == NULL ? &self->first : &self->last->next) = call;
  self->last = call;
  self->count++;
}

void run_calls_end(run_calls *self, int status) {
  run_call *last = self->last;
  if (last == NULL || last->ended_ns != 0) return;
  last->ended_ns = clock_realtime_ns();
  last->status = status;
}

run_call *run_calls_take(run_calls *self) {
  run_calls_end(self, 0);
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
