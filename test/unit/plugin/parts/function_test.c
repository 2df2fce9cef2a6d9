// Host functions of the embedder: every type of value, errors, several plugins, life time, calls back into the plugin.
#include "plugin/parts/function.h"
#include "unit/plugin/plugin_testing.h"

#include "plugin/parts/blocks.h"

static const wasm_type I32 = WASM_TYPE_I32, I64 = WASM_TYPE_I64, F32 = WASM_TYPE_F32, F64 = WASM_TYPE_F64;

static ubiq_function *make(const char *name, const wasm_type *params, uint16_t params_count, const wasm_type *results,
                           uint16_t results_count, function_callback call) {
  wasm_signature signature = {
      .params = params, .results = results, .params_count = params_count, .results_count = results_count};
  ubiq_function *function = NULL;
  assert_success(function_new(name, &signature, &function));
  function->call = call;
  return function;
}

/// A plugin with host functions, in one of the two ways to run. Functions are given up when it was compiled.
typedef struct setting {
  test_loop loop;
  instance one;
  ubiq_compiled *compiled;
} setting;

static void open_bytes(setting *self, int mode, const uint8_t *source, size_t size, ubiq_function **functions,
                       size_t count) {
  ubiq_compile_options options = {.functions = (const ubiq_function *const *)functions,
                                  .functions_count = count,
                                  .suspends = mode == 1,
                                  .memory_bytes_max = 16 << 20};
  assert_success(ubiq_compiled_new(source, size, &options, &self->compiled));
  for (size_t i = 0; i < count; i++) function_release(functions[i]);
  test_loop_open(&self->loop);
  assert_success(instance_open(&self->one, self->compiled, mode ? &self->loop : NULL, NULL));
}

static void open_text(setting *self, int mode, const char *text, ubiq_function **functions, size_t count) {
  open_bytes(self, mode, (const uint8_t *)text, strlen(text), functions, count);
}

static void open_guest(setting *self, int mode, const char *guest, ubiq_function **functions, size_t count) {
  buffer bytes = guest_read(guest);
  open_bytes(self, mode, bytes.data, bytes.size, functions, count);
  buffer_free(&bytes);
}

static void close_setting(setting *self) {
  instance_close(&self->one);
  ubiq_compiled_delete(self->compiled);
  test_loop_close(&self->loop);
}

// -- Values --

#define CALLBACK(name)                                                                                                 \
  static ubiq_error *name(ubiq_plugin *plugin, const engine_value *inputs, engine_value *outputs,                      \
                          const ubiq_function *function)
#define UNUSED (void)plugin, (void)inputs, (void)outputs, (void)function

CALLBACK(plus_i32) {
  UNUSED;
  outputs[0].i32 = (int32_t)((uint32_t)inputs[0].i32 + 1);
  return NULL;
}
CALLBACK(plus_i64) {
  UNUSED;
  outputs[0].i64 = inputs[0].i64 + 1;
  return NULL;
}
CALLBACK(plus_f32) {
  UNUSED;
  outputs[0].f32 = inputs[0].f32 + 1;
  return NULL;
}
CALLBACK(plus_f64) {
  UNUSED;
  outputs[0].f64 = inputs[0].f64 + 1;
  return NULL;
}
CALLBACK(nothing) {
  UNUSED;
  return NULL;
}
CALLBACK(sum) {
  UNUSED;
  outputs[0].f64 = inputs[0].i32 + (double)inputs[1].i64 + inputs[2].f32 + inputs[3].f64;
  return NULL;
}
CALLBACK(pair) {
  UNUSED;
  outputs[0].i32 = (int32_t)inputs[0].i64;
  outputs[1].f64 = (double)inputs[0].i64 / 2;
  return NULL;
}

