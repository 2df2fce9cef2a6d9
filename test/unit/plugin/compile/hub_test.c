// The hub: a kernel with host functions spliced in, read back and run on Wasmtime's own C API.
//
// The kernel is a small stand-in that keeps the contract of the real one (kernel/kernel.h): its only import is `grow`.
// The runs that are suspended have the real one.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "kernel/embedded.h"
#include "plugin/compile/hub_shim.h"
#include "support/traps.h"
#include "unit/base/alloc_failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wasmtime.h>

static const char kernel_text[] =
    "(module"
    " (import \"ubiq:kernel\" \"grow\" (func $grow (param i32 i32) (result i32)))"
    " (table 1 1 funcref)"
    " (memory (export \"memory\") 2)"
    " (global $top (mut i32) (i32.const 1024))"
    " (global (export \"base\") i32 (i32.const 1024))"
    " (func $alloc (export \"alloc\") (param i64) (result i64)"
    "  (if (i64.gt_u (local.get 0) (i64.const 100000))"
    "   (then (if (i32.eqz (call $grow (i32.const 1) (i32.const 0))) (then (return (i64.const 0))))))"
    "  (i64.extend_i32_u (global.get $top))"
    "  (global.set $top (i32.add (global.get $top) (i32.wrap_i64 (local.get 0)))))"
    " (func (export \"root\") (result i32) (i32.load (i32.const 16)))"
    " (data (i32.const 16) \"root\"))";

static const wasm_type i64s[WASM_SIGNATURE_MAX + 1] = {
    WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64,
    WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64,
    WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64,
    WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64,
    WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64, WASM_TYPE_I64,
};
static const wasm_signature i64_to_i64 = {i64s, i64s, 1, 1};

static const hub_function double_direct = {"double", HUB_DIRECT, {i64s, i64s, 1, 1}, false};
static const hub_function double_slot = {"double", HUB_DIRECT, {i64s, i64s, 1, 1}, true};
static const hub_function greet_block = {"greet", HUB_BLOCK, {i64s, i64s, 1, 1}, false};
static const hub_function greet_slot = {"greet", HUB_BLOCK, {i64s, i64s, 1, 1}, true};

static void expect_none(ubiq_error *error) {
  if (error != NULL) fail_msg("%s", ubiq_error_message(error));
}

static void expect_error(ubiq_error *error, ubiq_code code, const char *part) {
  assert_non_null(error);
  assert_int_equal(ubiq_error_code(error), code);
  if (strstr(ubiq_error_message(error), part) == NULL)
    fail_msg("\"%s\" does not say \"%s\"", ubiq_error_message(error), part);
  ubiq_error_delete(error);
}

static wasm_byte_vec_t assemble(const char *source) {
  wasm_byte_vec_t bytes;
  assert_null(wasmtime_wat2wasm(source, strlen(source), &bytes));
  return bytes;
}

static ubiq_error *build_from(const char *kernel, const hub_function *functions, size_t count, uint8_t **wasm,
                              size_t *size) {
  wasm_byte_vec_t bytes = assemble(kernel);
  ubiq_error *error = hub_build((const uint8_t *)bytes.data, bytes.size, functions, count, wasm, size);
  wasm_byte_vec_delete(&bytes);
  return error;
}

static ubiq_error *build_error(const hub_function *functions, size_t count) {
  uint8_t *wasm = NULL;
  size_t size = 0;
  return build_from(kernel_text, functions, count, &wasm, &size);
}

// One hub on Wasmtime: an engine and a linker for any number of stores.
typedef struct fixture {
  wasm_engine_t *engine;
  wasmtime_module_t *module;
  wasmtime_linker_t *linker;
} fixture;

