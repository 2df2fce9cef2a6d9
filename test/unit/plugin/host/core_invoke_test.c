// What modules without the kernel ask the host for, and what hostile ones cannot do with the room for an answer.
#include "unit/plugin/late_functions.h"

// A module whose ubiq_alloc is `alloc`, with $size, and whose ubiq_handle is `handle`, with $in and $in_size. $take is an
// allocator that takes from $top on and grows the memory.
#define MODULE(alloc, handle)                                                                                          \
  "(module (import \"ubiq:wire/host\" \"invoke\" (func $invoke (param i32 i32 i32) (result i64)))"                     \
  " (memory (export \"memory\") 1) (global $top (mut i32) (i32.const 1024)) (global $seen (mut i32) (i32.const 0))"    \
  " (data (i32.const 16) \"{\\\"ok\\\":\\\"no room\\\"}\")"                                                            \
  " (func $take (param $size i32) (result i32)"                                                                        \
  "  (global.get $top) (global.set $top (i32.add (global.get $top) (local.get $size)))"                                \
  "  (block (br_if 0 (i32.le_u (global.get $top) (i32.shl (memory.size) (i32.const 16))))"                             \
  "   (drop (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))))))"                     \
  " (func $ask (param $in i32) (param $in_size i32) (result i64)"                                                      \
  "  (call $invoke (i32.const 0) (local.get $in) (local.get $in_size)))"                                               \
  " (func (export \"ubiq_alloc\") (param $size i32) (result i32)"                                                      \
  "  (global.set $seen (i32.add (global.get $seen) (i32.const 1))) " alloc ")"                                         \
  " (func (export \"ubiq_free\") (param i32 i32))"                                                                     \
  " (func (export \"ubiq_handle\") (param $format i32) (param $op i32) (param $op_size i32) (param $in i32)"           \
  "  (param $in_size i32) (result i64) " handle "))"

#define TAKES "(call $take (local.get $size))"
#define ASKS  "(call $ask (local.get $in) (local.get $in_size))"

// Room for the input as it should be, then `alloc`.
#define THEN(alloc) "(if (result i32) (i32.eq (global.get $seen) (i32.const 1)) (then " TAKES ") (else " alloc "))"

typedef struct world {
  desk desk;
  ubiq_plugin *plugin;
} world;

enum { LARGE = 300000 };

// Answers {"ok":"<request>"}; what begins with "large" with LARGE bytes, with "nothing" with none, with "late" later, and with
// "fail" with an error.
static void start_invoke(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  static char answer[LARGE];
  ubiq_bytes request;
  assert_true(plugin_span(plugin, (uint32_t)inputs[1].i32, (uint32_t)inputs[2].i32, &request));
  const text asked = {(const char *)request.data, request.size};
  size_t size = (size_t)snprintf(answer, sizeof answer, "{\"ok\":\"%.*s\"}", (int)asked.size, asked.data);
  if (text_starts_with(asked, TEXT("large"))) {
    memset(answer + 7, 'x', sizeof answer - 7);
    memcpy(answer + sizeof answer - 2, "\"}", 2);
    size = sizeof answer;
  }
  if (text_starts_with(asked, TEXT("fail")))
    ubiq_completion_fail(completion, ubiq_error_new(UBIQ_DENIED, "not today"));
  else if (text_starts_with(asked, TEXT("late")))
    desk_put(user, completion, request);
  else
    ubiq_completion_done_block(
        completion, (ubiq_bytes){(const uint8_t *)answer, text_starts_with(asked, TEXT("nothing")) ? 0 : size});
}

static ubiq_function *make_invoke(desk *desk) {
  static const ubiq_type params[] = {UBIQ_I32, UBIQ_I32, UBIQ_I32}, results[] = {UBIQ_I64};
  const ubiq_function_options options = {.module = "ubiq:wire/host",
                                         .name = "invoke",
                                         .params = params,
                                         .params_count = 3,
                                         .results = results,
                                         .results_count = 1,
                                         .start = start_invoke,
                                         .answers_block = true,
                                         .user = desk};
  ubiq_function *function;
  assert_success(ubiq_function_new(&options, &function));
  return function;
}

