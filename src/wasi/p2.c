// See p2.h. Resources are numbers: a stream's is that of its descriptor, a pollable's its place among the context's.
#include "wasi/p2.h"

#include "base/clock.h"
#include "base/digest.h"
#include "wasi/internal.h"

#include <stdlib.h>

/// Types of resources. P2_OTHER: of those there are none.
enum { P2_OTHER = 1, P2_POLLABLE, P2_INPUT, P2_OUTPUT };

enum { RANDOM_BYTES_MAX = 64 << 10, WRITE_BYTES = 4096 };

typedef struct p2_function {
  const char *interface; ///< without its version
  const char *name;
  const char *type;
  component_callback call;
  component_ready ready;
} p2_function;

static wasi_context *context_of(void *env, const component_call *call) {
  return ((const wasi_binding *)env)->context(call->user);
}

// -- Values --

static const component_value nothing = {.kind = COMPONENT_RESULT, .is = true};

static component_value number(component_kind kind, uint64_t value) {
  return (component_value){.kind = kind, .number = value};
}

static component_value resource(uint32_t type, uint64_t value) {
  return (component_value){.kind = COMPONENT_RESOURCE, .type = type, .number = value};
}

static ubiq_error *holding(arena *arena, component_value *out, component_kind kind, component_value held) {
  *out = (component_value){.kind = kind, .is = true, .count = 1};
  out->items = arena_copy(arena, &held, sizeof held);
  return out->items ? NULL : ubiq_error_no_memory();
}

#define CALLBACK(name)                                                                                                 \
  static ubiq_error *name(void *env, component_call *call, const component_value *arguments, size_t count,             \
                          component_value *result)
#define UNUSED() ((void)env, (void)call, (void)arguments, (void)count, (void)result)

// -- What there is none of --

CALLBACK(no_list) {
  UNUSED();
  *result = (component_value){.kind = COMPONENT_LIST};
  return NULL;
}

CALLBACK(none) {
  UNUSED();
  *result = (component_value){.kind = COMPONENT_OPTION};
  return NULL;
}

static ubiq_error *refuse(void *env, component_call *call, const component_value *arguments, size_t count,
                          component_value *result) {
  UNUSED();
  const component_item *item = env;
  return ubiq_error_new(UBIQ_TRAP, "WASI: the component called %s of %s, which is not there", item->name,
                        item->interface);
}

CALLBACK(leave) {
  UNUSED();
  return ubiq_error_new(UBIQ_GUEST_ERROR, "the component ended itself (%s)", arguments[0].is ? "success" : "failure");
}

// -- Clocks and randomness --

CALLBACK(monotonic_now) {
  UNUSED();
  wasi_context *context = context_of(env, call);
  if (!context) return ubiq_error_no_memory();
  *result = number(COMPONENT_U64, wasi_clock_now(context, WASI_CLOCK_MONOTONIC));
  return NULL;
}

CALLBACK(monotonic_resolution) {
  UNUSED();
  *result = number(COMPONENT_U64, 1);
  return NULL;
}

static ubiq_error *datetime(arena *arena, uint64_t nanoseconds, component_value *out) {
  component_value fields[] = {number(COMPONENT_U64, nanoseconds / CLOCK_NS_PER_SECOND),
                              number(COMPONENT_U32, nanoseconds % CLOCK_NS_PER_SECOND)};
  fields[0].name = TEXT("seconds");
  fields[1].name = TEXT("nanoseconds");
  *out = (component_value){.kind = COMPONENT_RECORD, .count = 2};
  out->items = arena_copy(arena, fields, sizeof fields);
  return out->items ? NULL : ubiq_error_no_memory();
}

CALLBACK(wall_now) {
  UNUSED();
  wasi_context *context = context_of(env, call);
  if (!context) return ubiq_error_no_memory();
  return datetime(call->arena, wasi_clock_now(context, WASI_CLOCK_REALTIME), result);
}

CALLBACK(wall_resolution) {
  UNUSED();
  return datetime(call->arena, 1, result);
}

static void fill(const wasi_context *context, void *bytes, size_t size) {
  if (context->options.random)
    context->options.random(context->options.user, bytes, size);
  else
    digest_random(bytes, size);
}

CALLBACK(random_bytes) {
  UNUSED();
  const wasi_context *context = context_of(env, call);
  uint64_t size = arguments[0].number;
  if (size > RANDOM_BYTES_MAX)
    return ubiq_error_new(UBIQ_TRAP, "WASI: the component asked for %llu random bytes; expected at most %d",
                          (unsigned long long)size, RANDOM_BYTES_MAX);
  char *bytes = context ? arena_alloc(call->arena, size + 1) : NULL;
  if (!bytes) return ubiq_error_no_memory();
  fill(context, bytes, size);
  *result = (component_value){.kind = COMPONENT_BYTES, .string = {bytes, size}};
  return NULL;
}