// One instance of it, and what its host functions know.
typedef struct run {
  wasmtime_store_t *store;
  wasmtime_context_t *context;
  wasmtime_instance_t instance;
  wasmtime_call_future_t *future;
  wasmtime_val_t argument;
  wasmtime_val_t result;
  wasm_trap_t *trap;
  wasmtime_error_t *error;
  bool is_ready;
  int64_t asked; // argument of greet's start
  int finished;  // calls of greet's finish
  char text[64];
} run;

static void expect_ok(wasmtime_error_t *error, wasm_trap_t *trap) {
  wasm_byte_vec_t message = {0};
  if (error != NULL)
    wasmtime_error_message(error, &message);
  else if (trap != NULL)
    wasm_trap_message(trap, &message);
  if (message.size > 0) fail_msg("%.*s", (int)message.size, message.data);
}

static run *run_of(wasmtime_caller_t *caller) {
  return wasmtime_context_get_data(wasmtime_caller_context(caller));
}

static wasm_trap_t *host_double(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
  (void)env, (void)caller, (void)count;
  values[0].i64 *= 2;
  return NULL;
}

static wasm_trap_t *host_greet(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
  (void)env, (void)count;
  run_of(caller)->asked = values[0].i64;
  return NULL; // the length is what was asked for
}

static wasm_trap_t *host_finish(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
  (void)env, (void)count;
  run *self = run_of(caller);
  self->finished++;
  if (values[0].i64 == 0) return wasmtime_trap_new("no block", 8);
  wasmtime_extern_t memory;
  if (!wasmtime_caller_export_get(caller, "memory", 6, &memory)) return wasmtime_trap_new("no memory", 9);
  uint8_t *data = wasmtime_memory_data(wasmtime_caller_context(caller), &memory.of.memory);
  memcpy(data + values[0].i64, self->text, (size_t)self->asked);
  return NULL;
}

static wasm_trap_t *host_grow(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
  (void)env, (void)caller, (void)count;
  values[0].i32 = 0;
  return NULL;
}

static bool is_ready(void *env) {
  return ((run *)env)->is_ready;
}

static void host_later(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *arguments, size_t count,
                       wasmtime_val_t *results, size_t results_count, wasm_trap_t **trap,
                       wasmtime_async_continuation_t *continuation) {
  (void)env, (void)count, (void)results_count, (void)trap;
  run *self = run_of(caller);
  self->asked = arguments[0].of.i64;
  results[0] = arguments[0];
  continuation->callback = is_ready;
  continuation->env = self;
  continuation->finalizer = NULL;
}

static void define(fixture *self, const char *module, const char *name, wasm_functype_t *type,
                   wasmtime_func_unchecked_callback_t callback) {
  expect_ok(wasmtime_linker_define_func_unchecked(self->linker, module, strlen(module), name, strlen(name), type,
                                                  callback, NULL, NULL),
            NULL);
  wasm_functype_delete(type);
}

static wasm_functype_t *type_i64_i64(void) {
  return wasm_functype_new_1_1(wasm_valtype_new_i64(), wasm_valtype_new_i64());
}

static void define_host(fixture *self, bool later) {
  define(self, "ubiq:kernel", "grow",
         wasm_functype_new_2_1(wasm_valtype_new_i32(), wasm_valtype_new_i32(), wasm_valtype_new_i32()), host_grow);
  define(self, "finish", "greet", wasm_functype_new_1_0(wasm_valtype_new_i64()), host_finish);
  define(self, "host", "double", type_i64_i64(), host_double);
  if (!later) {
    define(self, "host", "greet", type_i64_i64(), host_greet);
    return;
  }
  wasm_functype_t *type = type_i64_i64();
  expect_ok(wasmtime_linker_define_async_func(self->linker, "host", 4, "greet", 5, type, host_later, NULL, NULL), NULL);
  wasm_functype_delete(type);
}

