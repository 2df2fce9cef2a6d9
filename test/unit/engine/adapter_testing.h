/// What the tests of the adapters share: one engine, images of a few modules of text, calls, and the tests that several have.
#ifndef UBIQ_TEST_ADAPTER_TESTING_H
#define UBIQ_TEST_ADAPTER_TESTING_H

#include "unit/engine/engine_testing.h"

#include <pthread.h>

enum { PAGE = 65536, SKIPPED = 77 };

/// That of TEST_ENGINE.
static engine *one_engine;

/// False where the engine was not built: the program ends with SKIPPED then.
static inline bool open_one_engine(void) {
  const engine_ops *ops = NULL;
  ubiq_error *error = engine_find(TEST_ENGINE, &ops);
  if (!error) error = engine_open(ops, &(engine_options){0}, &one_engine);
  if (error) print_message("%s\n", ubiq_error_message(error));
  bool is_there = !error;
  ubiq_error_delete(error);
  return is_there;
}

/// Links up to four modules; `link` tells all but them.
static inline ubiq_error *link_texts(const char *const *texts, size_t count, engine_link *link, engine_image **out) {
  engine_link_module modules[4] = {{0}};
  for (size_t i = 0; i < count; i++) modules[i] = link->modules ? link->modules[i] : (engine_link_module){0};
  for (size_t i = 0; i < count; i++) modules[i].module = compile_text(one_engine, texts[i]);
  link->modules = modules;
  link->modules_count = count;
  ubiq_error *error = engine_link_modules(one_engine, link, out);
  for (size_t i = 0; i < count; i++) engine_module_delete(modules[i].module);
  return error;
}

/// An image of a module alone, whose memory is at place 0.
static inline engine_image *link_text(const char *text) {
  engine_binding memory = {.module = 0, .name = "memory"};
  engine_link link = {.memories = &memory, .memories_count = 1};
  engine_image *image = NULL;
  assert_success(link_texts(&text, 1, &link, &image));
  return image;
}

static inline ubiq_error *call(engine_store *store, uint32_t module, const char *name, engine_value *values) {
  engine_function function;
  assert_true(engine_store_function(store, module, name, &function));
  return engine_call_now(store, &function, values, 4);
}

static inline int32_t call_i32(engine_store *store, uint32_t module, const char *name, int32_t argument) {
  engine_value values[4] = {{.i32 = argument}};
  assert_success(call(store, module, name, values));
  return values[0].i32;
}

// -- Callbacks --

static const wasm_signature nothing = {0};

/// A host function that fails.
static inline ubiq_error *refuse(void *env, engine_call *call, engine_value *values) {
  (void)env, (void)call, (void)values;
  return ubiq_error_new(UBIQ_BUSY, "not here");
}

/// A tick that ends the call after `user` more, an int.
static inline ubiq_error *stop_at(void *user, engine_tick_action *action) {
  *action = ENGINE_TICK_GO_ON;
  return --*(int *)user < 0 ? ubiq_error_new(UBIQ_TIMEOUT, "enough") : NULL;
}

// -- Tests --

static inline void imports_of_another_type_are_invalid_input(void **state) {
  (void)state;
  static const char *const texts[] = {"(module (global (export \"g\") i32 (i32.const 1)))",
                                      "(module (import \"a\" \"g\" (global i64)))"};
  static const engine_binding bindings[] = {{0, "g"}};
  const engine_link_module modules[] = {{0}, {.bindings = bindings, .bindings_count = 1}};
  engine_link link = {.modules = modules};
  engine_image *image;
  engine_store *store = NULL;
  assert_success(link_texts(texts, 2, &link, &image));
  assert_error_code(engine_store_new(image, &(engine_store_options){0}, &store), UBIQ_INVALID_INPUT);
  engine_image_delete(image);
}

static inline void *make_stores(void *image) {
  for (int i = 0; i < 100; i++) {
    engine_store *store = new_store(image, NULL);
    assert_int_equal(call_i32(store, 0, "fib", 15), 610);
    engine_store_delete(store);
  }
  return NULL;
}

static inline void threads_make_stores_of_one_image(void **state) {
  (void)state;
  pthread_t threads[4];
  engine_image *image = link_text(
      "(module (memory (export \"memory\") 1) (func $fib (export \"fib\") (param i32) (result i32) (if (result i32) "
      "(i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0)) (else (i32.add (call $fib (i32.sub (local.get 0) "
      "(i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2))))))))");
  for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, make_stores, image), 0);
  for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  engine_image_delete(image);
}

#endif
