// What a module exports, found by name. There may be a hundred thousand exports, and as many imports of other modules
// that ask for them: so they are sorted once, when the module is read. See wasm_module.h.
#include "base/arena.h"
#include "engine/wasm/wasm_module.h"

#include <stdlib.h>
#include <string.h>

// Of two with one name, which no engine accepts, the first comes first.
static int compare(const void *one, const void *other) {
  const wasm_item *a = *(const wasm_item *const *)one, *b = *(const wasm_item *const *)other;
  int order = strcmp(a->name, b->name);
  return order ? order : (a > b) - (a < b);
}

ubiq_error *wasm_module_sort_exports(wasm_module *module) {
  const wasm_item **sorted = arena_array(module->arena, module->exports_count + 1, sizeof(const wasm_item *));
  if (!sorted) return ubiq_error_no_memory();
  for (size_t i = 0; i < module->exports_count; i++) sorted[i] = &module->exports[i];
  qsort(sorted, module->exports_count, sizeof *sorted, compare);
  module->exports_sorted = sorted;
  return NULL;
}

const wasm_item *wasm_module_export(const wasm_module *module, const char *name) {
  size_t first = 0, behind = module->exports_count;
  while (first < behind) {
    size_t middle = first + (behind - first) / 2;
    if (strcmp(module->exports_sorted[middle]->name, name) < 0)
      first = middle + 1;
    else
      behind = middle;
  }
  bool is_there = first < module->exports_count && strcmp(module->exports_sorted[first]->name, name) == 0;
  return is_there ? module->exports_sorted[first] : NULL;
}
