// Copying code with its indices changed. See wasm_code.h.
//
// What instructions have behind their opcodes stands in tables, as a string with a letter for each immediate:
//
//   f function     t type         x table          m memory   g global  k tag  e element  d data
//   l label, field, length: a number that stays          n local
//   i, I           signed numbers of 32 and 64 bits
//   1, 4, 8, S     1, 4, 8 and 16 bytes that stay
//   a memory argument             b block type     h heap type     v vector of value types
//   T branch table                c catch clauses
#include "engine/wasm/wasm_code.h"

#define NONE_8   "", "", "", "", "", "", "", ""
#define NONE_32  NONE_8, NONE_8, NONE_8, NONE_8
#define NONE_128 NONE_32, NONE_32, NONE_32, NONE_32
#define MEMARG_8 "a", "a", "a", "a", "a", "a", "a", "a"

enum {
  OP_LOOP = 0x03,
  OP_END = 0x0b,
  OP_RETURN = 0x0f,
  OP_CALL = 0x10,
  OP_RETURN_CALL_REF = 0x15,
  OP_DELEGATE = 0x18,
  OP_TABLE_SET = 0x26,
  OP_MEMORY_GROW = 0x40,
  OP_FIRST_PREFIX = 0xfb,
  OP_BULK_PREFIX = 0xfc,
  OP_LAST_PREFIX = 0xfe
};

static const char *const immediates[256] = {
    [0x00] = "",
    "",
    "b",
    "b",
    "b",
    "",
    "b",
    "k",
    "k",
    "l",
    "",
    "",
    "l",
    "l",
    "T",
    "", // unreachable .. return
    [0x10] = "f",
    "tx",
    "f",
    "tx",
    "t",
    "t", // call .. return_call_ref
    [0x18] = "l",
    "",
    "",
    "",
    "v",           // delegate .. select
    [0x1f] = "bc", // try_table
    [0x20] = "n",
    "n",
    "n",
    "g",
    "g",
    "x",
    "x", // local.get .. table.set
    [0x28] = MEMARG_8,
    MEMARG_8,
    "a",
    "a",
    "a",
    "a",
    "a",
    "a",
    "a", // loads and stores
    [0x3f] = "m",
    "m",
    "i",
    "I",
    "4",
    "8",               // memory.size .. f64.const
    [0x45] = NONE_128, // numbers
    [0xd0] = "h",
    "",
    "f",
    "",
    "",
    "l",
    "l", // ref.null .. br_on_non_null
};

typedef struct code_range {
  uint32_t first, last;
  const char *immediates;
} code_range;

static const code_range gc_ranges[] = {
    {0, 1, "t"},    {2, 5, "tl"},   {6, 7, "t"},   {8, 8, "tl"},     {9, 9, "td"},
    {10, 10, "te"}, {11, 14, "t"},  {15, 15, ""},  {16, 16, "t"},    {17, 17, "tt"},
    {18, 18, "td"}, {19, 19, "te"}, {20, 23, "h"}, {24, 25, "1lhh"}, {26, 30, ""},
};

static const code_range bulk_ranges[] = {
    {0, 7, ""},     {8, 8, "dm"},  {9, 9, "d"},    {10, 10, "mm"}, {11, 11, "m"},
    {12, 12, "ex"}, {13, 13, "e"}, {14, 14, "xx"}, {15, 17, "x"},  {19, 22, ""},
};

static const code_range vector_ranges[] = {
    {94, 275, ""}, {0, 11, "a"}, {12, 13, "S"},  {14, 20, ""},
    {21, 34, "1"}, {35, 83, ""}, {84, 91, "a1"}, {92, 93, "a"},
};

static const code_range atomic_ranges[] = {{0, 2, "a"}, {3, 3, "1"}, {16, 78, "a"}};

#define RANGES(list)                                                                                                   \
  { list, sizeof(list) / sizeof *(list) }

static const struct {
  const code_range *ranges;
  size_t count;
} prefixed[] = {RANGES(gc_ranges), RANGES(bulk_ranges), RANGES(vector_ranges), RANGES(atomic_ranges)};

// Indices are nearly always of one byte.
static inline uint32_t read_number(wasm_reader *in) {
  return in->at < in->end && *in->at < 0x80 ? *in->at++ : wasm_read_u32(in);
}

