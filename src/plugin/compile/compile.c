// Compiled plugins: from a manifest or a module to an image that instances are made of.
#include "plugin/compile/compile.h"

#include "plugin/compile/artifact.h"
#include "plugin/compile/build.h"
#include "plugin/parts/function.h"

#include <stdlib.h>
#include <string.h>

enum { UNTRUSTED_MODULES_MAX = 15 };

static void forget_modules(compiled *compiled) {
  engine_image_delete(compiled->image);
  for (size_t i = 0; compiled->modules && i < compiled->modules_count; i++) {
    engine_module_delete(compiled->modules[i].code);
    wasm_module_free(compiled->modules[i].wasm);
    buffer_free(&compiled->modules[i].bytes);
  }
  free(compiled->modules);
  compiled->image = NULL;
  compiled->modules = NULL;
  compiled->modules_count = compiled->steps_count = compiled->memories_count = 0;
  compiled->is_merged = false;
}

// Room for the modules that are kept, or nothing left of an attempt before.
static ubiq_error *prepare_artifact(const compiled *compiled, compile_artifact *artifact, engine_class class) {
  artifact->class = class;
  if (artifact->stored) return NULL;
  cache_set_free(&artifact->kept);
  artifact->modules_count = compiled->manifest->modules_count;
  if (!artifact->modules) artifact->modules = calloc(artifact->modules_count + 1, sizeof *artifact->modules);
  return artifact->modules ? NULL : ubiq_error_no_memory();
}

static ubiq_error *build_with(compiled *compiled, const engine_ops *ops, engine_class class,
                              compile_artifact *artifact) {
  engine *engine;
  compiled->is_pooled = class == ENGINE_CLASS_SMALL || class == ENGINE_CLASS_LARGE;
  ubiq_error *error = engines_get(ops, class, &engine);
  if (!error && artifact) error = prepare_artifact(compiled, artifact, class);
  return error ? error : build_image(compiled, engine, class, artifact);
}

static engine_class choose_class(const compiled *compiled) {
  if (compiled->options.fuel) return ENGINE_CLASS_FUEL;
  uint64_t bytes = compiled->memory_bytes_max;
  return compiled->options.suspends && bytes && bytes <= ENGINE_SMALL_BYTES ? ENGINE_CLASS_SMALL : ENGINE_CLASS_LARGE;
}

static ubiq_error *check_untrusted(const manifest *manifest, const ubiq_files *files) {
  if (manifest->modules_count > UNTRUSTED_MODULES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "manifest: has %zu modules; at most %d are allowed", manifest->modules_count,
                          UNTRUSTED_MODULES_MAX);
  for (size_t i = 0; i < manifest->modules_count; i++) {
    const manifest_module *module = &manifest->modules[i];
    if (module->kind == MANIFEST_DATA || (module->kind == MANIFEST_PATH && files)) continue;
    return ubiq_error_new(UBIQ_DENIED, "manifest: module %s is not part of the bundle; expected %s", module->location,
                          files ? "data or the path of a file that is" : "data");
  }
  if (manifest->has_allowed_hosts || manifest->has_allowed_paths)
    return ubiq_error_new(UBIQ_DENIED, "manifest: allowed_hosts and allowed_paths are the operator's to say");
  return NULL;
}

static ubiq_error *copy_options(compiled *compiled, const ubiq_compile_options *options) {
  static const ubiq_compile_options defaults = {0};
  compiled->options = options ? *options : defaults;
  const char *name = compiled->options.name ? compiled->options.name : "plugin";
  const char *directory = compiled->options.directory;
  compiled->name = arena_string(&compiled->arena, name, strlen(name));
  compiled->directory = directory ? arena_string(&compiled->arena, directory, strlen(directory)) : NULL;
  size_t count = compiled->options.functions_count;
  compiled->functions = arena_array(&compiled->arena, count + 1, sizeof(void *));
  if (!compiled->name || !compiled->functions || (directory && !compiled->directory)) return ubiq_error_no_memory();
  for (size_t i = 0; i < count; i++)
    compiled->functions[compiled->functions_count++] = function_retain(compiled->options.functions[i]);
  return NULL;
}

static void choose_memory(compiled *compiled) {
  uint64_t asked = (uint64_t)compiled->manifest->memory.max_pages * WASM_PAGE_BYTES;
  uint64_t allowed = compiled->options.memory_bytes_max;
  compiled->memory_bytes_max = asked && (!allowed || asked < allowed) ? asked : allowed;
}

// What was the caller's for the length of ubiq_compiled_new is not kept.
static void forget_borrowed(ubiq_compile_options *options) {
  options->name = options->engine = options->directory = NULL;
  options->functions = NULL;
  options->files = NULL;
}

