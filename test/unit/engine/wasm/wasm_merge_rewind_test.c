// Which merged modules can be put back to how they began, and how they are.
#include "unit/engine/wasm/merge_testing.h"

// What the merged module answers to being put back: how many memories it has, or -1.
static int32_t rewind_of(const char *guest_text) {
  world world = world_open(guest_text);
  int32_t answer = run(&world, PREFIX "rewind", 0);
  world_close(&world);
  return answer;
}

static void globals_of_both_are_put_back(void **state) {
  (void)state;
  world world =
      world_open("(module"
                 " (import \"a\" \"take\" (func $take (param i32) (result i32)))"
                 " (memory (export \"memory\") 1)"
                 " (global $a (mut i32) (i32.const -5)) (global $b (mut i64) (i64.const 0x0b0b0b0b0b))"
                 " (global $fixed i32 (i32.const 1))"
                 " (global $c (mut f32) (f32.const 2.5)) (global $d (mut f64) (f64.const -7))"
                 " (global $e (mut v128) (v128.const i32x4 11 11 11 11))"
                 " (func (export \"take\") (param i32) (result i32) (call $take (local.get 0)))"
                 " (func (export \"sum\") (param i32) (result i32)"
                 "  (i32.add (i32.add (global.get $a) (i32.wrap_i64 (global.get $b)))"
                 "           (i32.add (i32.add (i32.trunc_f32_s (global.get $c))"
                 "                             (i32.trunc_f64_s (global.get $d)))"
                 "                    (i32x4.extract_lane 3 (global.get $e)))))"
                 " (func (export \"spoil\") (param i32) (result i32)"
                 "  (global.set $a (i32.const 1)) (global.set $b (i64.const 1)) (global.set $c (f32.const 1))"
                 "  (global.set $d (f64.const 1)) (global.set $e (v128.const i32x4 1 1 1 1)) (i32.const 0)))");
  int32_t sum = run(&world, "sum", 0);
  assert_int_equal(sum, -5 + 0x0b0b0b0b + 2 - 7 + 11);
  for (int round = 0; round < 2; round++) {
    assert_int_equal(run(&world, "take", 10), 64);
    assert_int_equal(run(&world, "take", 10), 84);
    run(&world, "spoil", 0);
    assert_int_equal(run(&world, "sum", 0), 5);
    assert_int_equal(run(&world, PREFIX "rewind", 0), 2);
    assert_int_equal(run(&world, "sum", 0), sum);
  }
  world_close(&world);
}

// The section's byte; -1: there is none.
static int mark_of(const char *guest_text) {
  static const char name[] = WASM_MERGE_MARK;
  bytes merged = merge_text(guest_text);
  int mark = -1;
  for (size_t at = 0; at + sizeof name <= merged.size; at++)
    if (memcmp(merged.data + at, name, sizeof name - 1) == 0) mark = merged.data[at + sizeof name - 1];
  free(merged.data);
  return mark;
}

static void a_mark_tells_that_a_module_can_be_put_back_and_whether_it_grows(void **state) {
  (void)state;
  assert_int_equal(mark_of("(module (memory 1))"), 0);
  assert_int_equal(mark_of("(module (memory 1) (func (drop (memory.size))))"), 0);
  assert_int_equal(mark_of("(module (memory 1) (func (drop (memory.grow (i32.const 1)))))"), 1);
  assert_int_equal(mark_of("(module (memory 1) (memory i64 1) (func (drop (memory.grow 1 (i64.const 1)))))"), 1);
  assert_int_equal(mark_of("(module (memory 1) (data $d \"d\") (func (data.drop $d)))"), -1);
}

static void all_memories_are_counted(void **state) {
  (void)state;
  assert_int_equal(rewind_of("(module)"), 1);
  assert_int_equal(rewind_of("(module (memory 1) (memory 1) (memory i64 1))"), 4);
}

static void what_changes_nothing_else_can_be_put_back(void **state) {
  (void)state;
  assert_int_equal(
      rewind_of("(module (memory 1) (table 2 funcref) (type $t (func)) (data $d \"d\") (elem (i32.const 0) $f)"
                " (global funcref (ref.func $f)) (func $f (memory.init $d (i32.const 0) (i32.const 0)"
                "  (i32.const 1)) (memory.copy (i32.const 0) (i32.const 1) (i32.const 1))"
                "  (call_indirect (type $t) (i32.const 0)) (drop (table.get (i32.const 0)))"
                "  (drop (table.size)) (drop (i32.trunc_sat_f32_s (f32.const 1)))))"),
      2);
}

static void what_changes_more_is_not_put_back(void **state) {
  (void)state;
  static const char *const guests[] = {
      "(module (table 2 funcref) (func (table.set (i32.const 0) (ref.null func))))",
      "(module (table 2 funcref) (func (drop (table.grow (ref.null func) (i32.const 1)))))",
      "(module (table 2 funcref) (func (table.fill (i32.const 0) (ref.null func) (i32.const 1))))",
      "(module (table 2 funcref) (func (table.copy (i32.const 0) (i32.const 1) (i32.const 1))))",
      "(module (table 2 funcref) (elem $e func 0) (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 1))))",
      "(module (elem $e func $f) (func $f (elem.drop $e)))",
      "(module (memory 1) (data $d \"d\") (func (data.drop $d)))",
      "(module (global (mut funcref) (ref.null func)))",
      "(module (global (mut externref) (ref.null extern)))",
      "(module (global $a i32 (i32.const 1)) (global (mut i32) (global.get $a)))",
      "(module (global (mut i32) (i32.add (i32.const 1) (i32.const 2))))",
      "(module (tag $t) (func (throw $t)))",
      "(module (type $s (struct (field (mut i32)))) (func (drop (struct.new_default $s))))",
      "(module (func (drop (ref.i31 (i32.const 1)))))",
  };
  for (size_t i = 0; i < sizeof guests / sizeof *guests; i++)
    if (rewind_of(guests[i]) != -1) fail_msg("%s", guests[i]);
}

// Code that sets them all would be larger than engines compile.
static void very_many_globals_are_not_put_back(void **state) {
  (void)state;
  enum { GLOBALS = 400000 };
  static const char entry[] = "(global (mut v128) (v128.const i64x2 1 2))";
  char *text = malloc(GLOBALS * (sizeof entry - 1) + 32);
  assert_non_null(text);
  memcpy(text, "(module ", 8);
  char *end = text + 8;
  for (int i = 0; i < GLOBALS; i++, end += sizeof entry - 1) memcpy(end, entry, sizeof entry);
  strcpy(end, ")");
  assert_int_equal(rewind_of(text), -1);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(globals_of_both_are_put_back),
      cmocka_unit_test(a_mark_tells_that_a_module_can_be_put_back_and_whether_it_grows),
      cmocka_unit_test(all_memories_are_counted),
      cmocka_unit_test(what_changes_nothing_else_can_be_put_back),
      cmocka_unit_test(what_changes_more_is_not_put_back),
      cmocka_unit_test(very_many_globals_are_not_put_back),
  };
  return cmocka_run_group_tests(tests, open_engine, close_engine);
}
