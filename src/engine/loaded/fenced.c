// See fenced.h.
#include "engine/loaded/fenced.h"

#include "base/arena.h"

static wasm_import_name name_of(const links *links, const links_target *target, const char *host, arena *arena) {
  if (!target->host)
    return (wasm_import_name){.module = arena_printf(arena, "%u", target->module), .name = target->item->name};
  return (wasm_import_name){.module = host,
                            .name = arena_printf(arena, "%td", target->item - links_wasm(links, 0)->imports)};
}

static const wasm_import_name *name_all(const links *links, uint32_t place, const char *host, arena *arena) {
  size_t count = links_wasm(links, place)->imports_count;
  wasm_import_name *names = arena_array(arena, count + 1, sizeof *names);
  for (size_t i = 0; names && i < count; i++) {
    names[i] = name_of(links, &links->modules[place].targets[i], host, arena);
    if (!names[i].module || !names[i].name) return NULL;
  }
  return names;
}

ubiq_error *fenced_copy(const links *links, uint32_t place, const char *host, wasm_fence_request request, uint8_t **out,
                        size_t *out_size) {
  arena names = {0};
  request.imports = name_all(links, place, host, &names);
  ubiq_error *error = request.imports ? wasm_fence(&request, out, out_size) : ubiq_error_no_memory();
  arena_free(&names);
  return error;
}