static ubiq_error *read_manifest(compiled *compiled, const uint8_t *source, size_t size) {
  if (artifact_recognize(source, size))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it is a compiled plugin; expected a manifest or a module (compiled "
                                              "plugins are for ubiq_compiled_load and `ubiq call`)");
  manifest_options reading = {.allow_pointer = compiled->options.pointers};
  ubiq_error *error = manifest_from_bytes(source, size, &reading, &compiled->manifest);
  return !error && compiled->options.untrusted ? check_untrusted(compiled->manifest, compiled->options.files) : error;
}

static ubiq_error *check_capabilities(const compiled *compiled, const engine_ops *ops) {
  if (compiled->options.suspends && !(ops->capabilities & ENGINE_CAN_SUSPEND))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "engine \"%s\" cannot suspend calls: its plugins are called on the caller's stack alone",
                          ops->name);
  if (compiled->options.fuel && !(ops->capabilities & ENGINE_CAN_FUEL))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "engine \"%s\" does not count fuel", ops->name);
  return NULL;
}

// In the engine that suits the plugin, or, when its pool is too small, in one without a pool. What was compiled before
// is for one engine alone.
static ubiq_error *build_somewhere(compiled *compiled, compile_artifact *artifact) {
  const engine_ops *ops = NULL;
  ubiq_error *error = engine_find(compiled->options.engine, &ops);
  if (!error) error = check_capabilities(compiled, ops);
  if (error) return error;
  bool is_stored = artifact && artifact->stored;
  engine_class class = is_stored ? artifact->class : choose_class(compiled);
  error = build_with(compiled, ops, class, artifact);
  if (ubiq_error_code(error) != UBIQ_TOO_LARGE || class == ENGINE_CLASS_FUEL || is_stored) return error;
  ubiq_error_delete(error);
  forget_modules(compiled);
  return build_with(compiled, ops, ENGINE_CLASS_LOOSE, artifact);
}

static ubiq_error *compile(compiled *compiled, const uint8_t *source, size_t size, const ubiq_compile_options *options,
                           compile_artifact *artifact) {
  ubiq_error *error = copy_options(compiled, options);
  if (!error) error = read_manifest(compiled, source, size);
  if (error) return error;
  choose_memory(compiled);
  if (!compiled->options.suspends && (!artifact || artifact->stored))
    compiled->sources = calloc(compiled->manifest->modules_count + 1, sizeof *compiled->sources);
  error = build_somewhere(compiled, artifact);
  forget_borrowed(&compiled->options);
  return error;
}

ubiq_error *ubiq_compiled_new(const uint8_t *source, size_t size, const ubiq_compile_options *options,
                              ubiq_compiled **out) {
  return compiled_make(source, size, options, NULL, NULL, out);
}

ubiq_error *compiled_new_by(const engine_compiler *compiler, const uint8_t *source, size_t size,
                            const ubiq_compile_options *options, compiled **out) {
  return compiled_make(source, size, options, compiler, NULL, out);
}

ubiq_error *compiled_make(const uint8_t *source, size_t size, const ubiq_compile_options *options,
                          const engine_compiler *compiler, compile_artifact *artifact, ubiq_compiled **out) {
  compiled *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  atomic_init(&self->references, 1);
  arena_init(&self->arena);
  self->compiler = compiler;
  ubiq_error *error = compile(self, source, size, options, artifact);
  self->compiler = NULL;
  if (error) {
    ubiq_compiled_delete(self);
    return error;
  }
  *out = self;
  return NULL;
}

ubiq_error *compiled_make_unpooled(const compiled *original, compiled **out) {
  compiled *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  atomic_init(&self->references, 1);
  arena_init(&self->arena);
  ubiq_compile_options options = original->options;
  options.name = original->name;
  options.functions = original->functions;
  ubiq_error *error = copy_options(self, &options);
  self->manifest = original->manifest;
  self->sources = original->sources;
  self->memory_bytes_max = original->memory_bytes_max;
  if (!error) error = build_with(self, original->modules[original->main].code->ops, ENGINE_CLASS_LOOSE, NULL);
  forget_borrowed(&self->options);
  self->manifest = NULL; // they are the original's
  self->sources = NULL;
  if (error)
    ubiq_compiled_delete(self);
  else
    *out = self;
  return error;
}

static void forget_sources(compiled *compiled) {
  for (size_t i = 0; compiled->sources && i < compiled->manifest->modules_count; i++)
    buffer_free(&compiled->sources[i]);
  free(compiled->sources);
}

void ubiq_compiled_delete(ubiq_compiled *self) {
  if (!self || atomic_fetch_sub(&self->references, 1) != 1) return;
  ubiq_compiled_delete(self->unpooled);
  forget_modules(self);
  forget_sources(self);
  for (size_t i = 0; i < self->functions_count; i++) function_release(self->functions[i]);
  manifest_delete(self->manifest);
  arena_free(&self->arena);
  free(self);
}

bool compiled_counts_fuel(const compiled *compiled) {
  return compiled->options.fuel > 0;
}