CALLBACK(random_number) {
  UNUSED();
  const wasi_context *context = context_of(env, call);
  if (!context) return ubiq_error_no_memory();
  *result = number(COMPONENT_U64, 0);
  fill(context, &result->number, sizeof result->number);
  return NULL;
}

CALLBACK(seed) {
  const wasi_context *context = context_of(env, call);
  component_value *pair = arena_array(call->arena, 2, sizeof *pair);
  if (!context || !pair) return ubiq_error_no_memory();
  for (size_t i = 0; i < 2; i++) {
    ubiq_error *error = random_number(env, call, arguments, count, &pair[i]);
    if (error) return error;
  }
  *result = (component_value){.kind = COMPONENT_TUPLE, .items = pair, .count = 2};
  return NULL;
}

// -- Streams: input is at its end, and output never waits --

CALLBACK(standard_input) {
  UNUSED();
  *result = resource(P2_INPUT, 0);
  return NULL;
}

CALLBACK(standard_output) {
  UNUSED();
  *result = resource(P2_OUTPUT, 1);
  return NULL;
}

CALLBACK(standard_error) {
  UNUSED();
  *result = resource(P2_OUTPUT, 2);
  return NULL;
}

CALLBACK(closed) {
  UNUSED();
  const component_value closed = {.kind = COMPONENT_VARIANT, .string = TEXT("closed")};
  ubiq_error *error = holding(call->arena, result, COMPONENT_RESULT, closed);
  result->is = false;
  return error;
}

CALLBACK(check_write) {
  UNUSED();
  return holding(call->arena, result, COMPONENT_RESULT, number(COMPONENT_U64, WRITE_BYTES));
}

CALLBACK(write_bytes) {
  UNUSED();
  const wasi_context *context = context_of(env, call);
  if (!context) return ubiq_error_no_memory();
  const wasi_options *options = &context->options;
  text bytes = arguments[1].string;
  if (options->write && bytes.size > 0)
    options->write(options->user, (int)arguments[0].number, (const uint8_t *)bytes.data, bytes.size);
  *result = nothing;
  return NULL;
}

CALLBACK(flush) {
  UNUSED();
  *result = nothing;
  return NULL;
}

// -- Waiting: a pollable is a time --

// Made when they are needed: contexts are many, and of modules most. NULL when memory is out.
static wasi_pollables *pollables_of(wasi_context *context) {
  if (context && !context->pollables) context->pollables = calloc(1, sizeof *context->pollables);
  return context ? context->pollables : NULL;
}

static ubiq_error *pollable_new(wasi_context *context, uint64_t when_ns, component_value *result) {
  wasi_pollables *pollables = pollables_of(context);
  if (!pollables) return ubiq_error_no_memory();
  for (uint32_t i = 0; i < WASI_POLLABLES_MAX; i++) {
    if (pollables->ready[i] != 0) continue;
    pollables->ready[i] = when_ns > 0 ? when_ns : 1;
    *result = resource(P2_POLLABLE, i);
    return NULL;
  }
  return ubiq_error_new(UBIQ_TRAP, "WASI: the component has %d pollables; expected no more", WASI_POLLABLES_MAX);
}

static void pollable_drop(void *env, component_call *call, uint32_t place) {
  const wasi_context *context = context_of(env, call);
  if (context && context->pollables && place < WASI_POLLABLES_MAX) context->pollables->ready[place] = 0;
}

CALLBACK(subscribe_stream) {
  UNUSED();
  return pollable_new(context_of(env, call), 0, result);
}

CALLBACK(subscribe_instant) {
  UNUSED();
  return pollable_new(context_of(env, call), arguments[0].number, result);
}

CALLBACK(subscribe_duration) {
  UNUSED();
  wasi_context *context = context_of(env, call);
  uint64_t now = context ? wasi_clock_now(context, WASI_CLOCK_MONOTONIC) : 0, duration = arguments[0].number;
  return pollable_new(context, duration < UINT64_MAX - now ? now + duration : UINT64_MAX, result);
}

static uint64_t time_of(const wasi_context *context, const component_value *pollable) {
  const wasi_pollables *pollables = context->pollables;
  return pollables && pollable->number < WASI_POLLABLES_MAX ? pollables->ready[pollable->number] : 0;
}

