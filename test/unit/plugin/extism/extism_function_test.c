// Host functions by way of Extism's C ABI: values, namespaces, blocks, user data, the host context, calls back into the
// plugin from the same thread and from another.
#include "unit/plugin/extism_testing.h"

#include <pthread.h>
#include <semaphore.h>

#define HOST(name)                                                                                                     \
  static void name(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize inputs_count, ExtismVal *outputs,  \
                   ExtismSize outputs_count, void *user)
#define UNUSED (void)plugin, (void)inputs, (void)inputs_count, (void)outputs, (void)outputs_count, (void)user

#define GO_MODULE                                                                                                      \
  "(module (import \"extism:host/user\" \"host\" (func $host)) (func (export \"go\") (result i32) (call $host) "       \
  "(i32.const 0)) (func (export \"calm\") (result i32) (i32.const 0)))"

static const ExtismValType I32 = ExtismValType_I32, I64 = ExtismValType_I64, F32 = ExtismValType_F32,
                           F64 = ExtismValType_F64;

static ExtismFunction *host(ExtismFunctionType function, void *user) {
  return extism_function_new("host", NULL, 0, NULL, 0, function, user, NULL);
}

// -- Values --

HOST(add_one) {
  UNUSED;
  assert_int_equal(inputs_count, 1);
  assert_int_equal(outputs_count, 1);
  assert_int_equal(inputs[0].t, outputs[0].t);
  switch (outputs[0].t) {
  case ExtismValType_I32: outputs[0].v.i32 = inputs[0].v.i32 + 1; break;
  case ExtismValType_I64: outputs[0].v.i64 = inputs[0].v.i64 + 1; break;
  case ExtismValType_F32: outputs[0].v.f32 = inputs[0].v.f32 + 1; break;
  default: outputs[0].v.f64 = inputs[0].v.f64 + 1;
  }
}

HOST(nothing) {
  UNUSED;
  assert_null(inputs);
  assert_null(outputs);
}

HOST(sum) {
  UNUSED;
  outputs[0].v.f64 = inputs[0].v.i32 + (double)inputs[1].v.i64 + (double)inputs[2].v.f32 + inputs[3].v.f64;
}

HOST(pair) {
  UNUSED;
  assert_int_equal(outputs_count, 2);
  outputs[0].v.i32 = (int32_t)inputs[0].v.i64;
  outputs[1].v.f64 = (double)inputs[0].v.i64 / 2;
}

static ExtismPlugin *open_types(const ExtismFunction *functions[7], const char *namespace) {
  const ExtismValType four[] = {I32, I64, F32, F64}, two[] = {I32, F64};
  functions[0] = extism_function_new("host_i32", &I32, 1, &I32, 1, add_one, NULL, NULL);
  functions[1] = extism_function_new("host_i64", &I64, 1, &I64, 1, add_one, NULL, NULL);
  functions[2] = extism_function_new("host_f32", &F32, 1, &F32, 1, add_one, NULL, NULL);
  functions[3] = extism_function_new("host_f64", &F64, 1, &F64, 1, add_one, NULL, NULL);
  functions[4] = extism_function_new("host_nothing", NULL, 0, NULL, 0, nothing, NULL, NULL);
  functions[5] = extism_function_new("host_mixed", four, 4, &F64, 1, sum, NULL, NULL);
  functions[6] = extism_function_new("host_pair", &I64, 1, two, 2, pair, NULL, NULL);
  if (namespace) extism_function_set_namespace((ExtismFunction *)functions[6], namespace);
  char manifest[4096], *error = NULL;
  extism_manifest("host_types", NULL, manifest, sizeof manifest);
  extism_setup setup = {.functions = functions, .functions_count = 7};
  ExtismPlugin *plugin = extism_try(manifest, &setup, &error);
  for (int i = 0; i < 7; i++) extism_function_free((ExtismFunction *)functions[i]);
  extism_plugin_new_error_free(error);
  return plugin;
}

static void every_type_of_value_and_several_results_cross(void **state) {
  (void)state;
  static const char *const exports[] = {"call_i32",     "call_i64",   "call_f32", "call_f64",
                                        "call_nothing", "call_mixed", "call_pair"};
  const ExtismFunction *functions[7];
  ExtismPlugin *plugin = open_types(functions, "my/namespace");
  assert_non_null(plugin);
  for (int i = 0; i < 7; i++) assert_answers(plugin, exports[i], "", "");
  extism_plugin_free(plugin);
}

static void a_function_is_found_in_its_own_namespace_alone(void **state) {
  (void)state;
  const ExtismFunction *functions[7];
  assert_null(open_types(functions, NULL));
  assert_null(open_types(functions, "another/namespace"));
}

// -- Blocks --

