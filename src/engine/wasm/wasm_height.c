// See wasm_height.h.
#include "engine/wasm/wasm_height.h"

#include <stdlib.h>

enum {
  OP_UNREACHABLE = 0x00,
  OP_BLOCK = 0x02,
  OP_LOOP = 0x03,
  OP_IF = 0x04,
  OP_ELSE = 0x05,
  OP_END = 0x0b,
  OP_BR = 0x0c,
  OP_BR_TABLE = 0x0e,
  OP_RETURN = 0x0f,
  OP_CALL = 0x10,
  OP_CALL_INDIRECT = 0x11,
  OP_RETURN_CALL = 0x12,
  OP_RETURN_CALL_INDIRECT = 0x13,
  OP_CALL_REF = 0x14,
  OP_RETURN_CALL_REF = 0x15,
  OP_BULK = 0xfc,
  OP_VECTOR = 0xfd,
};

/// How many values more there are after the instructions first .. last; those that are in no range change nothing.
typedef struct effect {
  uint32_t first, last;
  int change;
} effect;

static const effect effects[] = {
    {0x0d, 0x0d, -1}, // br_if
    {0x1a, 0x1a, -1}, // drop
    {0x1b, 0x1c, -2}, // select
    {0x20, 0x20, 1},  // local.get
    {0x21, 0x21, -1}, // local.set
    {0x23, 0x23, 1},  // global.get
    {0x24, 0x24, -1}, // global.set
    {0x26, 0x26, -2}, // table.set
    {0x36, 0x3e, -2}, // stores
    {0x3f, 0x3f, 1},  // memory.size
    {0x41, 0x44, 1},  // constants
    {0x46, 0x4f, -1}, // i32: comparisons
    {0x51, 0x66, -1}, // i64, f32, f64: comparisons
    {0x6a, 0x78, -1}, // i32: of two numbers
    {0x7c, 0x8a, -1}, // i64
    {0x92, 0x98, -1}, // f32
    {0xa0, 0xa6, -1}, // f64
    {0xd0, 0xd0, 1},  // ref.null
    {0xd2, 0xd2, 1},  // ref.func
    {0xd3, 0xd3, -1}, // ref.eq
};

static const effect bulk_effects[] = {
    {8, 8, -3},   // memory.init
    {10, 12, -3}, // memory.copy, memory.fill, table.init
    {14, 14, -3}, // table.copy
    {15, 15, -1}, // table.grow
    {16, 16, 1},  // table.size
    {17, 17, -3}, // table.fill
};

// Most take two vectors and give one; that many at a time are too few to matter.
static const effect vector_effects[] = {
    {11, 11, -2}, // v128.store
    {12, 12, 1},  // v128.const
};

#define FIND(list, code) find_change(list, sizeof(list) / sizeof *(list), code)

static int64_t find_change(const effect *list, size_t count, uint32_t code) {
  for (size_t i = 0; i < count; i++)
    if (code >= list[i].first && code <= list[i].last) return list[i].change;
  return 0;
}

static void change_by(wasm_height *self, int64_t change) {
  self->now = change < 0 && self->now < (uint64_t)-change ? 0 : self->now + (uint64_t)change;
  if (self->now > self->most) self->most = self->now;
}

static wasm_shape shape_of_type(const wasm_height *self, uint32_t type) {
  return type < self->shapes->types_count ? self->shapes->types[type] : (wasm_shape){0};
}

static wasm_shape shape_of_function(const wasm_height *self, uint32_t function) {
  return function < self->shapes->functions_count ? shape_of_type(self, self->shapes->functions[function])
                                                  : (wasm_shape){0};
}

static wasm_shape shape_of_block(const wasm_height *self, wasm_reader *in) {
  enum { NO_RESULT = 0x40 - 0x80 };
  int64_t type = wasm_read_signed(in, 33);
  return type >= 0 ? shape_of_type(self, (uint32_t)type) : (wasm_shape){.results = type != NO_RESULT};
}

static void open_block(wasm_height *self, uint8_t code, wasm_reader *in) {
  wasm_shape shape = shape_of_block(self, in);
  if (code == OP_IF) change_by(self, -1);
  if (self->depth == self->room) {
    size_t room = self->room ? 2 * self->room : 16;
    wasm_height_label *labels = realloc(self->labels, room * sizeof *labels);
    if (!labels) {
      self->failed = true;
      return;
    }
    self->labels = labels;
    self->room = room;
  }
  uint64_t base = self->now < shape.params ? 0 : self->now - shape.params;
  self->labels[self->depth++] = (wasm_height_label){.base = base, .params = shape.params, .results = shape.results};
}

static void turn_to_else(wasm_height *self) {
  if (self->depth == 0) return;
  self->now = self->labels[self->depth - 1].base;
  change_by(self, self->labels[self->depth - 1].params);
}

static void close_block(wasm_height *self) {
  if (self->depth == 0) return; // the function's own end
  self->depth--;
  self->now = self->labels[self->depth].base;
  change_by(self, self->labels[self->depth].results);
}

static bool opens_block(uint8_t code) {
  return code == OP_BLOCK || code == OP_LOOP || code == OP_IF;
}

// What is never reached puts nothing on the stack.
static void follow_dead(wasm_height *self, uint8_t code) {
  if (opens_block(code)) {
    self->dead++;
  } else if (code == OP_END) {
    if (--self->dead == 0) close_block(self);
  } else if (code == OP_ELSE && self->dead == 1) {
    self->dead = 0;
    turn_to_else(self);
  }
}

static int64_t change_of_call(wasm_shape shape, int also_taken) {
  return (int64_t)shape.results - (int64_t)shape.params - also_taken;
}

void wasm_height_follow(wasm_height *self, wasm_reader instruction) {
  wasm_reader *in = &instruction;
  uint8_t code = wasm_read_byte(in);
  if (self->dead) {
    follow_dead(self, code);
    return;
  }
  switch (code) {
  case OP_BLOCK:
  case OP_LOOP:
  case OP_IF: open_block(self, code, in); break;
  case OP_ELSE: turn_to_else(self); break;
  case OP_END: close_block(self); break;
  case OP_UNREACHABLE:
  case OP_BR:
  case OP_BR_TABLE:
  case OP_RETURN:
  case OP_RETURN_CALL:
  case OP_RETURN_CALL_INDIRECT:
  case OP_RETURN_CALL_REF: self->dead = 1; break;
  case OP_CALL: change_by(self, change_of_call(shape_of_function(self, wasm_read_u32(in)), 0)); break;
  case OP_CALL_INDIRECT:
  case OP_CALL_REF: change_by(self, change_of_call(shape_of_type(self, wasm_read_u32(in)), 1)); break;
  case OP_BULK: change_by(self, FIND(bulk_effects, wasm_read_u32(in))); break;
  case OP_VECTOR: change_by(self, FIND(vector_effects, wasm_read_u32(in))); break;
  default: change_by(self, FIND(effects, code)); break;
  }
}

void wasm_height_free(wasm_height *self) {
  free(self->labels);
}