static bool has_come(const wasi_context *context, uint64_t when_ns) {
  return when_ns <= 1 || wasi_clock_now(context, WASI_CLOCK_MONOTONIC) >= when_ns;
}

CALLBACK(is_ready) {
  UNUSED();
  const wasi_context *context = context_of(env, call);
  if (!context) return ubiq_error_no_memory();
  *result = (component_value){.kind = COMPONENT_BOOL, .is = has_come(context, time_of(context, &arguments[0]))};
  return NULL;
}

static void wait_until(wasi_context *context, uint64_t when_ns) {
  context->poll_deadline_ns = when_ns;
  if (context->options.wait && !has_come(context, when_ns)) context->options.wait(context->options.user, when_ns);
}

CALLBACK(block) {
  UNUSED();
  wasi_context *context = context_of(env, call);
  if (!context) return ubiq_error_no_memory();
  wait_until(context, time_of(context, &arguments[0]));
  return NULL;
}

CALLBACK(poll_all) {
  UNUSED();
  wasi_context *context = context_of(env, call);
  const component_value *list = &arguments[0];
  wasi_pollables *pollables = pollables_of(context);
  if (!pollables) return ubiq_error_no_memory();
  if (list->count == 0 || list->count > WASI_POLLABLES_MAX)
    return ubiq_error_new(UBIQ_TRAP, "WASI: the component polls %zu pollables; expected 1 to %d", list->count,
                          WASI_POLLABLES_MAX);
  uint64_t earliest = UINT64_MAX;
  for (size_t i = 0; i < list->count; i++) {
    uint64_t when = pollables->polled[i] = time_of(context, &list->items[i]);
    if (when < earliest) earliest = when;
  }
  pollables->polled_count = (uint32_t)list->count;
  wait_until(context, earliest);
  return NULL;
}

// Whether the wait is over, one way or the other.
static bool has_ended(const wasi_context *context, ubiq_error **error) {
  const wasi_options *options = &context->options;
  if (has_come(context, context->poll_deadline_ns)) return true;
  if (options->interrupted) *error = options->interrupted(options->user);
  return *error != NULL;
}

static bool block_ready(void *env, component_call *call, component_value *result, ubiq_error **error) {
  (void)result;
  const wasi_context *context = context_of(env, call);
  return has_ended(context, error);
}

static bool poll_ready(void *env, component_call *call, component_value *result, ubiq_error **error) {
  const wasi_context *context = context_of(env, call);
  if (!has_ended(context, error)) return false;
  const wasi_pollables *pollables = context->pollables;
  component_value *places = *error ? NULL : arena_array(call->arena, pollables->polled_count, sizeof *places);
  if (!places && !*error) *error = ubiq_error_no_memory();
  if (!places) return true;
  *result = (component_value){.kind = COMPONENT_LIST, .items = places};
  for (uint32_t i = 0; i < pollables->polled_count; i++)
    if (has_come(context, pollables->polled[i])) places[result->count++] = number(COMPONENT_U32, i);
  return true;
}

// -- The table --

#define STREAM_ERROR "variant{last-operation-failed(own), closed}"
#define WRITES       "(self: borrow, contents: list<u8>) -> result<_, " STREAM_ERROR ">"
#define FLUSHES      "(self: borrow) -> result<_, " STREAM_ERROR ">"
#define READS        "(self: borrow, len: u64) -> result<list<u8>, " STREAM_ERROR ">"
#define SKIPS        "(self: borrow, len: u64) -> result<u64, " STREAM_ERROR ">"
#define DATETIME     "() -> record{seconds: u64, nanoseconds: u32}"
#define STREAMS      "wasi:io/streams"

