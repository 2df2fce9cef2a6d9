// Reading goes over the bytes twice: first to see that they are a value and of how many parts, then to fill an array of just
// so many values, in the order in which yyjson keeps a document's.
#include "base/msgpack.h"

#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <msgpack/pack.h>

// ------------------------------------------------------------------------------------------------------------- heads

typedef enum kind { NIL, FALSE_, TRUE_, UNSIGNED, SIGNED, REAL, STRING, BYTES, ARRAY, MAP, EXTENSION, NEVER } kind;

/// What the first bytes of a value say.
typedef struct head {
  kind kind;
  uint64_t number; ///< UNSIGNED, SIGNED (as its bits); of STRING, BYTES, ARRAY and MAP how many
  double real;
} head;

typedef struct reader {
  const char *name;
  const uint8_t *start, *at, *end;
  const char *problem;
} reader;

static ubiq_error *fail(const reader *self, const uint8_t *at, const char *problem) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: byte %zu: %s", self->name, (size_t)(at - self->start), problem);
}

static bool take_number(reader *self, size_t size, uint64_t *number) {
  if ((size_t)(self->end - self->at) < size) return false;
  *number = 0;
  for (size_t i = 0; i < size; i++) *number = *number << 8 | *self->at++;
  return true;
}

/// How the bytes from 0xc0 to 0xdf begin a value: its kind, and the size of the number that follows.
static const struct {
  kind kind;
  uint8_t size;
} rows[32] = {
    {NIL, 0},       {NEVER, 0},     {FALSE_, 0},    {TRUE_, 0},     {BYTES, 1},  {BYTES, 2},    {BYTES, 4},
    {EXTENSION, 0}, {EXTENSION, 0}, {EXTENSION, 0}, {REAL, 4},      {REAL, 8},   {UNSIGNED, 1}, {UNSIGNED, 2},
    {UNSIGNED, 4},  {UNSIGNED, 8},  {SIGNED, 1},    {SIGNED, 2},    {SIGNED, 4}, {SIGNED, 8},   {EXTENSION, 0},
    {EXTENSION, 0}, {EXTENSION, 0}, {EXTENSION, 0}, {EXTENSION, 0}, {STRING, 1}, {STRING, 2},   {STRING, 4},
    {ARRAY, 2},     {ARRAY, 4},     {MAP, 2},       {MAP, 4},
};

static double real_of(uint64_t bits, size_t size) {
  if (size == 8) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  uint32_t half = (uint32_t)bits;
  float value;
  memcpy(&value, &half, sizeof value);
  return (double)value;
}

static uint64_t with_sign(uint64_t number, size_t size) {
  unsigned shift = (unsigned)(64 - 8 * size);
  return (uint64_t)((int64_t)(number << shift) >> shift);
}

static bool take_long_head(reader *self, uint8_t first, head *out) {
  size_t size = rows[first - 0xc0].size;
  out->kind = rows[first - 0xc0].kind;
  if (!take_number(self, size, &out->number)) return false;
  if (out->kind == SIGNED) out->number = with_sign(out->number, size);
  if (out->kind == REAL) out->real = real_of(out->number, size);
  return true;
}

/// False when the bytes end before.
static bool take_head(reader *self, head *out) {
  if (self->at == self->end) return false;
  uint8_t first = *self->at++;
  if (first >= 0xc0 && first < 0xe0) return take_long_head(self, first, out);
  if (first < 0x80)
    *out = (head){.kind = UNSIGNED, .number = first};
  else if (first < 0x90)
    *out = (head){.kind = MAP, .number = first & 0x0f};
  else if (first < 0xa0)
    *out = (head){.kind = ARRAY, .number = first & 0x0f};
  else if (first < 0xc0)
    *out = (head){.kind = STRING, .number = first & 0x1f};
  else
    *out = (head){.kind = SIGNED, .number = with_sign(first, 1)};
  return true;
}

static const char *problem_of(const reader *self, const head *head) {
  if (head->kind == NEVER) return "it begins no value";
  if (head->kind == EXTENSION) return "an extension type; expected what JSON can say, a time as a string";
  if (head->kind == REAL && !isfinite(head->real)) return "a number that is not finite";
  bool is_text = head->kind == STRING && head->number <= (size_t)(self->end - self->at);
  return is_text && !text_utf8_valid(self->at, head->number) ? "a string that is no UTF-8" : NULL;
}

// ------------------------------------------------------------------------------------------------------- first pass

