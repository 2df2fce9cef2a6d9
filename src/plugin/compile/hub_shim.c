// See hub_shim.h.
#include "plugin/compile/hub_shim.h"

enum {
  OP_IF = 0x04,
  OP_END = 0x0b,
  OP_RETURN = 0x0f,
  OP_CALL = 0x10,
  OP_CALL_REF = 0x14,
  OP_SELECT = 0x1b,
  OP_LOCAL_GET = 0x20,
  OP_LOCAL_TEE = 0x22,
  OP_GLOBAL_GET = 0x23,
  OP_I32_CONST = 0x41,
  OP_I64_CONST = 0x42,
  OP_I64_LE_S = 0x57,
  OP_I32_ADD = 0x6a,
  OP_I64_OR = 0x84,
  OP_I64_SHL = 0x86,
  OP_I32_WRAP_I64 = 0xa7,
  OP_I64_EXTEND_I32_U = 0xad,
};

enum { NO_RESULT = 0x40 };

static void write_op(wasm_writer *out, uint8_t op, uint32_t operand) {
  wasm_write_byte(out, op);
  wasm_write_u32(out, operand);
}

// Passes the parameters on to the host.
static void write_start(wasm_writer *out, const hub_function *function, const hub_shim *calls) {
  for (uint32_t i = 0; i < function->signature.params_count; i++) write_op(out, OP_LOCAL_GET, i);
  if (function->slot) {
    write_op(out, OP_GLOBAL_GET, calls->start);
    write_op(out, OP_CALL_REF, calls->type);
  } else {
    write_op(out, OP_CALL, calls->start);
  }
}

// With the answer's length on the stack: keeps it, and answers 0 if it is 0 or less.
static void write_nothing(wasm_writer *out, uint32_t length) {
  write_op(out, OP_LOCAL_TEE, length);
  write_op(out, OP_I64_CONST, 0);
  wasm_write_byte(out, OP_I64_LE_S);
  wasm_write_byte(out, OP_IF);
  wasm_write_byte(out, NO_RESULT);
  write_op(out, OP_I64_CONST, 0);
  wasm_write_byte(out, OP_RETURN);
  wasm_write_byte(out, OP_END);
}

// A block of that length, which `finish` fills.
static void write_block(wasm_writer *out, const hub_shim *calls, uint32_t length, uint32_t block) {
  write_op(out, OP_LOCAL_GET, length);
  write_op(out, OP_CALL, calls->alloc);
  write_op(out, OP_LOCAL_TEE, block);
  write_op(out, OP_CALL, calls->finish);
  write_op(out, OP_LOCAL_GET, block);
}

// The same by the guest, whose places have 32 bits.
static void write_guest_block(wasm_writer *out, const hub_shim *calls, uint32_t length, uint32_t block) {
  write_op(out, OP_LOCAL_GET, length);
  wasm_write_byte(out, OP_I32_WRAP_I64);
  write_op(out, OP_CALL, calls->alloc);
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  write_op(out, OP_LOCAL_TEE, block);
  write_op(out, OP_CALL, calls->finish);
}

// block << 32 | length, or 0 where there is no block.
static void write_packed(wasm_writer *out, uint32_t length, uint32_t block) {
  write_op(out, OP_LOCAL_GET, block);
  write_op(out, OP_I64_CONST, 32);
  wasm_write_byte(out, OP_I64_SHL);
  write_op(out, OP_LOCAL_GET, length);
  wasm_write_byte(out, OP_I64_OR);
  write_op(out, OP_I64_CONST, 0);
  write_op(out, OP_LOCAL_GET, block);
  wasm_write_byte(out, OP_I32_WRAP_I64);
  wasm_write_byte(out, OP_SELECT);
}

static void write_answer(wasm_writer *out, const hub_function *function, const hub_shim *calls) {
  uint32_t length = function->signature.params_count;
  uint32_t block = length + 1;
  write_nothing(out, length);
  if (function->kind == HUB_BLOCK) {
    write_block(out, calls, length, block);
  } else {
    write_guest_block(out, calls, length, block);
    write_packed(out, length, block);
  }
}

static void write_free(wasm_writer *out, const hub_shim *calls, uint32_t place) {
  write_op(out, OP_LOCAL_GET, place);
  wasm_write_byte(out, OP_IF);
  wasm_write_byte(out, NO_RESULT);
  write_op(out, OP_LOCAL_GET, place);
  write_op(out, OP_LOCAL_GET, place + 1); // its size
  write_op(out, OP_CALL, calls->free);
  wasm_write_byte(out, OP_END);
}

static void write_guest_call(wasm_writer *out, const hub_shim *calls) {
  enum { PLACE = HUB_CALL_PARAMS, FORMAT_JSON = 0 };
  static const uint8_t one_i32[] = {1, 1, 0x7f};
  wasm_write_bytes(out, one_i32, sizeof one_i32);
  write_free(out, calls, HUB_CALL_ANSWER_PLACE);
  write_free(out, calls, HUB_CALL_BLOCK_PLACE);
  write_op(out, OP_LOCAL_GET, HUB_CALL_NAME_SIZE);
  write_op(out, OP_LOCAL_GET, HUB_CALL_INPUT_SIZE);
  wasm_write_byte(out, OP_I32_ADD);
  write_op(out, OP_CALL, calls->alloc);
  write_op(out, OP_LOCAL_TEE, PLACE);
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  write_op(out, OP_CALL, calls->finish);
  write_op(out, OP_I32_CONST, FORMAT_JSON);
  write_op(out, OP_LOCAL_GET, PLACE);
  write_op(out, OP_LOCAL_GET, HUB_CALL_NAME_SIZE);
  write_op(out, OP_LOCAL_GET, PLACE);
  write_op(out, OP_LOCAL_GET, HUB_CALL_NAME_SIZE);
  wasm_write_byte(out, OP_I32_ADD);
  write_op(out, OP_LOCAL_GET, HUB_CALL_INPUT_SIZE);
  write_op(out, OP_CALL, calls->handle);
  wasm_write_byte(out, OP_END);
}

void hub_shim_write(const hub_function *function, const hub_shim *calls, wasm_writer *out) {
  static const uint8_t no_locals[] = {0};
  static const uint8_t two_i64[] = {1, 2, 0x7e};
  if (function->kind == HUB_GUEST_CALL) {
    write_guest_call(out, calls);
    return;
  }
  bool is_block = function->kind != HUB_DIRECT;
  wasm_write_bytes(out, is_block ? two_i64 : no_locals, is_block ? sizeof two_i64 : sizeof no_locals);
  write_start(out, function, calls);
  if (is_block) write_answer(out, function, calls);
  wasm_write_byte(out, OP_END);
}
