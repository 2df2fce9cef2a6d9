// The wazero adapter: what wazero reports, in our classes and words. It has no codes: parts of the texts tell.
#include "engine/wazero/internal.h"

#include <string.h>

typedef struct known_text {
  const char *part;
  ubiq_code code;
  const char *text; ///< NULL: wazero's own
  int32_t detail;
} known_text;

static const known_text traps[] = {
    {"wasm error: unreachable", UBIQ_TRAP, "unreachable code was reached", ENGINE_TRAP_UNREACHABLE},
    {"out of bounds memory access", UBIQ_TRAP, "out of bounds memory access", 0},
    {"invalid table access", UBIQ_TRAP, "out of bounds table access, or indirect call to a null table element", 0},
    {"integer divide by zero", UBIQ_TRAP, "integer division by zero", 0},
    {"integer overflow", UBIQ_TRAP, "integer overflow", 0},
    {"invalid conversion to integer", UBIQ_TRAP, "float out of range of an integer", 0},
    {"stack overflow", UBIQ_TRAP, "call stack exhausted", 0},
    {"indirect call type mismatch", UBIQ_TRAP, "indirect call to a function of another type", 0},
    {"uncaught exception", UBIQ_TRAP, "uncaught exception", 0},
};

static const known_text others[] = {
    {"out of bounds memory access", UBIQ_TRAP, "out of bounds memory access", 0}, // a data segment
    {"panic: ", UBIQ_INTERNAL, NULL, 0},
};

static ubiq_error *from_message(const wazero_message *message, const known_text *texts, size_t count, ubiq_code other) {
  const known_text *known = NULL;
  for (size_t i = 0; i < count && !known; i++)
    if (memmem(message->text, message->size, texts[i].part, strlen(texts[i].part))) known = &texts[i];
  ubiq_code code = known ? known->code : other;
  if (!known || !known->text) return ubiq_error_new(code, "%.*s", (int)message->size, message->text);
  return ubiq_error_with_detail(ubiq_error_new(code, "%s", known->text), known->detail);
}

ubiq_error *wz_call_error(wz_store *store, const wazero_message *message) {
  ubiq_error *error = store->host_error;
  store->host_error = NULL;
  return error ? error : from_message(message, traps, sizeof traps / sizeof *traps, UBIQ_TRAP);
}

ubiq_error *wz_error(const wazero_message *message) {
  return from_message(message, others, sizeof others / sizeof *others, UBIQ_INVALID_INPUT);
}
