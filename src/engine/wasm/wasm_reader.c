// The bounds-checked reader of WebAssembly binaries. See wasm_reader.h.
#include "engine/wasm/wasm_reader.h"

static const struct {
  const char *name;
  int rank;
} sections[WASM_SECTIONS] = {
    [WASM_SECTION_CUSTOM] = {"custom section", 0},    [WASM_SECTION_TYPE] = {"type section", 1},
    [WASM_SECTION_IMPORT] = {"import section", 2},    [WASM_SECTION_FUNCTION] = {"function section", 3},
    [WASM_SECTION_TABLE] = {"table section", 4},      [WASM_SECTION_MEMORY] = {"memory section", 5},
    [WASM_SECTION_TAG] = {"tag section", 6},          [WASM_SECTION_GLOBAL] = {"global section", 7},
    [WASM_SECTION_EXPORT] = {"export section", 8},    [WASM_SECTION_START] = {"start section", 9},
    [WASM_SECTION_ELEMENT] = {"element section", 10}, [WASM_SECTION_DATA_COUNT] = {"data count section", 11},
    [WASM_SECTION_CODE] = {"code section", 12},       [WASM_SECTION_DATA] = {"data section", 13},
};

int wasm_section_rank(wasm_section id) {
  return sections[id].rank;
}

void wasm_reader_fail(wasm_reader *self, const char *problem) {
  if (self->problem != NULL) return;
  self->problem = problem;
  self->problem_at = (size_t)(self->at - self->start);
  self->at = self->end;
}

ubiq_error *wasm_reader_error(const wasm_reader *self) {
  if (self->problem == NULL) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "WebAssembly module: %s, byte %zu: %s", self->section, self->problem_at,
                        self->problem);
}

static bool has_header(const uint8_t *bytes, size_t size, const char *version) {
  return size >= WASM_HEADER_SIZE && memcmp(bytes, "\0asm", 4) == 0 && memcmp(bytes + 4, version, 4) == 0;
}

bool wasm_is_module(const uint8_t *bytes, size_t size) {
  return has_header(bytes, size, "\1\0\0\0");
}

bool wasm_is_component(const uint8_t *bytes, size_t size) {
  return size >= WASM_HEADER_SIZE && memcmp(bytes, "\0asm", 4) == 0 && bytes[6] == 1 && bytes[7] == 0;
}

wasm_reader wasm_reader_open(const uint8_t *bytes, size_t size) {
  wasm_reader reader = {.start = bytes, .at = bytes, .end = bytes, .section = "header"};
  if (size > 0) reader.end = bytes + size;
  if (wasm_is_component(bytes, size))
    wasm_reader_fail(&reader, "a component; expected a core module");
  else if (!wasm_is_module(bytes, size))
    wasm_reader_fail(&reader, "not a WebAssembly module; expected the bytes \\0asm and version 1");
  else
    reader.at += WASM_HEADER_SIZE;
  return reader;
}

bool wasm_reader_section(wasm_reader *self, wasm_section_view *out) {
  if (wasm_reader_failed(self) || self->at == self->end) return false;
  self->section = "section header";
  const uint8_t *whole = self->at;
  uint8_t id = *self->at;
  if (id >= WASM_SECTIONS) {
    wasm_reader_fail(self, "unknown section id");
    return false;
  }
  self->at++;
  uint32_t size = wasm_read_u32(self);
  if (!wasm_reader_failed(self) && size > wasm_reader_left(self))
    wasm_reader_fail(self, "section is longer than what is left of the module");
  if (wasm_reader_failed(self)) return false;
  out->id = (wasm_section)id;
  out->body = *self;
  out->body.section = sections[id].name;
  out->body.end = self->at + size;
  self->at += size;
  out->whole = whole;
  out->whole_size = (size_t)(self->at - whole);
  return true;
}

