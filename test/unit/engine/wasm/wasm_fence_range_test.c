// Limits put into code: how far memories and tables grow, and what copies or fills ranges.
#include "unit/engine/wasm/fence_testing.h"

enum { PIECE = WASM_FENCE_PIECE, PAGE = 65536 };

static void memories_grow_to_the_limit(void **state) {
  (void)state;
  world world = world_open("(module (memory 1) (memory $b 2 6)"
                           " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
                           " (func (export \"grow_b\") (param i32) (result i32) (memory.grow $b (local.get 0))))",
                           true);
  assert_int_equal(host(&world, "pages", 4), PAGE);
  assert_int_equal(call(&world, "grow", 2), 1);
  assert_int_equal(call(&world, "grow", 2), -1);
  assert_int_equal(call(&world, "grow", -1), -1);
  assert_int_equal(call(&world, "grow", 1), 3);
  assert_int_equal(call(&world, "grow", 1), -1);
  assert_int_equal(call(&world, "grow_b", 2), 2);
  host(&world, "pages", 100);
  assert_int_equal(call(&world, "grow_b", 3), -1); // its own limit
  assert_int_equal(call(&world, "grow_b", 2), 4);
  world_close(&world);
}

static void tables_grow_to_the_limit(void **state) {
  (void)state;
  world world =
      world_open("(module (table $a 1 funcref) (table $b 2 externref) (table $c 1 3 funcref)"
                 " (func (export \"a\") (param i32) (result i32) (table.grow $a (ref.null func) (local.get 0)))"
                 " (func (export \"b\") (param i32) (result i32) (table.grow $b (ref.null extern) (local.get 0)))"
                 " (func (export \"c\") (param i32) (result i32) (table.grow $c (ref.null func) (local.get 0))))",
                 false);
  assert_int_equal(host(&world, "elements", 10), -1);
  assert_int_equal(call(&world, "a", 9), 1);
  assert_int_equal(call(&world, "a", 1), -1);
  assert_int_equal(call(&world, "b", -1), -1);
  assert_int_equal(call(&world, "b", 8), 2);
  assert_int_equal(call(&world, "b", 1), -1);
  assert_int_equal(call(&world, "c", 3), -1); // its own limit
  assert_int_equal(call(&world, "c", 2), 1);
  world_close(&world);
}

static void ranges_are_looked_at_each(void **state) {
  (void)state;
  world world = world_open(
      "(module (memory 1) (table $t 2 funcref) (elem $e funcref) (data $d \"\") (func (export \"f\") (param i32)"
      " (result i32) (memory.fill (i32.const 0) (i32.const 7) (i32.const 100))"
      " (memory.copy (i32.const 200) (i32.const 0) (i32.const 100))"
      " (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))"
      " (table.fill $t (i32.const 0) (ref.null func) (i32.const 2))"
      " (table.copy (i32.const 0) (i32.const 0) (i32.const 0))"
      " (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0))"
      " (drop (table.grow $t (ref.null func) (i32.const 1)))"
      " (i32.load8_u (i32.const 299))))",
      false);
  assert_int_equal(looks(&world, "f", 0, 7), 7);
  world_close(&world);
}

// Two memories of 8 MiB. `fill`, `copy` and `across` take what `to`, `from` and `length` say; `sum` tells of the bytes.
static const char ranges_text[] =
    "(module (memory 128) (memory $b 128)"
    " (global $to (mut i32) (i32.const 0)) (global $from (mut i32) (i32.const 0)) (global $length (mut i32) (i32.const "
    "0))"
    " (func (export \"to\") (param i32) (result i32) (global.set $to (local.get 0)) (i32.const 0))"
    " (func (export \"from\") (param i32) (result i32) (global.set $from (local.get 0)) (i32.const 0))"
    " (func (export \"length\") (param i32) (result i32) (global.set $length (local.get 0)) (i32.const 0))"
    // every 1021st byte tells its place
    " (func (export \"write\") (param i32) (result i32) (local $i i32) (loop $more"
    "  (i32.store8 (local.get $i) (i32.mul (local.get $i) (i32.const 167)))"
    "  (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1021))) (i32.const 8388608))))"
    "  (i32.const 0))"
    " (func (export \"fill\") (param i32) (result i32)"
    "  (memory.fill (global.get $to) (local.get 0) (global.get $length)) (i32.const 0))"
    " (func (export \"copy\") (param i32) (result i32)"
    "  (memory.copy (global.get $to) (global.get $from) (global.get $length)) (i32.const 0))"
    " (func (export \"across\") (param i32) (result i32)"
    "  (memory.copy $b 0 (global.get $to) (global.get $from) (global.get $length)) (i32.const 0))"
    " (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
    " (func (export \"load_b\") (param i32) (result i32) (i32.load8_u $b (local.get 0))))";

typedef struct range {
  int32_t to, from, length;
} range;

static void set_range(const world *world, range range) {
  call(world, "to", range.to);
  call(world, "from", range.from);
  call(world, "length", range.length);
}

static uint8_t written(int32_t place) {
  return place % 1021 == 0 ? (uint8_t)(place * 167) : 0;
}

