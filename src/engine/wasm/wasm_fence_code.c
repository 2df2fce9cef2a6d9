// The code of a module that gets limits. See wasm_fence.h.
//
//   look:       (if (global.get $due) (then (call $ask)))
//   function:   look, where it calls others; or, where calls are counted:
//               (global.set $stack (i32.sub (global.get $stack) (i32.const FRAME)))
//               (if (i32.lt_s (global.get $stack) (global.get $due)) (then (call $ask)))
//               (block (result ...) the body)                    ;; a branch out of the body leads behind the block
//               (global.set $stack (i32.add (global.get $stack) (i32.const FRAME)))       ;; also before each return
//   loop:       (loop look ...)
//   straight:   look, before the next instruction
#include "engine/wasm/wasm_fence_parts.h"

enum {
  OP_BLOCK = 0x02,
  OP_LOOP = 0x03,
  OP_IF = 0x04,
  OP_ELSE = 0x05,
  OP_TRY = 0x06,
  OP_CATCH = 0x07,
  OP_END = 0x0b,
  OP_RETURN = 0x0f,
  OP_CALL = 0x10,
  OP_RETURN_CALL = 0x12,
  OP_RETURN_CALL_INDIRECT = 0x13,
  OP_RETURN_CALL_REF = 0x15,
  OP_DELEGATE = 0x18,
  OP_CATCH_ALL = 0x19,
  OP_TRY_TABLE = 0x1f,
  OP_GLOBAL_GET = 0x23,
  OP_GLOBAL_SET = 0x24,
  OP_MEMORY_GROW = 0x40,
  OP_I32_CONST = 0x41,
  OP_I32_LT_S = 0x48,
  OP_I32_ADD = 0x6a,
  OP_I32_SUB = 0x6b,
};

enum { NO_RESULT = 0x40 };

/// What a frame has beside its values, in values.
enum { FRAME_VALUES = 4 };

void wasm_fencing_op(wasm_writer *out, uint8_t op, uint32_t operand) {
  wasm_write_byte(out, op);
  wasm_write_u32(out, operand);
}

void wasm_fencing_constant(wasm_writer *out, uint32_t number) {
  wasm_write_byte(out, OP_I32_CONST);
  wasm_write_heap_index(out, number); // with a sign
}

void wasm_fencing_global(const wasm_fencing *self, wasm_writer *out, uint8_t op, uint32_t global) {
  wasm_fencing_op(out, op, self->globals + global);
}

// What is asked lies on top of the stack.
static void write_ask(const wasm_fencing *self, wasm_writer *out) {
  wasm_write_byte(out, OP_IF);
  wasm_write_byte(out, NO_RESULT);
  wasm_fencing_op(out, OP_CALL, self->imported[WASM_FUNCTION]);
  wasm_write_byte(out, OP_END);
}

static void write_turn(const wasm_fencing *self, wasm_writer *out) {
  wasm_fencing_global(self, out, OP_GLOBAL_GET, FENCE_DUE);
  write_ask(self, out);
}

static void put_turn(const wasm_fencing *self, wasm_writer *out) {
  wasm_write_bytes(out, self->turn.bytes.data, self->turn.bytes.size);
}

// Frames.

/// One function's body.
typedef struct body {
  wasm_reader code; ///< its instructions
  uint32_t type;    ///< where calls are counted
  uint32_t frame;   ///< values; 0: it calls nothing, or calls are not counted
  bool has_calls;
} body;

