// Which functions can be inlined, and what is written for them. That it does what a call does wasm_merge_test.c shows.
#include "engine/wasm/wasm_inline.h"
#include "unit/base/testing.h"

#include <string.h>

static const wasm_type i64s[] = {WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64};
static const wasm_type f64 = WASM_TYPE_F64;
static const wasm_signature none = {0};
static const wasm_signature i64_to_i64 = {i64s, i64s, 1, 1};
static const uint32_t functions[] = {0, 1};
static const wasm_renumbering moved = {.functions = functions,
                                       .functions_count = 2,
                                       .count = {[WASM_SPACE_MEMORY] = 1, [WASM_SPACE_TYPE] = 1},
                                       .add = {[WASM_SPACE_MEMORY] = 1}};

static bool read(const char *body, size_t size, const wasm_signature *signature, wasm_inline *out) {
  const uint8_t *start = (const uint8_t *)body;
  wasm_reader reader = {.start = start, .at = start, .end = start + size, .section = "code section"};
  return wasm_inline_read(reader, signature, &moved, out);
}

#define READ(body, signature, out) read(body, sizeof(body) - 1, signature, out)

static void a_body_becomes_a_block_with_its_own_locals(void **state) {
  (void)state;
  // (param i64) (result i64) (local i32) (local.set 1 (i32.wrap_i64 (local.get 0))) (i64.load (local.get 1))
  static const char body[] = "\x01\x01\x7f\x20\x00\xa7\x21\x01\x20\x01\x29\x03\x08\x0b";
  static const char expected[] = "\x21\x0d\x41\x00\x21\x0a\x02\x7e\x20\x0d\xa7\x21\x0a\x20\x0a\x29\x43\x01\x08\x0b";
  wasm_inline inlined;
  wasm_writer out = {0};
  assert_true(READ(body, &i64_to_i64, &inlined));
  wasm_inline_write(&inlined, 10, &out);
  assert_int_equal(out.bytes.size, sizeof expected - 1);
  assert_memory_equal(out.bytes.data, expected, sizeof expected - 1);
  buffer_free(&out.bytes);
}

static void slots_are_declared_as_two_groups(void **state) {
  (void)state;
  wasm_writer out = {0};
  wasm_inline_write_slots(&out);
  assert_int_equal(out.bytes.size, 2 * WASM_INLINE_GROUPS);
  assert_memory_equal(out.bytes.data, "\x03\x7f\x04\x7e", 4);
  buffer_free(&out.bytes);
}

static void what_calls_or_returns_is_called(void **state) {
  (void)state;
  wasm_inline inlined;
  assert_true(READ("\x00\x0b", &none, &inlined));
  assert_false(READ("\x00\x10\x00\x0b", &none, &inlined));
  assert_false(READ("\x00\x12\x00\x0b", &none, &inlined));
  assert_false(READ("\x00\xd2\x00\x1a\x0b", &none, &inlined));
  assert_false(READ("\x00\xd0\x00\x14\x00\x0b", &none, &inlined));
  assert_false(READ("\x00\x0f\x0b", &none, &inlined));
}

static void what_has_other_types_or_too_many_locals_is_called(void **state) {
  (void)state;
  static const wasm_signature floats = {.params = &f64, .params_count = 1};
  static const wasm_signature float_result = {.results = &f64, .results_count = 1};
  static const wasm_signature five = {.params = i64s, .params_count = 5};
  static const wasm_signature two_results = {.results = i64s, .results_count = 2};
  wasm_inline inlined;
  assert_false(READ("\x00\x0b", &floats, &inlined));
  assert_false(READ("\x00\x44\0\0\0\0\0\0\0\0\x0b", &float_result, &inlined));
  assert_false(READ("\x00\x0b", &five, &inlined));
  assert_false(READ("\x00\x42\0\x42\0\x0b", &two_results, &inlined));
  assert_true(READ("\x01\x03\x7f\x0b", &none, &inlined));
  assert_false(READ("\x01\x04\x7f\x0b", &none, &inlined));
  assert_false(READ("\x01\x01\x7d\x0b", &none, &inlined));
  assert_false(READ("\x01\xff\xff\xff\xff\x0f\x7f\x0b", &none, &inlined));
  assert_false(READ("\x02\x01", &none, &inlined));
}

static void what_is_long_is_called(void **state) {
  (void)state;
  char body[WASM_INLINE_BYTES_MAX + 1];
  wasm_inline inlined;
  memset(body, 1, sizeof body);
  body[0] = 0;
  assert_true(read(body, WASM_INLINE_BYTES_MAX, &none, &inlined));
  assert_false(read(body, WASM_INLINE_BYTES_MAX + 1, &none, &inlined));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_body_becomes_a_block_with_its_own_locals),
      cmocka_unit_test(slots_are_declared_as_two_groups),
      cmocka_unit_test(what_calls_or_returns_is_called),
      cmocka_unit_test(what_has_other_types_or_too_many_locals_is_called),
      cmocka_unit_test(what_is_long_is_called),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
