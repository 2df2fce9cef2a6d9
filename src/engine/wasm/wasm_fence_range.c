// What grows memories and tables, and what copies or fills ranges, in a module that gets limits. See wasm_fence.h.
//
//   memory.grow, table.grow:    (call $grow ...), which compares with what the host allows
//   memory.fill, memory.copy:   look, (if (i32.gt_u length PIECE) (then (call $range ...)) (else the instruction))
//   others on a range:          look, the instruction; a segment is not long, and tables are limited
//
// $range does the same piece by piece, looking between two. A range that is not all in memory is left to the instruction,
// which traps before it writes.
#include "engine/wasm/wasm_fence_parts.h"

#include <stdlib.h>

enum {
  OP_LOOP = 0x03,
  OP_IF = 0x04,
  OP_ELSE = 0x05,
  OP_END = 0x0b,
  OP_BR_IF = 0x0d,
  OP_CALL = 0x10,
  OP_LOCAL_GET = 0x20,
  OP_LOCAL_SET = 0x21,
  OP_GLOBAL_GET = 0x23,
  OP_GLOBAL_SET = 0x24,
  OP_MEMORY_SIZE = 0x3f,
  OP_MEMORY_GROW = 0x40,
  OP_I32_CONST = 0x41,
  OP_I64_CONST = 0x42,
  OP_I32_GT_U = 0x4b,
  OP_I32_LE_U = 0x4d,
  OP_I64_GT_U = 0x56,
  OP_I32_ADD = 0x6a,
  OP_I32_SUB = 0x6b,
  OP_I32_OR = 0x72,
  OP_I64_ADD = 0x7c,
  OP_I64_SHL = 0x86,
  OP_I64_EXTEND_I32_U = 0xad,
  OP_BULK = 0xfc,
};

/// What stands behind OP_BULK.
enum {
  BULK_MEMORY_INIT = 8,
  BULK_MEMORY_COPY = 10,
  BULK_MEMORY_FILL = 11,
  BULK_TABLE_INIT = 12,
  BULK_TABLE_COPY = 14,
  BULK_TABLE_GROW = 15,
  BULK_TABLE_SIZE = 16,
  BULK_TABLE_FILL = 17,
};

enum { NO_RESULT = 0x40, MINUS_ONE = 0x7f, PAGE_BITS = 16 };

// In code.

static void begin_if(wasm_writer *out, uint8_t type) {
  wasm_write_byte(out, OP_IF);
  wasm_write_byte(out, type);
}

static void put_turn(const wasm_fencing *self, wasm_writer *out) {
  wasm_write_bytes(out, self->turn.bytes.data, self->turn.bytes.size);
}

static bool add_range(wasm_fencing *self, wasm_fence_range range) {
  if (self->ranges_count == self->ranges_room) {
    uint32_t room = self->ranges_room ? 2 * self->ranges_room : 4;
    wasm_fence_range *ranges = realloc(self->ranges, room * sizeof *ranges);
    if (!ranges) return false;
    self->ranges = ranges;
    self->ranges_room = room;
  }
  self->ranges[self->ranges_count++] = range;
  return true;
}

// The index of the function for such a range.
static uint32_t range_function(wasm_fencing *self, wasm_fence_range range) {
  uint32_t *place = &self->range_of[(range.is_copy * self->memories + range.to) * (size_t)self->memories + range.from];
  if (!*place && add_range(self, range)) *place = self->ranges_count;
  if (!*place) self->out.failed = true;
  return wasm_fencing_first(self) + self->memories + self->tables + *place - 1;
}

static void write_instruction(const wasm_fence_range *range, wasm_writer *out) {
  wasm_fencing_op(out, OP_BULK, range->is_copy ? BULK_MEMORY_COPY : BULK_MEMORY_FILL);
  wasm_write_u32(out, range->to);
  if (range->is_copy) wasm_write_u32(out, range->from);
}

// The three operands lie on the stack, the length on top.
static void write_range(wasm_fencing *self, const wasm_fence_range *range, wasm_writer *out) {
  uint32_t function = range_function(self, *range);
  wasm_fencing_global(self, out, OP_GLOBAL_SET, FENCE_LENGTH);
  wasm_fencing_global(self, out, OP_GLOBAL_GET, FENCE_LENGTH);
  wasm_fencing_global(self, out, OP_GLOBAL_GET, FENCE_LENGTH);
  wasm_fencing_constant(out, WASM_FENCE_PIECE);
  wasm_write_byte(out, OP_I32_GT_U);
  wasm_write_byte(out, OP_IF);
  wasm_write_heap_index(out, wasm_fencing_type(self, FENCE_TYPE_RANGE));
  wasm_fencing_op(out, OP_CALL, function);
  wasm_write_byte(out, OP_ELSE);
  write_instruction(range, out);
  wasm_write_byte(out, OP_END);
}

