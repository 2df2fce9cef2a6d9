// Which functions of a compiled plugin can be called, and what is said of one that cannot.
#include "plugin/compile/core_module.h"

#include "base/text.h"

#include <stdlib.h>

// A function that can be called as Extism calls them: no parameters, at most one result.
static bool is_callable(const wasm_item *item) {
  return item->kind == WASM_FUNCTION && item->signature.params_count == 0 && item->signature.results_count <= 1;
}

bool ubiq_compiled_has(const ubiq_compiled *compiled, const char *function) {
  if (!compiled->modules[compiled->main].wasm) return false; // a component
  const wasm_item *item = wasm_module_export(compiled->modules[compiled->main].wasm, function);
  return item && is_callable(item) &&
         (item->signature.results_count == 0 || item->signature.results[0] == WASM_TYPE_I32);
}

// "; did you mean NAME?", or the first few that there are.
static bool suggest(const char *name, const char *const *names, size_t count, buffer *out) {
  enum { NAMES_MAX = 10 };
  const char *nearest = text_nearest(text_of(name), names, count);
  if (nearest) return buffer_printf(out, "; did you mean %s?", nearest);
  if (count == 0) return buffer_append_string(out, "; the module exports no function that can be called");
  bool good = buffer_append_string(out, "; expected ");
  for (size_t i = 0; good && i < count && i < NAMES_MAX; i++)
    good = buffer_printf(out, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", names[i]);
  return good && (count <= NAMES_MAX || buffer_append_string(out, ", ..."));
}

static ubiq_error *function_not_found(const wasm_module *wasm, const char *name) {
  const char **names = calloc(wasm->exports_count + 1, sizeof *names);
  size_t count = 0;
  for (size_t i = 0; names && i < wasm->exports_count; i++)
    if (is_callable(&wasm->exports[i])) names[count++] = wasm->exports[i].name;
  buffer hint = {0};
  ubiq_error *error = names && suggest(name, names, count, &hint)
                          ? ubiq_error_new(UBIQ_NOT_FOUND, "Function not found: %s%s", name, buffer_string(&hint))
                          : ubiq_error_no_memory();
  buffer_free(&hint);
  free(names);
  return error;
}

ubiq_error *compiled_function_find(compiled *compiled, const char *name, compiled_function *out) {
  if (compiled->options.core) {
    core_function(compiled, name, out);
    return NULL;
  }
  if (compiled->options.component) { // any operation: which there are its init says
    *out = (compiled_function){.name = name};
    return NULL;
  }
  const wasm_module *wasm = compiled->modules[compiled->main].wasm;
  const wasm_item *item = wasm_module_export(wasm, name);
  if (!item) return function_not_found(wasm, name);
  if (!is_callable(item)) {
    char type[128] = "";
    if (item->kind == WASM_FUNCTION) wasm_signature_print(&item->signature, type, sizeof type);
    return ubiq_error_new(UBIQ_INVALID_INPUT, "export %s is a %s%s%s; expected a function () -> i32 or () -> ()", name,
                          wasm_kind_name(item->kind), type[0] == '\0' ? "" : " ", type);
  }
  *out = (compiled_function){.name = item->name, .signature = &item->signature};
  return NULL;
}
