// The Wasmtime adapter (large.c): which modules have memories that are put back where they were touched, wherever they were
// compiled.
#include "unit/engine/large_testing.h"

static void what_was_serialized_is_as_what_was_compiled(void **state) {
  (void)state;
  engine_module *compiled = compile_text(one_engine, large), *read;
  uint8_t *bytes;
  size_t size;
  assert_success(one_engine->ops->serialize(compiled, &bytes, &size));
  assert_success(one_engine->ops->deserialize(one_engine, bytes, size, &read));
  assert_true(((wt_module *)compiled)->is_large && ((wt_module *)read)->is_large);
  engine_module_delete(compiled);
  free(bytes);
  engine_image *image = link_module(read);
  for (int i = 0; i < 4; i++) {
    engine_store *store = new_store(image, NULL);
    assert_as_begun(store);
    call_i32(store, "write", 4096);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

/// As on another machine than the one that compiled.
static void where_the_system_does_not_tell_what_was_touched_instances_are_new(void **state) {
  (void)state;
  engine *engine = one_engine;
  assert_int_equal(open_engine(NULL), 0);
  engine_image *image = link_text(large);
  wt_pagemap_close(&((wt_engine *)one_engine)->pagemap);
  for (int i = 0; i < 6; i++) {
    engine_store *store = new_store(image, NULL);
    assert_int_equal(call_i32(store, "used", 0), 0);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", 1), PAGES);
    call_i32(store, "write", 4096);
    engine_store_delete(store);
  }
  engine_image_delete(image);
  image = link_text(large);
  engine_store_delete(new_store(image, NULL));
  engine_image_delete(image);
  engine_close(one_engine);
  one_engine = engine;
}

/// A program that compiles for a server may open no file.
static void what_a_compiler_made_that_is_told_nothing_is_as_what_was_compiled_here(void **state) {
  (void)state;
  engine_options options = {.memory_bytes_max = 64 * PAGE, .stores_max = 1, .fibers_max = 1, .compiles_only = true};
  engine *compiler;
  engine_module *compiled, *read;
  uint8_t *bytes;
  size_t size;
  assert_success(engine_open(test_ops(), &options, &compiler));
  wt_pagemap_close(&((wt_engine *)compiler)->pagemap);
  compiled = compile_text(compiler, large);
  assert_true(((wt_module *)compiled)->is_large);
  assert_success(compiler->ops->serialize(compiled, &bytes, &size));
  assert_success(one_engine->ops->deserialize(one_engine, bytes, size, &read));
  assert_true(((wt_module *)read)->is_large);
  engine_module_delete(read);
  engine_module_delete(compiled);
  engine_close(compiler);
  free(bytes);
}

#define FOUR_TABLES "(table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) "

static void which_modules_have_such_memories(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool expected;
  } cases[] = {
      {"(module (memory 3) " REWIND("1") ")", true},
      {"(module (memory 2) (memory 32769 (pagesize 1)) " REWIND("1") ")", true},
      {"(module (memory 2) (memory 32768 (pagesize 1)) " REWIND("1") ")", false}, // written as a whole
      {"(module (memory i64 3) " REWIND("1") ")", true},
      {"(module (memory 3) (func (export \"" REWIND_NAME "\") (result i32) (i32.const 1)))", false}, // not used again
      {"(module (memory 3) (@custom \"ubiq:begins-anew\" \"\"))", false},
      {"(module (memory 3) (@custom \"ubiq:begins-ane\" \"\\00\"))", false},
      {"(module (memory 1) " MARK("1") ")", true},
      {"(module (memory 1) (memory 16384 (pagesize 1)) " MARK("1") ")", true},
      {"(module (memory 0) " MARK("1") ")", true},
      {"(module (memory 64) (memory 64) (memory 64) (memory 64) " REWIND("4") ")", true},
      {"(module (memory 64) (memory 64) (memory 64) (memory 64) (memory 1) " REWIND("5") ")", false}, // too much
      {"(module (memory 65) " REWIND("1") ")", false}, // larger than a place
      // What the pool refuses takes no places of ours either.
      {"(module (memory 1) (memory 1) (memory 1) (memory 1) " MARK("1") ")", true},
      {"(module (memory 1) (memory 1) (memory 1) (memory 1) (memory 1) " MARK("1") ")", false},
      {"(module (memory 3) " FOUR_TABLES REWIND("1") ")", true},
      {"(module (memory 3) " FOUR_TABLES "(table 1 funcref)" REWIND("1") ")", false},
      {"(module (memory 5 5 shared) " REWIND("1") ")", false},
      {"(module " REWIND("0") ")", false},
  };
  const engine_options options = {.memory_bytes_max = 64 * PAGE};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t *wasm;
    size_t size;
    assert_success(engine_wat_to_wasm(cases[i].text, strlen(cases[i].text), &wasm, &size));
    if (wt_needs_large(&options, wasm, size) != cases[i].expected) fail_msg("%s", cases[i].text);
    for (size_t less = 1; less < size; less++) (void)wt_needs_large(&options, wasm, size - less);
    free(wasm);
  }
}

