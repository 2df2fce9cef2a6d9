// What the imports of an image's modules lead to, for engines that have to be told: each to a host function, or to what
// another module defines. What a module exports again of its imports is followed to where it comes from.
#ifndef ENGINE_LINKS_H
#define ENGINE_LINKS_H

#include "engine/engine.h"

/// What the modules of such engines begin with.
typedef struct links_module {
  engine_module base;
  wasm_module *wasm; ///< what it imports and exports
} links_module;

typedef struct links_target {
  const engine_host_function *host; ///< NULL: to a module
  uint32_t module;                  ///< whose `item` is, by its place in the image
  const wasm_item *item;            ///< the export of the module that defines it; of a host function the hub's import
} links_target;

typedef struct links_linked {
  links_module *module;          ///< one owner of it is the image
  links_target *targets;         ///< one for each import
  uint32_t *by_kind;             ///< places of imports, those of a kind together
  uint32_t firsts[WASM_TAG + 2]; ///< where in `by_kind` a kind begins and the next does
} links_linked;

/// Part of an image. Zeroed, it is an empty one.
typedef struct links {
  links_linked *modules; ///< [0] is the hub
  size_t modules_count;
  links_target *memories; ///< those of engine_link; `item` is NULL where there is none
  size_t memories_count;
  uint32_t caller_memory;      ///< that of engine_link
  engine_host_function *hosts; ///< in the order of their names
  size_t hosts_count;
} links;

/// Resolves all imports for a store that does not suspend. Values up to `last` in the order of wasm_type cross between the
/// engine's guests and the host. Close it also when this fails. Errors: `invalid_input`, `too_large`.
ubiq_error *links_open(links *self, const engine_ops *ops, const engine_link *link, wasm_type last);
void links_close(links *self);

static inline const wasm_module *links_wasm(const links *self, uint32_t module) {
  return self->modules[module].module->wasm;
}

/// What export `name` of module `module` leads to, when it is of that kind; else its `item` is NULL.
links_target links_find(const links *self, uint32_t module, const char *name, wasm_kind kind);

/// What engine_caller_memory finds for the caller `module`; `item` is NULL when there is none.
links_target links_caller_memory(const links *self, uint32_t module);

/// Calls a host function in a store that cannot suspend: blocks until it is done. `values` is as in engine_host_callback.
ubiq_error *links_call_host(const engine_host_function *host, engine_call *call, engine_value *values);

#endif
