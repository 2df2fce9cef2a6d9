// Host functions that are completed later, called on a thread that blocks meanwhile: of a plugin on the caller's stack
// (mode 0), and of one that suspends (mode 1).
#include "unit/plugin/late_functions.h"

typedef struct world {
  desk desk;
  ubiq_plugin *plugin;
} world;

static void open_world(world *self, int mode, const char *source, ubiq_function_start start) {
  desk_open(&self->desk);
  ubiq_compiled *compiled = compile_late(source, make_late(start, &self->desk, desk_delete), mode == 1);
  assert_success(ubiq_plugin_new(compiled, &self->plugin));
  ubiq_compiled_delete(compiled);
}

static void close_world(world *self) {
  ubiq_plugin_delete(self->plugin);
  assert_int_equal(atomic_load(&self->desk.deleted), 1);
}

static ubiq_error *call(world *self, const char *function, const char *input, ubiq_call_options options,
                        ubiq_bytes *output) {
  return ubiq_plugin_call_with(self->plugin, function, (ubiq_bytes){(const uint8_t *)input, strlen(input)}, &options,
                               output);
}

static void assert_answers(world *self, const char *function, const char *input, const char *expected) {
  ubiq_bytes output;
  assert_success(call(self, function, input, (ubiq_call_options){0}, &output));
  assert_int_equal(output.size, strlen(expected));
  assert_memory_equal(output.data, expected, output.size);
}

// -- Answers --

static void start_and_answer(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)user;
  ubiq_bytes input;
  char text[32] = "";
  if (ubiq_plugin_block(plugin, (uint64_t)inputs[0].i64, &input)) memcpy(text, input.data, input.size);
  ubiq_plugin_block_free(plugin, (uint64_t)inputs[0].i64);
  desk_answer(completion, text);
}

static void a_function_may_answer_at_once(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    world self;
    open_world(&self, mode, late_guest, start_and_answer);
    for (int i = 0; i < 3; i++) assert_answers(&self, "run", "Ada", "Ada later");
    assert_answers(&self, "twice", "Ada", "Ada later later");
    close_world(&self);
  }
}

static void *answer_one(void *user) {
  desk *desk = user;
  char input[32];
  ubiq_completion *completion = desk_take(desk, input);
  desk_answer(completion, input);
  return NULL;
}

static void another_thread_may_answer(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    world self;
    open_world(&self, mode, late_guest, start_later);
    for (int i = 0; i < 50; i++) {
      pthread_t thread;
      pthread_create(&thread, NULL, answer_one, &self.desk);
      assert_answers(&self, "run", "Ada", "Ada later");
      pthread_join(thread, NULL);
    }
    close_world(&self);
  }
}

static void *fail_one(void *user) {
  char input[32];
  ubiq_completion_fail(desk_take(user, input), ubiq_error_new(UBIQ_DENIED, "not today"));
  return NULL;
}

static void the_error_of_a_function_ends_the_call(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    world self;
    ubiq_bytes output;
    pthread_t thread;
    open_world(&self, mode, late_guest, start_later);
    pthread_create(&thread, NULL, fail_one, &self.desk);
    assert_error_with(call(&self, "run", "Ada", (ubiq_call_options){0}, &output), UBIQ_DENIED, "not today");
    pthread_join(thread, NULL);
    assert_answers(&self, "idle", "", "");
    close_world(&self);
  }
}

static void start_with_block(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)user, (void)inputs;
  uint64_t offset;
  ubiq_completion_fail(completion, ubiq_plugin_block_new(plugin, (ubiq_bytes){(const uint8_t *)"x", 1}, &offset));
}

static void a_start_may_not_make_blocks(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    world self;
    ubiq_bytes output;
    open_world(&self, mode, late_guest, start_with_block);
    assert_error_with(call(&self, "run", "", (ubiq_call_options){0}, &output), UBIQ_INVALID_INPUT, "makes no blocks");
    close_world(&self);
  }
}

enum { LARGE = 3000000 };

static void start_and_answer_large(void *user, ubiq_plugin *plugin, const ubiq_value *inputs,
                                   ubiq_completion *completion) {
  (void)user, (void)plugin;
  uint8_t *bytes = calloc(1, LARGE);
  bytes[LARGE - 1] = 7;
  ubiq_completion_done_block(completion, (ubiq_bytes){bytes, inputs[0].i64 ? LARGE : 0});
  free(bytes);
}

static void blocks_of_any_size_are_answered(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    world self;
    ubiq_bytes output;
    open_world(&self, mode, late_guest, start_and_answer_large);
    assert_answers(&self, "run", "", "");
    assert_success(call(&self, "run", "x", (ubiq_call_options){0}, &output));
    assert_int_equal(output.size, LARGE);
    assert_int_equal(output.data[LARGE - 1], 7);
    close_world(&self);
  }
}

