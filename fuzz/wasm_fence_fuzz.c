// Putting limits into any bytes: it stays inside them; what comes out of a valid module is valid, imports as much and what
// is asked, and exports what the host sets beside what it exported.
#include "engine/engine.h"
#include "engine/wasm/wasm_fence.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
  if (!condition) abort();
}

// Of how many exports there are more.
static size_t exports_added(const wasm_fence_request *request) {
  enum { WITHOUT_STACK = 3, WITH_STACK = 4 };
  if (!request->ask) return 0;
  return request->counts_stack ? WITH_STACK : WITHOUT_STACK;
}

static void check(const wasm_module *module, const wasm_fence_request *request, const uint8_t *fenced, size_t size) {
  wasm_module *again;
  require(wasm_module_read(fenced, size, &again) == NULL);
  require(again->imports_count == module->imports_count + (request->ask != NULL));
  require(again->exports_count == module->exports_count + exports_added(request));
  wasm_module_free(again);
}

static bool is_valid(const uint8_t *wasm, size_t size) {
  ubiq_error *error = engine_validate(wasm, size);
  bool valid = error == NULL;
  ubiq_error_delete(error);
  return valid;
}

static void put_in(const wasm_module *module, wasm_fence_request *request) {
  uint8_t *fenced = NULL;
  size_t size = 0;
  ubiq_error *error = wasm_fence(request, &fenced, &size);
  if (!error) {
    check(module, request, fenced, size);
    require(is_valid(fenced, size) || !is_valid(request->wasm, request->size));
  }
  ubiq_error_delete(error);
  free(fenced);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const wasm_import_name ask = {"host", "ask"};
  wasm_module *module = NULL;
  ubiq_error *error = wasm_module_read(data, size, &module);
  wasm_import_name *names = error ? NULL : calloc(module->imports_count + 1, sizeof *names);
  for (size_t i = 0; names && i < module->imports_count; i++) names[i] = (wasm_import_name){"host", "import"};
  wasm_fence_request request = {.wasm = data, .size = size, .imports = names};
  if (names) put_in(module, &request);
  request.ask = &ask;
  if (names) put_in(module, &request);
  request.counts_stack = true;
  if (names) put_in(module, &request);
  free(names);
  ubiq_error_delete(error);
  wasm_module_free(module);
  return 0;
}