static fixture open_module(uint8_t *wasm, size_t size, bool later) {
  // A thousand plugins at once: reserve what they use, ThreadSanitizer leaves little address space.
  wasm_config_t *config = wasm_config_new();
  wasmtime_config_memory_reservation_set(config, 1 << 20);
  wasmtime_config_memory_guard_size_set(config, 0);
  wasmtime_config_wasm_custom_page_sizes_set(config, true); // the kernel's
  fixture self = {.engine = wasm_engine_new_with_config(config)};
  expect_ok(wasmtime_module_new(self.engine, wasm, size, &self.module), NULL);
  free(wasm);
  self.linker = wasmtime_linker_new(self.engine);
  define_host(&self, later);
  return self;
}

static fixture open_hub(const hub_function *functions, size_t count, bool later) {
  uint8_t *wasm;
  size_t size;
  expect_none(build_from(kernel_text, functions, count, &wasm, &size));
  return open_module(wasm, size, later);
}

static fixture open_real_hub(const hub_function *functions, size_t count, bool later) {
  uint8_t *wasm;
  size_t size;
  expect_none(hub_build(kernel_host_wasm, kernel_host_wasm_size, functions, count, &wasm, &size));
  return open_module(wasm, size, later);
}

static void close_hub(fixture *self) {
  wasmtime_linker_delete(self->linker);
  wasmtime_module_delete(self->module);
  wasm_engine_delete(self->engine);
}

static void open_run(fixture *self, run *out) {
  *out = (run){.text = "hello"};
  out->store = wasmtime_store_new(self->engine, out, NULL);
  out->context = wasmtime_store_context(out->store);
  expect_ok(wasmtime_linker_instantiate(self->linker, out->context, self->module, &out->instance, &out->trap),
            out->trap);
}

static void close_run(run *self) {
  if (self->future != NULL) wasmtime_call_future_delete(self->future);
  if (self->trap != NULL) wasm_trap_delete(self->trap);
  if (self->error != NULL) wasmtime_error_delete(self->error);
  wasmtime_store_delete(self->store);
}

static wasmtime_func_t export_of(run *self, const char *name) {
  wasmtime_extern_t item;
  assert_true(wasmtime_instance_export_get(self->context, &self->instance, name, strlen(name), &item));
  assert_int_equal(item.kind, WASMTIME_EXTERN_FUNC);
  return item.of.func;
}

// Calls an export of type (i64) -> i64; why it ended is left in the run.
static int64_t try_call(run *self, const char *name, int64_t argument) {
  wasmtime_func_t function = export_of(self, name);
  wasmtime_val_raw_t values[1] = {{.i64 = argument}};
  self->error = wasmtime_func_call_unchecked(self->context, &function, values, 1, &self->trap);
  return values[0].i64;
}

static int64_t call(run *self, const char *name, int64_t argument) {
  int64_t result = try_call(self, name, argument);
  expect_ok(self->error, self->trap);
  return result;
}

static const char *text_at(run *self, int64_t offset) {
  wasmtime_extern_t memory;
  assert_true(wasmtime_instance_export_get(self->context, &self->instance, "memory", 6, &memory));
  return (const char *)wasmtime_memory_data(self->context, &memory.of.memory) + offset;
}

static void fill_slot(fixture *self, run *at, const char *slot, const char *name) {
  wasmtime_extern_t global, function;
  assert_true(wasmtime_instance_export_get(at->context, &at->instance, slot, strlen(slot), &global));
  assert_true(wasmtime_linker_get(self->linker, at->context, "host", 4, name, strlen(name), &function));
  wasmtime_val_t value = {.kind = WASMTIME_FUNCREF, .of.funcref = function.of.func};
  expect_ok(wasmtime_global_set(at->context, &global.of.global, &value), NULL);
}

