// Limits put into code, on an engine that has limits of its own too: a second module plays the host.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/file.h"
#include "engine/wasm_fence.h"
#include "engine_testing.h"
#include "unit/base/alloc_failure.h"

#include <dirent.h>
#include <stdio.h>

// Ends the call when the stack is used up, or when it was called `most` times.
static const char host_text[] =
    "(module"
    " (import \"m\" \"ubiq:stack\" (global $stack (mut i32)))"
    " (import \"m\" \"ubiq:due\" (global $due (mut i32)))"
    " (import \"m\" \"ubiq:pages\" (global $pages (mut i32)))"
    " (import \"m\" \"ubiq:elements\" (global $elements (mut i32)))"
    " (import \"m\" \"ubiq:fence\" (table 1 1 funcref))"
    " (global $calls (mut i32) (i32.const 0)) (global $most (mut i32) (i32.const 1000000))"
    " (func $fence (global.set $calls (i32.add (global.get $calls) (i32.const 1)))"
    "  (if (i32.lt_s (global.get $stack) (i32.const 0)) (then unreachable))"
    "  (if (i32.ge_s (global.get $calls) (global.get $most)) (then unreachable))"
    "  (global.set $due (i32.const 0)))"
    " (elem (i32.const 0) $fence)"
    " (func (export \"stack\") (param i32) (result i32) (global.get $stack) (global.set $stack (local.get 0)))"
    " (func (export \"due\") (param i32) (result i32) (global.get $due) (global.set $due (local.get 0)))"
    " (func (export \"pages\") (param i32) (result i32) (global.get $pages) (global.set $pages (local.get 0)))"
    " (func (export \"elements\") (param i32) (result i32) (global.get $elements) (global.set $elements (local.get 0)))"
    " (func (export \"most\") (param i32) (result i32) (global.get $most) (global.set $most (local.get 0)))"
    " (func (export \"calls\") (param i32) (result i32) (global.get $calls)))";

static engine *one_engine;

typedef struct world {
  engine_image *image;
  engine_store *store;
} world;

typedef struct bytes {
  uint8_t *data;
  size_t size;
} bytes;

static ubiq_error *fence(const bytes *wasm, bytes *out) {
  wasm_fence_sizes sizes;
  *out = (bytes){0};
  return wasm_fence(wasm->data, wasm->size, &out->data, &out->size, &sizes);
}

static bytes assemble(const char *text) {
  bytes wasm;
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm.data, &wasm.size));
  return wasm;
}

static engine_module *compile_fenced(const char *text) {
  bytes wasm = assemble(text), fenced;
  engine_module *module = NULL;
  assert_success(fence(&wasm, &fenced));
  assert_success(engine_compile(one_engine, fenced.data, fenced.size, &module));
  free(wasm.data);
  free(fenced.data);
  return module;
}

static int32_t call_in(const world *world, uint32_t module, const char *name, int32_t argument, bool *trapped) {
  engine_value values[4] = {{.i32 = argument}};
  engine_function function;
  assert_true(engine_store_function(world->store, module, name, &function));
  ubiq_error *error = engine_call_now(world->store, &function, values, 4);
  if (error && ubiq_error_code(error) != UBIQ_TRAP) fail_msg("%s", ubiq_error_message(error));
  if (!error == (trapped && *trapped)) fail_msg("%s: %s", name, error ? ubiq_error_message(error) : "no trap");
  ubiq_error_delete(error);
  return values[0].i32;
}

static int32_t call(const world *world, const char *name, int32_t argument) {
  return call_in(world, 0, name, argument, NULL);
}

static void must_trap(const world *world, const char *name, int32_t argument) {
  bool trapped = true;
  call_in(world, 0, name, argument, &trapped);
}

/// Sets something of the host's, and answers what it was.
static int32_t host(const world *world, const char *name, int32_t value) {
  return call_in(world, 1, name, value, NULL);
}