static void start_values(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)user, (void)plugin;
  ubiq_value outputs[] = {
      {.i32 = inputs[0].i32}, {.i64 = inputs[1].i64}, {.f32 = inputs[2].f32}, {.f64 = inputs[3].f64}};
  ubiq_completion_done(completion, outputs);
}

static void start_wrong_kind(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)user, (void)plugin, (void)inputs;
  ubiq_completion_done_block(completion, (ubiq_bytes){(const uint8_t *)"x", 1});
}

static const char values_guest[] =
    "(module (import \"extism:host/user\" \"values\"\n"
    "    (func $values (param i32 i64 f32 f64) (result i32 i64 f32 f64)))\n"
    "  (func (export \"run\") (result i32)\n"
    "    (call $values (i32.const -5) (i64.const 1234567890123) (f32.const 0.5) (f64.const -0.25))\n"
    "    (f64.ne (f64.const -0.25)) (if (then (unreachable)))\n"
    "    (f32.ne (f32.const 0.5)) (if (then (unreachable)))\n"
    "    (i64.ne (i64.const 1234567890123)) (if (then (unreachable)))\n"
    "    (i32.add (i32.const 5))))";

static void values_of_every_type_are_answered(void **state) {
  (void)state;
  static const ubiq_type types[] = {UBIQ_I32, UBIQ_I64, UBIQ_F32, UBIQ_F64};
  static const ubiq_function_start starts[] = {start_values, start_wrong_kind};
  for (int i = 0; i < 2 * MODES; i++) {
    ubiq_function_options options = {.name = "values",
                                     .params = types,
                                     .params_count = 4,
                                     .results = types,
                                     .results_count = 4,
                                     .start = starts[i / MODES]};
    ubiq_function *function;
    ubiq_plugin *plugin;
    ubiq_bytes output;
    assert_success(ubiq_function_new(&options, &function));
    ubiq_compiled *compiled = compile_late(values_guest, function, i % MODES == 1);
    assert_success(ubiq_plugin_new(compiled, &plugin));
    ubiq_error *error = ubiq_plugin_call(plugin, "run", (ubiq_bytes){0}, &output);
    assert_int_equal(ubiq_error_code(error), i < MODES ? UBIQ_OK : UBIQ_INTERNAL);
    ubiq_error_delete(error);
    ubiq_plugin_delete(plugin);
    ubiq_compiled_delete(compiled);
  }
}

// -- Limits --

// How late an end may come. A machine that is busy with other things may take longer, but not each time.
enum { LATE_MS = 50, ATTEMPTS = 20, LIMIT_MS = 30 };

static void a_deadline_ends_the_wait_at_once(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    world self;
    ubiq_bytes output;
    char input[32];
    uint64_t took_ms = UINT64_MAX;
    open_world(&self, mode, late_guest, start_later);
    for (int i = 0; i < ATTEMPTS && took_ms > LIMIT_MS + LATE_MS; i++) {
      uint64_t before = clock_monotonic_ns();
      assert_error_code(call(&self, "run", "Ada", (ubiq_call_options){.timeout_ms = LIMIT_MS}, &output), UBIQ_TIMEOUT);
      if (self.desk.count == 0) continue; // its time was over before it asked
      took_ms = (clock_monotonic_ns() - before) / CLOCK_NS_PER_MS;
      ubiq_completion *completion = desk_take(&self.desk, input);
      assert_true(ubiq_completion_abandoned(completion));
      desk_answer(completion, input); // too late: it has no effect
    }
    assert_in_range(took_ms, LIMIT_MS, LIMIT_MS + LATE_MS);
    assert_answers(&self, "idle", "", "");
    close_world(&self);
  }
}

typedef struct canceller {
  world *world;
  ubiq_completion *completion;
} canceller;

static void *cancel_when_waiting(void *user) {
  canceller *self = user;
  char input[32];
  self->completion = desk_take(&self->world->desk, input);
  assert_false(ubiq_completion_abandoned(self->completion));
  ubiq_plugin_cancel(self->world->plugin);
  return NULL;
}

static void cancelling_ends_the_wait_at_once(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    world self;
    ubiq_bytes output;
    pthread_t thread;
    open_world(&self, mode, late_guest, start_later);
    canceller canceller = {.world = &self};
    pthread_create(&thread, NULL, cancel_when_waiting, &canceller);
    assert_error_code(call(&self, "run", "Ada", (ubiq_call_options){0}, &output), UBIQ_CANCELLED);
    pthread_join(thread, NULL);
    assert_true(ubiq_completion_abandoned(canceller.completion));
    ubiq_completion_fail(canceller.completion, ubiq_error_new(UBIQ_DENIED, "nobody hears this"));
    close_world(&self);
  }
}

