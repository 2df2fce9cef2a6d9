// Copying code with its indices changed: what each kind of instruction becomes, and what is refused.
#include "engine/wasm/wasm_code.h"
#include "unit/base/testing.h"

#include <stdlib.h>
#include <string.h>

enum { EACH = 2 };

// Every index space has two entries; each space moves by another number.
static const uint32_t new_functions[EACH] = {7, 200};
static const wasm_renumbering moved = {
    .functions = new_functions,
    .functions_count = EACH,
    .count = {EACH, EACH, EACH, EACH, EACH, EACH, EACH},
    .add = {[WASM_SPACE_TYPE] = 100,
            [WASM_SPACE_TABLE] = 1,
            [WASM_SPACE_MEMORY] = 2,
            [WASM_SPACE_GLOBAL] = 3,
            [WASM_SPACE_TAG] = 4,
            [WASM_SPACE_ELEMENT] = 5,
            [WASM_SPACE_DATA] = 6},
};

static const uint32_t old_functions[EACH] = {0, 1};
static const wasm_renumbering unmoved = {
    .functions = old_functions, .functions_count = EACH, .count = {EACH, EACH, EACH, EACH, EACH, EACH, EACH}};

typedef struct row {
  const char *what;
  const char *in;
  size_t in_size;
  const char *out;
  size_t out_size;
} row;

#define ROW(what, in, out)                                                                                             \
  { what, in, sizeof(in) - 1, out, sizeof(out) - 1 }
#define SAME(what, in) ROW(what, in, in)

static const row instructions[] = {
    ROW("call", "\x10\x01", "\x10\xc8\x01"),
    ROW("call with a padded index", "\x10\x80\x80\x00", "\x10\x07"),
    ROW("return_call", "\x12\x00", "\x12\x07"),
    ROW("ref.func", "\xd2\x01", "\xd2\xc8\x01"),
    ROW("call_indirect", "\x11\x01\x00", "\x11\x65\x01"),
    ROW("return_call_indirect", "\x13\x00\x01", "\x13\x64\x02"),
    ROW("call_ref", "\x14\x00", "\x14\x64"),
    ROW("return_call_ref", "\x15\x01", "\x15\x65"),
    SAME("block without a result", "\x02\x40\x0b"),
    SAME("block with a number", "\x02\x7f\x0b"),
    SAME("loop with a vector", "\x03\x7b\x0b"),
    ROW("if of a type", "\x04\x01\x05\x0b", "\x04\xe5\x00\x05\x0b"),
    ROW("block with a reference", "\x02\x63\x00\x0b", "\x02\x63\xe4\x00\x0b"),
    ROW("block with an abstract reference", "\x02\x64\x70\x0b", "\x02\x64\x70\x0b"),
    SAME("br, br_if", "\x0c\x00\x0d\x01"),
    SAME("br_table", "\x0e\x02\x00\x01\x80\x01"),
    ROW("try_table", "\x1f\x40\x04\x00\x01\x00\x01\x00\x01\x02\x00\x03\x00\x0b",
        "\x1f\x40\x04\x00\x05\x00\x01\x04\x01\x02\x00\x03\x00\x0b"),
    ROW("throw", "\x08\x01", "\x08\x05"),
    ROW("try, catch, rethrow, catch_all, delegate", "\x06\x40\x07\x00\x09\x00\x19\x18\x00",
        "\x06\x40\x07\x04\x09\x00\x19\x18\x00"),
    ROW("select of a type", "\x1c\x01\x63\x01", "\x1c\x01\x63\xe5\x00"),
    SAME("drop, select", "\x1a\x1b"),
    SAME("local.get, set, tee", "\x20\x01\x21\xff\x01\x22\x00"),
    ROW("global.get, set", "\x23\x00\x24\x01", "\x23\x03\x24\x04"),
    ROW("table.get, set", "\x25\x00\x26\x01", "\x25\x01\x26\x02"),
    ROW("i32.load", "\x28\x02\x10", "\x28\x42\x02\x10"),
    ROW("i64.store32 with a memory", "\x3e\x42\x01\x80\x02", "\x3e\x42\x03\x80\x02"),
    ROW("memory.size, grow", "\x3f\x00\x40\x01", "\x3f\x02\x40\x03"),
    SAME("constants that look like calls",
         "\x41\x10\x42\x90\x10\x43\x10\x00\x10\x00\x44\x10\x01\x10\x01\x10\x01\x10\x01"),
    SAME("numbers", "\x45\x6a\xa7\xc0\xc4"),
    ROW("ref.null of a type", "\xd0\x01", "\xd0\xe5\x00"),
    SAME("ref.null, is_null, eq, as_non_null", "\xd0\x70\xd1\xd3\xd4"),
    SAME("br_on_null, br_on_non_null", "\xd5\x00\xd6\x01"),
    ROW("struct.new, get, set", "\xfb\x00\x01\xfb\x02\x00\x01\xfb\x05\x00\x00",
        "\xfb\x00\x65\xfb\x02\x64\x01\xfb\x05\x64\x00"),
    ROW("array.new_fixed", "\xfb\x08\x00\x05", "\xfb\x08\x64\x05"),
    ROW("array.new_data, new_elem", "\xfb\x09\x00\x01\xfb\x0a\x00\x01", "\xfb\x09\x64\x07\xfb\x0a\x64\x06"),
    ROW("array.copy", "\xfb\x11\x00\x01", "\xfb\x11\x64\x65"),
    ROW("ref.cast", "\xfb\x16\x01\xfb\x17\x6e", "\xfb\x16\xe5\x00\xfb\x17\x6e"),
    ROW("br_on_cast", "\xfb\x18\x03\x00\x6e\x01", "\xfb\x18\x03\x00\x6e\xe5\x00"),
    SAME("ref.i31, i31.get_s", "\xfb\x1c\xfb\x1d"),
    SAME("i32.trunc_sat_f32_s", "\xfc\x00"),
    ROW("memory.init, data.drop", "\xfc\x08\x01\x00\xfc\x09\x00", "\xfc\x08\x07\x02\xfc\x09\x06"),
    ROW("memory.copy, fill", "\xfc\x0a\x00\x01\xfc\x0b\x01", "\xfc\x0a\x02\x03\xfc\x0b\x03"),
    ROW("table.init, elem.drop", "\xfc\x0c\x01\x00\xfc\x0d\x00", "\xfc\x0c\x06\x01\xfc\x0d\x05"),
    ROW("table.copy, grow, size, fill", "\xfc\x0e\x00\x01\xfc\x0f\x00\xfc\x10\x00\xfc\x11\x01",
        "\xfc\x0e\x01\x02\xfc\x0f\x01\xfc\x10\x01\xfc\x11\x02"),
    SAME("i64.add128", "\xfc\x13"),
    ROW("v128.load", "\xfd\x00\x04\x00", "\xfd\x00\x44\x02\x00"),
    SAME("v128.const, i8x16.shuffle", "\xfd\x0c\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10"
                                      "\xfd\x0d\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10"),
    SAME("i8x16.extract_lane_s", "\xfd\x15\x0f"),
    ROW("v128.load8_lane", "\xfd\x54\x00\x00\x0f", "\xfd\x54\x40\x02\x00\x0f"),
    ROW("v128.load32_zero", "\xfd\x5c\x02\x00", "\xfd\x5c\x42\x02\x00"),
    SAME("f64x2.add, i8x16.relaxed_swizzle", "\xfd\xf0\x01\xfd\x80\x02"),
    ROW("memory.atomic.notify", "\xfe\x00\x02\x00", "\xfe\x00\x42\x02\x00"),
    SAME("atomic.fence", "\xfe\x03\x00"),
    ROW("i64.atomic.rmw32.cmpxchg_u", "\xfe\x4e\x02\x00", "\xfe\x4e\x42\x02\x00"),
};