static ubiq_error *compile(desk *desk, const char *module, ubiq_compiled **out) {
  ubiq_function *function = make_invoke(desk);
  const ubiq_function *functions[] = {function};
  const ubiq_compile_options options = {.core = true,
                                        .suspends = true,
                                        .wasi = true,
                                        .memory_bytes_max = 1 << 20,
                                        .functions = functions,
                                        .functions_count = 1};
  ubiq_error *error = text_compile(module, &options, out);
  ubiq_function_delete(function);
  return error;
}

static void world_begin(world *self, const char *module) {
  ubiq_compiled *compiled;
  desk_open(&self->desk);
  assert_success(compile(&self->desk, module, &compiled));
  traps_restore();
  assert_success(ubiq_plugin_new(compiled, &self->plugin));
  ubiq_compiled_delete(compiled);
}

static ubiq_error *call(world *self, const char *input, ubiq_bytes *output) {
  const ubiq_call_options options = {.cpu_ms = 200};
  return ubiq_plugin_call_with(self->plugin, "f", (ubiq_bytes){(const uint8_t *)input, strlen(input)}, &options,
                               output);
}

static void assert_says(world *self, const char *input, const char *expected) {
  ubiq_bytes output;
  assert_success(call(self, input, &output));
  if (output.size != strlen(expected) || memcmp(output.data, expected, output.size) != 0)
    fail_msg("%s: %.*s; expected %s", input, (int)output.size, (const char *)output.data, expected);
}

static void assert_answers(const char *module, const char *input, const char *expected) {
  world self;
  world_begin(&self, module);
  for (int i = 0; i < 3; i++) assert_says(&self, input, expected);
  ubiq_plugin_delete(self.plugin);
}

// A call that fails, and leaves a plugin behind that can be called again.
static void assert_refuses(const char *module, ubiq_code code, const char *words) {
  world self;
  ubiq_bytes output;
  world_begin(&self, module);
  for (int i = 0; i < 2; i++) {
    assert_error_with(call(&self, "Ada", &output), code, words);
    traps_restore();
    assert_success(ubiq_plugin_reset(self.plugin));
  }
  ubiq_plugin_delete(self.plugin);
}

// -- Answers --

static void an_answer_is_put_into_room_of_the_guests_own(void **state) {
  (void)state;
  assert_answers(MODULE(TAKES, ASKS), "Ada", "\"Ada\"");
  assert_answers(MODULE(TAKES, "(drop " ASKS ")" ASKS), "Ada", "\"Ada\"");
}

static void the_memory_may_grow_for_an_answer(void **state) {
  (void)state;
  char expected[LARGE - 7 + 1];
  memset(expected, 'x', sizeof expected);
  expected[0] = expected[sizeof expected - 2] = '"';
  expected[sizeof expected - 1] = 0;
  world self;
  world_begin(&self, MODULE(TAKES, ASKS));
  assert_says(&self, "large", expected);
  assert_says(&self, "Ada", "\"Ada\"");
  ubiq_plugin_delete(self.plugin);
}

static void no_bytes_are_no_answer_and_take_no_room(void **state) {
  (void)state;
  world self;
  world_begin(&self, MODULE(THEN("unreachable"), "(if (i64.ne " ASKS " (i64.const 0)) (then unreachable))"
                                                 " (i64.const 0x0000001000000010)"));
  assert_says(&self, "nothing", "\"no room\"");
  ubiq_plugin_delete(self.plugin);
}

static void *answer_later(void *user) {
  char input[32];
  ubiq_completion *completion = desk_take(user, input);
  char answer[64];
  int size = snprintf(answer, sizeof answer, "{\"ok\":\"%s, answered\"}", input);
  ubiq_completion_done_block(completion, (ubiq_bytes){(const uint8_t *)answer, (size_t)size});
  return NULL;
}

static void an_answer_may_come_later(void **state) {
  (void)state;
  world self;
  world_begin(&self, MODULE(TAKES, ASKS));
  for (int i = 0; i < 20; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, answer_later, &self.desk);
    assert_says(&self, "late", "\"late, answered\"");
    pthread_join(thread, NULL);
  }
  ubiq_plugin_delete(self.plugin);
}