HOST(reverse) {
  UNUSED;
  uint64_t block = (uint64_t)inputs[0].v.i64, size = extism_current_plugin_memory_length(plugin, block);
  uint64_t result = extism_current_plugin_memory_alloc(plugin, size);
  uint8_t *memory = extism_current_plugin_memory(plugin);
  for (uint64_t i = 0; i < size; i++) memory[result + i] = memory[block + size - 1 - i];
  outputs[0].v.i64 = (int64_t)result;
}

static void a_host_function_reads_and_writes_blocks(void **state) {
  (void)state;
  const ExtismFunction *function = extism_function_new("host_reverse", &I64, 1, &I64, 1, reverse, NULL, NULL);
  ExtismPlugin *plugin = extism_of("host", &(extism_setup){.functions = &function, .functions_count = 1});
  assert_answers(plugin, "reverse", "some words", "sdrow emos");
  assert_answers(plugin, "reverse_100", "some words", "some words");
  assert_answers(plugin, "reverse_bad", "", "0");
  extism_plugin_free(plugin);
  extism_function_free((ExtismFunction *)function);
}

HOST(try_blocks) {
  UNUSED;
  uint64_t block = extism_current_plugin_memory_alloc(plugin, 100);
  assert_true(block != 0);
  assert_int_equal(extism_current_plugin_memory_length(plugin, block), 100);
  assert_int_equal(extism_current_plugin_memory_length(plugin, block + 1), 0);
  extism_current_plugin_memory_free(plugin, block);
  assert_int_equal(extism_current_plugin_memory_length(plugin, block), 0);
  extism_current_plugin_memory_free(plugin, block);
  extism_current_plugin_memory_free(plugin, UINT64_MAX);
  assert_int_equal(extism_current_plugin_memory_alloc(plugin, 0), 0);
  assert_int_equal(extism_current_plugin_memory_alloc(plugin, UINT64_C(1) << 33), 0);
  *(int *)user += 1;
}

static void a_host_function_allocates_and_frees_blocks_and_nonsense_harms_nobody(void **state) {
  (void)state;
  int calls = 0;
  const ExtismFunction *function = host(try_blocks, &calls);
  ExtismPlugin *plugin = extism_of_text(GO_MODULE, &(extism_setup){.functions = &function, .functions_count = 1});
  for (int i = 0; i < 1000; i++) assert_answers(plugin, "go", "", "");
  assert_int_equal(calls, 1000);
  extism_plugin_free(plugin);
  extism_function_free((ExtismFunction *)function);
}

// -- User data --

static void count_end(void *user) {
  *(int *)user += 1;
}

static void user_data_ends_once_with_its_last_user(void **state) {
  (void)state;
  int ends = 0;
  ExtismFunction *function = extism_function_new("host", NULL, 0, NULL, 0, nothing, &ends, count_end);
  const ExtismFunction *functions[] = {function};
  char *error = NULL;
  traps_restore();
  ExtismCompiledPlugin *compiled =
      extism_compiled_plugin_new((const uint8_t *)GO_MODULE, strlen(GO_MODULE), functions, 1, false, &error);
  ExtismPlugin *first = extism_plugin_new_from_compiled(compiled, NULL);
  ExtismPlugin *second = extism_plugin_new_from_compiled(compiled, NULL);
  extism_function_free(function);
  extism_compiled_plugin_free(compiled);
  extism_plugin_free(first);
  assert_answers(second, "go", "", "");
  assert_int_equal(ends, 0);
  extism_plugin_free(second);
  assert_int_equal(ends, 1);
}

static void user_data_of_a_function_that_nobody_took_ends_with_it(void **state) {
  (void)state;
  int ends = 0;
  extism_function_free(extism_function_new("host", NULL, 0, NULL, 0, nothing, &ends, count_end));
  assert_int_equal(ends, 1);
  extism_function_free(extism_function_new("host", NULL, 0, NULL, 0, nothing, NULL, count_end)); // would write to NULL
}

static void a_function_is_given_to_one_plugin(void **state) {
  (void)state;
  const ExtismFunction *function = host(nothing, NULL);
  extism_setup setup = {.functions = &function, .functions_count = 1};
  ExtismPlugin *plugin = extism_of_text(GO_MODULE, &setup);
  char *error = NULL;
  assert_null(extism_try(GO_MODULE, &setup, &error));
  assert_string_equal(error, "Function cannot be registered with multiple different Plugins");
  extism_plugin_new_error_free(error);
  extism_plugin_free(plugin);
  extism_function_free((ExtismFunction *)function);
}

// -- The host context --

HOST(take_context) {
  UNUSED;
  *(void **)user = extism_current_plugin_host_context(plugin);
}

static void the_host_context_is_that_of_the_call(void **state) {
  (void)state;
  int here;
  void *seen = &seen;
  const ExtismFunction *function = host(take_context, &seen);
  ExtismPlugin *plugin = extism_of_text(GO_MODULE, &(extism_setup){.functions = &function, .functions_count = 1});
  assert_int_equal(extism_plugin_call_with_host_context(plugin, "go", NULL, 0, &here), 0);
  assert_ptr_equal(seen, &here);
  assert_int_equal(extism_plugin_call(plugin, "go", NULL, 0), 0);
  assert_null(seen);
  extism_plugin_free(plugin);
  extism_function_free((ExtismFunction *)function);
}