static void the_hub_exports_the_kernels_functions_and_the_hosts(void **state) {
  (void)state;
  const hub_function functions[] = {double_direct, greet_slot};
  uint8_t *wasm;
  size_t size;
  wasm_module *module;
  expect_none(build_from(kernel_text, functions, 2, &wasm, &size));
  expect_none(wasm_module_read(wasm, size, &module));
  static const char *const names[] = {"memory",         "base",   "alloc", "root",
                                      HUB_GROW_REFUSED, "double", "greet", "slot:greet"};
  assert_int_equal(module->exports_count, 8);
  for (size_t i = 0; i < 8; i++) assert_string_equal(module->exports[i].name, names[i]);
  assert_int_equal(module->imports_count, 3); // grow, double, finish of greet
  assert_string_equal(module->imports[1].module, "host");
  assert_string_equal(module->imports[2].module, "finish");
  assert_true(wasm_signature_equal(&wasm_module_export(module, "alloc")->signature, &i64_to_i64));
  assert_true(wasm_signature_equal(&wasm_module_export(module, "greet")->signature, &i64_to_i64));
  assert_true(wasm_module_export(module, "slot:greet")->is_mutable);
  assert_int_equal(wasm_module_export(module, "slot:greet")->value_type, WASM_TYPE_OTHER);
  wasm_module_free(module);
  free(wasm);
}

static void a_block_of_the_guests_is_made_by_the_guest(void **state) {
  (void)state;
  static const hub_function guest_block = {"ask", HUB_GUEST_BLOCK, {i64s, i64s, 1, 1}, false};
  const hub_function functions[] = {double_direct, guest_block, greet_block};
  uint8_t *wasm;
  size_t size;
  wasm_module *module;
  expect_none(build_from(kernel_text, functions, 3, &wasm, &size));
  expect_none(wasm_module_read(wasm, size, &module));
  static const char *const modules[] = {"ubiq:kernel", "host",           "host",           "finish",        "host",
                                        "finish",      HUB_GUEST_MODULE, HUB_GUEST_MODULE, HUB_GUEST_MODULE};
  static const char *const names[] = {"grow",  "double",        "ask",          "ask",           "greet",
                                      "greet", HUB_GUEST_ALLOC, HUB_GUEST_FREE, HUB_GUEST_HANDLE};
  assert_int_equal(module->imports_count, 9);
  for (size_t i = 0; i < 9; i++) {
    assert_string_equal(module->imports[i].module, modules[i]);
    assert_string_equal(module->imports[i].name, names[i]);
  }
  assert_true(wasm_signature_equal(&wasm_module_export(module, "ask")->signature, &i64_to_i64));
  wasm_module_free(module);
  free(wasm);
}

static void a_call_of_the_guest_asks_the_host_where_its_input_goes_to_alone(void **state) {
  (void)state;
  static const wasm_type i32s[HUB_CALL_PARAMS] = {WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32,
                                                  WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32};
  const wasm_signature signature = {i32s, i64s, HUB_CALL_PARAMS, 1};
  const hub_function call = {"call", HUB_GUEST_CALL, signature, false};
  uint8_t *wasm;
  size_t size;
  wasm_module *module;
  expect_none(build_from(kernel_text, &call, 1, &wasm, &size));
  expect_none(wasm_module_read(wasm, size, &module));
  static const char *const names[] = {"grow", "call", HUB_GUEST_ALLOC, HUB_GUEST_FREE, HUB_GUEST_HANDLE};
  assert_int_equal(module->imports_count, 5);
  for (size_t i = 0; i < 5; i++) assert_string_equal(module->imports[i].name, names[i]);
  assert_string_equal(module->imports[1].module, "finish");
  assert_true(wasm_signature_equal(&wasm_module_export(module, "call")->signature, &signature));
  wasm_module_free(module);
  free(wasm);
}

static void a_hub_without_functions_is_the_kernel(void **state) {
  (void)state;
  fixture hub = open_hub(NULL, 0, false);
  run one;
  open_run(&hub, &one);
  assert_int_equal(call(&one, "alloc", 8), 1024);
  assert_int_equal(call(&one, "alloc", 8), 1032);
  assert_memory_equal(text_at(&one, 16), "root", 4);
  close_run(&one);
  close_hub(&hub);
}