static world world_open(const char *text) {
  static const engine_binding bindings[] = {{0, WASM_FENCE_STACK},
                                            {0, WASM_FENCE_DUE},
                                            {0, WASM_FENCE_PAGES},
                                            {0, WASM_FENCE_ELEMENTS},
                                            {0, WASM_FENCE_TABLE}};
  engine_link_module modules[] = {
      {.module = compile_fenced(text)},
      {.module = compile_text(one_engine, host_text), .bindings = bindings, .bindings_count = 5}};
  engine_link link = {.modules = modules, .modules_count = 2, .caller_memory = ENGINE_MEMORY_NONE};
  world self;
  traps_restore();
  assert_success(engine_link_modules(one_engine, &link, &self.image));
  for (int i = 0; i < 2; i++) engine_module_delete(modules[i].module);
  self.store = new_store(self.image, NULL);
  host(&self, "stack", 1000);
  host(&self, "pages", 65536);
  host(&self, "elements", 1000000);
  return self;
}

static void world_close(world *self) {
  engine_store_delete(self->store);
  engine_image_delete(self->image);
}

static void code_does_what_it_did(void **state) {
  (void)state;
  world world = world_open(
      "(module (table 4 funcref) (elem (i32.const 0) $id $twice) (type $t (func (param i32) (result i32)))"
      " (func $id (param i32) (result i32) (local.get 0))"
      " (func $twice (param i32) (result i32) (i32.add (call $id (local.get 0)) (call $id (local.get 0))))"
      " (func $two (param i32) (result i32 i32) (call $id (local.get 0)) (call $twice (local.get 0)))"
      " (func $early (param i32) (result i32)"
      "  (if (i32.eq (local.get 0) (i32.const 1)) (then (return (call $id (i32.const 10)))))"
      "  (br_if 0 (i32.const 20) (i32.eq (local.get 0) (i32.const 2))) (drop)"
      "  (drop (block (result i32) (br_table 1 0 (i32.const 7) (i32.sub (local.get 0) (i32.const 3)))))"
      "  (return_call $twice (local.get 0)))"
      " (func (export \"early\") (param i32) (result i32) (call $early (local.get 0)))"
      " (func (export \"two\") (param i32) (result i32) (i32.mul (call $two (local.get 0))))"
      " (func (export \"indirect\") (param i32) (result i32) (call_indirect (type $t) (i32.const 21) (local.get 0)))"
      " (func (export \"sum\") (param i32) (result i32) (local $sum i32)"
      "  (loop $l (local.set $sum (i32.add (local.get $sum) (local.get 0)))"
      "   (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $sum)))");
  assert_int_equal(call(&world, "early", 1), 10);
  assert_int_equal(call(&world, "early", 2), 20);
  assert_int_equal(call(&world, "early", 3), 7);
  assert_int_equal(call(&world, "early", 4), 8);
  assert_int_equal(call(&world, "two", 5), 50);
  assert_int_equal(call(&world, "indirect", 0), 21);
  assert_int_equal(call(&world, "indirect", 1), 42);
  assert_int_equal(call(&world, "sum", 100), 5050);
  assert_int_equal(host(&world, "stack", 0), 1000); // all of it was given back
  assert_int_equal(host(&world, "calls", 0), 0);
  world_close(&world);
}

static void calls_may_nest_as_deep_as_the_stack_allows(void **state) {
  (void)state;
  // A frame has a parameter, two values at most, and 4 beside.
  world world = world_open("(module (func $down (export \"down\") (param i32) (result i32)"
                           " (if (result i32) (local.get 0)"
                           "  (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))"
                           "  (else (i32.const 0)))))");
  enum { FRAME = 4 + 1 + 3 };
  host(&world, "stack", 50 * FRAME);
  assert_int_equal(call(&world, "down", 49), 49);
  must_trap(&world, "down", 50);
  assert_int_equal(host(&world, "stack", 50 * FRAME), -FRAME);
  assert_int_equal(call(&world, "down", 49), 49);
  world_close(&world);
}