static const p2_function functions[] = {
    {"wasi:cli/environment", "get-arguments", "() -> list<string>", no_list, NULL},
    {"wasi:cli/environment", "get-environment", "() -> list<tuple<string, string>>", no_list, NULL},
    {"wasi:cli/environment", "initial-cwd", "() -> option<string>", none, NULL},
    {"wasi:cli/exit", "exit", "(status: result<_, _>)", leave, NULL},
    {"wasi:cli/stderr", "get-stderr", "() -> own", standard_error, NULL},
    {"wasi:cli/stdin", "get-stdin", "() -> own", standard_input, NULL},
    {"wasi:cli/stdout", "get-stdout", "() -> own", standard_output, NULL},
    {"wasi:cli/terminal-stderr", "get-terminal-stderr", "() -> option<own>", none, NULL},
    {"wasi:cli/terminal-stdin", "get-terminal-stdin", "() -> option<own>", none, NULL},
    {"wasi:cli/terminal-stdout", "get-terminal-stdout", "() -> option<own>", none, NULL},
    {"wasi:clocks/monotonic-clock", "now", "() -> u64", monotonic_now, NULL},
    {"wasi:clocks/monotonic-clock", "resolution", "() -> u64", monotonic_resolution, NULL},
    {"wasi:clocks/monotonic-clock", "subscribe-duration", "(when: u64) -> own", subscribe_duration, NULL},
    {"wasi:clocks/monotonic-clock", "subscribe-instant", "(when: u64) -> own", subscribe_instant, NULL},
    {"wasi:clocks/wall-clock", "now", DATETIME, wall_now, NULL},
    {"wasi:clocks/wall-clock", "resolution", DATETIME, wall_resolution, NULL},
    {"wasi:filesystem/preopens", "get-directories", "() -> list<tuple<own, string>>", no_list, NULL},
    {"wasi:io/poll", "[method]pollable.block", "(self: borrow)", block, block_ready},
    {"wasi:io/poll", "[method]pollable.ready", "(self: borrow) -> bool", is_ready, NULL},
    {"wasi:io/poll", "poll", "(in: list<borrow>) -> list<u32>", poll_all, poll_ready},
    {STREAMS, "[method]input-stream.blocking-read", READS, closed, NULL},
    {STREAMS, "[method]input-stream.blocking-skip", SKIPS, closed, NULL},
    {STREAMS, "[method]input-stream.read", READS, closed, NULL},
    {STREAMS, "[method]input-stream.skip", SKIPS, closed, NULL},
    {STREAMS, "[method]input-stream.subscribe", "(self: borrow) -> own", subscribe_stream, NULL},
    {STREAMS, "[method]output-stream.blocking-flush", FLUSHES, flush, NULL},
    {STREAMS, "[method]output-stream.blocking-write-and-flush", WRITES, write_bytes, NULL},
    {STREAMS, "[method]output-stream.check-write", "(self: borrow) -> result<u64, " STREAM_ERROR ">", check_write,
     NULL},
    {STREAMS, "[method]output-stream.flush", FLUSHES, flush, NULL},
    {STREAMS, "[method]output-stream.subscribe", "(self: borrow) -> own", subscribe_stream, NULL},
    {STREAMS, "[method]output-stream.write", WRITES, write_bytes, NULL},
    {"wasi:random/insecure", "get-insecure-random-bytes", "(len: u64) -> list<u8>", random_bytes, NULL},
    {"wasi:random/insecure", "get-insecure-random-u64", "() -> u64", random_number, NULL},
    {"wasi:random/insecure-seed", "insecure-seed", "() -> tuple<u64, u64>", seed, NULL},
    {"wasi:random/random", "get-random-bytes", "(len: u64) -> list<u8>", random_bytes, NULL},
    {"wasi:random/random", "get-random-u64", "() -> u64", random_number, NULL},
};

static uint32_t resource_type(const char *name) {
  if (strcmp(name, "pollable") == 0) return P2_POLLABLE;
  if (strcmp(name, "input-stream") == 0) return P2_INPUT;
  return strcmp(name, "output-stream") == 0 ? P2_OUTPUT : P2_OTHER;
}

// One of another type than in WASI 0.2 is none of these.
static const p2_function *find(const component_item *item, size_t interface_size) {
  for (size_t i = 0; item->type && i < sizeof functions / sizeof *functions; i++) {
    const p2_function *function = &functions[i];
    if (strlen(function->interface) == interface_size &&
        memcmp(function->interface, item->interface, interface_size) == 0 && strcmp(function->name, item->name) == 0 &&
        strcmp(function->type, item->type) == 0)
      return function;
  }
  return NULL;
}

bool wasi_p2_bind(const component_item *item, const wasi_binding *binding, component_import *out) {
  const char *version = strchr(item->interface, '@');
  if (strncmp(item->interface, "wasi:", 5) != 0 || !version || strncmp(version, "@0.2.", 5) != 0) return false;
  const p2_function *function = find(item, (size_t)(version - item->interface));
  if (function)
    *out = (component_import){.call = function->call, .ready = function->ready, .env = (void *)binding};
  else
    *out = (component_import){.call = refuse, .env = (void *)item};
  if (!item->is_resource) return true;
  *out = (component_import){.type = resource_type(item->name), .env = (void *)binding};
  if (out->type == P2_POLLABLE) out->drop = pollable_drop;
  return true;
}