static void a_direct_function_reaches_the_host(void **state) {
  (void)state;
  fixture hub = open_hub(&double_direct, 1, false);
  run one;
  open_run(&hub, &one);
  assert_int_equal(call(&one, "double", 21), 42);
  close_run(&one);
  close_hub(&hub);
}

static void a_block_function_answers_with_a_block_that_finish_filled(void **state) {
  (void)state;
  fixture hub = open_hub(&greet_block, 1, false);
  run one;
  open_run(&hub, &one);
  int64_t block = call(&one, "greet", 5);
  assert_int_equal(block, 1024);
  assert_memory_equal(text_at(&one, block), "hello", 5);
  assert_int_equal(call(&one, "alloc", 1), 1029);
  close_run(&one);
  close_hub(&hub);
}

static void a_length_of_zero_or_less_answers_zero_without_finish(void **state) {
  (void)state;
  fixture hub = open_hub(&greet_block, 1, false);
  run one;
  open_run(&hub, &one);
  assert_int_equal(call(&one, "greet", 0), 0);
  assert_int_equal(call(&one, "greet", -1), 0);
  assert_int_equal(call(&one, "greet", INT64_MIN), 0);
  assert_int_equal(one.finished, 0);
  close_run(&one);
  close_hub(&hub);
}

static void a_block_that_cannot_be_had_calls_finish_with_zero(void **state) {
  (void)state;
  fixture hub = open_hub(&greet_block, 1, false);
  run one;
  open_run(&hub, &one);
  try_call(&one, "greet", INT64_MAX);
  assert_int_equal(one.finished, 1);
  assert_true(one.error != NULL || one.trap != NULL);
  close_run(&one);
  close_hub(&hub);
}

static void a_function_in_a_slot_is_called_through_its_global(void **state) {
  (void)state;
  fixture hub = open_hub(&double_slot, 1, false);
  run one;
  open_run(&hub, &one);
  fill_slot(&hub, &one, "slot:double", "double");
  assert_int_equal(call(&one, "double", 21), 42);
  close_run(&one);
  close_hub(&hub);
}

static void an_empty_slot_traps(void **state) {
  (void)state;
  fixture hub = open_hub(&double_slot, 1, false);
  run one;
  open_run(&hub, &one);
  traps_restore();
  try_call(&one, "double", 21);
  assert_true(one.error != NULL || one.trap != NULL);
  close_run(&one);
  close_hub(&hub);
}

static void start_waiting(fixture *hub, run *self, int64_t length) {
  open_run(hub, self);
  fill_slot(hub, self, "slot:greet", "greet");
  snprintf(self->text, sizeof self->text, "answer to run number %d", (int)length);
  wasmtime_func_t function = export_of(self, "greet");
  self->argument = (wasmtime_val_t){.kind = WASMTIME_I64, .of.i64 = length};
  self->future = wasmtime_func_call_async(self->context, &function, &self->argument, 1, &self->result, 1, &self->trap,
                                          &self->error);
  assert_false(wasmtime_call_future_poll(self->future));
}

static void finish_waiting(run *self) {
  assert_int_equal(self->finished, 0);
  assert_false(wasmtime_call_future_poll(self->future));
  self->is_ready = true;
  assert_true(wasmtime_call_future_poll(self->future));
  expect_ok(self->error, self->trap);
  assert_int_equal(self->finished, 1);
  assert_memory_equal(text_at(self, self->result.of.i64), self->text, (size_t)self->argument.of.i64);
}

static void a_thousand_runs_suspended_at_once_each_answer_with_a_block(void **state) {
  (void)state;
  enum { RUNS = 1000 };
  const hub_function functions[] = {double_direct, greet_slot};
  fixture hub = open_real_hub(functions, 2, true);
  run *runs = calloc(RUNS, sizeof *runs);
  assert_non_null(runs);
  for (int i = 0; i < RUNS; i++) start_waiting(&hub, &runs[i], 1 + i % 40);
  for (int i = RUNS - 1; i >= 0; i--) finish_waiting(&runs[i]);
  for (int i = 0; i < RUNS; i++) close_run(&runs[i]);
  free(runs);
  close_hub(&hub);
}