// Begins a call that waits, however often it has to give way before.
static void start_late(instance *self) {
  instance_start(self, "f", (ubiq_bytes){(const uint8_t *)"late", 4});
  while (self->busy && self->state == PLUGIN_YIELDED) instance_turn(self);
  assert_int_equal(self->state, PLUGIN_WAITING);
}

static void those_that_wait_hold_no_thread(void **state) {
  (void)state;
  enum { COUNT = 200 };
  static instance instances[COUNT];
  desk desk;
  test_loop loop;
  ubiq_compiled *compiled;
  desk_open(&desk);
  test_loop_open(&loop);
  assert_success(compile(&desk, MODULE(TAKES, ASKS), &compiled));
  for (int i = 0; i < COUNT; i++) {
    assert_success(instance_open(&instances[i], compiled, &loop, NULL));
    start_late(&instances[i]);
  }
  assert_int_equal(desk.count, COUNT);
  for (int i = 0; i < COUNT; i++) answer_later(&desk);
  test_loop_run(&loop, instances, COUNT);
  for (int i = 0; i < COUNT; i++) {
    assert_success(instances[i].error);
    assert_int_equal(plugin_output(instances[i].plugin).size, strlen("\"late, answered\""));
    instance_close(&instances[i]);
  }
  ubiq_compiled_delete(compiled);
  test_loop_close(&loop);
}

static void an_instance_may_end_before_it_is_answered(void **state) {
  (void)state;
  desk desk;
  test_loop loop;
  instance one;
  ubiq_compiled *compiled;
  desk_open(&desk);
  test_loop_open(&loop);
  assert_success(compile(&desk, MODULE(TAKES, ASKS), &compiled));
  assert_success(instance_open(&one, compiled, &loop, NULL));
  start_late(&one);
  instance_close(&one);
  assert_true(ubiq_completion_abandoned(desk.completions[0]));
  answer_later(&desk);
  ubiq_compiled_delete(compiled);
  test_loop_close(&loop);
}

static void an_error_of_the_host_ends_the_call(void **state) {
  (void)state;
  world self;
  ubiq_bytes output;
  world_begin(&self, MODULE(TAKES, ASKS));
  assert_error_with(call(&self, "fail", &output), UBIQ_DENIED, "not today");
  assert_says(&self, "Ada", "\"Ada\"");
  ubiq_plugin_delete(self.plugin);
}

static void what_starts_a_guest_may_ask_too(void **state) {
  (void)state;
  char module[4096];
  snprintf(module, sizeof module, "%.*s%s)", (int)(strlen(MODULE(TAKES, ASKS)) - 1), MODULE(TAKES, ASKS),
           " (func (export \"_initialize\") (drop (call $ask (i32.const 17) (i32.const 2))))");
  assert_answers(module, "Ada", "\"Ada\"");
}

// -- No room --

static void no_room_is_the_answer_0_and_no_trap(void **state) {
  (void)state;
  static const char says_so[] = "(if (i64.ne " ASKS " (i64.const 0)) (then unreachable))"
                                " (i64.const 0x0000001000000010)";
  char module[4096];
  snprintf(module, sizeof module, MODULE(THEN("(i32.const 0)"), "%s"), says_so);
  static const char *const requests[] = {"Ada", "large"}; // larger than the memory, too
  for (int i = 0; i < 2; i++) {
    world self;
    world_begin(&self, module);
    assert_says(&self, requests[i], "\"no room\"");
    ubiq_plugin_delete(self.plugin);
  }
}

static void who_had_no_room_may_ask_again(void **state) {
  (void)state;
  // Room for the input, none at first, then room.
  assert_answers(MODULE("(if (result i32) (i32.eq (i32.rem_u (global.get $seen) (i32.const 3)) (i32.const 2))"
                        " (then (i32.const 0)) (else " TAKES "))",
                        "(if (i64.ne " ASKS " (i64.const 0)) (then unreachable)) " ASKS),
                 "Ada", "\"Ada\"");
}

// -- Hostile ones --