static void locals_and_values_count(void **state) {
  (void)state;
  char text[8192];
  size_t used = (size_t)snprintf(text, sizeof text,
                                 "(module (func $leaf (result i32) (i32.const 1))"
                                 " (func (export \"locals\") (param i32) (result i32) (local i64 i64 i64 i64) (call "
                                 "$leaf)) (func (export \"values\") (param i32) (result i32) ");
  for (int i = 0; i < 100; i++) used += (size_t)snprintf(text + used, sizeof text - used, "(i32.const 1) ");
  used += (size_t)snprintf(text + used, sizeof text - used, "(call $leaf) ");
  for (int i = 0; i < 100; i++) used += (size_t)snprintf(text + used, sizeof text - used, "(i32.add) ");
  snprintf(text + used, sizeof text - used, "))");
  world world = world_open(text);
  host(&world, "stack", 4 + 5 + 1);
  assert_int_equal(call(&world, "locals", 0), 1);
  host(&world, "stack", 4 + 5);
  must_trap(&world, "locals", 0);
  host(&world, "stack", 4 + 1 + 101);
  assert_int_equal(call(&world, "values", 0), 101);
  host(&world, "stack", 4 + 1 + 100);
  must_trap(&world, "values", 0);
  world_close(&world);
}

static void tail_calls_need_no_stack(void **state) {
  (void)state;
  world world = world_open("(module (func $down (export \"down\") (param i32) (result i32)"
                           " (if (result i32) (local.get 0)"
                           "  (then (return_call $down (i32.sub (local.get 0) (i32.const 1))))"
                           "  (else (i32.const 5)))))");
  assert_int_equal(call(&world, "down", 100000), 5);
  host(&world, "due", INT32_MAX);
  host(&world, "most", 1);
  must_trap(&world, "down", 100000); // a loop all the same
  world_close(&world);
}

static void the_host_is_called_when_it_wants_to_be(void **state) {
  (void)state;
  world world = world_open("(module (func $leaf (param i32) (result i32) (local.get 0))"
                           " (func (export \"call\") (param i32) (result i32) (call $leaf (local.get 0)))"
                           " (func (export \"spin\") (param i32) (result i32) (loop (br 0)) (i32.const 0)))");
  call(&world, "call", 1);
  assert_int_equal(host(&world, "calls", 0), 0);
  host(&world, "due", INT32_MAX);
  assert_int_equal(call(&world, "call", 7), 7);
  assert_int_equal(host(&world, "calls", 0), 1);
  assert_int_equal(host(&world, "due", INT32_MAX), 0);
  host(&world, "most", 2);
  must_trap(&world, "spin", 0);
  assert_int_equal(host(&world, "calls", 0), 2);
  world_close(&world);
}

static void memories_grow_to_the_limit(void **state) {
  (void)state;
  world world = world_open("(module (memory 1) (memory $b 2 6)"
                           " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
                           " (func (export \"grow_b\") (param i32) (result i32) (memory.grow $b (local.get 0))))");
  host(&world, "pages", 4);
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
      world_open("(module (table $a 1 funcref) (table $b 2 externref)"
                 " (func (export \"a\") (param i32) (result i32) (table.grow $a (ref.null func) (local.get 0)))"
                 " (func (export \"b\") (param i32) (result i32) (table.grow $b (ref.null extern) (local.get 0))))");
  host(&world, "elements", 10);
  assert_int_equal(call(&world, "a", 9), 1);
  assert_int_equal(call(&world, "a", 1), -1);
  assert_int_equal(call(&world, "b", -1), -1);
  assert_int_equal(call(&world, "b", 8), 2);
  assert_int_equal(call(&world, "b", 1), -1);
  world_close(&world);
}

