// Putting limits into any bytes: it stays inside them, and what comes out can be read, has the same imports, and exports what
// the host sets beside what it exported.
#include "engine/wasm_fence.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EXPORTS_ADDED = 5 };

static void require(bool condition) {
  if (!condition) abort();
}

static void check(const wasm_module *module, const uint8_t *fenced, size_t size) {
  wasm_module *again;
  require(wasm_module_read(fenced, size, &again) == NULL);
  require(again->imports_count == module->imports_count);
  require(again->exports_count == module->exports_count + EXPORTS_ADDED);
  wasm_module_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  wasm_module *module = NULL;
  uint8_t *fenced = NULL;
  size_t fenced_size;
  wasm_fence_sizes sizes;
  ubiq_error *error = wasm_module_read(data, size, &module);
  if (error == NULL) error = wasm_fence(data, size, &fenced, &fenced_size, &sizes);
  if (error == NULL) check(module, fenced, fenced_size);
  ubiq_error_delete(error);
  wasm_module_free(module);
  free(fenced);
  return 0;
}
