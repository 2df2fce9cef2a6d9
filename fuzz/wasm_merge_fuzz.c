// Merging any bytes with a hub: it stays inside them, and a merged module can be read, has the imports of the hub, and
// exports what the guest exports.
#include "engine/wasm/wasm.h"
#include "engine/wasm/wasm_merge.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "hub/"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// (module (import "h" "f" (func (param i64) (result i64))) (import "h" "g" (func))
//   (memory (export "m") 1) (global (mut i32) (i32.const 16)) (export "f" (func 0)) (export "g" (func 1))
//   (func (export "w") (global.set 0 (i32.load (i32.const 16))) nop nop)
//   (data (i32.const 16) "hub"))
static const uint8_t hub[] = {
    0,    'a', 's', 'm',  1,    0,    0,    0,                                                        //
    0x01, 9,   2,   0x60, 1,    0x7e, 1,    0x7e, 0x60, 0,   0,                                       //
    0x02, 13,  2,   1,    'h',  1,    'f',  0,    0,    1,   'h',  1, 'g',  0,    1,                  //
    0x03, 2,   1,   1,    0x05, 3,    1,    0,    1,                                                  //
    0x06, 6,   1,   0x7f, 1,    0x41, 16,   0x0b,                                                     //
    0x07, 17,  4,   1,    'm',  2,    0,    1,    'f',  0,   0,    1, 'g',  0,    1,    1, 'w', 0, 2, //
    0x0a, 13,  1,   11,   0,    0x41, 16,   0x28, 2,    0,   0x24, 0, 0x01, 0x01, 0x0b,               //
    0x0b, 9,   1,   0,    0x41, 16,   0x0b, 3,    'h',  'u', 'b',
};

static void require(bool condition) {
  if (!condition) abort();
}

static void check(const wasm_module *guest, const uint8_t *merged, size_t size) {
  wasm_module *module;
  require(wasm_module_read(merged, size, &module) == NULL);
  require(module->imports_count == 2 && !module->has_start);
  require(module->memories_count == guest->memories_count + 1);
  require(module->exports_count == guest->exports_count + 4);
  for (size_t i = 0; i < guest->exports_count; i++) {
    require(strcmp(module->exports[i].name, guest->exports[i].name) == 0);
    require(wasm_signature_equal(&module->exports[i].signature, &guest->exports[i].signature));
  }
  wasm_module_free(module);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { IMPORTS_MAX = 64 };
  static const char *const names[] = {"f", "g", "w"};
  const char *bindings[IMPORTS_MAX];
  wasm_module *guest;
  ubiq_error *error = wasm_module_read(data, size, &guest);
  if (error != NULL || guest->imports_count > IMPORTS_MAX) {
    if (error == NULL) wasm_module_free(guest);
    ubiq_error_delete(error);
    return 0;
  }
  for (size_t i = 0; i < guest->imports_count; i++)
    bindings[i] = names[guest->imports[i].signature.params_count > 0 ? 0 : 1 + i % 2];
  wasm_merge_request request = {.guest = data,
                                .guest_size = size,
                                .hub = hub,
                                .hub_size = sizeof hub,
                                .bindings = bindings,
                                .prefix = PREFIX,
                                .grow_refused = "w"};
  uint8_t *merged;
  size_t merged_size;
  error = wasm_merge(&request, &merged, &merged_size);
  if (error == NULL) {
    check(guest, merged, merged_size);
    free(merged);
  }
  require(error == NULL || ubiq_error_message(error)[0] != 0);
  ubiq_error_delete(error);
  wasm_module_free(guest);
  return 0;
}