static void the_real_kernel_keeps_its_contract_with_the_hub(void **state) {
  (void)state;
  fixture hub = open_real_hub(&greet_block, 1, false);
  run one;
  open_run(&hub, &one);
  int64_t first = call(&one, "greet", 5);
  int64_t second = call(&one, "greet", 4);
  assert_memory_equal(text_at(&one, first), "hello", 5);
  assert_memory_equal(text_at(&one, second), "hell", 4);
  assert_int_equal(call(&one, "length", first), 5);
  assert_int_equal(call(&one, "length", second), 4);
  assert_int_equal(call(&one, "greet", 0), 0);
  close_run(&one);
  close_hub(&hub);
}

static void a_hub_of_many_functions_of_every_kind_is_a_valid_module(void **state) {
  (void)state;
  enum { MANY = 400 };
  static const wasm_type mixed[] = {WASM_TYPE_I32, WASM_TYPE_F32,     WASM_TYPE_F64,      WASM_TYPE_V128,
                                    WASM_TYPE_I64, WASM_TYPE_FUNCREF, WASM_TYPE_EXTERNREF};
  static char names[MANY][16];
  static hub_function functions[MANY];
  for (int i = 0; i < MANY; i++) {
    snprintf(names[i], sizeof names[i], "f%d", i);
    bool is_block = i % 2 == 0;
    wasm_signature signature = {is_block ? i64s : mixed, i64s, (uint16_t)(is_block ? i % 32 : i % 8), 1};
    functions[i] = (hub_function){names[i], is_block ? HUB_BLOCK : HUB_DIRECT, signature, i % 3 == 0};
  }
  uint8_t *wasm;
  size_t size;
  expect_none(build_from(kernel_text, functions, MANY, &wasm, &size));
  wasm_engine_t *engine = wasm_engine_new();
  expect_ok(wasmtime_module_validate(engine, wasm, size), NULL);
  wasm_engine_delete(engine);
  free(wasm);
}

static void two_functions_of_one_name_are_refused(void **state) {
  (void)state;
  const hub_function functions[] = {double_direct, double_slot};
  expect_error(build_error(functions, 2), UBIQ_INVALID_INPUT, "host function double is there twice");
}

static void a_function_with_a_kernel_functions_name_is_refused(void **state) {
  (void)state;
  hub_function function = double_direct;
  function.name = "alloc";
  expect_error(build_error(&function, 1), UBIQ_INVALID_INPUT, "host function alloc");
}

static void a_function_with_the_name_of_a_slot_is_refused(void **state) {
  (void)state;
  hub_function function = double_direct;
  function.name = "slot:greet";
  expect_error(build_error(&function, 1), UBIQ_INVALID_INPUT, "slot:greet");
}

static void a_function_with_too_many_parameters_is_refused(void **state) {
  (void)state;
  hub_function function = double_direct;
  function.signature.params_count = WASM_SIGNATURE_MAX + 1;
  expect_error(build_error(&function, 1), UBIQ_INVALID_INPUT, "more than 32 parameters");
}

static void a_function_with_a_reference_of_its_own_type_is_refused(void **state) {
  (void)state;
  static const wasm_type other = WASM_TYPE_OTHER;
  hub_function function = double_direct;
  function.signature.params = &other;
  expect_error(build_error(&function, 1), UBIQ_INVALID_INPUT, "reference of its own type");
}