/// Counts the values, keys among them. Every value takes a byte at least, so that no head claims more than there can be.
static ubiq_error *count_values(reader *self, size_t values_max, size_t *count) {
  uint64_t left = 1;
  for (*count = 0; left > 0; ++*count) {
    const uint8_t *at = self->at;
    if (*count == values_max)
      return ubiq_error_new(UBIQ_TOO_LARGE, "%s: it has more than %zu values; expected fewer", self->name, values_max);
    head head;
    if (!take_head(self, &head)) return fail(self, self->end, "it ends within a value");
    const char *problem = problem_of(self, &head);
    if (problem != NULL) return fail(self, at, problem);
    left--;
    if (head.kind == ARRAY) left += head.number;
    if (head.kind == MAP) left += 2 * head.number;
    uint64_t skipped = head.kind == STRING || head.kind == BYTES ? head.number : 0;
    if (skipped + left > (uint64_t)(self->end - self->at)) return fail(self, self->end, "it ends within a value");
    self->at += skipped;
  }
  return self->at == self->end ? NULL : fail(self, self->at, "something follows the value");
}

// ------------------------------------------------------------------------------------------------------ second pass

/// An array or map that is being filled.
typedef struct open {
  yyjson_val *value;
  uint64_t left; ///< values to come, keys among them
  bool is_map;
} open;

typedef struct filler {
  reader *reader;
  arena *arena;
  yyjson_val *next;
  open stack[JSON_DEPTH_MAX];
  size_t depth;
  const char *bytes_key;
} filler;

static bool is_at_key(const filler *self) {
  if (self->depth == 0) return false;
  const open *top = &self->stack[self->depth - 1];
  return top->is_map && top->left % 2 == 0;
}

static bool may_be_bytes(const filler *self) {
  if (self->bytes_key == NULL || self->depth != 1 || !self->stack[0].is_map) return false;
  yyjson_val *key = self->next - 1;
  return yyjson_equals_str(key, self->bytes_key);
}

static ubiq_error *fill_string(filler *self, yyjson_val *value, size_t size) {
  char *copy = arena_string(self->arena, (const char *)self->reader->at, size);
  if (copy == NULL) return ubiq_error_no_memory();
  unsafe_yyjson_set_strn(value, copy, size);
  self->reader->at += size;
  return NULL;
}

static ubiq_error *fill_container(filler *self, yyjson_val *value, const head *head, const uint8_t *at) {
  if (self->depth == JSON_DEPTH_MAX) return fail(self->reader, at, "maps and arrays are nested too deep");
  bool is_map = head->kind == MAP;
  unsafe_yyjson_set_tag(value, is_map ? YYJSON_TYPE_OBJ : YYJSON_TYPE_ARR, YYJSON_SUBTYPE_NONE, head->number);
  self->stack[self->depth++] = (open){value, head->number * (is_map ? 2 : 1), is_map};
  return NULL;
}

static void fill_number(yyjson_val *value, const head *head) {
  if (head->kind == REAL)
    unsafe_yyjson_set_real(value, head->real);
  else if (head->kind == SIGNED && (int64_t)head->number < 0)
    unsafe_yyjson_set_sint(value, (int64_t)head->number);
  else
    unsafe_yyjson_set_uint(value, head->number);
}

static ubiq_error *fill_value(filler *self, const head *head, const uint8_t *at) {
  yyjson_val *value = self->next++;
  switch (head->kind) {
  case NIL: unsafe_yyjson_set_null(value); return NULL;
  case FALSE_:
  case TRUE_: unsafe_yyjson_set_bool(value, head->kind == TRUE_); return NULL;
  case STRING: return fill_string(self, value, head->number);
  case ARRAY:
  case MAP: return fill_container(self, value, head, at);
  case BYTES:
    unsafe_yyjson_set_raw(value, (const char *)self->reader->at, head->number);
    self->reader->at += head->number;
    return NULL;
  default: fill_number(value, head); return NULL;
  }
}

/// Ends what is full.
static void close_full(filler *self) {
  while (self->depth > 0 && self->stack[self->depth - 1].left == 0) {
    yyjson_val *value = self->stack[--self->depth].value;
    value->uni.ofs = (size_t)((char *)self->next - (char *)value);
  }
}

static ubiq_error *fill_next(filler *self) {
  const uint8_t *at = self->reader->at;
  head head;
  bool good = take_head(self->reader, &head);
  assert(good);
  (void)good;
  if (is_at_key(self) && head.kind != STRING) return fail(self->reader, at, "a key that is no string");
  if (head.kind == BYTES && !may_be_bytes(self))
    return fail(self->reader, at, "bytes where they are not taken; expected a string in base64");
  if (self->depth > 0) self->stack[self->depth - 1].left--;
  ubiq_error *error = fill_value(self, &head, at);
  if (error == NULL) close_full(self);
  return error;
}