static void initial_sizes_are_told(void **state) {
  (void)state;
  bytes wasm = assemble("(module (memory 3) (memory 7) (table 5 funcref) (table 2 externref))"), out;
  wasm_fence_sizes sizes;
  assert_success(wasm_fence(wasm.data, wasm.size, &out.data, &out.size, &sizes));
  assert_int_equal(sizes.pages, 7);
  assert_int_equal(sizes.elements, 5);
  free(wasm.data);
  free(out.data);
}

static void too_many_locals_are_refused(void **state) {
  (void)state;
  // (func (local i32 x 50001))
  static const uint8_t wasm[] = {0, 'a', 's', 'm', 1,  0, 0, 0, 1, 4,    1,    0x60, 0,    0,
                                 3, 2,   1,   0,   10, 8, 1, 6, 1, 0xd1, 0x86, 0x03, 0x7f, 0x0b};
  bytes given = {(uint8_t *)wasm, sizeof wasm}, out;
  assert_error_code(fence(&given, &out), UBIQ_INVALID_INPUT);
}

static buffer guest_bytes(const char *name) {
  char path[1024];
  buffer self = {0};
  snprintf(path, sizeof path, "%s/%s", UBIQ_GUESTS_DIR, name);
  assert_success(file_read_all(path, SIZE_MAX, &self));
  return self;
}

// Some guests are malformed on purpose.
static bool is_core_module(const buffer *wasm) {
  wasm_module *module = NULL;
  ubiq_error *error = wasm_is_module(wasm->data, wasm->size) ? wasm_module_read(wasm->data, wasm->size, &module) : NULL;
  wasm_module_free(module);
  ubiq_error_delete(error);
  return module != NULL;
}

static void assert_stays_valid(const char *name, const buffer *wasm) {
  bytes given = {wasm->data, wasm->size}, out;
  ubiq_error *error = fence(&given, &out);
  if (!error) error = engine_validate(out.data, out.size);
  if (error) fail_msg("%s: %s", name, ubiq_error_message(error));
  free(out.data);
}

static void every_guest_stays_valid(void **state) {
  (void)state;
  size_t count = 0;
  DIR *entries = opendir(UBIQ_GUESTS_DIR);
  if (!entries) skip();
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 5, ".wasm") != 0) continue;
    buffer wasm = guest_bytes(entry->d_name);
    if (is_core_module(&wasm)) {
      assert_stays_valid(entry->d_name, &wasm);
      count++;
    }
    buffer_free(&wasm);
  }
  closedir(entries);
  if (count == 0) skip();
}

static bool attempt(void *user) {
  bytes out;
  ubiq_error *error = fence(user, &out);
  bool ok = error == NULL;
  free(out.data);
  ubiq_error_delete(error);
  return ok;
}

static void running_out_of_memory_is_an_error(void **state) {
  (void)state;
  bytes wasm = assemble("(module (memory 1) (table 1 funcref) (func $f (param i32) (result i32 i32) (local i64)"
                        " (loop (br_if 0 (memory.grow (local.get 0)))) (call $f (i32.const 1))))");
  assert_true(alloc_failure_sweep(attempt, &wasm) > 5);
  free(wasm.data);
}

int main(void) {
  if (engine_open(test_ops(), &(engine_options){0}, &one_engine)) return 1;
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(code_does_what_it_did),
      cmocka_unit_test(calls_may_nest_as_deep_as_the_stack_allows),
      cmocka_unit_test(locals_and_values_count),
      cmocka_unit_test(tail_calls_need_no_stack),
      cmocka_unit_test(the_host_is_called_when_it_wants_to_be),
      cmocka_unit_test(memories_grow_to_the_limit),
      cmocka_unit_test(tables_grow_to_the_limit),
      cmocka_unit_test(initial_sizes_are_told),
      cmocka_unit_test(too_many_locals_are_refused),
      cmocka_unit_test(every_guest_stays_valid),
      cmocka_unit_test(running_out_of_memory_is_an_error),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
