// Putting a short function's code where it is called. See wasm_inline.h.
//
// A body becomes a block, which ends where the function did, so that its branches stay as they are. Its locals begin as
// zero at every call.
#include "engine/wasm/wasm_inline.h"

enum { TYPE_I32 = 0x7f, TYPE_I64 = 0x7e, NO_RESULT = 0x40 };
enum { OP_BLOCK = 0x02, OP_LOCAL_SET = 0x21, OP_I32_CONST = 0x41, OP_I64_CONST = 0x42 };

static uint8_t code_of(wasm_type type) {
  return type == WASM_TYPE_I32 ? TYPE_I32 : type == WASM_TYPE_I64 ? TYPE_I64 : 0;
}

// Gives each parameter and local a slot; false when one is of another type or there are not enough.
static bool place(const wasm_inline *self, uint32_t base, uint32_t *slots) {
  uint32_t i32 = 0, i64 = 0;
  for (uint32_t i = 0; i < self->count; i++) {
    if (self->types[i] != TYPE_I32 && self->types[i] != TYPE_I64) return false;
    slots[i] = base + (self->types[i] == TYPE_I32 ? i32++ : WASM_INLINE_SLOTS_I32 + i64++);
  }
  return i32 <= WASM_INLINE_SLOTS_I32 && i64 <= WASM_INLINE_SLOTS_I64;
}

static bool read_signature(wasm_inline *self, const wasm_signature *signature) {
  if (signature->params_count > WASM_INLINE_LOCALS_MAX || signature->results_count > 1) return false;
  for (uint16_t i = 0; i < signature->params_count; i++) self->types[i] = code_of(signature->params[i]);
  self->params_count = self->count = signature->params_count;
  self->result = signature->results_count == 0 ? NO_RESULT : code_of(signature->results[0]);
  return self->result != 0;
}

static bool read_locals(wasm_inline *self, wasm_reader *body) {
  for (uint32_t groups = wasm_read_count(body, UINT32_MAX); groups > 0; groups--) {
    uint32_t count = wasm_read_u32(body);
    uint8_t type = wasm_read_byte(body);
    if (wasm_reader_failed(body) || count > WASM_INLINE_LOCALS_MAX - self->count) return false;
    for (; count > 0; count--) self->types[self->count++] = type;
  }
  return !wasm_reader_failed(body);
}

static void copy_code(const wasm_inline *self, wasm_reader *code, uint32_t base, wasm_writer *out) {
  uint32_t slots[WASM_INLINE_LOCALS_MAX] = {0};
  (void)place(self, base, slots);
  wasm_copier copier = wasm_copier_open(code, out, &self->to);
  copier.locals = slots;
  copier.locals_count = self->count;
  copier.no_return = true;
  wasm_copy_instructions(&copier);
  wasm_copy_flush(&copier);
}

bool wasm_inline_read(wasm_reader body, const wasm_signature *signature, const wasm_renumbering *to, wasm_inline *out) {
  uint32_t slots[WASM_INLINE_LOCALS_MAX] = {0};
  wasm_inline self = {.to = *to};
  if (wasm_reader_left(&body) > WASM_INLINE_BYTES_MAX) return false;
  if (!read_signature(&self, signature) || !read_locals(&self, &body) || !place(&self, 0, slots)) return false;
  self.code = body;
  self.to.functions_count = self.to.count[WASM_SPACE_TYPE] = 0; // no calls, whatever they are
  wasm_writer ignored = {0};
  copy_code(&self, &body, 0, &ignored);
  buffer_free(&ignored.bytes);
  if (wasm_reader_failed(&body)) return false;
  *out = self;
  return true;
}

void wasm_inline_write(const wasm_inline *self, uint32_t base, wasm_writer *out) {
  uint32_t slots[WASM_INLINE_LOCALS_MAX] = {0};
  (void)place(self, base, slots);
  for (uint32_t i = self->params_count; i-- > 0;) {
    wasm_write_byte(out, OP_LOCAL_SET);
    wasm_write_u32(out, slots[i]);
  }
  for (uint32_t i = self->params_count; i < self->count; i++) {
    wasm_write_byte(out, self->types[i] == TYPE_I32 ? OP_I32_CONST : OP_I64_CONST);
    wasm_write_byte(out, 0);
    wasm_write_byte(out, OP_LOCAL_SET);
    wasm_write_u32(out, slots[i]);
  }
  wasm_write_byte(out, OP_BLOCK);
  wasm_write_byte(out, self->result);
  wasm_reader code = self->code;
  copy_code(self, &code, base, out);
}

void wasm_inline_write_slots(wasm_writer *out) {
  static const uint8_t groups[] = {WASM_INLINE_SLOTS_I32, TYPE_I32, WASM_INLINE_SLOTS_I64, TYPE_I64};
  wasm_write_bytes(out, groups, sizeof groups);
}