static ubiq_error *check_keys(const reader *self, yyjson_val *values, size_t count, size_t members_max) {
  for (size_t i = 0; i < count; i++) {
    text key;
    if (!yyjson_is_obj(&values[i])) continue;
    ubiq_error *error = json_check_members(self->name, &values[i], members_max);
    if (error == NULL) error = json_find_duplicate(&values[i], &key);
    if (error != NULL) return error;
    if (key.data != NULL)
      return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: the key \"%.*s\" stands twice in one map", self->name,
                            (int)(key.size < 64 ? key.size : 0), key.data);
  }
  return NULL;
}

ubiq_error *msgpack_value_read(const char *name, const void *data, size_t size, const json_limits *limits,
                               const char *bytes_key, arena *arena, yyjson_val **out) {
  reader reader = {.name = name, .start = data, .at = data, .end = (const uint8_t *)data + size};
  if (size == 0) return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: it is empty; expected MessagePack", name);
  size_t count;
  ubiq_error *error = count_values(&reader, limits->values, &count);
  if (error != NULL) return error;
  yyjson_val *values = arena_array(arena, count, sizeof *values);
  if (values == NULL) return ubiq_error_no_memory();
  reader.at = reader.start;
  filler filler = {.reader = &reader, .arena = arena, .next = values, .bytes_key = bytes_key};
  while (error == NULL && reader.at < reader.end) error = fill_next(&filler);
  if (error == NULL) error = check_keys(&reader, values, count, limits->members);
  if (error == NULL) *out = values;
  return error;
}

// ----------------------------------------------------------------------------------------------------------- writing

static int append(void *out, const char *data, size_t size) {
  return buffer_append(out, data, size) ? 0 : -1;
}

static msgpack_packer packer_of(buffer *out) {
  return (msgpack_packer){.data = out, .callback = append};
}

bool msgpack_write_map(buffer *out, size_t count) {
  msgpack_packer packer = packer_of(out);
  return count <= UINT32_MAX && msgpack_pack_map(&packer, count) == 0;
}

bool msgpack_write_array(buffer *out, size_t count) {
  msgpack_packer packer = packer_of(out);
  return count <= UINT32_MAX && msgpack_pack_array(&packer, count) == 0;
}

bool msgpack_write_text(buffer *out, text value) {
  msgpack_packer packer = packer_of(out);
  return value.size <= UINT32_MAX && msgpack_pack_str(&packer, value.size) == 0 &&
         buffer_append(out, value.data, value.size);
}

bool msgpack_write_bytes(buffer *out, ubiq_bytes value) {
  msgpack_packer packer = packer_of(out);
  return value.size <= UINT32_MAX && msgpack_pack_bin(&packer, value.size) == 0 &&
         buffer_append(out, value.data, value.size);
}

bool msgpack_write_unsigned(buffer *out, uint64_t value) {
  msgpack_packer packer = packer_of(out);
  return msgpack_pack_uint64(&packer, value) == 0;
}

static bool write_number(buffer *out, yyjson_val *value) {
  msgpack_packer packer = packer_of(out);
  if (yyjson_is_uint(value)) return msgpack_write_unsigned(out, unsafe_yyjson_get_uint(value));
  if (yyjson_is_sint(value)) return msgpack_pack_int64(&packer, unsafe_yyjson_get_sint(value)) == 0;
  return msgpack_pack_double(&packer, unsafe_yyjson_get_real(value)) == 0;
}

/// Writes a value without what is in it.
static bool write_one(buffer *out, yyjson_val *value) {
  const char *data = value->uni.str;
  size_t size = unsafe_yyjson_get_len(value);
  msgpack_packer packer = packer_of(out);
  switch (unsafe_yyjson_get_type(value)) {
  case YYJSON_TYPE_NULL: return msgpack_pack_nil(&packer) == 0;
  case YYJSON_TYPE_BOOL: return buffer_append_byte(out, unsafe_yyjson_get_bool(value) ? 0xc3 : 0xc2);
  case YYJSON_TYPE_NUM: return write_number(out, value);
  case YYJSON_TYPE_STR: return msgpack_write_text(out, (text){data, size});
  case YYJSON_TYPE_RAW: return msgpack_write_bytes(out, (ubiq_bytes){(const uint8_t *)data, size});
  case YYJSON_TYPE_ARR: return msgpack_write_array(out, size);
  default: return msgpack_write_map(out, size);
  }
}

bool msgpack_value_write(buffer *out, yyjson_val *value) {
  yyjson_val *end = unsafe_yyjson_get_next(value);
  bool good = true;
  for (; good && value < end; value++)
    good = write_one(out, value); // they stand in the order in which they are written
  return good;
}