static uint32_t read_index(wasm_reader *in, uint32_t count) {
  uint32_t index = wasm_read_u32(in);
  if (index >= count) wasm_reader_fail(in, "memory or table index out of range");
  return wasm_reader_failed(in) ? 0 : index;
}

static void replace_memory(wasm_fencing *self, bool is_copy, wasm_reader *in, wasm_writer *out) {
  wasm_fence_range range = {.is_copy = is_copy};
  range.to = read_index(in, self->memories);
  if (is_copy) range.from = read_index(in, self->memories);
  if (!wasm_reader_failed(in)) write_range(self, &range, out);
}

static void replace_table_grow(const wasm_fencing *self, wasm_reader *in, wasm_writer *out) {
  uint32_t table = read_index(in, self->tables);
  wasm_fencing_op(out, OP_CALL, wasm_fencing_first(self) + self->memories + table);
}

static bool works_on_a_range(uint32_t code) {
  return code == BULK_MEMORY_INIT || (code >= BULK_MEMORY_COPY && code <= BULK_TABLE_INIT) ||
         (code >= BULK_TABLE_COPY && code <= BULK_TABLE_GROW) || code == BULK_TABLE_FILL;
}

bool wasm_fencing_copy_bulk(wasm_fencing *self, wasm_copier *copier) {
  wasm_reader ahead = *copier->in;
  if (wasm_read_byte(&ahead) != OP_BULK) return false;
  uint32_t code = wasm_read_u32(&ahead);
  if (!works_on_a_range(code)) return false;
  wasm_copy_flush(copier);
  put_turn(self, copier->out);
  switch (code) {
  case BULK_MEMORY_FILL: replace_memory(self, false, &ahead, copier->out); break;
  case BULK_MEMORY_COPY: replace_memory(self, true, &ahead, copier->out); break;
  case BULK_TABLE_GROW: replace_table_grow(self, &ahead, copier->out); break;
  default: return false;
  }
  *copier->in = ahead;
  copier->kept = ahead.at;
  return true;
}

// Functions that grow.

// (if (result i32) (i64.gt_u (size + parameter `more`) (global.get LIMIT)) (then -1) (else ...)), but for what follows else.
static void write_compare(const wasm_fencing *self, wasm_writer *out, uint32_t more, uint32_t limit) {
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  wasm_fencing_op(out, OP_LOCAL_GET, more);
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  wasm_write_byte(out, OP_I64_ADD);
  wasm_fencing_global(self, out, OP_GLOBAL_GET, limit);
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  wasm_write_byte(out, OP_I64_GT_U);
  begin_if(out, TYPE_I32);
  wasm_write_byte(out, OP_I32_CONST);
  wasm_write_byte(out, MINUS_ONE);
  wasm_write_byte(out, OP_ELSE);
}

static wasm_writer begin_function(void) {
  wasm_writer code = {0};
  wasm_write_u32(&code, 0); // locals
  return code;
}

static void end_function(wasm_writer *code, wasm_writer *out) {
  wasm_write_byte(code, OP_END);
  wasm_write_sized(out, code);
  buffer_free(&code->bytes);
}

static void write_grow_memory(const wasm_fencing *self, uint32_t memory, wasm_writer *out) {
  wasm_writer code = begin_function();
  wasm_fencing_op(&code, OP_MEMORY_SIZE, memory);
  write_compare(self, &code, 0, FENCE_PAGES);
  wasm_fencing_op(&code, OP_LOCAL_GET, 0);
  wasm_fencing_op(&code, OP_MEMORY_GROW, memory);
  wasm_write_byte(&code, OP_END);
  end_function(&code, out);
}

static void write_grow_table(const wasm_fencing *self, uint32_t table, wasm_writer *out) {
  wasm_writer code = begin_function();
  wasm_fencing_op(&code, OP_BULK, BULK_TABLE_SIZE);
  wasm_write_u32(&code, table);
  write_compare(self, &code, 1, FENCE_ELEMENTS);
  wasm_fencing_op(&code, OP_LOCAL_GET, 0);
  wasm_fencing_op(&code, OP_LOCAL_GET, 1);
  wasm_fencing_op(&code, OP_BULK, BULK_TABLE_GROW);
  wasm_write_u32(&code, table);
  wasm_write_byte(&code, OP_END);
  end_function(&code, out);
}

void wasm_fencing_write_growing(wasm_fencing *self, wasm_writer *out) {
  for (uint32_t i = 0; i < self->memories; i++) write_grow_memory(self, i, out);
  for (uint32_t i = 0; i < self->tables; i++) write_grow_table(self, i, out);
}

// Functions of ranges, whose parameters are those of the instruction.