// Copies a body out of a heap block of exactly its size, so that ASan sees the first byte beyond it.
static bool copy_body(const char *bytes, size_t size, const wasm_renumbering *to, wasm_writer *out) {
  uint8_t *block = malloc(size);
  memcpy(block, bytes, size);
  wasm_reader in = {.start = block, .at = block, .end = block + size, .section = "code section"};
  wasm_copier copier = wasm_copier_open(&in, out, to);
  if (size > 0) wasm_write_byte(out, block[0]);
  (void)wasm_copy_locals(&copier);
  wasm_copy_instructions(&copier);
  wasm_copy_flush(&copier);
  bool ok = !wasm_reader_failed(&in);
  if (ok) assert_ptr_equal(in.at, in.end);
  ubiq_error_delete(wasm_reader_error(&in));
  free(block);
  return ok;
}

// A body without locals.
static bool copy_code(const char *code, size_t size, const wasm_renumbering *to, wasm_writer *out) {
  char body[64] = {0};
  assert_true(size < sizeof body - 2);
  memcpy(body + 1, code, size);
  body[size + 1] = 0x0b;
  return copy_body(body, size + 2, to, out);
}

static void assert_written(const char *what, wasm_writer *out, const char *expected, size_t size) {
  if (out->bytes.size != size + 2 || memcmp(out->bytes.data + 1, expected, size) != 0) fail_msg("%s differs", what);
  buffer_free(&out->bytes);
}

static void indices_move_and_everything_else_stays(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++) {
    const row *row = &instructions[i];
    wasm_writer out = {0};
    if (!copy_code(row->in, row->in_size, &moved, &out)) fail_msg("%s is refused", row->what);
    assert_written(row->what, &out, row->out, row->out_size);
  }
}

