// The WasmEdge adapter: what WasmEdge reports, in our classes and words.
#include "engine/wasmedge/internal.h"

typedef struct result_text {
  uint32_t code;
  ubiq_code class;
  const char *text; ///< NULL: WasmEdge's own
  int32_t detail;
} result_text;

static const result_text texts[] = {
    {WasmEdge_ErrCode_Unreachable, UBIQ_TRAP, "unreachable code was reached", ENGINE_TRAP_UNREACHABLE},
    {WasmEdge_ErrCode_DivideByZero, UBIQ_TRAP, "integer division by zero", 0},
    {WasmEdge_ErrCode_IntegerOverflow, UBIQ_TRAP, "integer overflow", 0},
    {WasmEdge_ErrCode_InvalidConvToInt, UBIQ_TRAP, "float out of range of an integer", 0},
    {WasmEdge_ErrCode_TableOutOfBounds, UBIQ_TRAP, "out of bounds table access", 0},
    {WasmEdge_ErrCode_UndefinedElement, UBIQ_TRAP, "out of bounds table access", 0},
    {WasmEdge_ErrCode_MemoryOutOfBounds, UBIQ_TRAP, "out of bounds memory access", 0},
    {WasmEdge_ErrCode_UninitializedElement, UBIQ_TRAP, "indirect call to a null table element", 0},
    {WasmEdge_ErrCode_IndirectCallTypeMismatch, UBIQ_TRAP, "indirect call to a function of another type", 0},
    {WasmEdge_ErrCode_CostLimitExceeded, UBIQ_CPU_LIMIT, "plugin ran out of fuel", 0},
};

// WasmEdge counts its codes by phase: loading, checking, instantiating, executing.
enum { FIRST_LOADING = 0x100, FIRST_EXECUTING = 0x400 };

static ubiq_error *from_code(uint32_t code, const char *message) {
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const result_text *known = &texts[i];
    if (known->code == code)
      return ubiq_error_with_detail(ubiq_error_new(known->class, "%s", known->text), known->detail);
  }
  bool is_module = code >= FIRST_LOADING && code < FIRST_EXECUTING;
  return ubiq_error_new(is_module ? UBIQ_INVALID_INPUT : UBIQ_TRAP, "%s", message);
}

ubiq_error *edge_take_result(edge_store *store, WasmEdge_Result result) {
  if (WasmEdge_ResultOK(result)) return NULL;
  ubiq_error *error = store ? store->host_error : NULL;
  if (store) store->host_error = NULL;
  return error ? error : from_code(WasmEdge_ResultGetCode(result), WasmEdge_ResultGetMessage(result));
}
