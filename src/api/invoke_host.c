// A call from a guest's block to its answer's. It is freed by whoever ends it, on the guest's thread where that has an inbox.
#include "api/invoke_host.h"

#include "api/answer.h"
#include "api/dispatch.h"
#include "api/envelope.h"
#include "api/guest.h"
#include "base/clock.h"
#include "plugin/plugin.h"
#include "services/permissions/permissions.h"
#include "services/services.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct api_call {
  inbox_item item;   ///< while it is handed over
  int32_t format;    ///< of the answer
  bool is_checked;   ///< the answer is held against the API
  bool is_told;      ///< `guest` has a host that wants to know what comes of it
  size_t bytes_in;   ///< of the request
  uint64_t asked_ns; ///< where it is told: when
  ubiq_completion *completion;
  api_guest *guest; ///< NULL: it has ended, or does not care. The guest's thread
  inbox *inbox;     ///< a share; NULL: it may end on any thread
  pthread_t thread; ///< the guest's
  void *held;       ///< the host's, for `let_go`; NULL: nothing
  void (*let_go)(void *held);
  bool shares_permissions; ///< it has a share of each of the caller's sets
  yyjson_doc *document;    ///< what the request points to
  api_request request;
  service_call call; ///< last: what its arena holds in itself is not zeroed
} api_call;

static api_call *call_in(service_call *call) {
  return (api_call *)(void *)((char *)call - offsetof(api_call, call));
}

// --------------------------------------------------------------------------------------------------------------- the end

static void call_free(api_call *self) {
  if (self->shares_permissions) permissions_let_go((permissions *)(uintptr_t)self->call.caller.permissions);
  if (self->held != NULL) self->let_go(self->held);
  yyjson_doc_free(self->document);
  buffer_free(&self->call.bytes);
  arena_free(&self->call.arena);
  inbox_release(self->inbox);
  free(self);
}

/// The host is told once: a guest that has left is not there any more.
static void tell(api_call *self, unsigned status, size_t bytes_out) {
  const api_outcome outcome = {.operation = self->call.operation,
                               .status = status,
                               .took_ns = clock_monotonic_ns() - self->asked_ns,
                               .bytes_in = self->bytes_in,
                               .bytes_out = bytes_out};
  self->is_told = false;
  self->guest->host->answered(self->guest->run, &outcome);
}

static void complete(api_call *self) {
  buffer answer = {0};
  if (self->is_checked) api_hold_against(&self->call);
  api_conclude(&self->call);
  bool good = envelope_write(self->format, &self->call, &answer);
  if (self->is_told) tell(self, self->call.status, answer.size);
  if (good)
    ubiq_completion_done_block(self->completion, buffer_bytes(&answer));
  else
    ubiq_completion_fail(self->completion, ubiq_error_no_memory());
  buffer_free(&answer);
}

static void finish(api_call *self) {
  if (self->guest != NULL) self->guest->call = NULL;
  complete(self);
  call_free(self);
}

static void take(inbox_item *item) {
  finish((api_call *)(void *)((char *)item - offsetof(api_call, item)));
}

/// Where the guest's thread has ended, so has the guest.
static void done(service_call *call) {
  api_call *self = call_in(call);
  bool is_here = self->inbox == NULL || pthread_equal(self->thread, pthread_self()) != 0;
  if (is_here || !inbox_post(self->inbox, &self->item)) finish(self);
}

void api_guest_leave(api_guest *self) {
  api_call *call = self->call;
  if (call == NULL) return;
  self->call = NULL;
  if (call->is_told) tell(call, (unsigned)ubiq_code_http_status(UBIQ_CANCELLED), 0);
  call->guest = NULL;
  if (call->call.cancel != NULL) call->call.cancel(&call->call);
}

// --------------------------------------------------------------------------------------------------------- the beginning

_Static_assert(offsetof(service_call, done) == offsetof(service_call, arena) + sizeof(arena) + 2 * sizeof(void *),
               "call_new sets what is behind the arena one by one");

static api_call *call_new(int32_t format, ubiq_completion *completion) {
  api_call *self = malloc(sizeof *self);
  if (self == NULL) return NULL;
  memset(self, 0, offsetof(api_call, call) + offsetof(service_call, arena));
  self->format = format;
  self->item.take = take;
  self->completion = completion;
  self->call.state = NULL;
  self->call.cancel = NULL;
  self->call.done = done;
  arena_init(&self->call.arena);
  return self;
}