static void a_block_function_without_an_i64_result_is_refused(void **state) {
  (void)state;
  static const wasm_type i32 = WASM_TYPE_I32;
  hub_function function = greet_block;
  function.signature.results = &i32;
  expect_error(build_error(&function, 1), UBIQ_INTERNAL, "one result, i64");
  function.signature.results_count = 0;
  expect_error(build_error(&function, 1), UBIQ_INTERNAL, "one result, i64");
}

static void a_kernel_that_is_not_as_it_must_be_is_an_internal_error(void **state) {
  (void)state;
  static const struct {
    const char *kernel;
    const char *part;
  } cases[] = {
      {"(module (func (export \"alloc\") (param i64) (result i64) i64.const 0))", "exactly one function"},
      {"(module (import \"a\" \"b\" (global i32)))", "exactly one function"},
      {"(module (import \"a\" \"b\" (func)))", "must export alloc"},
      {"(module (import \"a\" \"b\" (func)) (memory (export \"alloc\") 1))", "must export alloc"},
      {"(module (import \"a\" \"b\" (func)) (func $s) (start $s))", "neither a start function"},
      {"(module (import \"a\" \"b\" (func)) (table 1 funcref) (elem (i32.const 0) 0))", "nor element segments"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t *wasm;
    size_t size;
    expect_error(build_from(cases[i].kernel, NULL, 0, &wasm, &size), UBIQ_INTERNAL, cases[i].part);
  }
  uint8_t *wasm;
  size_t size;
  expect_error(hub_build((const uint8_t *)"junk", 4, NULL, 0, &wasm, &size), UBIQ_INTERNAL, "header");
}

static bool attempt_build(void *user) {
  const wasm_byte_vec_t *kernel = user;
  const hub_function functions[] = {double_slot, greet_slot};
  uint8_t *wasm = NULL;
  size_t size;
  ubiq_error *error = hub_build((const uint8_t *)kernel->data, kernel->size, functions, 2, &wasm, &size);
  bool ok = error == NULL;
  if (ok) free(wasm);
  ubiq_error_delete(error);
  return ok;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  wasm_byte_vec_t kernel = assemble(kernel_text);
  assert_true(alloc_failure_sweep(attempt_build, &kernel) > 10);
  wasm_byte_vec_delete(&kernel);
}

int main(void) {
  wasm_engine_delete(wasm_engine_new());
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_hub_exports_the_kernels_functions_and_the_hosts),
      cmocka_unit_test(a_block_of_the_guests_is_made_by_the_guest),
      cmocka_unit_test(a_call_of_the_guest_asks_the_host_where_its_input_goes_to_alone),
      cmocka_unit_test(a_hub_without_functions_is_the_kernel),
      cmocka_unit_test(a_direct_function_reaches_the_host),
      cmocka_unit_test(a_block_function_answers_with_a_block_that_finish_filled),
      cmocka_unit_test(a_length_of_zero_or_less_answers_zero_without_finish),
      cmocka_unit_test(a_block_that_cannot_be_had_calls_finish_with_zero),
      cmocka_unit_test(a_function_in_a_slot_is_called_through_its_global),
      cmocka_unit_test(an_empty_slot_traps),
      cmocka_unit_test(a_thousand_runs_suspended_at_once_each_answer_with_a_block),
      cmocka_unit_test(the_real_kernel_keeps_its_contract_with_the_hub),
      cmocka_unit_test(a_hub_of_many_functions_of_every_kind_is_a_valid_module),
      cmocka_unit_test(two_functions_of_one_name_are_refused),
      cmocka_unit_test(a_function_with_a_kernel_functions_name_is_refused),
      cmocka_unit_test(a_function_with_the_name_of_a_slot_is_refused),
      cmocka_unit_test(a_function_with_too_many_parameters_is_refused),
      cmocka_unit_test(a_function_with_a_reference_of_its_own_type_is_refused),
      cmocka_unit_test(a_block_function_without_an_i64_result_is_refused),
      cmocka_unit_test(a_kernel_that_is_not_as_it_must_be_is_an_internal_error),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