wasm_copier wasm_copier_open(wasm_reader *in, wasm_writer *out, const wasm_renumbering *to) {
  return (wasm_copier){.in = in, .out = out, .to = to, .kept = in->at, .locals_end = UINT64_MAX};
}

static void flush_to(wasm_copier *self, const uint8_t *end) {
  wasm_write_bytes(self->out, self->kept, (size_t)(end - self->kept));
  self->kept = self->in->at;
}

void wasm_copy_flush(wasm_copier *self) {
  if (!wasm_reader_failed(self->in)) flush_to(self, self->in->at);
}

// Indices.

void wasm_copy_function_index(wasm_copier *self) {
  const uint8_t *from = self->in->at;
  uint32_t index = read_number(self->in);
  if (index >= self->to->functions_count) wasm_reader_fail(self->in, "function index out of range");
  if (wasm_reader_failed(self->in) || self->to->functions[index] == index) return;
  flush_to(self, from);
  wasm_write_u32(self->out, self->to->functions[index]);
}

// The index as it will be; the reader fails when the module does not have it.
static uint32_t renumber(wasm_copier *self, wasm_space space, uint32_t index) {
  static const char *const problems[WASM_SPACES] = {
      [WASM_SPACE_TYPE] = "type index out of range",         [WASM_SPACE_TABLE] = "table index out of range",
      [WASM_SPACE_MEMORY] = "memory index out of range",     [WASM_SPACE_GLOBAL] = "global index out of range",
      [WASM_SPACE_TAG] = "tag index out of range",           [WASM_SPACE_ELEMENT] = "element index out of range",
      [WASM_SPACE_DATA] = "data segment index out of range",
  };
  if (index >= self->to->count[space]) wasm_reader_fail(self->in, problems[space]);
  return index + self->to->add[space];
}

void wasm_copy_index(wasm_copier *self, wasm_space space) {
  const uint8_t *from = self->in->at;
  uint32_t index = renumber(self, space, read_number(self->in));
  if (wasm_reader_failed(self->in) || self->to->add[space] == 0) return;
  flush_to(self, from);
  wasm_write_u32(self->out, index);
}

static void copy_memory_argument(wasm_copier *self) {
  enum { HAS_MEMORY = 0x40 };
  const uint8_t *from = self->in->at;
  uint32_t flags = read_number(self->in);
  uint32_t memory = renumber(self, WASM_SPACE_MEMORY, (flags & HAS_MEMORY) != 0 ? read_number(self->in) : 0);
  if (!wasm_reader_failed(self->in) && self->to->add[WASM_SPACE_MEMORY] != 0) {
    flush_to(self, from);
    wasm_write_u32(self->out, flags | HAS_MEMORY);
    wasm_write_u32(self->out, memory);
  }
  wasm_read_u64(self->in);
}

void wasm_copy_data_memory(wasm_copier *self) {
  enum { WITH_INDEX = 2 };
  const uint8_t *from = self->in->at;
  uint32_t flags = read_number(self->in);
  uint32_t memory = renumber(self, WASM_SPACE_MEMORY, flags == WITH_INDEX ? read_number(self->in) : 0);
  if (wasm_reader_failed(self->in) || self->to->add[WASM_SPACE_MEMORY] == 0) return;
  flush_to(self, from);
  wasm_write_u32(self->out, WITH_INDEX);
  wasm_write_u32(self->out, memory);
}

// Types.

// A type's index where it may also be the negative code of another type.
static void copy_type_number(wasm_copier *self) {
  enum { FIRST_ABSTRACT = 0x68 - 0x80, LAST_ABSTRACT = 0x75 - 0x80 };
  const uint8_t *from = self->in->at;
  int64_t number = wasm_read_signed(self->in, 33);
  if (number < 0 && (number < FIRST_ABSTRACT || number > LAST_ABSTRACT))
    wasm_reader_fail(self->in, "unknown heap type");
  if (number < 0 || wasm_reader_failed(self->in)) return;
  uint32_t index = renumber(self, WASM_SPACE_TYPE, (uint32_t)number);
  if (wasm_reader_failed(self->in) || self->to->add[WASM_SPACE_TYPE] == 0) return;
  flush_to(self, from);
  wasm_write_heap_index(self->out, index);
}

