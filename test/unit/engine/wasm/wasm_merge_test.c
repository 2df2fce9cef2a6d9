// Merging a guest with its hub: the merged module does what the two did, and keeps the guest out of the hub.
#include "unit/engine/wasm/merge_testing.h"

static void a_guest_calls_the_hub_and_the_host(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"read\" (func $read (param i32) (result i32)))"
                           " (import \"a\" \"seven\" (func $seven (result i32)))"
                           " (import \"a\" \"take\" (func $take (param i32) (result i32)))"
                           " (func (export \"read\") (param i32) (result i32) (call $read (local.get 0)))"
                           " (func (export \"seven\") (result i32) (call $seven))"
                           " (func (export \"take\") (param i32) (result i32) (return_call $take (local.get 0)))"
                           " (func (export \"own\") (param i32) (result i32) (call $double (local.get 0)))"
                           " (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))");
  assert_int_equal(run(&world, "read", 8), 'h');
  assert_int_equal(run(&world, "seven", 0), 7);
  assert_int_equal(run(&world, "take", 10), 64);
  assert_int_equal(run(&world, "take", 1), 84);
  assert_int_equal(run(&world, "own", 21), 42);
  world_close(&world);
}

static void memories_stay_apart(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"read\" (func $read (param i32) (result i32)))"
                           " (import \"a\" \"pages\" (func $pages (result i32)))"
                           " (memory (export \"memory\") 3 10)"
                           " (data (i32.const 8) \"guest\")"
                           " (func (export \"mine\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
                           " (func (export \"theirs\") (param i32) (result i32) (call $read (local.get 0)))"
                           " (func (export \"pages\") (result i32) (call $pages))"
                           " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))");
  assert_int_equal(run(&world, "mine", 8), 'g');
  assert_int_equal(run(&world, "theirs", 8), 'h');
  assert_int_equal(run(&world, "grow", 2), 3);
  assert_int_equal(run(&world, "pages", 0), 1);
  engine_memory hub, guest;
  assert_true(engine_store_memory(world.store, 0, &hub));
  assert_true(engine_store_memory(world.store, 1, &guest));
  assert_int_equal(hub.size, 65536);
  assert_int_equal(guest.size, 5 * 65536);
  assert_memory_equal(hub.data + 8, "hub", 3);
  assert_memory_equal(guest.data + 8, "guest", 5);
  world_close(&world);
}

// Short functions of the hub stand where they are called: their locals begin as zero each time, and keep clear of the
// guest's own.
static void what_is_inlined_does_what_a_call_does(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"mixed\" (func $mixed (param i64 i32) (result i64)))"
                           " (import \"a\" \"early\" (func $early (param i32) (result i32)))"
                           " (func (export \"mixed\") (param $b i32) (result i32) (local i64 f32 i32 i64)"
                           "  (local.set 1 (i64.const 7)) (local.set 3 (i32.const 9))"
                           "  (drop (call $mixed (i64.const 1) (i32.const 2)))"
                           "  (i32.wrap_i64 (call $mixed (call $mixed (i64.const 1) (local.get $b)) (local.get $b)))"
                           "  (i32.add (i32.add (local.get 3) (i32.wrap_i64 (local.get 1)))))"
                           " (func (export \"early\") (param i32) (result i32)"
                           "  (call $early (call $early (local.get 0)))))");
  assert_int_equal(run(&world, "mixed", 0), 5 + 16);
  assert_int_equal(run(&world, "mixed", 1), 1 + 11 + 11 + 16);
  assert_int_equal(run(&world, "mixed", 2), 1000 + 11 + 16);
  assert_int_equal(run(&world, "early", 40), 42);
  world_close(&world);
}

static void the_hub_is_told_of_each_growth_that_is_refused(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"refusals\" (func $refusals (result i32)))"
                           " (memory (export \"memory\") 1 3) (memory $b 2 5) (memory $c i64 1 4)"
                           " (func (export \"a\") (param i32) (result i32) (memory.grow (local.get 0)))"
                           " (func (export \"b\") (param i32) (result i32)"
                           "  (loop $again (result i32) (block $out (result i32)"
                           "   (br_if $out (memory.grow $b (local.get 0)) (i32.eq (local.get 0) (i32.const 1)))"
                           "   (drop) (local.set 0 (i32.const 1)) (br $again))))"
                           " (func (export \"c\") (param i32) (result i32)"
                           "  (i32.wrap_i64 (memory.grow $c (i64.extend_i32_s (local.get 0)))))"
                           " (func (export \"size\") (result i32) (memory.size $b))"
                           " (func (export \"count\") (result i32) (call $refusals)))");
  assert_int_equal(run(&world, "a", 2), 1);
  assert_int_equal(run(&world, "b", 1), 2);
  assert_int_equal(run(&world, "c", 0), 1);
  assert_int_equal(run(&world, "count", 0), 0);
  assert_int_equal(run(&world, "a", 1), -1);
  assert_int_equal(run(&world, "count", 0), 1);
  assert_int_equal(run(&world, "b", 100), 3); // by 100, which is refused, and then by 1
  assert_int_equal(run(&world, "size", 0), 4);
  assert_int_equal(run(&world, "count", 0), 2);
  assert_int_equal(run(&world, "c", 4), -1);
  assert_int_equal(run(&world, "c", -1), -1);
  assert_int_equal(run(&world, "count", 0), 4);
  world_close(&world);
}