static void room_outside_of_the_memory_is_a_trap(void **state) {
  (void)state;
  static const char *const places[] = {"(i32.const -1)", "(i32.const 65536)", "(i32.const 65530)",
                                       "(i32.const 0x7fffffff)", "(i32.const 0x80000000)"};
  char module[4096];
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(module, sizeof module, MODULE(THEN("%s"), ASKS), places[i]);
    assert_refuses(module, UBIQ_TRAP, "which its memory does not have");
  }
}

static void room_at_the_very_end_is_room(void **state) {
  (void)state;
  world self;
  world_begin(&self, MODULE(THEN("(i32.sub (i32.const 65536) (local.get $size))"), ASKS));
  assert_says(&self, "Ada", "\"Ada\"");
  ubiq_plugin_delete(self.plugin);
}

static void room_that_is_used_already_harms_the_guest_alone(void **state) {
  (void)state;
  world self;
  // Over the request, which stands at 1025, and over its own data.
  static const char *const places[] = {"(i32.const 1025)", "(i32.const 1020)", "(i32.const 1)"};
  char module[4096];
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(module, sizeof module, MODULE(THEN("%s"), ASKS), places[i]);
    world_begin(&self, module);
    assert_says(&self, "Ada", "\"Ada\"");
    ubiq_plugin_delete(self.plugin);
  }
}

static void a_trap_while_room_is_made_is_the_calls(void **state) {
  (void)state;
  assert_refuses(MODULE(THEN("unreachable"), ASKS), UBIQ_TRAP, "");
}

static void making_room_that_does_not_end_is_ended(void **state) {
  (void)state;
  assert_refuses(MODULE(THEN("(loop $l (br $l)) (i32.const 64)"), ASKS), UBIQ_CPU_LIMIT, "");
}

static void who_asks_while_it_makes_room_is_ended(void **state) {
  (void)state;
  static const char within[] = "(drop (call $ask (i32.const 16) (i32.const 2))) (i32.const 2048)";
  char module[4096];
  snprintf(module, sizeof module, MODULE(THEN("%s"), ASKS), within);
  assert_refuses(module, UBIQ_TRAP, "make room alone");
}

static void room_for_the_input_may_be_made_by_asking(void **state) {
  (void)state;
  // The first asks, and what it asks for has its own room at 4096.
  assert_answers(MODULE("(if (result i32) (i32.eq (i32.rem_u (global.get $seen) (i32.const 3)) (i32.const 1))"
                        " (then (drop (call $ask (i32.const 17) (i32.const 2))) (i32.const 8192))"
                        " (else (i32.const 4096)))",
                        ASKS),
                 "Ada", "\"Ada\"");
}

static void a_host_function_may_make_the_room(void **state) {
  (void)state;
  // Closing a file that is not open answers 8.
  static const char module[] =
      "(module (import \"ubiq:wire/host\" \"invoke\" (func $invoke (param i32 i32 i32) (result i64)))"
      " (import \"wasi_snapshot_preview1\" \"fd_close\" (func $close (param i32) (result i32)))"
      " (memory (export \"memory\") 1) (export \"ubiq_alloc\" (func $close)) (func (export \"ubiq_free\") (param i32 "
      "i32))"
      " (func (export \"ubiq_handle\") (param i32 i32 i32 i32 i32) (result i64)"
      "  (call $invoke (i32.const 0) (local.get 3) (local.get 4))))";
  assert_answers(module, "Ada, who is there", "\"Ada, who is there\"");
}

// -- Modules --

static void a_module_that_is_not_valid_is_refused_in_the_engines_words(void **state) {
  (void)state;
  static const char module[] =
      "(module (import \"ubiq:wire/host\" \"invoke\" (func (param i32 i32 i32) (result i64)))"
      " (memory (export \"memory\") 1) (func (export \"ubiq_alloc\") (param i32) (result i32))"
      " (func (export \"ubiq_free\") (param i32 i32)) (func (export \"ubiq_handle\") (param i32 i32 i32 i32 i32)"
      " (result i64) (i64.const 0)))";
  desk desk;
  ubiq_compiled *compiled = NULL;
  desk_open(&desk);
  assert_error_with(compile(&desk, module, &compiled), UBIQ_INVALID_INPUT, "type mismatch");
  assert_null(compiled);
}