enum { TO, FROM, LENGTH };

static void write_operands(wasm_writer *out) {
  for (uint32_t local = TO; local <= LENGTH; local++) wasm_fencing_op(out, OP_LOCAL_GET, local);
}

// Whether what begins at `start` is not all within the memory.
static void write_is_outside(wasm_writer *out, uint32_t start, uint32_t memory) {
  wasm_fencing_op(out, OP_LOCAL_GET, start);
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  wasm_fencing_op(out, OP_LOCAL_GET, LENGTH);
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  wasm_write_byte(out, OP_I64_ADD);
  wasm_fencing_op(out, OP_MEMORY_SIZE, memory);
  wasm_write_byte(out, OP_I64_EXTEND_I32_U);
  wasm_fencing_op(out, OP_I64_CONST, PAGE_BITS);
  wasm_write_byte(out, OP_I64_SHL);
  wasm_write_byte(out, OP_I64_GT_U);
}

static void write_trap_when_outside(const wasm_fence_range *range, wasm_writer *out) {
  write_is_outside(out, TO, range->to);
  if (range->is_copy) {
    write_is_outside(out, FROM, range->from);
    wasm_write_byte(out, OP_I32_OR);
  }
  begin_if(out, NO_RESULT);
  write_operands(out);
  write_instruction(range, out);
  wasm_write_byte(out, OP_END);
}

static void write_change(wasm_writer *out, uint32_t local, uint8_t op) {
  wasm_fencing_op(out, OP_LOCAL_GET, local);
  wasm_fencing_constant(out, WASM_FENCE_PIECE);
  wasm_write_byte(out, op);
  wasm_fencing_op(out, OP_LOCAL_SET, local);
}

static void begin_pieces(const wasm_fencing *self, wasm_writer *out) {
  wasm_write_byte(out, OP_LOOP);
  wasm_write_byte(out, NO_RESULT);
  put_turn(self, out);
}

static void end_pieces(wasm_writer *out) {
  wasm_fencing_op(out, OP_LOCAL_GET, LENGTH);
  wasm_fencing_constant(out, WASM_FENCE_PIECE);
  wasm_write_byte(out, OP_I32_GT_U);
  wasm_fencing_op(out, OP_BR_IF, 0);
  wasm_write_byte(out, OP_END);
}

// The first piece, and again, until no more than a piece is left.
static void write_pieces_up(const wasm_fencing *self, const wasm_fence_range *range, wasm_writer *out) {
  begin_pieces(self, out);
  wasm_fencing_op(out, OP_LOCAL_GET, TO);
  wasm_fencing_op(out, OP_LOCAL_GET, FROM);
  wasm_fencing_constant(out, WASM_FENCE_PIECE);
  write_instruction(range, out);
  write_change(out, TO, OP_I32_ADD);
  if (range->is_copy) write_change(out, FROM, OP_I32_ADD);
  write_change(out, LENGTH, OP_I32_SUB);
  end_pieces(out);
}

static void write_end_of(wasm_writer *out, uint32_t start) {
  wasm_fencing_op(out, OP_LOCAL_GET, start);
  wasm_fencing_op(out, OP_LOCAL_GET, LENGTH);
  wasm_write_byte(out, OP_I32_ADD);
}

// The last piece, and again.
static void write_pieces_down(const wasm_fencing *self, const wasm_fence_range *range, wasm_writer *out) {
  begin_pieces(self, out);
  write_change(out, LENGTH, OP_I32_SUB);
  write_end_of(out, TO);
  write_end_of(out, FROM);
  wasm_fencing_constant(out, WASM_FENCE_PIECE);
  write_instruction(range, out);
  end_pieces(out);
}

// Where ranges overlap, a piece must not be written over before it was read.
static void write_pieces(const wasm_fencing *self, const wasm_fence_range *range, wasm_writer *out) {
  if (!range->is_copy) {
    write_pieces_up(self, range, out);
    return;
  }
  wasm_fencing_op(out, OP_LOCAL_GET, TO);
  wasm_fencing_op(out, OP_LOCAL_GET, FROM);
  wasm_write_byte(out, OP_I32_LE_U);
  begin_if(out, NO_RESULT);
  write_pieces_up(self, range, out);
  wasm_write_byte(out, OP_ELSE);
  write_pieces_down(self, range, out);
  wasm_write_byte(out, OP_END);
}

void wasm_fencing_write_ranges(wasm_fencing *self, wasm_writer *out) {
  for (uint32_t i = 0; i < self->ranges_count; i++) {
    wasm_writer code = begin_function();
    write_trap_when_outside(&self->ranges[i], &code);
    write_pieces(self, &self->ranges[i], &code);
    write_operands(&code);
    write_instruction(&self->ranges[i], &code);
    end_function(&code, out);
  }
}