// -- Calls back into the plugin --

/// A host function's plugin, and what became of the calls back into it.
typedef struct reentry {
  ExtismPlugin *plugin;
  int32_t code;
  char error[64];
  bool configured, reset;
} reentry;

HOST(call_back) {
  UNUSED;
  reentry *self = user;
  self->code = extism_plugin_call(self->plugin, "calm", NULL, 0);
  snprintf(self->error, sizeof self->error, "%s", extism_plugin_error(self->plugin));
  self->configured = extism_plugin_config(self->plugin, (const uint8_t *)"{}", 2);
  self->reset = extism_plugin_reset(self->plugin);
}

static void a_call_back_from_the_same_thread_fails_and_says_so_and_a_config_is_taken(void **state) {
  (void)state;
  reentry seen = {.configured = false, .reset = true};
  const ExtismFunction *function = host(call_back, &seen);
  seen.plugin = extism_of_text(GO_MODULE, &(extism_setup){.functions = &function, .functions_count = 1});
  assert_answers(seen.plugin, "go", "", "");
  assert_int_equal(seen.code, -1);
  assert_string_equal(seen.error, "cannot make reentrant calls into plugin");
  assert_true(seen.configured);
  assert_false(seen.reset);
  assert_answers(seen.plugin, "calm", "", "");
  extism_plugin_free(seen.plugin);
  extism_function_free((ExtismFunction *)function);
}

/// A call that waits in a host function, and another thread that calls the same plugin meanwhile.
typedef struct meeting {
  ExtismPlugin *plugin;
  sem_t inside, leave;
  atomic_int done; ///< calls that have ended
  int done_when_left;
} meeting;

HOST(wait_inside) {
  UNUSED;
  meeting *self = user;
  sem_post(&self->inside);
  sem_wait(&self->leave);
  self->done_when_left = atomic_load(&self->done);
}

static void *call_calm(void *user) {
  meeting *self = user;
  sem_wait(&self->inside);
  sem_post(&self->leave);
  int32_t code = extism_plugin_call(self->plugin, "calm", NULL, 0);
  atomic_fetch_add(&self->done, 1);
  return (void *)(intptr_t)code;
}

static void a_call_from_another_thread_waits(void **state) {
  (void)state;
  meeting meeting = {0};
  sem_init(&meeting.inside, 0, 0);
  sem_init(&meeting.leave, 0, 0);
  const ExtismFunction *function = host(wait_inside, &meeting);
  meeting.plugin = extism_of_text(GO_MODULE, &(extism_setup){.functions = &function, .functions_count = 1});
  for (int i = 0; i < 50; i++) {
    pthread_t thread;
    void *code = &meeting;
    atomic_store(&meeting.done, 0);
    pthread_create(&thread, NULL, call_calm, &meeting);
    assert_answers(meeting.plugin, "go", "", "");
    pthread_join(thread, &code);
    assert_null(code);
    assert_int_equal(meeting.done_when_left, 0);
  }
  extism_plugin_free(meeting.plugin);
  extism_function_free((ExtismFunction *)function);
  sem_destroy(&meeting.inside);
  sem_destroy(&meeting.leave);
}

HOST(call_other) {
  UNUSED;
  assert_answers(*(ExtismPlugin **)user, "echo", "from inside", "from inside");
}

static void a_host_function_may_call_another_plugin(void **state) {
  (void)state;
  ExtismPlugin *other = extism_of("echo", NULL);
  const ExtismFunction *function = host(call_other, &other);
  ExtismPlugin *plugin = extism_of_text(GO_MODULE, &(extism_setup){.functions = &function, .functions_count = 1});
  assert_answers(plugin, "go", "", "");
  extism_plugin_free(plugin);
  extism_plugin_free(other);
  extism_function_free((ExtismFunction *)function);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_of_value_and_several_results_cross),
      cmocka_unit_test(a_function_is_found_in_its_own_namespace_alone),
      cmocka_unit_test(a_host_function_reads_and_writes_blocks),
      cmocka_unit_test(a_host_function_allocates_and_frees_blocks_and_nonsense_harms_nobody),
      cmocka_unit_test(user_data_ends_once_with_its_last_user),
      cmocka_unit_test(user_data_of_a_function_that_nobody_took_ends_with_it),
      cmocka_unit_test(a_function_is_given_to_one_plugin),
      cmocka_unit_test(the_host_context_is_that_of_the_call),
      cmocka_unit_test(a_call_back_from_the_same_thread_fails_and_says_so_and_a_config_is_taken),
      cmocka_unit_test(a_call_from_another_thread_waits),
      cmocka_unit_test(a_host_function_may_call_another_plugin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
