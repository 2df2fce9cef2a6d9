// The reader of WebAssembly modules under any bytes: it stays inside them, and what it accepts can be lifted and read
// again with one export more.
#include "engine/wasm/wasm.h"
#include "engine/wasm/wasm_counts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
  if (!condition) abort();
}

static void look_at(const wasm_item *item) {
  char text[64];
  require(strlen(item->name) < SIZE_MAX && wasm_kind_name(item->kind) != NULL);
  wasm_signature_print(&item->signature, text, sizeof text);
  require(strlen(text) < sizeof text);
}

static void look_at_all(const wasm_module *module) {
  for (size_t i = 0; i < module->imports_count; i++) look_at(&module->imports[i]);
  for (size_t i = 0; i < module->exports_count; i++) look_at(&module->exports[i]);
}

static void check_lifted(const wasm_module *module, const uint8_t *data, size_t size) {
  uint8_t *lifted;
  size_t lifted_size;
  wasm_module *again;
  ubiq_error *error = wasm_lift_start(data, size, &lifted, &lifted_size);
  if (error != NULL) {
    require(wasm_module_export(module, WASM_START_EXPORT) != NULL);
    ubiq_error_delete(error);
    return;
  }
  error = wasm_module_read(lifted, lifted_size, &again);
  require(error == NULL && !again->has_start);
  require(again->exports_count == module->exports_count + module->has_start);
  require(again->imports_count == module->imports_count);
  wasm_module_free(again);
  free(lifted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  wasm_module *module;
  ubiq_error *error = wasm_check_counts(data, size);
  if (error == NULL) error = wasm_module_read(data, size, &module);
  if (error != NULL) {
    require(ubiq_error_message(error)[0] != 0);
    ubiq_error_delete(error);
    return 0;
  }
  look_at_all(module);
  check_lifted(module, data, size);
  wasm_module_free(module);
  return 0;
}
