// The Wasm3 adapter: what Wasm3 reports, in our classes and words, and what ends a call from outside.
#include "base/text.h"
#include "engine/wasm3/internal.h"

#include <stdio.h>
#include <string.h>

const char w3_nested_too_deep[] = "blocks or calls are nested too deep for the stack";
const char w3_ended_by_host[] = "the host ended the call";

typedef struct result_text {
  const M3Result *result;
  const char *text;
} result_text;

// Results are told apart by their addresses, traps are those of this list.
static const result_text traps[] = {
    {&m3Err_trapOutOfBoundsMemoryAccess, "out of bounds memory access"},
    {&m3Err_trapDivisionByZero, "integer division by zero"},
    {&m3Err_trapIntegerOverflow, "integer overflow"},
    {&m3Err_trapIntegerConversion, "float out of range of an integer"},
    {&m3Err_trapIndirectCallTypeMismatch, "indirect call to a function of another type"},
    {&m3Err_trapTableIndexOutOfRange, "out of bounds table access"},
    {&m3Err_trapTableElementIsNull, "indirect call to a null table element"},
    {&m3Err_trapUnreachable, "unreachable code was reached"},
    {&m3Err_trapStackOverflow, "call stack exhausted"},
    {&m3Err_trapAbort, "aborted"},
};

static const char *trap_text(M3Result result) {
  for (size_t i = 0; i < sizeof traps / sizeof *traps; i++)
    if (result == *traps[i].result) return traps[i].text;
  return NULL;
}

bool w3_is_trap(M3Result result) {
  return trap_text(result) || result == w3_ended_by_host;
}

// What is cut of a name ends with a whole character; 0 for a name that is none.
static int length_shown(const char *name) {
  enum { NAME_BYTES_MAX = 80, CHARACTER_BYTES_MAX = 4 };
  size_t size = strnlen(name, NAME_BYTES_MAX);
  size_t least = size < NAME_BYTES_MAX ? size : NAME_BYTES_MAX + 1 - CHARACTER_BYTES_MAX;
  while (size > least && !text_utf8_valid(name, size)) size--;
  return text_utf8_valid(name, size) ? (int)size : 0;
}

static size_t print_name(char *text, size_t room, const M3Function *function) {
  const char *name = function->numNames ? function->names[0] : "";
  int length = length_shown(name);
  int n = length ? snprintf(text, room, "%.*s", length, name)
                 : snprintf(text, room, "function %u", (unsigned)(function - function->module->functions));
  return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

// Writes " (in inner < caller < caller's caller)".
static const char *print_trace(const w3_guard *guard, char *text, size_t room) {
  size_t used = 0;
  text[0] = 0;
  for (unsigned i = 0; i < guard->left_count && i < W3_TRACE_MAX; i++) {
    used += (size_t)snprintf(text + used, room - used, i ? " < " : " (in ");
    used += print_name(text + used, room - used, guard->left[i]);
  }
  if (used) snprintf(text + used, room - used, guard->left_count > W3_TRACE_MAX ? " < ...)" : ")");
  return text;
}

static ubiq_error *trapped(const w3_store *store, const char *why, int32_t detail) {
  char trace[W3_TRACE_MAX * 128];
  return ubiq_error_with_detail(
      ubiq_error_new(UBIQ_TRAP, "%s%s", why, store ? print_trace(&store->guard, trace, sizeof trace) : ""), detail);
}

ubiq_error *w3_take_error(w3_store *store, M3Result result) {
  if (!result) return NULL;
  ubiq_error *error = store ? store->host_error : NULL;
  if (store) store->host_error = NULL;
  if (error) return error;
  const char *trap = trap_text(result);
  if (trap) return trapped(store, trap, result == m3Err_trapUnreachable ? ENGINE_TRAP_UNREACHABLE : 0);
  if (store && store->depth && result == w3_nested_too_deep) return trapped(store, "call stack exhausted", 0);
  if (result == m3Err_mallocFailed || result == m3Err_mallocFailedCodePage) return ubiq_error_no_memory();
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s", result);
}

const void *w3_guard_act(w3_guard *guard) {
  w3_store *store = (w3_store *)((char *)guard - offsetof(w3_store, guard));
  if ((const char *)__builtin_frame_address(0) <= guard->stack_limit) return m3Err_trapStackOverflow;
  guard->seen = atomic_load_explicit(guard->epoch, memory_order_relaxed);
  engine_tick_action action = ENGINE_TICK_GO_ON;
  ubiq_error *error = store->options.tick ? store->options.tick(store->options.user, &action) : NULL;
  if (!error) return NULL;
  ubiq_error_delete(store->host_error);
  store->host_error = error;
  return w3_ended_by_host;
}
