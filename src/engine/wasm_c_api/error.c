// The adapter for wasm.h: what an engine reports, in our classes and words. It has no codes: parts of the texts tell.
#include "base/text.h"
#include "engine/wasm_c_api/internal.h"

#include <string.h>

typedef struct trap_text {
  const char *part;
  ubiq_code code;
  const char *text; ///< NULL: the engine's own
  int32_t detail;
} trap_text;

static const trap_text trap_texts[] = {
    {"incompatible import", UBIQ_INVALID_INPUT, NULL, 0}, // first: names of the guest's stand in it
    {"the engine panicked", UBIQ_INTERNAL, NULL, 0},
    {"unreachable", UBIQ_TRAP, "unreachable code was reached", ENGINE_TRAP_UNREACHABLE},
    {"out of bounds memory access", UBIQ_TRAP, "out of bounds memory access", 0},
    {"out of bounds table access", UBIQ_TRAP, "out of bounds table access", 0},
    {"uninitialized element", UBIQ_TRAP, "indirect call to a null table element", 0},
    {"integer divide by zero", UBIQ_TRAP, "integer division by zero", 0},
    {"integer overflow", UBIQ_TRAP, "integer overflow", 0},
    {"invalid conversion to integer", UBIQ_TRAP, "float out of range of an integer", 0},
    {"call stack exhausted", UBIQ_TRAP, "call stack exhausted", 0},
    {"indirect call type mismatch", UBIQ_TRAP, "indirect call to a function of another type", 0},
    {"all fuel consumed", UBIQ_CPU_LIMIT, "plugin ran out of fuel", 0},
    {"denied to allocate or grow the linear memory", UBIQ_MEMORY_LIMIT, "memory minimum size exceeds memory limits", 0},
    {"denied to allocate or grow the table", UBIQ_MEMORY_LIMIT, "table minimum size exceeds the limit", 0},
    {"Insufficient resources", UBIQ_UNAVAILABLE, NULL, 0}, // behind what was denied
    {"mismatch", UBIQ_INVALID_INPUT, NULL, 0},             // of an import; behind "indirect call type mismatch"
};

static const trap_text *find_text(text message) {
  for (size_t i = 0; i < sizeof trap_texts / sizeof *trap_texts; i++)
    if (memmem(message.data, message.size, trap_texts[i].part, strlen(trap_texts[i].part))) return &trap_texts[i];
  return NULL;
}

static ubiq_error *from_message(const wasm_byte_vec_t *whole) {
  text where = {whole->data, whole->size}, message = TEXT("");
  text_split(&where, '\n', &message);
  const trap_text *known = find_text(message);
  ubiq_code code = known ? known->code : UBIQ_TRAP;
  if (known && known->text) message = text_of(known->text);
  if (code != UBIQ_TRAP) where.size = 0;
  ubiq_error *error =
      ubiq_error_new(code, "%.*s%.*s", (int)message.size, message.data, (int)where.size, where.data ? where.data : "");
  return known ? ubiq_error_with_detail(error, known->detail) : error;
}

ubiq_error *capi_take_trap(capi_store *store, wasm_trap_t *trap) {
  if (!trap) return NULL;
  ubiq_error *error = store ? store->host_error : NULL;
  if (store) store->host_error = NULL;
  if (!error) {
    wasm_byte_vec_t message;
    ubiq_hook_trap_text(trap, &message);
    error = from_message(&message);
    wasm_byte_vec_delete(&message);
  }
  wasm_trap_delete(trap);
  return error;
}