static void long_fills_look_at_each_piece(void **state) {
  (void)state;
  world world = world_open(ranges_text, false);
  set_range(&world, (range){.to = 5, .length = 4 * PIECE + 3});
  assert_int_equal(looks(&world, "fill", 9, 0), 1 + 4);
  for (int32_t i = -1; i < 4 * PIECE + 4; i += PIECE / 2 + 1)
    assert_int_equal(call(&world, "load", 5 + i), i >= 0 && i < 4 * PIECE + 3 ? 9 : 0);
  assert_int_equal(call(&world, "load", 4), 0);
  assert_int_equal(call(&world, "load", 5 + 4 * PIECE + 2), 9);
  assert_int_equal(call(&world, "load", 5 + 4 * PIECE + 3), 0);
  set_range(&world, (range){.length = PIECE});
  assert_int_equal(looks(&world, "fill", 1, 0), 1);
  set_range(&world, (range){.length = PIECE + 1});
  assert_int_equal(looks(&world, "fill", 1, 0), 1 + 1);
  set_range(&world, (range){.length = 2 * PIECE});
  assert_int_equal(looks(&world, "fill", 1, 0), 1 + 1);
  world_close(&world);
}

// After a copy each byte is what was at its place in the source, whichever way the ranges overlap.
static void long_copies_do_what_short_ones_do(void **state) {
  (void)state;
  static const range ranges[] = {
      {.to = 0, .from = 1021, .length = 3 * PIECE + 11},     {.to = 1021, .from = 0, .length = 3 * PIECE + 11},
      {.to = 0, .from = 4 * PIECE, .length = 3 * PIECE},     {.to = 4 * PIECE, .from = 0, .length = 3 * PIECE},
      {.to = 777, .from = 777, .length = 2 * PIECE + 1},     {.to = 2 * PIECE, .from = PIECE, .length = 6 * PIECE},
      {.to = PIECE, .from = 2 * PIECE, .length = 6 * PIECE},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    const range *range = &ranges[i];
    world world = world_open(ranges_text, i % 2);
    call(&world, "write", 0);
    set_range(&world, *range);
    call(&world, "across", 0);
    call(&world, "copy", 0);
    for (int32_t place = 0; place < 8 * PIECE; place += 1021 * 3 + 1 - place % 2) {
      bool is_in = place >= range->to && place - range->to < range->length;
      int32_t source = place - range->to + range->from;
      assert_int_equal(call(&world, "load", place), is_in ? written(source) : written(place));
      assert_int_equal(call(&world, "load_b", place), is_in ? written(source) : 0);
    }
    for (int32_t place = (range->from + 1020) / 1021 * 1021; place - range->from < range->length; place += 1021)
      assert_int_equal(call(&world, "load", place - range->from + range->to), written(place));
    world_close(&world);
  }
}

static void ranges_that_are_not_all_in_memory_trap_before_they_write(void **state) {
  (void)state;
  static const range ranges[] = {{.to = 6 * PIECE, .length = 2 * PIECE + 1},
                                 {.to = 1, .length = -1},
                                 {.to = 6 * PIECE, .length = INT32_MAX},
                                 {.to = -1, .length = 2 * PIECE},
                                 {.to = PIECE, .from = 6 * PIECE, .length = 2 * PIECE + 1},
                                 {.to = PIECE, .from = -PIECE, .length = 2 * PIECE}};
  world world = world_open(ranges_text, false);
  call(&world, "write", 0);
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    set_range(&world, ranges[i]);
    must_trap(&world, "copy", 0);
    must_trap(&world, "across", 0);
    if (!ranges[i].from) must_trap(&world, "fill", 1);
  }
  for (int32_t place = 0; place < 8 * PIECE; place += 1021) {
    assert_int_equal(call(&world, "load", place), written(place));
    assert_int_equal(call(&world, "load_b", place), 0);
  }
  world_close(&world);
}

static void a_long_range_may_be_ended_between_two_pieces(void **state) {
  (void)state;
  world world = world_open(ranges_text, true);
  set_range(&world, (range){.length = 6 * PIECE});
  host(&world, "keep", 1);
  host(&world, "due", INT32_MAX);
  // one look in the function, for which calls are not counted, then one before each piece but the last
  host(&world, "most", 4);
  must_trap(&world, "fill", 1);
  host(&world, "due", 0);
  assert_int_equal(call(&world, "load", 2 * PIECE - 1), 1);
  assert_int_equal(call(&world, "load", 2 * PIECE), 0);
  world_close(&world);
}

int main(void) {
  if (engine_open(test_ops(), &(engine_options){0}, &one_engine)) return 1;
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memories_grow_to_the_limit),
      cmocka_unit_test(tables_grow_to_the_limit),
      cmocka_unit_test(ranges_are_looked_at_each),
      cmocka_unit_test(long_fills_look_at_each_piece),
      cmocka_unit_test(long_copies_do_what_short_ones_do),
      cmocka_unit_test(ranges_that_are_not_all_in_memory_trap_before_they_write),
      cmocka_unit_test(a_long_range_may_be_ended_between_two_pieces),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
