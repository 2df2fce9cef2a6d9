// Noticing that a guest's memory could not grow, which engines do not tell: its memory.grow becomes a call of a function,
// one for each of its memories, that does the same and tells the hub of a refusal.
//
//   (func (param $pages T) (result T) (local $before T)
//     (local.tee $before (memory.grow N (local.get $pages)))
//     (if (T.eq (T.const -1)) (then (call $refused)))
//     (local.get $before))
//
// T is i32, or i64 for a memory with addresses of 64 bits.
#include "engine/wasm/wasm_merge_parts.h"

enum { TYPE_FUNCTION = 0x60, TYPE_I32 = 0x7f, TYPE_I64 = 0x7e, NO_RESULT = 0x40, MINUS_ONE = 0x7f };
enum { WIDTHS = 2 }; // types: of 32 bits, then of 64

enum {
  OP_IF = 0x04,
  OP_END = 0x0b,
  OP_CALL = 0x10,
  OP_LOCAL_GET = 0x20,
  OP_LOCAL_TEE = 0x22,
  OP_MEMORY_GROW = 0x40,
  OP_I32_CONST = 0x41,
  OP_I64_CONST = 0x42,
  OP_I32_EQ = 0x46,
  OP_I64_EQ = 0x51,
};

ubiq_error *wasm_merging_plan_growing(wasm_merging *self) {
  const char *name = self->request->grow_refused;
  if (name == NULL || self->guest.to.count[WASM_SPACE_MEMORY] == 0) return NULL;
  const wasm_item *item = wasm_module_export(self->hub.module, name);
  static const wasm_signature expected = {0};
  if (item == NULL || item->kind != WASM_FUNCTION || !wasm_signature_equal(&item->signature, &expected))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "WebAssembly module: the hub has no %s, () -> (): it cannot be merged",
                          name);
  self->growing =
      (wasm_growing){.count = self->guest.to.count[WASM_SPACE_MEMORY],
                     .first = self->imports + wasm_part_defined(&self->guest) + wasm_part_defined(&self->hub),
                     .refused = self->hub.functions[item->index]};
  return NULL;
}

uint32_t wasm_merging_grow_types(const wasm_merging *self) {
  return self->growing.count > 0 ? WIDTHS : 0;
}

void wasm_merging_write_grow_types(const wasm_merging *self, wasm_writer *out) {
  static const uint8_t types[] = {TYPE_FUNCTION, 1, TYPE_I32, 1, TYPE_I32, TYPE_FUNCTION, 1, TYPE_I64, 1, TYPE_I64};
  if (self->growing.count > 0) wasm_write_bytes(out, types, sizeof types);
}

// Calls `write` for each memory of the guest.
static void for_each_memory(const wasm_merging *self, wasm_writer *out,
                            void (*write)(const wasm_merging *, uint32_t memory, bool is_64, wasm_writer *)) {
  wasm_reader memories = self->guest.sections[WASM_SECTION_MEMORY].body;
  if (self->growing.count == 0) return;
  wasm_read_u32(&memories);
  for (uint32_t i = 0; i < self->growing.count; i++) write(self, i, wasm_read_limits(&memories).is_64, out);
}

static void write_function(const wasm_merging *self, uint32_t memory, bool is_64, wasm_writer *out) {
  (void)memory;
  wasm_write_u32(out, self->guest.details.types_count + self->hub.details.types_count + is_64);
}

void wasm_merging_write_grow_functions(const wasm_merging *self, wasm_writer *out) {
  for_each_memory(self, out, write_function);
}

static void write_op(wasm_writer *out, uint8_t op, uint32_t operand) {
  wasm_write_byte(out, op);
  wasm_write_u32(out, operand);
}

static void write_body(const wasm_merging *self, uint32_t memory, bool is_64, wasm_writer *out) {
  enum { PAGES, BEFORE };
  const uint8_t locals[] = {1, 1, is_64 ? TYPE_I64 : TYPE_I32};
  wasm_writer body = {0};
  wasm_write_bytes(&body, locals, sizeof locals);
  write_op(&body, OP_LOCAL_GET, PAGES);
  write_op(&body, OP_MEMORY_GROW, memory);
  write_op(&body, OP_LOCAL_TEE, BEFORE);
  wasm_write_byte(&body, is_64 ? OP_I64_CONST : OP_I32_CONST);
  wasm_write_byte(&body, MINUS_ONE);
  wasm_write_byte(&body, is_64 ? OP_I64_EQ : OP_I32_EQ);
  wasm_write_byte(&body, OP_IF);
  wasm_write_byte(&body, NO_RESULT);
  write_op(&body, OP_CALL, self->growing.refused);
  wasm_write_byte(&body, OP_END);
  write_op(&body, OP_LOCAL_GET, BEFORE);
  wasm_write_byte(&body, OP_END);
  wasm_write_sized(out, &body);
  buffer_free(&body.bytes);
}

void wasm_merging_write_grow_code(const wasm_merging *self, wasm_writer *out) {
  for_each_memory(self, out, write_body);
}

uint32_t wasm_merging_write_grow_names(const wasm_merging *self, wasm_writer *out) {
  for (uint32_t i = 0; i < self->growing.count; i++) {
    wasm_write_u32(out, self->growing.first + i);
    wasm_write_name(out, "memory.grow");
  }
  return self->growing.count;
}