static void nothing_changes_where_nothing_moves(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++) {
    const row *row = &instructions[i];
    wasm_writer out = {0};
    assert_true(copy_code(row->in, row->in_size, &unmoved, &out));
    assert_written(row->what, &out, row->in, row->in_size);
  }
}

static void every_cut_of_every_instruction_is_refused_or_shorter(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++)
    for (size_t size = 0; size < instructions[i].in_size; size++) {
      char body[64] = {0};
      wasm_writer out = {0};
      memcpy(body + 1, instructions[i].in, size);
      (void)copy_body(body, size + 1, &moved, &out);
      buffer_free(&out.bytes);
    }
}

static void indices_that_are_not_there_are_refused(void **state) {
  (void)state;
  static const row refused[] = {
      SAME("call", "\x10\x02"),
      SAME("ref.func", "\xd2\x7f"),
      SAME("call_indirect", "\x11\x02\x00"),
      SAME("its table", "\x11\x00\x02"),
      SAME("block", "\x02\x02\x0b"),
      SAME("global", "\x23\x02"),
      SAME("memory", "\x28\x42\x02\x00"),
      SAME("memory.copy", "\xfc\x0a\x00\x02"),
      SAME("data", "\xfc\x09\x02"),
      SAME("element", "\xfc\x0d\x02"),
      SAME("tag", "\x08\x02"),
      SAME("heap type", "\xd0\x02"),
      SAME("catch", "\x1f\x40\x01\x00\x02\x00\x0b"),
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    wasm_writer out = {0};
    if (copy_code(refused[i].in, refused[i].in_size, &unmoved, &out)) fail_msg("%s is accepted", refused[i].what);
    buffer_free(&out.bytes);
  }
}

static void without_a_memory_the_memory_that_is_not_named_is_refused(void **state) {
  (void)state;
  wasm_renumbering none = unmoved;
  none.count[WASM_SPACE_MEMORY] = 0;
  wasm_writer out = {0};
  assert_false(copy_code("\x28\x02\x00", 3, &none, &out));
  assert_false(copy_code("\x3f\x00", 2, &none, &out));
  buffer_free(&out.bytes);
}

static void unknown_instructions_are_refused(void **state) {
  (void)state;
  static const row unknown[] = {
      SAME("0x16", "\x16"),
      SAME("0x27", "\x27"),
      SAME("0xc5", "\xc5"),
      SAME("0xd7", "\xd7"),
      SAME("0xff", "\xff"),
      SAME("0xfb 31", "\xfb\x1f"),
      SAME("0xfc 23", "\xfc\x17"),
      SAME("0xfd 276", "\xfd\x94\x02"),
      SAME("0xfe 4", "\xfe\x04"),
      SAME("0xfe 79", "\xfe\x4f"),
      SAME("block type", "\x02\x41"),
      SAME("heap type", "\xd0\x41"),
      SAME("catch", "\x1f\x40\x01\x04\x00\x0b"),
  };
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    wasm_writer out = {0};
    if (copy_code(unknown[i].in, unknown[i].in_size, &unmoved, &out)) fail_msg("%s is accepted", unknown[i].what);
    buffer_free(&out.bytes);
  }
}

static void types_of_locals_move(void **state) {
  (void)state;
  wasm_writer out = {0};
  assert_true(copy_body("\x02\x03\x7f\x01\x63\x01\x0b", 7, &moved, &out));
  assert_int_equal(out.bytes.size, 8);
  assert_memory_equal(out.bytes.data, "\x02\x03\x7f\x01\x63\xe5\x00\x0b", 8);
  buffer_free(&out.bytes);
}

static void an_expression_ends_with_its_own_end(void **state) {
  (void)state;
  static const uint8_t bytes[] = {0x02, 0x40, 0x0b, 0x23, 0x01, 0x0b, 0x10, 0x00};
  wasm_reader in = {.start = bytes, .at = bytes, .end = bytes + sizeof bytes, .section = "global section"};
  wasm_writer out = {0};
  wasm_copier copier = wasm_copier_open(&in, &out, &moved);
  wasm_copy_expression(&copier);
  wasm_copy_flush(&copier);
  assert_false(wasm_reader_failed(&in));
  assert_ptr_equal(in.at, bytes + 6);
  assert_int_equal(out.bytes.size, 6);
  assert_memory_equal(out.bytes.data, "\x02\x40\x0b\x23\x04\x0b", 6);
  buffer_free(&out.bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(indices_move_and_everything_else_stays),
      cmocka_unit_test(nothing_changes_where_nothing_moves),
      cmocka_unit_test(every_cut_of_every_instruction_is_refused_or_shorter),
      cmocka_unit_test(indices_that_are_not_there_are_refused),
      cmocka_unit_test(without_a_memory_the_memory_that_is_not_named_is_refused),
      cmocka_unit_test(unknown_instructions_are_refused),
      cmocka_unit_test(types_of_locals_move),
      cmocka_unit_test(an_expression_ends_with_its_own_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
