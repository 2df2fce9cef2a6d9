// What a compiled plugin is made of. Other layers use plugin.h and ubiq/plugin.h.
#ifndef PLUGIN_PARTS_COMPILED_H
#define PLUGIN_PARTS_COMPILED_H

#include "base/arena.h"
#include "engine/compiler.h"
#include "plugin/manifest/manifest.h"
#include "plugin/plugin.h"

/// In front of the names of the hub's exports in a merged module.
#define COMPILED_MERGED_PREFIX "ubiq:kernel/"

/// The hub's place in every image; the manifest's modules follow in the order in which they are instantiated.
enum { HUB_MODULE = 0 };

/// One of the modules of a compiled plugin, by its place in the image, unless that is merged.
typedef struct compiled_module {
  const char *name; ///< under which others import it; the hub's is NULL
  wasm_module *wasm;
  buffer bytes;             ///< the binary, until the image is made
  engine_module *code;      ///< NULL for the hub of a merged image; the main module's is that of both
  engine_binding *bindings; ///< in the compiled plugin's arena
} compiled_module;

/// A function to be called once, in order, before the first call of an instance.
typedef struct compiled_step {
  uint32_t module;
  const char *name;
  const wasm_signature *signature;
} compiled_step;

struct ubiq_compiled {
  atomic_size_t references;
  arena arena; ///< owns strings, bindings, tables below
  const char *name;
  const char *directory; ///< where relative allowed_paths start; NULL: the working directory
  const manifest *manifest;
  ubiq_compile_options options; ///< with functions and strings that are not the caller's any more: NULL
  uint64_t memory_bytes_max;    ///< kernel and modules together; 0: none
  compiled_module *modules;     ///< [0] is the hub
  size_t modules_count;
  uint32_t main;            ///< place of the main module
  uint32_t core_memory;     ///< of the wire `core`: the place of the guest's memory among `memories`
  bool is_merged;           ///< the hub and the main module are one module of the image, 0
  engine_binding *memories; ///< [KERNEL_MEMORY] and then those that the modules define; in the arena
  size_t memories_count;
  compiled_step *steps;
  size_t steps_count;
  const ubiq_function **functions; ///< shares of the embedder's host functions
  size_t functions_count;
  engine_image *image;
  bool has_no_fuel;                ///< the C ABI's fuel limit of 0: no plugin can be made of it
  const engine_compiler *compiler; ///< while it is compiled: who does that; NULL: the thread
  bool is_pooled;                  ///< its engine has a pool, which can be full
  buffer *sources;                ///< what modules by path and URL held, by their place in the manifest; NULL: not kept
  bool has_no_unpooled;           ///< making `unpooled` failed: it is not tried again
  struct ubiq_compiled *unpooled; ///< the same for an engine without a pool, once it was needed; see overflow.c
};

/// Whether the plugin has Extism's kernel: modules for the wire `core` and components have none.
static inline bool compiled_has_kernel(const compiled *compiled) {
  return !compiled->options.core && !compiled->options.component;
}

/// The kernel's place among the memories.
enum { KERNEL_MEMORY = 0 };

#endif
