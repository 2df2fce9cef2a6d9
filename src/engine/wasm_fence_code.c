// The code of a module with limits. See wasm_fence.h.
//
//   function:   (global.set $stack (i32.sub (global.get $stack) (i32.const FRAME)))       ;; only where it calls others
//               (if (i32.lt_s (global.get $stack) (global.get $due)) (then CALL))
//               (block (result ...) the body)                    ;; a branch out of the body leads behind the block
//               (global.set $stack (i32.add (global.get $stack) (i32.const FRAME)))       ;; also before each return
//   loop:       (loop ... (if (global.get $due) (then CALL)) ...)        ;; also before what copies or fills a range
//   CALL:       (call_indirect $fence (i32.const 0))
#include "engine/wasm_fence_parts.h"

enum {
  OP_BLOCK = 0x02,
  OP_IF = 0x04,
  OP_ELSE = 0x05,
  OP_END = 0x0b,
  OP_RETURN = 0x0f,
  OP_CALL = 0x10,
  OP_CALL_INDIRECT = 0x11,
  OP_RETURN_CALL = 0x12,
  OP_RETURN_CALL_INDIRECT = 0x13,
  OP_LOCAL_GET = 0x20,
  OP_GLOBAL_GET = 0x23,
  OP_GLOBAL_SET = 0x24,
  OP_MEMORY_SIZE = 0x3f,
  OP_MEMORY_GROW = 0x40,
  OP_I32_CONST = 0x41,
  OP_I32_LT_S = 0x48,
  OP_I64_GT_U = 0x56,
  OP_I32_ADD = 0x6a,
  OP_I32_SUB = 0x6b,
  OP_I64_ADD = 0x7c,
  OP_I64_EXTEND_I32_U = 0xad,
  OP_BULK = 0xfc,
  OP_TABLE_GROW = 15,
  OP_TABLE_SIZE = 16,
};

enum { NO_RESULT = 0x40, TYPE_I32 = 0x7f, MINUS_ONE = 0x7f };

/// What a frame has beside its values, in values.
enum { FRAME_VALUES = 4 };

static void write_op(wasm_writer *out, uint8_t op, uint32_t operand) {
  wasm_write_byte(out, op);
  wasm_write_u32(out, operand);
}

static void write_global(const wasm_fencing *self, wasm_writer *out, uint8_t op, uint32_t global) {
  write_op(out, op, self->globals + global);
}

static void write_check(const wasm_fencing *self, wasm_writer *out) {
  wasm_write_byte(out, OP_IF);
  wasm_write_byte(out, NO_RESULT);
  write_op(out, OP_I32_CONST, 0);
  write_op(out, OP_CALL_INDIRECT, self->part.details.types_count + FENCE_TYPE_CALL);
  wasm_write_u32(out, self->tables);
  wasm_write_byte(out, OP_END);
}

static void write_turn(const wasm_fencing *self, wasm_writer *out) {
  write_global(self, out, OP_GLOBAL_GET, FENCE_DUE);
  write_check(self, out);
}

static void write_stack_change(const wasm_fencing *self, wasm_writer *out, uint32_t frame, uint8_t op) {
  write_global(self, out, OP_GLOBAL_GET, FENCE_STACK);
  wasm_write_byte(out, OP_I32_CONST);
  wasm_write_heap_index(out, frame); // a signed number
  wasm_write_byte(out, op);
  write_global(self, out, OP_GLOBAL_SET, FENCE_STACK);
}

static void write_block_type(const wasm_fencing *self, wasm_writer *out, uint32_t type) {
  const wasm_shape *shape = &self->shapes.types[type];
  if (shape->results == 0)
    wasm_write_byte(out, NO_RESULT);
  else if (shape->results == 1)
    wasm_write_byte(out, shape->result_types[0]);
  else
    wasm_write_heap_index(out, self->block_types[type]);
}

static void write_enter(const wasm_fencing *self, wasm_writer *out, uint32_t frame, uint32_t type) {
  write_stack_change(self, out, frame, OP_I32_SUB);
  write_global(self, out, OP_GLOBAL_GET, FENCE_STACK);
  write_global(self, out, OP_GLOBAL_GET, FENCE_DUE);
  wasm_write_byte(out, OP_I32_LT_S);
  write_check(self, out);
  wasm_write_byte(out, OP_BLOCK);
  write_block_type(self, out, type);
}

static bool leaves(uint8_t code) {
  return code == OP_RETURN || code == OP_RETURN_CALL || code == OP_RETURN_CALL_INDIRECT;
}

/// One function's body.
typedef struct body {
  wasm_reader code; ///< its instructions
  uint32_t type;
  uint32_t frame; ///< 0: it calls nothing and is not counted
} body;

// Finds out whether it calls others, and how much a frame takes.
static void survey(wasm_fencing *self, body *body, uint64_t locals) {
  wasm_reader in = body->code;
  wasm_writer nothing = {0};
  wasm_copier copier = wasm_copier_open(&in, &nothing, &self->part.to);
  wasm_height height = {.shapes = &self->shapes};
  while (in.at < in.end && !wasm_reader_failed(&in)) {
    wasm_reader instruction = in;
    wasm_copy_instruction(&copier);
    wasm_height_follow(&height, instruction);
  }
  wasm_fencing_note(self, &in);
  if (height.failed && !self->error) self->error = ubiq_error_no_memory();
  uint64_t frame = FRAME_VALUES + locals + height.most;
  if (copier.has_calls) body->frame = frame > INT32_MAX / 2 ? INT32_MAX / 2 : (uint32_t)frame;
  wasm_height_free(&height);
  buffer_free(&nothing.bytes);
}