static void every_type_of_value_crosses(void **state) {
  (void)state;
  static const char *const calls[] = {"call_i32",     "call_i64",   "call_f32", "call_f64",
                                      "call_nothing", "call_mixed", "call_pair"};
  static const wasm_type mixed[] = {WASM_TYPE_I32, WASM_TYPE_I64, WASM_TYPE_F32, WASM_TYPE_F64};
  static const wasm_type two[] = {WASM_TYPE_I32, WASM_TYPE_F64};
  for (int mode = 0; mode < MODES; mode++) {
    setting self;
    ubiq_function *functions[] = {
        make("host_i32", &I32, 1, &I32, 1, plus_i32),    make("host_i64", &I64, 1, &I64, 1, plus_i64),
        make("host_f32", &F32, 1, &F32, 1, plus_f32),    make("host_f64", &F64, 1, &F64, 1, plus_f64),
        make("host_nothing", NULL, 0, NULL, 0, nothing), make("host_mixed", mixed, 4, &F64, 1, sum),
        make("host_pair", &I64, 1, two, 2, pair),
    };
    assert_success(function_set_module(functions[6], "my/namespace"));
    open_guest(&self, mode, "host_types", functions, 7);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) assert_output(&self.one, calls[i], "", "");
    close_setting(&self);
  }
}

CALLBACK(swap_halves) {
  UNUSED;
  memcpy(outputs[0].v128, inputs[0].v128 + 8, 8);
  memcpy(outputs[0].v128 + 8, inputs[0].v128, 8);
  return NULL;
}
CALLBACK(is_all_null) {
  UNUSED;
  outputs[0].i32 = inputs[0].i64 == 0 && inputs[1].i64 == 0;
  return NULL;
}

// Skips where host functions take numbers alone, which is said when one is linked.
static void need_vectors(void) {
  static const wasm_type v128 = WASM_TYPE_V128;
  ubiq_function *function = make("f", &v128, 1, NULL, 0, swap_halves);
  const ubiq_function *functions[] = {function};
  ubiq_compile_options options = {.functions = functions, .functions_count = 1};
  ubiq_compiled *compiled;
  ubiq_error *error =
      text_compile("(module (import \"extism:host/user\" \"f\" (func (param v128))))", &options, &compiled);
  ubiq_code code = ubiq_error_code(error);
  ubiq_error_delete(error);
  ubiq_compiled_delete(compiled);
  function_release(function);
  if (!code) return;
  assert_int_equal(code, UBIQ_INVALID_INPUT);
  assert_false(is_default_engine());
  skip();
}

static void vectors_and_null_references_cross(void **state) {
  (void)state;
  need_vectors();
  static const wasm_type v128 = WASM_TYPE_V128;
  static const wasm_type references[] = {WASM_TYPE_FUNCREF, WASM_TYPE_EXTERNREF};
  static const char source[] =
      "(module (import \"extism:host/user\" \"swap\" (func $swap (param v128) (result v128)))"
      " (import \"extism:host/user\" \"null\" (func $null (param funcref externref) (result i32)))"
      " (func (export \"v\") (result i32) (i64.ne (i64x2.extract_lane 0 (call $swap (v128.const i64x2 1 2)))"
      "   (i64.const 2)))"
      " (func (export \"r\") (result i32) (i32.eqz (call $null (ref.null func) (ref.null extern)))))";
  for (int mode = 0; mode < MODES; mode++) {
    setting self;
    ubiq_function *functions[] = {make("swap", &v128, 1, &v128, 1, swap_halves),
                                  make("null", references, 2, &I32, 1, is_all_null)};
    open_text(&self, mode, source, functions, 2);
    assert_output(&self.one, "v", "", "");
    assert_output(&self.one, "r", "", "");
    close_setting(&self);
  }
}

CALLBACK(sum_all) {
  UNUSED;
  for (int i = 0; i < WASM_SIGNATURE_MAX; i++) outputs[i].i64 = inputs[i].i64 * 2;
  return NULL;
}

