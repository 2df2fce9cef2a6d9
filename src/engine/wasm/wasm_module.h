// What reading a module learns beside what wasm.h shows; for the files that edit modules.
#ifndef ENGINE_WASM_WASM_MODULE_H
#define ENGINE_WASM_WASM_MODULE_H

#include "engine/wasm/wasm_reader.h"

typedef struct wasm_details {
  uint32_t start;                ///< index of the start function, when the module has one
  uint32_t types_count;          ///< in the type section
  uint32_t functions_count;      ///< imported and defined
  const uint16_t *params_counts; ///< for each function; lives as long as the module
} wasm_details;

/// Sorts the exports of a module that was read, so that wasm_module_export finds them.
ubiq_error *wasm_module_sort_exports(wasm_module *module);

/// wasm_module_read that also tells the details.
ubiq_error *wasm_module_read_details(const uint8_t *bytes, size_t size, wasm_module **out, wasm_details *details);

#endif