void wasm_copy_value_type(wasm_copier *self) {
  enum {
    REFERENCE_NULL = 0x63,
    REFERENCE = 0x64,
    FIRST_ABSTRACT = 0x68,
    LAST_ABSTRACT = 0x75,
    V128 = 0x7b,
    I32 = 0x7f
  };
  uint8_t code = wasm_read_byte(self->in);
  if (code == REFERENCE || code == REFERENCE_NULL)
    copy_type_number(self);
  else if (!(code >= FIRST_ABSTRACT && code <= LAST_ABSTRACT) && !(code >= V128 && code <= I32))
    wasm_reader_fail(self->in, "unknown value type");
}

static void copy_block_type(wasm_copier *self) {
  enum { NO_RESULT = 0x40, FIRST_NEGATIVE = 0x40, CONTINUED = 0x80 };
  uint8_t code = wasm_reader_left(self->in) > 0 ? *self->in->at : 0;
  if (code == NO_RESULT)
    wasm_read_byte(self->in);
  else if (code < CONTINUED && code >= FIRST_NEGATIVE)
    wasm_copy_value_type(self);
  else
    copy_type_number(self);
}

static void copy_value_types(wasm_copier *self) {
  for (uint32_t left = wasm_read_count(self->in, UINT32_MAX); left > 0 && !wasm_reader_failed(self->in); left--)
    wasm_copy_value_type(self);
}

// Instructions.

static void copy_branches(wasm_copier *self) {
  uint32_t count = wasm_read_count(self->in, UINT32_MAX);
  for (uint32_t i = 0; i <= count && !wasm_reader_failed(self->in); i++) read_number(self->in);
}

static void copy_catches(wasm_copier *self) {
  enum { CATCH_REF = 1, CATCH_ALL_REF = 3 };
  for (uint32_t left = wasm_read_count(self->in, UINT32_MAX); left > 0 && !wasm_reader_failed(self->in); left--) {
    uint8_t kind = wasm_read_byte(self->in);
    if (kind > CATCH_ALL_REF) wasm_reader_fail(self->in, "unknown kind of catch clause");
    if (kind <= CATCH_REF) wasm_copy_index(self, WASM_SPACE_TAG);
    read_number(self->in);
  }
}

static void copy_local(wasm_copier *self) {
  const uint8_t *from = self->in->at;
  uint32_t local = read_number(self->in);
  if (local >= self->locals_end) wasm_reader_fail(self->in, "local index out of range");
  if (self->locals == NULL) return;
  if (local >= self->locals_count) wasm_reader_fail(self->in, "local index out of range");
  if (wasm_reader_failed(self->in)) return;
  flush_to(self, from);
  wasm_write_u32(self->out, self->locals[local]);
}

static void copy_immediate(wasm_copier *self, char letter) {
  switch (letter) {
  case 'f': wasm_copy_function_index(self); break;
  case 't': wasm_copy_index(self, WASM_SPACE_TYPE); break;
  case 'x': wasm_copy_index(self, WASM_SPACE_TABLE); break;
  case 'm': wasm_copy_index(self, WASM_SPACE_MEMORY); break;
  case 'g': wasm_copy_index(self, WASM_SPACE_GLOBAL); break;
  case 'k': wasm_copy_index(self, WASM_SPACE_TAG); break;
  case 'e': wasm_copy_index(self, WASM_SPACE_ELEMENT); break;
  case 'd': wasm_copy_index(self, WASM_SPACE_DATA); break;
  case 'l': read_number(self->in); break;
  case 'n': copy_local(self); break;
  case 'i': wasm_read_signed(self->in, 32); break;
  case 'I': wasm_read_signed(self->in, 64); break;
  case '1': wasm_read_byte(self->in); break;
  case '4': wasm_read_skip(self->in, 4); break;
  case '8': wasm_read_skip(self->in, 8); break;
  case 'S': wasm_read_skip(self->in, 16); break;
  case 'a': copy_memory_argument(self); break;
  case 'b': copy_block_type(self); break;
  case 'h': copy_type_number(self); break;
  case 'v': copy_value_types(self); break;
  case 'T': copy_branches(self); break;
  default: copy_catches(self); break;
  }
}