uint8_t wasm_read_byte(wasm_reader *self) {
  if (self->at == self->end) {
    wasm_reader_fail(self, "unexpected end");
    return 0;
  }
  return *self->at++;
}

static uint64_t read_unsigned(wasm_reader *self, unsigned bits) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < bits; shift += 7) {
    uint8_t byte = wasm_read_byte(self);
    unsigned room = bits - shift;
    if (room < 7 && (byte & 0x7f) >> room != 0) break;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  wasm_reader_fail(self, bits == 32 ? "number over 32 bits" : "number over 64 bits");
  return 0;
}

uint32_t wasm_read_u32(wasm_reader *self) {
  return (uint32_t)read_unsigned(self, 32);
}

uint64_t wasm_read_u64(wasm_reader *self) {
  return read_unsigned(self, 64);
}

// Whether the bits of a last byte that lie beyond the number all repeat its sign.
static bool sign_is_extended(uint8_t byte, unsigned room) {
  uint8_t rest = (uint8_t)((byte & 0x7f) >> (room - 1));
  return rest == 0 || rest == 0x7f >> (room - 1);
}

int64_t wasm_read_signed(wasm_reader *self, unsigned bits) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < bits; shift += 7) {
    uint8_t byte = wasm_read_byte(self);
    unsigned room = bits - shift;
    if (room < 7 && !sign_is_extended(byte, room)) break;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if ((byte & 0x80) != 0) continue;
    if ((byte & 0x40) != 0 && shift + 7 < 64) value |= ~UINT64_C(0) << (shift + 7);
    return (int64_t)value;
  }
  wasm_reader_fail(self, "malformed signed number");
  return 0;
}

uint32_t wasm_read_count(wasm_reader *self, uint32_t max) {
  uint32_t count = wasm_read_u32(self);
  if (count > max)
    wasm_reader_fail(self, "more elements than the limit");
  else if (count > wasm_reader_left(self))
    wasm_reader_fail(self, "more elements than the section has bytes");
  return wasm_reader_failed(self) ? 0 : count;
}

void wasm_read_skip(wasm_reader *self, size_t size) {
  if (size > wasm_reader_left(self))
    wasm_reader_fail(self, "unexpected end");
  else
    self->at += size;
}

text wasm_read_name(wasm_reader *self) {
  uint32_t size = wasm_read_count(self, WASM_NAME_BYTES_MAX);
  if (wasm_reader_failed(self)) return TEXT("");
  text name = {(const char *)self->at, size};
  if (memchr(name.data, 0, size) != NULL)
    wasm_reader_fail(self, "name with a NUL character");
  else if (!text_utf8_valid(name.data, size))
    wasm_reader_fail(self, "name that is not UTF-8");
  else
    self->at += size;
  return wasm_reader_failed(self) ? TEXT("") : name;
}

enum {
  TYPE_REFERENCE = 0x64,
  TYPE_REFERENCE_NULL = 0x63,
  TYPE_FIRST_ABSTRACT = 0x68, // abstract heap types, and the nullable references that are written like them
  TYPE_LAST_ABSTRACT = 0x75,
  TYPE_EXTERN = 0x6f,
  TYPE_FUNC = 0x70,
};

static wasm_type abstract_reference(int code) {
  return code == TYPE_FUNC ? WASM_TYPE_FUNCREF : code == TYPE_EXTERN ? WASM_TYPE_EXTERNREF : WASM_TYPE_OTHER;
}

static wasm_type read_reference(wasm_reader *self, bool is_null) {
  int64_t heap = wasm_read_signed(self, 33);
  if (heap >= 0) return WASM_TYPE_OTHER;
  int64_t code = heap + 0x80;
  if (code < TYPE_FIRST_ABSTRACT || code > TYPE_LAST_ABSTRACT) wasm_reader_fail(self, "unknown heap type");
  return is_null ? abstract_reference((int)code) : WASM_TYPE_OTHER;
}

