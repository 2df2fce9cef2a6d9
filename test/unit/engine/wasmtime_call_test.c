// The Wasmtime adapter: calls on the caller's stack and on fibers, host functions that wait, ticks, values of every type,
// traps and errors in our classes.
#include "unit/engine/engine_testing.h"

#include "base/clock.h"
#include "engine/ticker.h"

#include <stdio.h>

static engine *one_engine;

static const wasm_type I32 = WASM_TYPE_I32, I64 = WASM_TYPE_I64;
static const wasm_signature TO_I32 = {.results = &I32, .results_count = 1};
static const wasm_signature I64_TO_I64 = {.params = &I64, .results = &I64, .params_count = 1, .results_count = 1};

static ubiq_error *call(engine_store *store, const char *name, engine_value *values) {
  traps_restore();
  engine_function function = find_function(store, name);
  return engine_call_now(store, &function, values, 4);
}

/// Calls on a fiber and resumes at once until it is done.
static ubiq_error *call_on_fiber(engine_store *store, const char *name, const wasm_signature *signature,
                                 engine_value *values, unsigned *resumes) {
  engine_state state;
  traps_restore();
  engine_function function = find_function(store, name);
  ubiq_error *error = engine_call_start(store, &function, signature, values, &state);
  for (*resumes = 0; !error && state != ENGINE_DONE; ++*resumes) error = engine_call_resume(store, &state);
  return error;
}

// -- Values --

static void parameters_and_results_of_every_type_are_passed(void **state) {
  (void)state;
  static const wasm_type types[] = {WASM_TYPE_I32, WASM_TYPE_I64, WASM_TYPE_F32, WASM_TYPE_F64, WASM_TYPE_V128};
  static const wasm_signature first = {types, types, 4, 4}, last = {types + 4, types + 4, 1, 1};
  static const char source[] =
      "(module (func (export \"f\") (param i32 i64 f32 f64) (result i32 i64 f32 f64)"
      " (i32.add (local.get 0) (i32.const 1)) (i64.sub (local.get 1) (i64.const 1)) (f32.neg (local.get 2))"
      " (f64.mul (local.get 3) (f64.const 2)))"
      " (func (export \"v\") (param v128) (result v128) (i8x16.add (local.get 0) (local.get 0))))";
  for (int suspends = 0; suspends < 2; suspends++) {
    engine_image *image = link_alone(one_engine, source, NULL, 0, suspends);
    engine_store *store = new_store(image, NULL);
    engine_value values[4] = {{.i32 = INT32_MIN}, {.i64 = INT64_MIN + 1}, {.f32 = 1.5f}, {.f64 = -0.25}}, vector[4];
    for (int i = 0; i < 16; i++) vector[0].v128[i] = (uint8_t)i;
    unsigned resumes;
    assert_success(suspends ? call_on_fiber(store, "f", &first, values, &resumes) : call(store, "f", values));
    assert_success(suspends ? call_on_fiber(store, "v", &last, vector, &resumes) : call(store, "v", vector));
    assert_int_equal(values[0].i32, INT32_MIN + 1);
    assert_true(values[1].i64 == INT64_MIN);
    assert_true(values[2].f32 == -1.5f);
    assert_true(values[3].f64 == -0.5);
    for (int i = 0; i < 16; i++) assert_int_equal(vector[0].v128[i], 2 * i);
    engine_store_delete(store);
    engine_image_delete(image);
  }
}

