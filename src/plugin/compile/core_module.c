// See core_module.h.
#include "plugin/compile/core_module.h"

static const wasm_type types[] = {WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32};
static const wasm_type i64 = WASM_TYPE_I64;
static const wasm_signature alloc_signature = {types, types, 1, 1};
static const wasm_signature free_signature = {types, NULL, 2, 0};
static const wasm_signature handle_signature = {types, &i64, 5, 1};

ubiq_bytes core_no_kernel(void) {
  // (module (import "ubiq:kernel" "grow" (func (param i32 i32) (result i32)))
  //   (func (export "alloc") (param i64) (result i64) (i64.const 0)))
  static const uint8_t wasm[] = {
      0x00, 'a',  's',  'm',  0x01, 0x00, 0x00, 0x00,                                          //
      0x01, 0x0c, 0x02, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7e, 0x01, 0x7e,      // types
      0x02, 0x14, 0x01, 0x0b, 'u',  'b',  'i',  'q',  ':',  'k',  'e',  'r',  'n',  'e',  'l', //
      0x04, 'g',  'r',  'o',  'w',  0x00, 0x00,                                                // the import
      0x03, 0x02, 0x01, 0x01,                                                                  // alloc's type
      0x07, 0x09, 0x01, 0x05, 'a',  'l',  'l',  'o',  'c',  0x00, 0x01,                        // its export
      0x0a, 0x06, 0x01, 0x04, 0x00, 0x42, 0x00, 0x0b,                                          // its code
  };
  return (ubiq_bytes){wasm, sizeof wasm};
}

static const wasm_module *module_of(const compiled *compiled) {
  return compiled->modules[compiled->main].wasm;
}

static ubiq_error *check_export(const compiled *compiled, const char *name, const wasm_signature *signature) {
  const wasm_item *item = wasm_module_export(module_of(compiled), name);
  if (item && item->kind == WASM_FUNCTION && wasm_signature_equal(&item->signature, signature)) return NULL;
  char expected[128], found[128] = "";
  wasm_signature_print(signature, expected, sizeof expected);
  if (item && item->kind == WASM_FUNCTION) wasm_signature_print(&item->signature, found, sizeof found);
  return ubiq_error_new(
      UBIQ_INVALID_INPUT, "the module exports %s%s%s; for the wire \"core\" expected a function %s %s",
      item ? name : "no ", item ? *found ? " as " : ", which is no function" : name, found, name, expected);
}

ubiq_error *core_check(compiled *compiled) {
  if (!compiled->options.core) return NULL;
  if (!compiled->options.suspends || compiled->modules_count != 2)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the wire \"core\" is for plugins of one module that run on a loop");
  const wasm_item *memory = wasm_module_export(module_of(compiled), "memory");
  if (!memory || memory->kind != WASM_MEMORY)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the module exports no memory; for the wire \"core\" expected one as "
                                              "\"memory\"");
  compiled->core_memory = KERNEL_MEMORY + 1 + memory->index;
  ubiq_error *error = check_export(compiled, "ubiq_alloc", &alloc_signature);
  if (!error) error = check_export(compiled, "ubiq_free", &free_signature);
  return error ? error : check_export(compiled, "ubiq_handle", &handle_signature);
}

void core_function(const compiled *compiled, const char *name, compiled_function *out) {
  (void)compiled;
  *out = (compiled_function){.name = name, .signature = &handle_signature};
}