static void the_hub_calls_what_the_guest_exports(void **state) {
  (void)state;
  world world = world_open_with("(module"
                                " (import \"a\" \"both\" (func $both (param i32) (result i32)))"
                                " (import \"a\" \"seven\" (func $seven (result i32)))"
                                " (memory (export \"memory\") 1 1)"
                                " (func (export \"run\") (param i32) (result i32)"
                                "  (drop (memory.grow (i32.const 1)))"
                                "  (i32.add (call $both (local.get 0)) (call $seven)))"
                                " (func (export \"half\") (param i32) (result i32)"
                                "  (i32.sub (i32.div_u (local.get 0) (i32.const 2)) (call $seven))))",
                                calling_hub_text);
  assert_int_equal(run(&world, "run", 100), 2 * (100 / 2 - 7) + 7);
  world_close(&world);
}

static void what_the_guest_exports_for_the_hub_may_be_the_hosts(void **state) {
  (void)state;
  world world = world_open_with("(module (import \"a\" \"both\" (func $both (param i32) (result i32)))"
                                " (import \"a\" \"twice\" (func $twice (param i32) (result i32)))"
                                " (memory (export \"memory\") 1) (export \"half\" (func $twice))"
                                " (func (export \"run\") (param i32) (result i32) (call $both (local.get 0))))",
                                calling_hub_text);
  assert_int_equal(run(&world, "run", 3), 12);
  world_close(&world);
}

// The hub's own function as well: it calls itself, which the engine ends.
static void what_the_guest_exports_for_the_hub_may_be_the_hubs(void **state) {
  (void)state;
  world world = world_open_with("(module (import \"a\" \"both\" (func $both (param i32) (result i32)))"
                                " (memory (export \"memory\") 1) (export \"half\" (func $both)))",
                                calling_hub_text);
  engine_function function = find_function(world.store, "half");
  engine_value values[2] = {{.i32 = 1}};
  ubiq_error *error = engine_call_now(world.store, &function, values, 2);
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  ubiq_error_delete(error);
  world_close(&world);
}

static void what_the_hub_calls_must_be_there(void **state) {
  (void)state;
  static const char *const guests[] = {
      "(module)", "(module (memory (export \"half\") 1))", "(module (func (export \"half\")))",
      "(module (func (export \"half\") (param i64) (result i32) (i32.const 1)))",
      // its own export, by way of the hub
      "(module (import \"a\" \"half\" (func $half (param i32) (result i32))) (export \"half\" (func $half)))"};
  for (size_t i = 0; i < sizeof guests / sizeof *guests; i++) {
    bytes merged;
    pair pair = pair_open_with(guests[i], calling_hub_text);
    ubiq_error *error = merge(&pair, &merged);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    assert_non_null(strstr(ubiq_error_message(error), "cannot be merged"));
    ubiq_error_delete(error);
    pair_close(&pair);
  }
}

static void what_a_refused_growth_calls_must_be_there(void **state) {
  (void)state;
  static const char *const names[] = {"absent", "read", "memory"};
  pair pair = pair_open("(module (memory 1))");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    uint8_t *merged;
    size_t size;
    wasm_merge_request request = {.guest = pair.guest.data,
                                  .guest_size = pair.guest.size,
                                  .hub = pair.hub.data,
                                  .hub_size = pair.hub.size,
                                  .bindings = pair.bindings,
                                  .prefix = PREFIX,
                                  .grow_refused = names[i]};
    ubiq_error *error = wasm_merge(&request, &merged, &size);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
  }
  pair_close(&pair);
}

// Calls what traps and gives the words of it.
static void assert_trap(world *self, const char *name, const char *words) {
  engine_function function = find_function(self->store, name);
  engine_value values[2] = {{0}};
  ubiq_error *error = engine_call_now(self->store, &function, values, 2);
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  assert_string_equal(ubiq_error_message(error), words);
  ubiq_error_delete(error);
}

static void traps_name_the_functions_of_both(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"late\" (func $late (param i64) (result i64)))"
                           " (func $fails unreachable)"
                           " (func (export \"one\") call $fails)"
                           " (func $named (export \"two\") (drop (call $late (i64.const 1)))))");
  assert_trap(&world, "one", "unreachable code was reached (in fails < function 2)");
  assert_trap(&world, "two", "null reference (in late < named)");
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_guest_calls_the_hub_and_the_host),
      cmocka_unit_test(memories_stay_apart),
      cmocka_unit_test(what_is_inlined_does_what_a_call_does),
      cmocka_unit_test(the_hub_is_told_of_each_growth_that_is_refused),
      cmocka_unit_test(the_hub_calls_what_the_guest_exports),
      cmocka_unit_test(what_the_guest_exports_for_the_hub_may_be_the_hosts),
      cmocka_unit_test(what_the_guest_exports_for_the_hub_may_be_the_hubs),
      cmocka_unit_test(what_the_hub_calls_must_be_there),
      cmocka_unit_test(what_a_refused_growth_calls_must_be_there),
      cmocka_unit_test(traps_name_the_functions_of_both),
  };
  return cmocka_run_group_tests(tests, open_engine, close_engine);
}
