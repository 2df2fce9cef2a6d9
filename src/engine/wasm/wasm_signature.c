// Signatures and names of WebAssembly types: comparing and printing them. See wasm.h.
#include "engine/wasm/wasm.h"

#include <stdio.h>
#include <string.h>

const char *wasm_type_name(wasm_type type) {
  static const char *const names[] = {
      [WASM_TYPE_I32] = "i32",
      [WASM_TYPE_I64] = "i64",
      [WASM_TYPE_F32] = "f32",
      [WASM_TYPE_F64] = "f64",
      [WASM_TYPE_V128] = "v128",
      [WASM_TYPE_FUNCREF] = "funcref",
      [WASM_TYPE_EXTERNREF] = "externref",
      [WASM_TYPE_OTHER] = "ref",
  };
  return names[type];
}

static bool types_equal(const wasm_type *a, const wasm_type *b, uint16_t count) {
  return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

bool wasm_signature_equal(const wasm_signature *a, const wasm_signature *b) {
  return a->params_count == b->params_count && a->results_count == b->results_count &&
         types_equal(a->params, b->params, a->params_count) && types_equal(a->results, b->results, a->results_count);
}

static bool types_within(const wasm_type *types, uint16_t count, wasm_type last) {
  for (uint16_t i = 0; i < count; i++)
    if (types[i] > last) return false;
  return count <= WASM_SIGNATURE_MAX;
}

bool wasm_signature_within(const wasm_signature *signature, wasm_type last) {
  return types_within(signature->params, signature->params_count, last) &&
         types_within(signature->results, signature->results_count, last);
}

// Text that is cut at the end of its room.
typedef struct printer {
  char *at;
  size_t left; // room with the NUL
} printer;

static void print(printer *self, const char *string) {
  size_t size = strlen(string);
  if (size >= self->left) size = self->left - 1;
  memcpy(self->at, string, size);
  self->at += size;
  self->left -= size;
  *self->at = 0;
}

static void print_list(printer *self, const wasm_type *types, uint16_t count) {
  print(self, "(");
  for (uint16_t i = 0; i < count; i++) {
    print(self, i == 0 ? "" : ", ");
    print(self, wasm_type_name(types[i]));
  }
  print(self, ")");
}

void wasm_signature_print(const wasm_signature *signature, char *text, size_t size) {
  if (size == 0) return;
  printer out = {text, size};
  print_list(&out, signature->params, signature->params_count);
  print(&out, " -> ");
  if (signature->results_count == 1)
    print(&out, wasm_type_name(signature->results[0]));
  else
    print_list(&out, signature->results, signature->results_count);
}