/// Who asks, as far as that must outlive the guest's run, whose own the permissions are.
static ubiq_error *describe(api_call *self, const api_guest *guest) {
  service_caller *caller = &self->call.caller;
  guest->host->caller(guest->run, caller);
  if (caller->permissions == NULL) return NULL;
  caller->permissions = arena_copy(&self->call.arena, caller->permissions, sizeof *caller->permissions);
  return caller->permissions == NULL ? ubiq_error_no_memory() : NULL;
}

/// Who asks may end before the call does, and lets its sets go.
static void share_permissions(api_call *self) {
  self->shares_permissions = self->call.caller.permissions != NULL;
  if (self->shares_permissions) permissions_hold(self->call.caller.permissions);
}

static void begin_telling(api_call *self) {
  self->asked_ns = clock_monotonic_ns();
  self->guest->host->asked(self->guest->run);
}

/// Has the call answered in the guest's name. It may be over when this returns, unless the guest still has it.
static void ask(api_call *self, api_guest *guest) {
  const api_host *host = guest->host;
  ubiq_error *error = describe(self, guest);
  if (error != NULL) {
    service_call_fail(&self->call, error);
    return;
  }
  self->call.services = host->services;
  self->is_checked = host->services->checks_answers;
  if (host->inbox == NULL) {
    api_dispatch(&self->call, &self->request);
    return;
  }
  self->inbox = inbox_retain(host->inbox);
  self->thread = pthread_self();
  self->guest = guest;
  guest->call = self;
  self->is_told = host->asked != NULL;
  if (self->is_told) begin_telling(self);
  api_dispatch(&self->call, &self->request);
  if (guest->call != self) return;
  share_permissions(self);
  if (host->hold == NULL) return;
  self->held = host->hold(guest->run);
  self->let_go = host->let_go;
}

static ubiq_error *no_platform(void) {
  return ubiq_error_new(UBIQ_UNAVAILABLE, "this host gives its functions no API");
}

/// Answers a guest's request, or, where it named none, with what `error` says.
static void answer_guest(ubiq_plugin *plugin, int32_t format, const ubiq_bytes *request, ubiq_error *error,
                         ubiq_completion *completion) {
  api_call *self = call_new(format, completion);
  if (self == NULL) {
    ubiq_error_delete(error);
    ubiq_completion_fail(completion, ubiq_error_no_memory());
    return;
  }
  api_guest *guest = plugin_platform(plugin);
  self->bytes_in = request->size;
  if (error == NULL) error = envelope_read(format, *request, &self->call.arena, &self->document, &self->request);
  if (error == NULL && (guest == NULL || guest->host == NULL)) error = no_platform();
  if (error != NULL)
    service_call_fail(&self->call, error);
  else
    ask(self, guest);
}

// ------------------------------------------------------------------------------------------------------- the two imports

static void start(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)user;
  const uint64_t offset = (uint64_t)inputs[1].i64;
  ubiq_bytes request;
  ubiq_error *error = NULL;
  if (!ubiq_plugin_block(plugin, offset, &request))
    error =
        ubiq_error_new(UBIQ_INVALID_INPUT, "the request is no block: none begins at %llu", (unsigned long long)offset);
  answer_guest(plugin, inputs[0].i32, &request, error, completion);
}

static void start_core(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)user;
  const uint32_t place = (uint32_t)inputs[1].i32, size = (uint32_t)inputs[2].i32;
  ubiq_bytes request;
  ubiq_error *error = NULL;
  if (!plugin_span(plugin, place, size, &request))
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "the request is %u bytes at %u, which the memory does not have", size,
                           place);
  answer_guest(plugin, inputs[0].i32, &request, error, completion);
}

ubiq_error *invoke_host_new(bool is_core, ubiq_function **out) {
  static const ubiq_type of_extism[] = {UBIQ_I32, UBIQ_I64}, of_core[] = {UBIQ_I32, UBIQ_I32, UBIQ_I32};
  static const ubiq_type results[] = {UBIQ_I64};
  ubiq_function_options options = {.name = INVOKE_HOST_NAME,
                                   .params = of_extism,
                                   .params_count = 2,
                                   .results = results,
                                   .results_count = 1,
                                   .start = start,
                                   .answers_block = true};
  if (is_core) {
    options.module = INVOKE_HOST_CORE_MODULE;
    options.name = INVOKE_HOST_CORE_NAME;
    options.params = of_core;
    options.params_count = 3;
    options.start = start_core;
  }
  return ubiq_function_new(&options, out);
}