static void write_stack_change(const wasm_fencing *self, wasm_writer *out, uint32_t frame, uint8_t op) {
  wasm_fencing_global(self, out, OP_GLOBAL_GET, FENCE_STACK);
  wasm_fencing_constant(out, frame);
  wasm_write_byte(out, op);
  wasm_fencing_global(self, out, OP_GLOBAL_SET, FENCE_STACK);
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

static void write_enter(const wasm_fencing *self, const body *body, wasm_writer *out) {
  if (!body->frame) {
    if (body->has_calls) put_turn(self, out);
    return;
  }
  write_stack_change(self, out, body->frame, OP_I32_SUB);
  wasm_fencing_global(self, out, OP_GLOBAL_GET, FENCE_STACK);
  wasm_fencing_global(self, out, OP_GLOBAL_GET, FENCE_DUE);
  wasm_write_byte(out, OP_I32_LT_S);
  write_ask(self, out);
  wasm_write_byte(out, OP_BLOCK);
  write_block_type(self, out, body->type);
}

static void write_leave(const wasm_fencing *self, const body *body, wasm_writer *out) {
  if (!body->frame) return;
  write_stack_change(self, out, body->frame, OP_I32_ADD);
  wasm_write_byte(out, OP_END);
}

static bool leaves(uint8_t code) {
  return code == OP_RETURN || code == OP_RETURN_CALL || code == OP_RETURN_CALL_INDIRECT || code == OP_RETURN_CALL_REF;
}

static uint32_t frame_of(uint64_t locals, uint64_t values) {
  uint64_t frame = FRAME_VALUES + locals + values;
  return frame > INT32_MAX / 2 ? INT32_MAX / 2 : (uint32_t)frame;
}

// Finds out whether it calls others, and how much a frame takes.
static void survey(wasm_fencing *self, body *body, uint64_t locals) {
  wasm_reader in = body->code;
  wasm_writer nothing = {0};
  wasm_copier copier = wasm_copier_open(&in, &nothing, &self->part.to);
  wasm_height height = {.shapes = &self->shapes};
  while (in.at < in.end && !wasm_reader_failed(&in)) {
    wasm_reader instruction = in;
    wasm_copy_instruction(&copier);
    if (self->request->counts_stack) wasm_height_follow(&height, instruction);
  }
  wasm_fencing_note(self, &in);
  if ((height.failed || nothing.failed) && !self->error) self->error = ubiq_error_no_memory();
  body->has_calls = copier.has_calls;
  if (body->has_calls && self->request->counts_stack) body->frame = frame_of(locals, height.most);
  wasm_height_free(&height);
  buffer_free(&nothing.bytes);
}

// How many instructions may be executed before the next look: at most those since the last one that stands before them, as
// long as no way leads round that. Behind a block in which one does, and where its other arm begins, those since the last
// one that is in no block count.
typedef struct pace {
  uint32_t straight, outside; // since the last look, and since the last one that is in no block
  size_t depth;               // of blocks; the function's own is the first
  size_t looked;              // a look stands in each block that is open, up to this depth
} pace;

static bool may_take_long(uint8_t code) {
  return (code >= OP_CALL && code <= OP_RETURN_CALL_REF) || code == OP_MEMORY_GROW;
}

static bool opens_block(uint8_t code) {
  return (code >= OP_BLOCK && code <= OP_IF) || code == OP_TRY || code == OP_TRY_TABLE;
}

static bool closes_block(uint8_t code) {
  return code == OP_END || code == OP_DELEGATE;
}

static bool begins_arm(uint8_t code) {
  return code == OP_ELSE || code == OP_CATCH || code == OP_CATCH_ALL;
}

static void pace_restart(pace *self) {
  enum { NO_BLOCK = 1 };
  self->straight = 0;
  if (self->depth <= NO_BLOCK) self->outside = 0;
  self->looked = self->depth;
}

static void pace_count(pace *self, uint8_t code) {
  enum { LONG = 16 };
  uint32_t weight = may_take_long(code) ? LONG : 1;
  self->straight += weight;
  if (self->outside < WASM_FENCE_STRAIGHT) self->outside += weight;
}

static void pace_follow(pace *self, uint8_t code) {
  pace_count(self, code);
  if (code == OP_LOOP) pace_restart(self); // nothing leads to the end of a loop but its last instruction
  if (opens_block(code)) self->depth++;
  bool is_join = closes_block(code) || begins_arm(code);
  if (is_join && self->depth <= self->looked) self->straight = self->outside;
  if (!closes_block(code) || self->depth == 0) return;
  self->depth--;
  if (self->looked > self->depth) self->looked = self->depth;
}

// Bodies.

static void copy_instructions(wasm_fencing *self, const body *body, wasm_writer *out) {
  wasm_reader in = body->code;
  pace pace = {.depth = 1};
  wasm_copier copier = wasm_copier_open(&in, out, &self->part.to);
  copier.grow_functions = wasm_fencing_first(self);
  copier.at_loop = &self->turn;
  while (in.at < in.end && !wasm_reader_failed(&in)) {
    if (pace.straight >= WASM_FENCE_STRAIGHT) {
      wasm_copy_flush(&copier);
      put_turn(self, out);
      pace_restart(&pace);
    }
    pace_follow(&pace, *in.at);
    if (body->frame && leaves(*in.at)) {
      wasm_copy_flush(&copier);
      write_stack_change(self, out, body->frame, OP_I32_ADD);
    }
    if (!wasm_fencing_copy_bulk(self, &copier)) wasm_copy_instruction(&copier);
  }
  wasm_copy_flush(&copier);
  wasm_fencing_note(self, &in);
}

static wasm_reader copy_locals(wasm_fencing *self, uint32_t function, wasm_reader in, wasm_writer *out,
                               uint64_t *locals) {
  wasm_writer nothing = {0};
  const uint8_t *start = in.at;
  wasm_copier copier = wasm_copier_open(&in, &nothing, &self->part.to);
  *locals = wasm_copy_locals(&copier).count;
  wasm_write_bytes(out, start, (size_t)(in.at - start));
  wasm_fencing_note(self, &in);
  if (*locals > WASM_FENCE_LOCALS_MAX && !self->error)
    self->error =
        ubiq_error_new(UBIQ_INVALID_INPUT, "function %u has more than %d locals", function, WASM_FENCE_LOCALS_MAX);
  buffer_free(&nothing.bytes);
  return in;
}

static void copy_body(wasm_fencing *self, uint32_t function, wasm_reader in) {
  wasm_writer code = {0};
  uint64_t locals;
  body body = {.code = copy_locals(self, function, in, &code, &locals)};
  if (self->request->counts_stack) body.type = self->shapes.functions[function];
  if (!self->error) survey(self, &body, locals + self->part.details.params_counts[function]);
  if (!self->error) {
    write_enter(self, &body, &code);
    copy_instructions(self, &body, &code);
    write_leave(self, &body, &code);
  }
  wasm_write_sized(&self->bodies, &code);
  buffer_free(&code.bytes);
}

void wasm_fencing_make_code(wasm_fencing *self) {
  wasm_reader in = self->part.sections[WASM_SECTION_CODE].body;
  uint32_t first = self->imported[WASM_FUNCTION], end = self->part.details.functions_count;
  if (self->part.present[WASM_SECTION_CODE] && wasm_read_count(&in, UINT32_MAX) != end - first)
    wasm_reader_fail(&in, "another number of bodies than of functions");
  if (!self->part.present[WASM_SECTION_CODE] && end > first) wasm_reader_fail(&in, "functions without a body");
  write_turn(self, &self->turn);
  for (uint32_t i = first; i < end && !self->error && !wasm_reader_failed(&in); i++)
    copy_body(self, i, wasm_part_take_body(&in));
  if (wasm_reader_left(&in) > 0) wasm_reader_fail(&in, "bytes behind the section's content");
  wasm_fencing_note(self, &in);
  self->out.failed |= self->turn.failed | self->bodies.failed;
}