// table.grow becomes a call of the function that does it; false when the next instruction is another.
static bool copy_table_grow(wasm_fencing *self, wasm_copier *copier) {
  wasm_reader ahead = *copier->in;
  if (wasm_read_byte(&ahead) != OP_BULK || wasm_read_u32(&ahead) != OP_TABLE_GROW) return false;
  uint32_t table = wasm_read_u32(&ahead);
  wasm_copy_flush(copier);
  *copier->in = ahead;
  copier->kept = ahead.at;
  write_op(copier->out, OP_CALL, wasm_fencing_grow_table(self) + table);
  return true;
}

static void copy_instructions(wasm_fencing *self, const body *body, const wasm_writer *turn, wasm_writer *out) {
  wasm_reader in = body->code;
  wasm_copier copier = wasm_copier_open(&in, out, &self->part.to);
  copier.grow_functions = wasm_fencing_grow_memory(self);
  copier.at_loop = copier.at_bulk = turn;
  while (in.at < in.end && !wasm_reader_failed(&in)) {
    if (copy_table_grow(self, &copier)) continue;
    if (body->frame && leaves(*in.at)) {
      wasm_copy_flush(&copier);
      write_stack_change(self, out, body->frame, OP_I32_ADD);
    }
    wasm_copy_instruction(&copier);
  }
  wasm_copy_flush(&copier);
  wasm_fencing_note(self, &in);
}

static void copy_body(wasm_fencing *self, uint32_t function, wasm_reader in, const wasm_writer *turn,
                      wasm_writer *out) {
  wasm_writer code = {0};
  wasm_copier copier = wasm_copier_open(&in, &code, &self->part.to);
  const uint8_t *start = in.at;
  uint64_t locals = wasm_copy_locals(&copier).count;
  wasm_write_bytes(&code, start, (size_t)(in.at - start));
  wasm_fencing_note(self, &in);
  if (locals > WASM_FENCE_LOCALS_MAX && !self->error)
    self->error =
        ubiq_error_new(UBIQ_INVALID_INPUT, "function %u has more than %d locals", function, WASM_FENCE_LOCALS_MAX);
  body body = {.code = in, .type = self->shapes.functions[function]};
  if (!self->error) survey(self, &body, locals + self->part.details.params_counts[function]);
  if (body.frame) write_enter(self, &code, body.frame, body.type);
  if (!self->error) copy_instructions(self, &body, turn, &code);
  if (body.frame) {
    write_stack_change(self, &code, body.frame, OP_I32_ADD);
    wasm_write_byte(&code, OP_END);
  }
  wasm_write_sized(out, &code);
  buffer_free(&code.bytes);
}

// (if (result i32) (i64.gt_u (size + parameter `more`) (global.get LIMIT)) (then -1) (else ...)), but for what follows else.
static void write_compare(const wasm_fencing *self, wasm_writer *out, uint32_t more, uint32_t limit) {
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  write_op(out, OP_LOCAL_GET, more);
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  wasm_write_byte(out, OP_I64_ADD);
  write_global(self, out, OP_GLOBAL_GET, limit);
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  wasm_write_byte(out, OP_I64_GT_U);
  wasm_write_byte(out, OP_IF);
  wasm_write_byte(out, TYPE_I32);
  wasm_write_byte(out, OP_I32_CONST);
  wasm_write_byte(out, MINUS_ONE);
  wasm_write_byte(out, OP_ELSE);
}

static void end_function(wasm_writer *code, wasm_writer *out) {
  wasm_write_byte(code, OP_END);
  wasm_write_byte(code, OP_END);
  wasm_write_sized(out, code);
  buffer_free(&code->bytes);
}

static void write_grow_memory(const wasm_fencing *self, uint32_t memory, wasm_writer *out) {
  wasm_writer code = {0};
  wasm_write_u32(&code, 0); // locals
  write_op(&code, OP_MEMORY_SIZE, memory);
  write_compare(self, &code, 0, FENCE_PAGES);
  write_op(&code, OP_LOCAL_GET, 0);
  write_op(&code, OP_MEMORY_GROW, memory);
  end_function(&code, out);
}

static void write_grow_table(const wasm_fencing *self, uint32_t table, wasm_writer *out) {
  wasm_writer code = {0};
  wasm_write_u32(&code, 0); // locals
  write_op(&code, OP_BULK, OP_TABLE_SIZE);
  wasm_write_u32(&code, table);
  write_compare(self, &code, 1, FENCE_ELEMENTS);
  write_op(&code, OP_LOCAL_GET, 0);
  write_op(&code, OP_LOCAL_GET, 1);
  write_op(&code, OP_BULK, OP_TABLE_GROW);
  wasm_write_u32(&code, table);
  end_function(&code, out);
}

void wasm_fencing_write_code(wasm_fencing *self) {
  wasm_reader in = self->part.sections[WASM_SECTION_CODE].body;
  uint32_t first = self->imported[WASM_FUNCTION], count = self->shapes.functions_count;
  uint32_t added = self->memories + self->tables;
  if (count - first + added == 0) return;
  wasm_writer section = {0};
  wasm_write_u32(&section, count - first + added);
  if (self->part.present[WASM_SECTION_CODE]) wasm_read_count(&in, UINT32_MAX);
  wasm_writer turn = {0};
  write_turn(self, &turn);
  for (uint32_t i = first; i < count && !self->error; i++)
    copy_body(self, i, wasm_part_take_body(&in), &turn, &section);
  wasm_fencing_note(self, &in);
  for (uint32_t i = 0; i < self->memories; i++) write_grow_memory(self, i, &section);
  for (uint32_t i = 0; i < self->tables; i++) write_grow_table(self, i, &section);
  section.failed |= turn.failed;
  wasm_write_section(&self->out, WASM_SECTION_CODE, &section);
  buffer_free(&turn.bytes);
  buffer_free(&section.bytes);
}