static void a_module_with_much_data_stays_in_the_pool(void **state) {
  (void)state;
  enum { DATA_BYTES = 300000 };
  static const char head[] = "(module (memory 17) " REWIND("1") "(data (i32.const 0) \"", tail[] = "\"))";
  char *text = malloc(sizeof head + DATA_BYTES + sizeof tail);
  uint8_t *wasm;
  size_t size;
  assert_non_null(text);
  memcpy(text, head, sizeof head - 1);
  memset(text + sizeof head - 1, 'x', DATA_BYTES);
  memcpy(text + sizeof head - 1 + DATA_BYTES, tail, sizeof tail);
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  assert_false(wt_needs_large(&(engine_options){.memory_bytes_max = 64 * PAGE}, wasm, size));
  free(wasm);
  free(text);
}

// `count` times `entry` in a module that would have a memory of ours otherwise.
static bool needs_large_with(const char *entry, size_t count) {
  static const char head[] = "(module (memory 17) " REWIND("1"), tail[] = ")";
  size_t each = strlen(entry), wasm_size;
  char *text = malloc(sizeof head + count * each + sizeof tail);
  uint8_t *wasm;
  assert_non_null(text);
  memcpy(text, head, sizeof head - 1);
  for (size_t i = 0; i < count; i++) memcpy(text + sizeof head - 1 + i * each, entry, each);
  memcpy(text + sizeof head - 1 + count * each, tail, sizeof tail);
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &wasm_size));
  bool needs = wt_needs_large(&(engine_options){.memory_bytes_max = 64 * PAGE}, wasm, wasm_size);
  free(wasm);
  free(text);
  return needs;
}

static void a_module_whose_instances_are_large_beside_memory_stays_in_the_pool(void **state) {
  (void)state;
  assert_true(needs_large_with("(func)", 30000));
  assert_false(needs_large_with("(func)", 33000));
  assert_true(needs_large_with("(global i32 (i32.const 0))", 60000));
  assert_false(needs_large_with("(global i32 (i32.const 0))", 66000));
}

static void one_of_several_modules_cannot_be_such_a_one(void **state) {
  (void)state;
  engine_link_module modules[] = {{.module = compile_text(one_engine, "(module)")},
                                  {.module = compile_text(one_engine, large)}};
  engine_link link = {.modules = modules, .modules_count = 2, .caller_memory = ENGINE_MEMORY_NONE};
  engine_image *image = NULL;
  assert_error_code(engine_link_modules(one_engine, &link, &image), UBIQ_INVALID_INPUT);
  for (size_t i = 0; i < 2; i++) engine_module_delete(modules[i].module);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_serialized_is_as_what_was_compiled),
      cmocka_unit_test(where_the_system_does_not_tell_what_was_touched_instances_are_new),
      cmocka_unit_test(what_a_compiler_made_that_is_told_nothing_is_as_what_was_compiled_here),
      cmocka_unit_test(which_modules_have_such_memories),
      cmocka_unit_test(a_module_with_much_data_stays_in_the_pool),
      cmocka_unit_test(a_module_whose_instances_are_large_beside_memory_stays_in_the_pool),
      cmocka_unit_test(one_of_several_modules_cannot_be_such_a_one),
  };
  return cmocka_run_group_tests(tests, open_engine, close_engine);
}
