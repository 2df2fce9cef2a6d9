/// What the tests of the engines share: modules from text, one-module images around a small hub, signatures.
#ifndef UBIQ_TEST_ENGINE_TESTING_H
#define UBIQ_TEST_ENGINE_TESTING_H

#include "unit/base/testing.h"

#include "engine/engine.h"
#include "support/traps.h"

#include <stdlib.h>
#include <string.h>

#define assert_error_code(expression, expected)                                                                        \
  do {                                                                                                                 \
    ubiq_error *error_ = (expression);                                                                                 \
    if (ubiq_error_code(error_) != (expected))                                                                         \
      fail_msg("%s: %s; expected %s", ubiq_code_name(ubiq_error_code(error_)), ubiq_error_message(error_),             \
               ubiq_code_name(expected));                                                                              \
    ubiq_error_delete(error_);                                                                                         \
  } while (0)

// A test may name another before it includes this.
#ifndef TEST_ENGINE
#define TEST_ENGINE "wasmtime"
#endif

static inline const engine_ops *test_ops(void) {
  const engine_ops *ops = NULL;
  assert_success(engine_find(TEST_ENGINE, &ops));
  return ops;
}

static inline engine_module *compile_text(engine *engine, const char *text) {
  uint8_t *wasm = NULL;
  size_t size = 0;
  engine_module *module = NULL;
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  assert_success(engine_compile(engine, wasm, size, &module));
  free(wasm);
  return module;
}

/// An image of the module alone, as its hub, with these host functions.
static inline engine_image *link_alone(engine *engine, const char *text, const engine_host_function *functions,
                                       size_t count, bool suspends) {
  engine_link_module hub = {.module = compile_text(engine, text)};
  engine_link link = {
      .modules = &hub, .modules_count = 1, .functions = functions, .functions_count = count, .suspends = suspends};
  engine_image *image = NULL;
  assert_success(engine_link_modules(engine, &link, &image));
  engine_module_delete(hub.module);
  return image;
}

static inline engine_store *new_store(engine_image *image, const engine_store_options *options) {
  static const engine_store_options none = {0};
  engine_store *store = NULL;
  assert_success(engine_store_new(image, options ? options : &none, &store));
  return store;
}

static inline engine_function find_function(engine_store *store, const char *name) {
  engine_function function;
  assert_true(engine_store_function(store, 0, name, &function));
  return function;
}

#endif
