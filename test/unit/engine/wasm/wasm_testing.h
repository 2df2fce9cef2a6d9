/// What the tests of reading and editing modules share: modules that Wasmtime assembles of text, as bytes and as they are read.
#ifndef UBIQ_TEST_WASM_TESTING_H
#define UBIQ_TEST_WASM_TESTING_H

#include "engine/wasm/wasm.h"
#include "unit/base/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasmtime.h>

// A module as bytes in a heap block of exactly their size, so that ASan sees the first byte beyond it.
typedef struct bytes {
  uint8_t *data;
  size_t size;
} bytes;

static inline bytes copy_of(const void *data, size_t size) {
  bytes copy = {malloc(size), size};
  if (size > 0) memcpy(copy.data, data, size);
  return copy;
}

static inline bytes assemble(const char *source) {
  wasm_byte_vec_t assembled;
  wasmtime_error_t *error = wasmtime_wat2wasm(source, strlen(source), &assembled);
  if (error != NULL) {
    wasmtime_error_message(error, &assembled);
    fail_msg("%.*s", (int)assembled.size, assembled.data);
  }
  bytes copy = copy_of(assembled.data, assembled.size);
  wasm_byte_vec_delete(&assembled);
  return copy;
}

static inline wasm_module *read_text(const char *source) {
  wasm_module *module = NULL;
  bytes wasm = assemble(source);
  assert_success(wasm_module_read(wasm.data, wasm.size, &module));
  free(wasm.data); // the module must not need the bytes any more
  return module;
}

static inline void assert_signature(const wasm_signature *signature, const char *expected) {
  char text[128];
  wasm_signature_print(signature, text, sizeof text);
  assert_string_equal(text, expected);
}

static inline void assert_export(const wasm_module *module, const char *name, const char *signature) {
  const wasm_item *item = wasm_module_export(module, name);
  assert_non_null(item);
  assert_int_equal(item->kind, WASM_FUNCTION);
  assert_signature(&item->signature, signature);
}

static const char rich[] = "(module"
                           " (rec (type $a (array (mut i32))) (type $b (sub (func (param (ref $a))))))"
                           " (import \"env\" \"f\" (func (param i32 i64) (result f32)))"
                           " (import \"env\" \"m\" (memory 1 2)) (import \"env\" \"g\" (global (mut i32)))"
                           " (tag $e (param i32)) (table 1 funcref) (memory 1)"
                           " (global $g (mut i64) (i64.const 123456789))"
                           " (func $start) (start $start)"
                           " (export \"start\" (func $start)) (export \"g\" (global $g)) (export \"e\" (tag $e))"
                           " (elem (i32.const 0) $start) (data (i32.const 0) \"bytes\"))";

#endif
