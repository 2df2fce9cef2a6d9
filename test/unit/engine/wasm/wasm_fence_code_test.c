// Limits put into code: when it looks whether the host wants to be called.
#include "unit/engine/wasm/fence_testing.h"

#include <stdio.h>

static void the_host_is_called_when_it_wants_to_be(void **state) {
  (void)state;
  for (int counts_stack = 0; counts_stack < 2; counts_stack++) {
    world world = world_open("(module (func $leaf (param i32) (result i32) (local.get 0))"
                             " (func (export \"call\") (param i32) (result i32) (call $leaf (local.get 0)))"
                             " (func (export \"spin\") (param i32) (result i32) (loop (br 0)) (i32.const 0)))",
                             counts_stack);
    call(&world, "call", 1);
    assert_int_equal(host(&world, "calls", 0), 0);
    host(&world, "due", INT32_MAX);
    assert_int_equal(call(&world, "call", 7), 7);
    assert_int_equal(host(&world, "calls", 0), 1);
    assert_int_equal(host(&world, "due", INT32_MAX), 0);
    host(&world, "most", 1);
    must_trap(&world, "spin", 0);
    assert_int_equal(host(&world, "calls", 0), 1);
    world_close(&world);
  }
}

static void loops_look_every_turn(void **state) {
  (void)state;
  world world = world_open("(module (func (export \"turns\") (param i32) (result i32) (local $done i32) (loop $more"
                           " (local.set $done (i32.add (local.get $done) (i32.const 1)))"
                           " (br_if $more (i32.lt_s (local.get $done) (local.get 0)))) (local.get $done)))",
                           false);
  assert_int_equal(looks(&world, "turns", 1, 1), 1);
  assert_int_equal(looks(&world, "turns", 1000, 1000), 1000);
  world_close(&world);
}

static void functions_that_call_others_look_and_those_that_do_not_do_not(void **state) {
  (void)state;
  for (int counts_stack = 0; counts_stack < 2; counts_stack++) {
    world world =
        world_open("(module (func $leaf (export \"leaf\") (param i32) (result i32) (local.get 0))"
                   " (func $down (export \"down\") (param i32) (result i32) (if (result i32) (local.get 0)"
                   "  (then (return_call $down (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 5)))))",
                   counts_stack);
    assert_int_equal(looks(&world, "leaf", 3, 3), 0);
    assert_int_equal(looks(&world, "down", 99, 5), 100);
    world_close(&world);
  }
}

#define TEN(code) code code code code code code code code code code

// A function of `count` times `code`, that answers its argument.
static world world_of(const char *code, size_t count) {
  static char text[1 << 18];
  size_t size = (size_t)snprintf(text, sizeof text,
                                 "(module (func $leaf) (memory 1) (func (export \"f\") (param i32) (result i32)");
  for (size_t i = 0; i < count; i++) size += (size_t)snprintf(text + size, sizeof text - size, " %s", code);
  snprintf(text + size, sizeof text - size, " (local.get 0)))");
  return world_open(text, false);
}

static void code_without_loops_looks_when_it_is_long(void **state) {
  (void)state;
  enum { LONG = WASM_FENCE_STRAIGHT / 16, TURNS = 10 };
  static const struct {
    const char *code;
    size_t count;
    int least, most;
  } cases[] = {
      {"nop", WASM_FENCE_STRAIGHT - 2, 0, 0},
      {"nop", WASM_FENCE_STRAIGHT * TURNS, TURNS, TURNS},
      {"(call $leaf)", LONG * TURNS, TURNS, TURNS + 2},
      {"(drop (memory.grow (i32.const 0)))", LONG * TURNS, TURNS, TURNS + 3},
      // the look that may stand in the arm that is not taken is not one that was made
      {TEN(TEN("nop ")) TEN(TEN("nop ")) "(if (i32.const 0) (then " TEN(TEN("nop ")) "))", 20, 15, 30},
      {TEN(TEN("nop ")) TEN(TEN("nop ")) "(block (br 0) " TEN(TEN("nop ")) ")", 20, 15, 30},
      {TEN(TEN("nop ")) "(if (i32.const 1) (then nop) (else " TEN(TEN("nop ")) TEN(TEN("nop ")) "))", 40, 15, 80},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    world world = world_of(cases[i].code, cases[i].count);
    assert_in_range(looks(&world, "f", 5, 5), cases[i].least, cases[i].most);
    world_close(&world);
  }
}

// What may run between two looks: a path through nested blocks on which none stands.
static void no_way_leads_round_all_looks(void **state) {
  (void)state;
  world world = world_of("(block (block (br_if 1 (i32.const 1)) (loop) " TEN(TEN("nop "))
                             TEN(TEN("nop ")) ")) " TEN("nop ") TEN("nop ") TEN("nop "),
                         200);
  assert_in_range(looks(&world, "f", 5, 5), 200 * 30 / WASM_FENCE_STRAIGHT, 200);
  world_close(&world);
}

static void a_short_function_looks_in_its_loops_alone(void **state) {
  (void)state;
  world world = world_open("(module (func (export \"f\") (param i32) (result i32) (block $out (loop $more"
                           " (br_if $out (i32.eqz (local.get 0))) (local.set 0 (i32.sub (local.get 0) (i32.const 1)))"
                           " (block (block (loop)))"
                           " (br $more))) (local.get 0)))",
                           false);
  assert_int_equal(looks(&world, "f", 10, 0), 11 + 10);
  world_close(&world);
}

int main(void) {
  if (engine_open(test_ops(), &(engine_options){0}, &one_engine)) return 1;
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_host_is_called_when_it_wants_to_be),
      cmocka_unit_test(loops_look_every_turn),
      cmocka_unit_test(functions_that_call_others_look_and_those_that_do_not_do_not),
      cmocka_unit_test(code_without_loops_looks_when_it_is_long),
      cmocka_unit_test(no_way_leads_round_all_looks),
      cmocka_unit_test(a_short_function_looks_in_its_loops_alone),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