static void a_module_that_cannot_be_merged_is_refused(void **state) {
  (void)state;
  char module[4096];
  desk desk;
  ubiq_compiled *compiled = NULL;
  desk_open(&desk);
  snprintf(module, sizeof module, "%.*s%s)", (int)(strlen(MODULE(TAKES, ASKS)) - 1), MODULE(TAKES, ASKS),
           " (func (export \"ubiq:kernel/x\"))");
  assert_error_with(compile(&desk, module, &compiled), UBIQ_INVALID_INPUT, "cannot be merged");
  assert_null(compiled);
}

static void merging_cannot_be_turned_off_for_it(void **state) {
  (void)state;
  setenv("UBIQ_MERGE", "0", 1);
  assert_answers(MODULE(TAKES, ASKS), "Ada", "\"Ada\"");
  unsetenv("UBIQ_MERGE");
}

static void an_import_of_another_type_is_refused(void **state) {
  (void)state;
  static const char module[] =
      "(module (import \"ubiq:wire/host\" \"invoke\" (func (param i32 i32) (result i64)))"
      " (memory (export \"memory\") 1) (func (export \"ubiq_alloc\") (param i32) (result i32) (i32.const 0))"
      " (func (export \"ubiq_free\") (param i32 i32)) (func (export \"ubiq_handle\") (param i32 i32 i32 i32 i32)"
      " (result i64) (i64.const 0)))";
  desk desk;
  ubiq_compiled *compiled = NULL;
  desk_open(&desk);
  assert_error_with(compile(&desk, module, &compiled), UBIQ_INVALID_INPUT, "(i32, i32, i32) -> i64");
  assert_null(compiled);
}

static void where_nobody_provides_it_the_words_say_who_would(void **state) {
  (void)state;
  const ubiq_compile_options core = {.core = true, .suspends = true}, extism = {.suspends = true};
  ubiq_compiled *compiled = NULL;
  assert_error_with(text_compile(MODULE(TAKES, ASKS), &core, &compiled), UBIQ_INVALID_INPUT, "the platform's API");
  assert_error_with(text_compile(MODULE(TAKES, ASKS), &extism, &compiled), UBIQ_INVALID_INPUT, "wire = \"core\"");
}

int main(void) {
  plugin_testing_begin();
  plugin_testing_needs(ENGINE_CAN_SUSPEND);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_answer_is_put_into_room_of_the_guests_own),
      cmocka_unit_test(the_memory_may_grow_for_an_answer),
      cmocka_unit_test(no_bytes_are_no_answer_and_take_no_room),
      cmocka_unit_test(an_answer_may_come_later),
      cmocka_unit_test(those_that_wait_hold_no_thread),
      cmocka_unit_test(an_instance_may_end_before_it_is_answered),
      cmocka_unit_test(an_error_of_the_host_ends_the_call),
      cmocka_unit_test(what_starts_a_guest_may_ask_too),
      cmocka_unit_test(no_room_is_the_answer_0_and_no_trap),
      cmocka_unit_test(who_had_no_room_may_ask_again),
      cmocka_unit_test(room_outside_of_the_memory_is_a_trap),
      cmocka_unit_test(room_at_the_very_end_is_room),
      cmocka_unit_test(room_that_is_used_already_harms_the_guest_alone),
      cmocka_unit_test(a_trap_while_room_is_made_is_the_calls),
      cmocka_unit_test(making_room_that_does_not_end_is_ended),
      cmocka_unit_test(who_asks_while_it_makes_room_is_ended),
      cmocka_unit_test(room_for_the_input_may_be_made_by_asking),
      cmocka_unit_test(a_host_function_may_make_the_room),
      cmocka_unit_test(a_module_that_is_not_valid_is_refused_in_the_engines_words),
      cmocka_unit_test(a_module_that_cannot_be_merged_is_refused),
      cmocka_unit_test(merging_cannot_be_turned_off_for_it),
      cmocka_unit_test(an_import_of_another_type_is_refused),
      cmocka_unit_test(where_nobody_provides_it_the_words_say_who_would),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