static void as_many_values_as_there_may_be_cross(void **state) {
  (void)state;
  wasm_type many[WASM_SIGNATURE_MAX + 1];
  buffer text = {0};
  for (int i = 0; i <= WASM_SIGNATURE_MAX; i++) many[i] = WASM_TYPE_I64;
  assert_true(buffer_append_string(&text, "(module (import \"extism:host/user\" \"f\" (func $f (param"));
  for (int i = 0; i < WASM_SIGNATURE_MAX; i++) assert_true(buffer_append_string(&text, " i64"));
  assert_true(buffer_append_string(&text, ") (result"));
  for (int i = 0; i < WASM_SIGNATURE_MAX; i++) assert_true(buffer_append_string(&text, " i64"));
  assert_true(buffer_append_string(&text, "))) (func (export \"f\") (result i32)"));
  for (int i = 0; i < WASM_SIGNATURE_MAX; i++) assert_true(buffer_printf(&text, " (i64.const %d)", i));
  assert_true(buffer_append_string(&text, " (call $f)"));
  for (int i = 1; i < WASM_SIGNATURE_MAX; i++) assert_true(buffer_append_string(&text, " (i64.add)"));
  assert_true(buffer_append_string(&text, " (i64.const 992) (i64.ne)))"));
  for (int mode = 0; mode < MODES; mode++) {
    setting self;
    ubiq_function *function = make("f", many, WASM_SIGNATURE_MAX, many, WASM_SIGNATURE_MAX, sum_all);
    open_text(&self, mode, buffer_string(&text), &function, 1);
    assert_output(&self.one, "f", "", "");
    close_setting(&self);
  }
  buffer_free(&text);
  ubiq_function *function = NULL;
  wasm_signature signature = {.params = many, .params_count = WASM_SIGNATURE_MAX + 1};
  assert_error_code(function_new("f", &signature, &function), UBIQ_INVALID_INPUT);
  signature = (wasm_signature){.results = many, .results_count = WASM_SIGNATURE_MAX + 1};
  assert_error_code(function_new("f", &signature, &function), UBIQ_INVALID_INPUT);
}

// -- Blocks --

// Reverses the block in place: what a host function may do without calling into the store.
CALLBACK(reverse_in_place) {
  (void)function;
  engine_memory memory = plugin_kernel_memory(plugin);
  uint64_t offset = (uint64_t)inputs[0].i64, length = blocks_length(&memory, offset);
  outputs[0].i64 = inputs[0].i64;
  uint8_t *bytes = length ? engine_memory_span(&memory, offset, length) : NULL;
  for (uint64_t i = 0; bytes && i < length / 2; i++) {
    uint8_t byte = bytes[i];
    bytes[i] = bytes[length - 1 - i];
    bytes[length - 1 - i] = byte;
  }
  return NULL;
}

static void blocks_are_handed_to_and_fro(void **state) {
  (void)state;
  static const char source[] =
      "(module (import \"extism:host/user\" \"reverse\" (func $reverse (param i64) (result i64)))"
      " (import \"extism:host/env\" \"input_offset\" (func $offset (result i64)))"
      " (import \"extism:host/env\" \"input_length\" (func $length (result i64)))"
      " (import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))"
      " (func (export \"f\") (result i32) (call $output (call $reverse (call $offset)) (call $length)) (i32.const 0)))";
  for (int mode = 0; mode < MODES; mode++) {
    setting self;
    ubiq_function *function = make("reverse", &I64, 1, &I64, 1, reverse_in_place);
    open_text(&self, mode, source, &function, 1);
    assert_output(&self.one, "f", "stressed", "desserts");
    assert_output(&self.one, "f", "", "");
    close_setting(&self);
  }
}

// -- Errors --

CALLBACK(refuse) {
  UNUSED;
  return ubiq_error_new((ubiq_code)(intptr_t)function->user, "the host said no");
}

static const char calls_host[] = "(module (import \"extism:host/user\" \"f\" (func $f))"
                                 " (func (export \"f\") (result i32) (call $f) (i32.const 0))"
                                 " (func (export \"fine\") (result i32) (i32.const 0)))";

static void errors_of_host_functions_end_the_call_as_they_are(void **state) {
  (void)state;
  static const ubiq_code codes[] = {UBIQ_DENIED, UBIQ_INTERNAL, UBIQ_QUOTA, UBIQ_UNAVAILABLE, UBIQ_CANCELLED};
  for (int mode = 0; mode < MODES; mode++)
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
      setting self;
      ubiq_function *function = make("f", NULL, 0, NULL, 0, refuse);
      function->user = (void *)(intptr_t)codes[i];
      open_text(&self, mode, calls_host, &function, 1);
      for (int k = 0; k < 3; k++) {
        assert_error_with(instance_call(&self.one, "f", "", NULL), codes[i], "the host said no");
        assert_output(&self.one, "fine", "", "");
      }
      close_setting(&self);
    }
}

// -- Life --

static int deletions;

static void count_deletion(void *user) {
  deletions += user == &deletions;
}