static void copy_call(wasm_copier *self) {
  const uint8_t *index_at = self->in->at, *opcode_at = index_at - 1;
  uint32_t function = read_number(self->in);
  if (wasm_reader_failed(self->in)) return;
  flush_to(self, opcode_at);
  if (self->call(self->call_user, function, self->out)) return;
  self->kept = opcode_at;
  self->in->at = index_at;
  wasm_copy_function_index(self);
}

// The function takes what the instruction takes and answers what it answers.
static void copy_grow(wasm_copier *self) {
  const uint8_t *opcode_at = self->in->at - 1;
  uint32_t memory = renumber(self, WASM_SPACE_MEMORY, read_number(self->in));
  if (wasm_reader_failed(self->in)) return;
  flush_to(self, opcode_at);
  self->grows = true;
  wasm_write_byte(self->out, OP_CALL);
  wasm_write_u32(self->out, self->grow_functions + memory);
}

static const char *find_prefixed(uint8_t prefix, uint32_t code) {
  const code_range *ranges = prefixed[prefix - OP_FIRST_PREFIX].ranges;
  for (size_t i = 0; i < prefixed[prefix - OP_FIRST_PREFIX].count; i++)
    if (code >= ranges[i].first && code <= ranges[i].last) return ranges[i].immediates;
  return NULL;
}

static void write_between(wasm_copier *self, const uint8_t *end, const wasm_writer *code) {
  flush_to(self, end);
  self->kept = end;
  wasm_write_bytes(self->out, code->bytes.data, code->bytes.size);
}

static bool is_change(uint8_t prefix, uint32_t code) {
  enum { DATA_DROP = 9, TABLE_INIT = 12, ELEM_DROP, TABLE_COPY, TABLE_GROW, TABLE_SIZE, TABLE_FILL };
  if (prefix == OP_FIRST_PREFIX) return true; // objects
  if (prefix != OP_BULK_PREFIX) return false;
  return code == DATA_DROP || (code >= TABLE_INIT && code <= TABLE_FILL && code != TABLE_SIZE);
}

static const char *copy_prefixed(wasm_copier *self, uint8_t prefix) {
  uint32_t code = wasm_read_u32(self->in);
  self->changes_more |= is_change(prefix, code);
  return find_prefixed(prefix, code);
}

static void copy_instruction(wasm_copier *self, uint8_t code) {
  bool is_prefix = code >= OP_FIRST_PREFIX && code <= OP_LAST_PREFIX;
  const char *letters = is_prefix ? copy_prefixed(self, code) : immediates[code];
  self->has_calls |= code >= OP_CALL && code <= OP_RETURN_CALL_REF;
  self->changes_more |= code == OP_TABLE_SET;
  if (letters == NULL || (code == OP_RETURN && self->no_return))
    wasm_reader_fail(self->in, letters == NULL ? "unknown instruction" : "return");
  else if (code == OP_CALL && self->call != NULL)
    copy_call(self);
  else if (code == OP_MEMORY_GROW && self->grow_functions > 0)
    copy_grow(self);
  else
    for (; *letters != 0; letters++) copy_immediate(self, *letters);
  if (code == OP_LOOP && self->at_loop != NULL && !wasm_reader_failed(self->in))
    write_between(self, self->in->at, self->at_loop);
}

static bool opens_block(uint8_t code) {
  return immediates[code] != NULL && immediates[code][0] == 'b';
}

void wasm_copy_expression(wasm_copier *self) {
  for (size_t depth = 1; depth > 0 && !wasm_reader_failed(self->in);) {
    uint8_t code = wasm_read_byte(self->in);
    copy_instruction(self, code);
    depth += opens_block(code);
    depth -= code == OP_END || code == OP_DELEGATE;
  }
}

wasm_locals wasm_copy_locals(wasm_copier *self) {
  wasm_locals locals = {.groups = wasm_read_count(self->in, UINT32_MAX)};
  self->kept = self->in->at;
  for (uint32_t left = locals.groups; left > 0 && !wasm_reader_failed(self->in); left--) {
    locals.count += wasm_read_u32(self->in);
    wasm_copy_value_type(self);
  }
  return locals;
}

uint8_t wasm_copy_instruction(wasm_copier *self) {
  uint8_t code = wasm_read_byte(self->in);
  copy_instruction(self, code);
  return code;
}

void wasm_copy_instructions(wasm_copier *self) {
  while (self->in->at < self->in->end) copy_instruction(self, *self->in->at++);
}
