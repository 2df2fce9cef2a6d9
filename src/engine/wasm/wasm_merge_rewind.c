// A function that puts back what a merged module has beside memories, so that an instance that ended can begin anew:
//
//   (func (result i32) (global.set 0 (i32.const 16384)) ... (i32.const MEMORIES))
//
// It sets every mutable global to what it began as and answers how many memories there are, which are the host's to put
// back. Where it cannot do all that may have changed it answers -1 and sets nothing: a guest that changes tables, drops
// segments, has exceptions or objects, begins with a global that is no plain constant, or has thousands of globals.
// References in globals of the hub are the host's and stay: the guest does not reach them.
#include "engine/wasm/wasm_merge_parts.h"

enum { TYPE_FUNCTION = 0x60, TYPE_I32 = 0x7f, FIRST_NUMERIC = 0x7b, MINUS_ONE = 0x7f };
enum {
  MEMORIES_MAX = 60,         // of one byte as a signed number
  CODE_BYTES_MAX = 64 << 10, // engines refuse bodies of some megabytes, and who sets that many globals is no short run
};

enum {
  OP_END = 0x0b,
  OP_GLOBAL_SET = 0x24,
  OP_I32_CONST = 0x41,
  OP_I64_CONST = 0x42,
  OP_F32_CONST = 0x43,
  OP_F64_CONST = 0x44,
  OP_VECTOR = 0xfd,
};

static bool is_wanted(const wasm_merging *self) {
  return self->request->rewind != NULL;
}

uint32_t wasm_merging_rewinds(const wasm_merging *self) {
  return is_wanted(self);
}

static uint32_t function_index(const wasm_merging *self) {
  return self->imports + wasm_part_defined(&self->guest) + wasm_part_defined(&self->hub) + self->growing.count;
}

void wasm_merging_write_rewind_type(const wasm_merging *self, wasm_writer *out) {
  static const uint8_t type[] = {TYPE_FUNCTION, 0, 1, TYPE_I32};
  if (is_wanted(self)) wasm_write_bytes(out, type, sizeof type);
}

void wasm_merging_write_rewind_function(const wasm_merging *self, wasm_writer *out) {
  if (!is_wanted(self)) return;
  wasm_write_u32(out, self->guest.details.types_count + self->hub.details.types_count + wasm_merging_grow_types(self));
}

void wasm_merging_write_rewind_export(const wasm_merging *self, wasm_writer *out) {
  if (!is_wanted(self)) return;
  wasm_write_name_of(out, self->request->prefix, self->request->rewind);
  wasm_write_byte(out, WASM_FUNCTION);
  wasm_write_u32(out, function_index(self));
}

uint32_t wasm_merging_write_rewind_name(const wasm_merging *self, wasm_writer *out) {
  if (!is_wanted(self)) return 0;
  wasm_write_u32(out, function_index(self));
  wasm_write_name(out, self->request->rewind);
  return 1;
}

// One constant of a number or a vector, and its end.
static bool is_plain_constant(wasm_reader expression) {
  switch (wasm_read_byte(&expression)) {
  case OP_I32_CONST: wasm_read_signed(&expression, 32); break;
  case OP_I64_CONST: wasm_read_signed(&expression, 64); break;
  case OP_F32_CONST: wasm_read_skip(&expression, 4); break;
  case OP_F64_CONST: wasm_read_skip(&expression, 8); break;
  case OP_VECTOR: wasm_read_skip(&expression, 1 + 16); break; // v128.const, as no other makes a constant
  default: return false;
  }
  return wasm_read_byte(&expression) == OP_END && wasm_reader_left(&expression) == 0 &&
         !wasm_reader_failed(&expression);
}

// Code that sets the global that is next. False: it cannot be set.
static bool write_global(wasm_reader *globals, bool is_hub, uint32_t index, wasm_writer *out) {
  bool is_number = wasm_reader_left(globals) > 0 && *globals->at >= FIRST_NUMERIC;
  wasm_read_value_type(globals);
  bool is_mutable = wasm_read_byte(globals) != 0;
  wasm_reader expression = *globals;
  wasm_read_skip_expression(globals);
  expression.end = globals->at;
  if (wasm_reader_failed(globals)) return false;
  if (!is_mutable || (is_hub && !is_number)) return true;
  if (!is_number || !is_plain_constant(expression)) return false;
  wasm_write_bytes(out, expression.at, wasm_reader_left(&expression) - 1); // without its end
  wasm_write_byte(out, OP_GLOBAL_SET);
  wasm_write_u32(out, index);
  return true;
}

static bool write_globals(const wasm_part *part, bool is_hub, wasm_writer *out) {
  wasm_reader globals = part->sections[WASM_SECTION_GLOBAL].body;
  if (!part->present[WASM_SECTION_GLOBAL]) return true;
  uint32_t count = wasm_read_u32(&globals);
  for (uint32_t i = 0; i < count; i++)
    if (!write_global(&globals, is_hub, part->to.add[WASM_SPACE_GLOBAL] + i, out)) return false;
  return true;
}

void wasm_merging_write_rewind_code(wasm_merging *self, wasm_writer *out) {
  if (!is_wanted(self)) return;
  wasm_writer code = {0}, body = {0};
  uint32_t memories = self->guest.to.count[WASM_SPACE_MEMORY] + self->hub.to.count[WASM_SPACE_MEMORY];
  bool can = !self->changes_more && memories <= MEMORIES_MAX && self->guest.to.count[WASM_SPACE_TAG] == 0 &&
             write_globals(&self->guest, false, &code) && write_globals(&self->hub, true, &code) &&
             code.bytes.size <= CODE_BYTES_MAX;
  self->can_rewind = can;
  wasm_write_u32(&body, 0); // groups of locals
  if (can) wasm_write_bytes(&body, code.bytes.data, code.bytes.size);
  body.failed |= code.failed;
  wasm_write_byte(&body, OP_I32_CONST);
  wasm_write_byte(&body, can ? (uint8_t)memories : MINUS_ONE);
  wasm_write_byte(&body, OP_END);
  wasm_write_sized(out, &body);
  buffer_free(&code.bytes);
  buffer_free(&body.bytes);
}

void wasm_merging_write_rewind_mark(wasm_merging *self) {
  wasm_writer body = {0};
  if (!self->can_rewind) return;
  wasm_write_name(&body, WASM_MERGE_MARK);
  wasm_write_byte(&body, self->grows);
  wasm_write_section(&self->out, WASM_SECTION_CUSTOM, &body);
  buffer_free(&body.bytes);
}