static void a_functions_data_is_deleted_once_when_its_last_plugin_goes(void **state) {
  (void)state;
  ubiq_function *function = make("f", NULL, 0, NULL, 0, nothing);
  function->user = &deletions;
  function->user_delete = count_deletion;
  deletions = 0;
  ubiq_compile_options options = {.functions = (const ubiq_function *const *)&function, .functions_count = 1};
  ubiq_compiled *one, *other, *failed;
  assert_success(text_compile(calls_host, &options, &one));
  assert_success(text_compile(calls_host, &options, &other));
  assert_error_code(text_compile("(module (import \"a\" \"b\" (func)))", &options, &failed), UBIQ_INVALID_INPUT);
  function_release(function);
  ubiq_compiled_delete(one);
  assert_int_equal(deletions, 0);
  ubiq_plugin *plugin;
  assert_success(ubiq_plugin_new(other, &plugin));
  ubiq_compiled_delete(other);
  assert_int_equal(deletions, 0);
  ubiq_plugin_delete(plugin);
  assert_int_equal(deletions, 1);
}

CALLBACK(call_back) {
  (void)inputs;
  (void)outputs;
  (void)function;
  ubiq_bytes output;
  return ubiq_plugin_call(plugin, "fine", (ubiq_bytes){0}, &output);
}

static void a_host_function_may_not_call_its_plugin(void **state) {
  (void)state;
  setting self;
  ubiq_function *function = make("f", NULL, 0, NULL, 0, call_back);
  open_text(&self, 0, calls_host, &function, 1);
  assert_error_with(instance_call(&self.one, "f", "", NULL), UBIQ_BUSY, "may not call back into it");
  assert_output(&self.one, "fine", "", "");
  close_setting(&self);
}

static ubiq_plugin *another;

CALLBACK(call_another) {
  (void)plugin;
  (void)inputs;
  (void)outputs;
  (void)function;
  ubiq_bytes output;
  return ubiq_plugin_call(another, "hello", (ubiq_bytes){(const uint8_t *)"you", 3}, &output);
}

static void a_host_function_may_call_another_plugin(void **state) {
  (void)state;
  setting self;
  ubiq_compiled *compiled = guest_compile("hello", NULL);
  assert_success(ubiq_plugin_new(compiled, &another));
  ubiq_compiled_delete(compiled);
  ubiq_function *function = make("f", NULL, 0, NULL, 0, call_another);
  open_text(&self, 0, calls_host, &function, 1);
  for (int i = 0; i < 3; i++) assert_output(&self.one, "f", "", "");
  close_setting(&self);
  ubiq_plugin_delete(another);
}

// The kernel's alloc from within a host function, as the C ABI's extism_current_plugin_memory_alloc does it.
CALLBACK(alloc_inside) {
  (void)inputs;
  (void)function;
  engine_function alloc;
  engine_value value = {.i64 = 5};
  if (!plugin_kernel_function(plugin, "alloc", &alloc)) return ubiq_error_new(UBIQ_INTERNAL, "the kernel has no alloc");
  ubiq_error *error = engine_call_now(plugin->store, &alloc, &value, 1);
  if (error) return error;
  engine_memory memory = plugin_kernel_memory(plugin);
  memcpy(engine_memory_span(&memory, (uint64_t)value.i64, 5), "inner", 5);
  outputs[0].i64 = value.i64;
  return NULL;
}

static void a_host_function_may_call_the_kernel_on_the_callers_stack(void **state) {
  (void)state;
  static const char source[] =
      "(module (import \"extism:host/user\" \"f\" (func $f (result i64)))"
      " (import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))"
      " (func (export \"f\") (result i32) (call $output (call $f) (i64.const 5)) (i32.const 0)))";
  setting self;
  ubiq_function *function = make("f", NULL, 0, &I64, 1, alloc_inside);
  open_text(&self, 0, source, &function, 1);
  for (int i = 0; i < 3; i++) assert_output(&self.one, "f", "", "inner");
  close_setting(&self);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_of_value_crosses),
      cmocka_unit_test(vectors_and_null_references_cross),
      cmocka_unit_test(as_many_values_as_there_may_be_cross),
      cmocka_unit_test(blocks_are_handed_to_and_fro),
      cmocka_unit_test(errors_of_host_functions_end_the_call_as_they_are),
      cmocka_unit_test(a_functions_data_is_deleted_once_when_its_last_plugin_goes),
      cmocka_unit_test(a_host_function_may_not_call_its_plugin),
      cmocka_unit_test(a_host_function_may_call_another_plugin),
      cmocka_unit_test(a_host_function_may_call_the_kernel_on_the_callers_stack),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