static void references_come_back_as_null_and_leak_nothing(void **state) {
  (void)state;
  static const char *const sources[] = {
      "(module (func (export \"f\") (result anyref) (ref.i31 (i32.const 1))))",
      "(module (type $s (struct)) (func (export \"f\") (result anyref) (struct.new $s)))",
      "(module (func $g) (elem declare func $g) (func (export \"f\") (result funcref) (ref.func $g)))",
      "(module (func (export \"f\") (result externref) (extern.convert_any (ref.i31 (i32.const 1)))))",
      "(module (func (export \"f\") (result exnref) (ref.null exn)))",
  };
  static const wasm_type types[] = {WASM_TYPE_OTHER, WASM_TYPE_OTHER, WASM_TYPE_FUNCREF, WASM_TYPE_EXTERNREF,
                                    WASM_TYPE_OTHER};
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    wasm_signature signature = {.results = &types[i], .results_count = 1};
    engine_image *image = link_alone(one_engine, sources[i], NULL, 0, true);
    engine_store *store = new_store(image, NULL);
    for (int k = 0; k < 3; k++) {
      engine_value value = {.i64 = -1};
      unsigned resumes;
      assert_success(call_on_fiber(store, "f", &signature, &value, &resumes));
      assert_int_equal(value.i64, 0);
    }
    engine_store_delete(store);
    engine_image_delete(image);
  }
}

// -- Host functions that wait --

/// What a waiting host function waits for: `asked` counts how often it was asked whether it is ready.
typedef struct waiting {
  int64_t argument;
  int asked, ready_after, blocked;
  bool fails_at_once, fails_later;
} waiting;

static ubiq_error *wait_begin(void *env, engine_call *call, engine_value *values) {
  (void)env;
  waiting *self = call->user;
  self->argument = values[0].i64;
  self->asked = 0;
  return self->fails_at_once ? ubiq_error_new(UBIQ_DENIED, "not even begun") : NULL;
}

static bool wait_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error) {
  (void)env;
  waiting *self = call->user;
  if (self->asked++ < self->ready_after) return false;
  if (self->fails_later) *error = ubiq_error_new(UBIQ_UNAVAILABLE, "it came to nothing");
  values[0].i64 = self->argument * 2;
  return true;
}

static void wait_block(void *env, engine_call *call) {
  (void)env;
  ((waiting *)call->user)->blocked++;
}

// As a hub has it: the function is called through a global when the image suspends, and imported otherwise.
static const char waits_late[] = "(module (type $f (func (param i64) (result i64)))"
                                 " (global $slot (export \"slot:wait\") (mut (ref null $f)) (ref.null $f))"
                                 " (func (export \"f\") (param i64) (result i64)"
                                 "  (i64.add (i64.const 1) (call_ref $f (local.get 0) (global.get $slot)))))";
static const char waits_now[] = "(module (import \"host\" \"wait\" (func $wait (param i64) (result i64)))"
                                " (func (export \"f\") (param i64) (result i64)"
                                "  (i64.add (i64.const 1) (call $wait (local.get 0)))))";

static engine_image *link_waiting_on(engine *engine, bool suspends) {
  engine_host_function function = {.module = "host",
                                   .name = "wait",
                                   .signature = &I64_TO_I64,
                                   .call = wait_begin,
                                   .ready = wait_ready,
                                   .wait = wait_block,
                                   .slot = suspends ? "slot:wait" : NULL};
  return link_alone(engine, suspends ? waits_late : waits_now, &function, 1, suspends);
}

static engine_image *link_waiting(bool suspends) {
  return link_waiting_on(one_engine, suspends);
}