static void the_function_lives_until_its_last_completion(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    world self;
    ubiq_bytes output;
    pthread_t thread;
    open_world(&self, mode, late_guest, start_later);
    canceller canceller = {.world = &self};
    pthread_create(&thread, NULL, cancel_when_waiting, &canceller);
    assert_error_code(call(&self, "run", "Ada", (ubiq_call_options){0}, &output), UBIQ_CANCELLED);
    pthread_join(thread, NULL);
    ubiq_plugin_delete(self.plugin);
    assert_int_equal(atomic_load(&self.desk.deleted), 0);
    desk_answer(canceller.completion, "Ada");
    assert_int_equal(atomic_load(&self.desk.deleted), 1);
  }
}

// -- What is refused --

static void assert_refused(const ubiq_function_options *options, const char *part) {
  ubiq_function *function = NULL;
  assert_error_with(ubiq_function_new(options, &function), UBIQ_INVALID_INPUT, part);
}

static void options_that_do_not_fit_are_refused(void **state) {
  (void)state;
  static const ubiq_type types[9] = {UBIQ_I64};
  assert_refused(&(ubiq_function_options){.name = "f"}, "a callback or a start");
  assert_refused(&(ubiq_function_options){.name = "f", .start = start_later, .params = types, .params_count = 9},
                 "at most 8");
  assert_refused(&(ubiq_function_options){.name = "f", .start = start_later, .answers_block = true}, "I64");
}

// -- Threads --

enum { THREADS = 16, ROUNDS = 40 };

typedef struct team {
  desk desk;
  ubiq_compiled *compiled;
  atomic_int failures;
} team;

static void *answer_until_over(void *user) {
  team *self = user;
  char input[32];
  for (;;) {
    ubiq_completion *completion = desk_take(&self->desk, input);
    if (!completion) return NULL;
    desk_answer(completion, input);
  }
}

static void *call_again_and_again(void *user) {
  team *self = user;
  ubiq_plugin *plugin = NULL;
  ubiq_error *error = ubiq_plugin_new(self->compiled, &plugin);
  for (int i = 0; i < ROUNDS && !error; i++) {
    ubiq_bytes output;
    ubiq_call_options options = {.timeout_ms = i % 4 == 3 ? 1 : 600000};
    ubiq_error *one = ubiq_plugin_call_with(plugin, "twice", (ubiq_bytes){(const uint8_t *)"a", 1}, &options, &output);
    bool is_right = one ? ubiq_error_code(one) == UBIQ_TIMEOUT && options.timeout_ms == 1
                        : output.size == 13 && memcmp(output.data, "a later later", 13) == 0;
    if (!is_right) atomic_fetch_add(&self->failures, 1);
    ubiq_error_delete(one);
  }
  if (error) atomic_fetch_add(&self->failures, 1);
  ubiq_plugin_delete(plugin);
  return NULL;
}

static void many_threads_wait_and_time_out(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    static team self;
    pthread_t threads[THREADS], workers[2];
    desk_open(&self.desk);
    self.compiled = compile_late(late_guest, make_late(start_later, &self.desk, NULL), mode == 1);
    for (int i = 0; i < 2; i++) pthread_create(&workers[i], NULL, answer_until_over, &self);
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, call_again_and_again, &self);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) desk_put(&self.desk, NULL, (ubiq_bytes){0});
    for (int i = 0; i < 2; i++) pthread_join(workers[i], NULL);
    assert_int_equal(atomic_load(&self.failures), 0);
    while (self.desk.count) {
      char input[32];
      desk_answer(desk_take(&self.desk, input), input);
    }
    ubiq_compiled_delete(self.compiled);
  }
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_function_may_answer_at_once),
      cmocka_unit_test(another_thread_may_answer),
      cmocka_unit_test(the_error_of_a_function_ends_the_call),
      cmocka_unit_test(a_start_may_not_make_blocks),
      cmocka_unit_test(blocks_of_any_size_are_answered),
      cmocka_unit_test(values_of_every_type_are_answered),
      cmocka_unit_test(a_deadline_ends_the_wait_at_once),
      cmocka_unit_test(cancelling_ends_the_wait_at_once),
      cmocka_unit_test(the_function_lives_until_its_last_completion),
      cmocka_unit_test(options_that_do_not_fit_are_refused),
      cmocka_unit_test(many_threads_wait_and_time_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