wasm_type wasm_read_value_type(wasm_reader *self) {
  uint8_t code = wasm_read_byte(self);
  switch (code) {
  case 0x7f: return WASM_TYPE_I32;
  case 0x7e: return WASM_TYPE_I64;
  case 0x7d: return WASM_TYPE_F32;
  case 0x7c: return WASM_TYPE_F64;
  case 0x7b: return WASM_TYPE_V128;
  case TYPE_REFERENCE:
  case TYPE_REFERENCE_NULL: return read_reference(self, code == TYPE_REFERENCE_NULL);
  default:
    if (code < TYPE_FIRST_ABSTRACT || code > TYPE_LAST_ABSTRACT) wasm_reader_fail(self, "unknown value type");
    return abstract_reference(code);
  }
}

wasm_limits wasm_read_limits(wasm_reader *self) {
  enum { HAS_MAX = 1, SHARED = 2, IS_64 = 4, HAS_PAGE_SIZE = 8, KNOWN = 15 };
  wasm_limits limits = {.page_bits = 16};
  uint8_t flags = wasm_read_byte(self);
  if ((flags & ~KNOWN) != 0) wasm_reader_fail(self, "unknown kind of limits");
  limits.is_64 = (flags & IS_64) != 0;
  limits.min = (flags & IS_64) != 0 ? wasm_read_u64(self) : wasm_read_u32(self);
  if ((flags & HAS_MAX) != 0) (void)((flags & IS_64) != 0 ? wasm_read_u64(self) : wasm_read_u32(self));
  if ((flags & HAS_PAGE_SIZE) != 0) limits.page_bits = wasm_read_u32(self);
  if (limits.page_bits > 16) {
    wasm_reader_fail(self, "page size over 64 KiB");
    limits.page_bits = 16;
  }
  return limits;
}

// Instructions of the GC proposal that constant expressions may have, after their prefix.
static void skip_gc_instruction(wasm_reader *self) {
  uint32_t code = wasm_read_u32(self);
  switch (code) {
  case 8: // array.new_fixed
    wasm_read_u32(self);
    wasm_read_u32(self);
    break;
  case 0: // struct.new
  case 1: // struct.new_default
  case 6: // array.new
  case 7: // array.new_default
    wasm_read_u32(self);
    break;
  case 26: // any.convert_extern
  case 27: // extern.convert_any
  case 28: // ref.i31
    break;
  default: wasm_reader_fail(self, "unknown instruction in a constant expression");
  }
}

static void skip_vector_instruction(wasm_reader *self) {
  if (wasm_read_u32(self) == 12) // v128.const
    wasm_read_skip(self, 16);
  else
    wasm_reader_fail(self, "unknown instruction in a constant expression");
}

static void skip_instruction(wasm_reader *self, uint8_t code) {
  switch (code) {
  case 0x23: // global.get
  case 0xd2: // ref.func
    wasm_read_u32(self);
    break;
  case 0x41: // i32.const
    wasm_read_signed(self, 32);
    break;
  case 0x42: // i64.const
    wasm_read_signed(self, 64);
    break;
  case 0x43: // f32.const
    wasm_read_skip(self, 4);
    break;
  case 0x44: // f64.const
    wasm_read_skip(self, 8);
    break;
  case 0x6a: // i32.add, sub, mul
  case 0x6b:
  case 0x6c:
  case 0x7c: // i64.add, sub, mul
  case 0x7d:
  case 0x7e: break;
  case 0xd0: // ref.null
    wasm_read_signed(self, 33);
    break;
  case 0xfb: skip_gc_instruction(self); break;
  case 0xfd: skip_vector_instruction(self); break;
  default: wasm_reader_fail(self, "unknown instruction in a constant expression");
  }
}

void wasm_read_skip_expression(wasm_reader *self) {
  enum { END = 0x0b };
  for (uint8_t code = wasm_read_byte(self); code != END && !wasm_reader_failed(self); code = wasm_read_byte(self))
    skip_instruction(self, code);
}