static void a_host_function_that_waits_suspends_a_fiber(void **state) {
  (void)state;
  engine_image *image = link_waiting(true);
  waiting user = {.ready_after = 3};
  engine_store *store = new_store(image, &(engine_store_options){.user = &user});
  engine_function f = find_function(store, "f");
  for (int i = 0; i < 3; i++) {
    engine_value value = {.i64 = 20 + i};
    engine_state now;
    assert_success(engine_call_start(store, &f, &I64_TO_I64, &value, &now));
    for (int k = 0; k < 3; k++) {
      assert_int_equal(now, ENGINE_WAITING);
      assert_int_equal(user.argument, 20 + i);
      assert_success(engine_call_resume(store, &now));
    }
    assert_int_equal(now, ENGINE_DONE);
    assert_int_equal(value.i64, 2 * (20 + i) + 1);
  }
  assert_int_equal(user.blocked, 0);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void it_blocks_on_the_callers_stack(void **state) {
  (void)state;
  engine_image *image = link_waiting(false);
  waiting user = {.ready_after = 3};
  engine_store *store = new_store(image, &(engine_store_options){.user = &user});
  engine_value value = {.i64 = 4};
  assert_success(call(store, "f", &value));
  assert_int_equal(value.i64, 9);
  assert_int_equal(user.blocked, 3);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void errors_of_host_functions_end_the_call(void **state) {
  (void)state;
  for (int suspends = 0; suspends < 2; suspends++)
    for (int later = 0; later < 2; later++) {
      engine_image *image = link_waiting(suspends);
      waiting user = {.ready_after = 2, .fails_at_once = !later, .fails_later = later};
      engine_store *store = new_store(image, &(engine_store_options){.user = &user});
      for (int i = 0; i < 3; i++) {
        engine_value value = {.i64 = 4};
        unsigned resumes;
        ubiq_error *error =
            suspends ? call_on_fiber(store, "f", &I64_TO_I64, &value, &resumes) : call(store, "f", &value);
        assert_fails(error, later ? UBIQ_UNAVAILABLE : UBIQ_DENIED, later ? "it came to nothing" : "not even begun");
      }
      user.fails_at_once = user.fails_later = false;
      engine_value value = {.i64 = 4};
      unsigned resumes;
      assert_success(suspends ? call_on_fiber(store, "f", &I64_TO_I64, &value, &resumes) : call(store, "f", &value));
      assert_int_equal(value.i64, 9);
      engine_store_delete(store);
      engine_image_delete(image);
    }
}

static void stores_are_deleted_while_they_wait(void **state) {
  (void)state;
  engine_image *image = link_waiting(true);
  for (int i = 0; i < 50; i++) {
    waiting user = {.ready_after = 1000};
    engine_value value = {.i64 = i};
    engine_state now;
    engine_store *store = new_store(image, &(engine_store_options){.user = &user});
    engine_function f = find_function(store, "f");
    assert_success(engine_call_start(store, &f, &I64_TO_I64, &value, &now));
    assert_int_equal(now, ENGINE_WAITING);
    int asked = user.asked;
    engine_store_delete(store);
    assert_int_equal(user.asked, asked); // nothing of it runs any more
    assert_int_equal(value.i64, i);
  }
  engine_image_delete(image);
}

static void a_thousand_stores_wait_at_once(void **state) {
  (void)state;
  enum { STORES = 1000 };
  static engine_store *stores[STORES];
  static waiting users[STORES];
  static engine_value values[STORES];
  engine_image *image = link_waiting(true);
  engine_state now;
  for (int i = 0; i < STORES; i++) {
    users[i].ready_after = 1;
    values[i].i64 = i;
    stores[i] = new_store(image, &(engine_store_options){.user = &users[i]});
    engine_function f = find_function(stores[i], "f");
    assert_success(engine_call_start(stores[i], &f, &I64_TO_I64, &values[i], &now));
    assert_int_equal(now, ENGINE_WAITING);
  }
  for (int i = STORES; i-- > 0;) {
    assert_success(engine_call_resume(stores[i], &now));
    assert_int_equal(now, ENGINE_DONE);
    assert_int_equal(values[i].i64, 2 * i + 1);
    engine_store_delete(stores[i]);
  }
  engine_image_delete(image);
}

static void more_calls_than_there_are_fibers_are_busy(void **state) {
  (void)state;
  enum { FIBERS = 3 };
  engine_options options = {.memory_bytes_max = 1 << 20, .stores_max = 2 * FIBERS, .fibers_max = FIBERS};
  engine *small;
  engine_store *stores[FIBERS + 1];
  engine_value values[FIBERS + 1];
  waiting users[FIBERS + 1] = {{0}};
  engine_state now;
  assert_success(engine_open(test_ops(), &options, &small));
  engine_image *image = link_waiting_on(small, true);
  for (int i = 0; i <= FIBERS; i++) {
    users[i].ready_after = 1;
    stores[i] = new_store(image, &(engine_store_options){.user = &users[i]});
    engine_function f = find_function(stores[i], "f");
    values[i].i64 = i;
    ubiq_error *error = engine_call_start(stores[i], &f, &I64_TO_I64, &values[i], &now);
    assert_error_code(error, i < FIBERS ? UBIQ_OK : UBIQ_BUSY);
  }
  engine_store_delete(stores[0]); // a store keeps its fiber, also when its call is done
  engine_function f = find_function(stores[FIBERS], "f");
  assert_success(engine_call_start(stores[FIBERS], &f, &I64_TO_I64, &values[FIBERS], &now));
  assert_int_equal(now, ENGINE_WAITING);
  for (int i = 1; i <= FIBERS; i++) engine_store_delete(stores[i]);
  engine_image_delete(image);
  engine_close(small);
}

// -- Ticks --

typedef struct ticks {
  unsigned count, stop_after;
  engine_tick_action action;
} ticks;

static ubiq_error *on_tick(void *user, engine_tick_action *action) {
  ticks *self = user;
  *action = self->action;
  return ++self->count >= self->stop_after ? ubiq_error_new(UBIQ_TIMEOUT, "enough") : NULL;
}

static const char spins[] = "(module (func (export \"f\") (result i32) (loop $forever (br $forever)) (unreachable))"
                            " (func (export \"fine\") (result i32) (i32.const 5)))";

static void a_tick_goes_on_yields_or_ends_the_call(void **state) {
  (void)state;
  for (int suspends = 0; suspends < 2; suspends++)
    for (int yields = 0; yields < 2; yields++) {
      ticks user = {.stop_after = 4, .action = yields ? ENGINE_TICK_YIELD : ENGINE_TICK_GO_ON};
      engine_image *image = link_alone(one_engine, spins, NULL, 0, suspends);
      engine_store *store = new_store(image, &(engine_store_options){.user = &user, .tick = on_tick});
      engine_value values[4] = {{0}};
      unsigned resumes = 0;
      ticker_begin(NULL);
      ubiq_error *error = suspends ? call_on_fiber(store, "f", &TO_I32, values, &resumes) : call(store, "f", values);
      ticker_end(NULL);
      assert_fails(error, UBIQ_TIMEOUT, "enough");
      assert_int_equal(user.count, 4);
      // A tick that comes with the resumption may have no time to yield in between.
      if (suspends && yields) assert_in_range(resumes, 2, 4);
      if (!suspends || !yields) assert_int_equal(resumes, 0);
      user.stop_after = UINT32_MAX;
      assert_success(suspends ? call_on_fiber(store, "fine", &TO_I32, values, &resumes) : call(store, "fine", values));
      assert_int_equal(values[0].i32, 5);
      engine_store_delete(store);
      engine_image_delete(image);
    }
}

static void stores_are_deleted_after_they_yielded(void **state) {
  (void)state;
  engine_image *image = link_alone(one_engine, spins, NULL, 0, true);
  for (int i = 0; i < 5; i++) {
    ticks user = {.stop_after = UINT32_MAX, .action = ENGINE_TICK_YIELD};
    engine_store *store = new_store(image, &(engine_store_options){.user = &user, .tick = on_tick});
    engine_value value;
    engine_state now;
    engine_function f = find_function(store, "f");
    ticker_begin(NULL);
    assert_success(engine_call_start(store, &f, &TO_I32, &value, &now));
    ticker_end(NULL);
    assert_int_equal(now, ENGINE_YIELDED);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

// Ticks that come while guest code runs outside of a fiber, as the kernel's does between two stages.
static void ticks_do_not_yield_off_the_fiber(void **state) {
  (void)state;
  static const char source[] = "(module (func (export \"f\") (param i64) (result i64) (loop $more"
                               " (local.set 0 (i64.sub (local.get 0) (i64.const 1)))"
                               " (br_if $more (i64.gt_s (local.get 0) (i64.const 0)))) (local.get 0)))";
  engine_image *image = link_alone(one_engine, source, NULL, 0, true);
  ticks user = {.stop_after = 1, .action = ENGINE_TICK_YIELD};
  engine_store *store = new_store(image, &(engine_store_options){.user = &user, .tick = on_tick});
  engine_value value = {.i64 = 50000000};
  ticker_begin(NULL);
  assert_success(call(store, "f", &value));
  ticker_end(NULL);
  assert_int_equal(user.count, 0);
  engine_store_delete(store);
  engine_image_delete(image);
}

// -- Traps --

static void traps_have_our_words(void **state) {
  (void)state;
  static const struct {
    const char *body, *words;
  } cases[] = {
      {"(unreachable)", "unreachable code was reached"},
      {"(i32.div_s (i32.const 1) (i32.const 0))", "integer division by zero"},
      {"(i32.div_s (i32.const 0x80000000) (i32.const -1))", "integer overflow"},
      {"(i32.trunc_f32_s (f32.const nan))", "float out of range of an integer"},
      {"(i32.load (i32.const 65536))", "out of bounds memory access"},
      {"(call_indirect (type $t) (i32.const 9))", "table"},
      {"(call_indirect (type $t) (i32.const 0))", "indirect call to a null table element"},
      {"(call $deep)", "call stack exhausted"},
      {"(throw $e)", "exception"},
      {"(table.get $t (i32.const 77)) (drop) (i32.const 0)", "out of bounds table access"},
      {"(i32.atomic.load (i32.const 1))", "misaligned"},
      {"(memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))", "wait on a memory that is not shared"},
      {"(call_ref $t (ref.null $t))", "null reference"},
      {"(array.get $a (array.new $a (i32.const 1) (i32.const 2)) (i32.const 2))", "out of bounds array access"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int suspends = 0; suspends < 2; suspends++) {
      char source[1024];
      snprintf(source, sizeof source,
               "(module (type $t (func (result i32))) (type $a (array i32)) (memory 1 1 %s) (table $t 1 funcref)"
               " (tag $e) (func $deep (result i32) (i32.add (call $deep) (i32.const 1)))"
               " (func $named (export \"f\") (result i32) %s))",
               "", cases[i].body);
      engine_image *image = link_alone(one_engine, source, NULL, 0, suspends);
      engine_store *store = new_store(image, NULL);
      for (int k = 0; k < 2; k++) {
        engine_value values[4] = {{0}};
        unsigned resumes;
        ubiq_error *error = suspends ? call_on_fiber(store, "f", &TO_I32, values, &resumes) : call(store, "f", values);
        assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
        if (!strstr(ubiq_error_message(error), cases[i].words))
          fail_msg("%s: %s; expected: %s", cases[i].body, ubiq_error_message(error), cases[i].words);
        ubiq_error_delete(error);
      }
      engine_store_delete(store);
      engine_image_delete(image);
    }
}

static void traps_name_the_functions_that_led_there(void **state) {
  (void)state;
  engine_image *image = link_alone(
      one_engine, "(module (func $inner (unreachable)) (func $outer (export \"f\") (call $inner)))", NULL, 0, false);
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{0}};
  assert_fails(call(store, "f", values), UBIQ_TRAP, "unreachable code was reached (in inner < outer)");
  engine_store_delete(store);
  engine_image_delete(image);
}

int main(void) {
  engine_options options = {0};
  if (engine_open(test_ops(), &options, &one_engine) || ticker_add(one_engine)) return 1;
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parameters_and_results_of_every_type_are_passed),
      cmocka_unit_test(references_come_back_as_null_and_leak_nothing),
      cmocka_unit_test(a_host_function_that_waits_suspends_a_fiber),
      cmocka_unit_test(it_blocks_on_the_callers_stack),
      cmocka_unit_test(errors_of_host_functions_end_the_call),
      cmocka_unit_test(stores_are_deleted_while_they_wait),
      cmocka_unit_test(a_thousand_stores_wait_at_once),
      cmocka_unit_test(more_calls_than_there_are_fibers_are_busy),
      cmocka_unit_test(a_tick_goes_on_yields_or_ends_the_call),
      cmocka_unit_test(stores_are_deleted_after_they_yielded),
      cmocka_unit_test(ticks_do_not_yield_off_the_fiber),
      cmocka_unit_test(traps_have_our_words),
      cmocka_unit_test(traps_name_the_functions_that_led_there),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  ticker_remove(one_engine);
  engine_close(one_engine);
  return failed;
}
