// See build.h.
#include "plugin/compile/build.h"

#include "engine/wasm/wasm_counts.h"
#include "plugin/compile/artifact.h"
#include "plugin/compile/component_build.h"
#include "plugin/compile/core_module.h"
#include "plugin/host/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_PER_MODULE = 3 };

/// What is known while a plugin is being compiled.
typedef struct build {
  compiled *compiled;
  engine *engine;
  engine_class class;
  compile_artifact *artifact; ///< NULL: none
  const char **names;         ///< of the manifest's modules
  wasm_module **read;         ///< the manifest's modules, before they are put in order
  buffer *bytes;              ///< the same, as binaries with their start functions lifted
  char *state;                ///< 0 not yet, 1 being placed, 2 placed
} build;

static ubiq_error *assemble(const compiled *compiled, buffer *bytes) {
  buffer made = {0};
  uint8_t *wasm = NULL;
  size_t size = 0;
  const engine_compiler *compiler = compiled->compiler;
  ubiq_error *error = compiler ? compiler->assemble(compiler->user, buffer_bytes(bytes), &made)
                               : engine_wat_to_wasm((const char *)bytes->data, bytes->size, &wasm, &size);
  if (error) return error;
  buffer_clear(bytes);
  bool ok = compiler ? buffer_append(bytes, made.data, made.size) : buffer_append(bytes, wasm, size);
  buffer_free(&made);
  free(wasm);
  return ok ? NULL : ubiq_error_no_memory();
}

static ubiq_error *to_binary(const compiled *compiled, buffer *bytes) {
  if (wasm_is_module(bytes->data, bytes->size)) return NULL;
  if (wasm_is_component(bytes->data, bytes->size))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it is a component; expected a core module, or wire = \"component\" in "
                                              "ubiq.toml");
  if (artifact_recognize(bytes->data, bytes->size))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it is a compiled plugin, which cannot be part of a manifest; expected a "
                                              "module");
  if (bytes->size < 4 || !manifest_looks_like_wasm(bytes->data, bytes->size))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "it is neither WebAssembly (\\0asm ...) nor its text form (module ...): it has %zu bytes of "
                          "something else",
                          bytes->size);
  if (bytes->data[0] == 0) return NULL; // the magic with a version that the reader names
  return assemble(compiled, bytes);
}

typedef ubiq_error *(*wasm_edit)(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size);

static ubiq_error *edit(buffer *bytes, wasm_edit how) {
  uint8_t *wasm = NULL;
  size_t size = 0;
  ubiq_error *error = how(bytes->data, bytes->size, &wasm, &size);
  if (error) return error;
  buffer_clear(bytes);
  bool ok = buffer_append(bytes, wasm, size);
  free(wasm);
  return ok ? NULL : ubiq_error_no_memory();
}

// An artefact keeps modules as they were before anything was changed in them, but as binaries.
static ubiq_error *keep_module(const build *self, size_t index) {
  if (!self->artifact || !self->artifact->modules) return NULL;
  buffer *kept = &self->artifact->modules[index];
  buffer_clear(kept);
  return buffer_append(kept, self->bytes[index].data, self->bytes[index].size) ? NULL : ubiq_error_no_memory();
}

// What a path or a URL held is kept for another build: it may hold something else by then.
static ubiq_error *read_source(const build *self, size_t index, buffer *bytes) {
  const compiled *compiled = self->compiled;
  const manifest_module *module = &compiled->manifest->modules[index];
  buffer *kept = compiled->sources && module->kind != MANIFEST_DATA ? &compiled->sources[index] : NULL;
  manifest_loader loader = {
      .fetch = http_fetch_module, .directory = compiled->options.directory, .files = compiled->options.files};
  if (kept && kept->size) return buffer_append(bytes, kept->data, kept->size) ? NULL : ubiq_error_no_memory();
  ubiq_error *error = manifest_module_load(module, &loader, bytes);
  if (!error && kept && !buffer_append(kept, bytes->data, bytes->size)) error = ubiq_error_no_memory();
  return error;
}

static ubiq_error *load_module(build *self, size_t index) {
  buffer *bytes = &self->bytes[index];
  ubiq_error *error = read_source(self, index, bytes);
  if (!error) error = to_binary(self->compiled, bytes);
  if (!error) error = wasm_check_counts(bytes->data, bytes->size);
  if (!error) error = keep_module(self, index);
  if (!error) error = edit(bytes, wasm_lift_start);
  if (!error) error = edit(bytes, wasm_export_memories);
  if (!error) error = wasm_module_read(bytes->data, bytes->size, &self->read[index]);
  return error ? ubiq_error_wrap(error, "module %s", self->names[index]) : NULL;
}

static size_t find_name(const build *self, const char *name) {
  size_t i = 0;
  while (i < self->compiled->manifest->modules_count && strcmp(self->names[i], name) != 0) i++;
  return i;
}

// Puts a module into the image behind all that it imports from.
static ubiq_error *place(build *self, size_t index) {
  compiled *compiled = self->compiled;
  size_t count = compiled->manifest->modules_count;
  if (self->state[index] == 2) return NULL;
  if (self->state[index] == 1)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "module %s imports from itself, by way of others", self->names[index]);
  self->state[index] = 1;
  const wasm_module *wasm = self->read[index];
  assert(wasm);
  for (size_t i = 0; i < wasm->imports_count; i++) {
    size_t other = find_name(self, wasm->imports[i].module);
    ubiq_error *error = other < count && other != index ? place(self, other) : NULL;
    if (error) return error;
  }
  self->state[index] = 2;
  compiled_module *module = &compiled->modules[compiled->modules_count++];
  module->name = arena_string(&compiled->arena, self->names[index], strlen(self->names[index]));
  module->wasm = self->read[index];
  module->bytes = self->bytes[index];
  self->read[index] = NULL;
  self->bytes[index] = (buffer){0};
  if (!module->name) return ubiq_error_no_memory();
  if (strcmp(module->name, MANIFEST_MAIN) == 0) compiled->main = (uint32_t)compiled->modules_count - 1;
  return NULL;
}

static bool takes_nothing(const wasm_item *item) {
  return item && item->kind == WASM_FUNCTION && item->signature.params_count == 0 && item->signature.results_count == 0;
}

// hs_init(argc, argv), which answers nothing.
static bool is_haskell(const wasm_item *item) {
  static const wasm_type params[] = {WASM_TYPE_I32, WASM_TYPE_I32};
  static const wasm_signature expected = {.params = params, .params_count = 2};
  return item && item->kind == WASM_FUNCTION && wasm_signature_equal(&item->signature, &expected);
}

static void add_step(compiled *compiled, uint32_t module, const wasm_item *item) {
  compiled->steps[compiled->steps_count++] = (compiled_step){module, item->name, &item->signature};
}

// The ways in which guests want to be started before their first call: the order is Extism's.
static void add_runtime_steps(compiled *compiled, uint32_t index) {
  const wasm_module *wasm = compiled->modules[index].wasm;
  const wasm_item *initialize = wasm_module_export(wasm, "_initialize");
  const wasm_item *constructors = wasm_module_export(wasm, "__wasm_call_ctors");
  const wasm_item *haskell = wasm_module_export(wasm, "hs_init");
  if (index == compiled->main && is_haskell(haskell)) {
    if (takes_nothing(initialize)) add_step(compiled, index, initialize);
    add_step(compiled, index, haskell);
  } else if (index == compiled->main && takes_nothing(constructors)) {
    add_step(compiled, index, constructors);
  } else if (takes_nothing(initialize)) {
    add_step(compiled, index, initialize);
  }
}

static ubiq_error *plan_steps(compiled *compiled) {
  compiled->steps = arena_array(&compiled->arena, compiled->modules_count * STEPS_PER_MODULE, sizeof *compiled->steps);
  if (!compiled->steps) return ubiq_error_no_memory();
  for (uint32_t i = 1; i < compiled->modules_count; i++) {
    const wasm_item *start = wasm_module_export(compiled->modules[i].wasm, WASM_START_EXPORT);
    if (start && !takes_nothing(start))
      return ubiq_error_new(UBIQ_INVALID_INPUT, "module %s: its start function must be () -> ()",
                            compiled->modules[i].name);
    if (start) add_step(compiled, i, start);
    add_runtime_steps(compiled, i);
  }
  return NULL;
}

static ubiq_error *check_memory(const compiled *compiled) {
  uint64_t pages = 0, limit = compiled->memory_bytes_max;
  for (size_t i = 0; i < compiled->modules_count; i++) pages += compiled->modules[i].wasm->memory_pages_min;
  if (limit == 0 || pages * WASM_PAGE_BYTES <= limit) return NULL;
  return ubiq_error_new(UBIQ_MEMORY_LIMIT,
                        "the plugin needs %llu pages of memory to start, the kernel's included; the limit is %llu",
                        (unsigned long long)pages, (unsigned long long)(limit / WASM_PAGE_BYTES));
}

static ubiq_error *build_allocate(build *self) {
  size_t count = self->compiled->manifest->modules_count;
  self->compiled->modules = calloc(count + 1, sizeof *self->compiled->modules);
  self->compiled->modules_count = 1;
  self->names = calloc(count, sizeof *self->names);
  self->read = calloc(count, sizeof *self->read);
  self->bytes = calloc(count, sizeof *self->bytes);
  self->state = calloc(count, 1);
  bool ok = self->compiled->modules && self->names && self->read && self->bytes && self->state;
  return ok ? manifest_names_resolve(self->compiled->manifest, self->names) : ubiq_error_no_memory();
}

static void build_free(build *self) {
  for (size_t i = 0; i < self->compiled->manifest->modules_count; i++) {
    if (self->read) wasm_module_free(self->read[i]);
    if (self->bytes) buffer_free(&self->bytes[i]);
  }
  free(self->names);
  free(self->read);
  free(self->bytes);
  free(self->state);
}

static ubiq_error *build_component(build *self) {
  import_plan plan = {.compiled = self->compiled,
                      .engine = self->engine,
                      .class = self->class,
                      .settings = engines_class_name(self->class)};
  ubiq_error *error = build_allocate(self);
  if (!error) error = read_source(self, 0, &self->bytes[0]);
  return error ? error : component_build(&plan, buffer_bytes(&self->bytes[0]));
}

static ubiq_error *build_run(build *self) {
  compiled *compiled = self->compiled;
  if (compiled->options.component) return build_component(self);
  size_t count = compiled->manifest->modules_count;
  ubiq_error *error = build_allocate(self);
  for (size_t i = 0; i < count && !error; i++) error = load_module(self, i);
  size_t main = error ? 0 : find_name(self, MANIFEST_MAIN);
  for (size_t i = 0; i < count && !error; i++)
    if (i != main) error = place(self, i);
  if (!error) error = place(self, main);
  import_plan plan = {.compiled = compiled,
                      .engine = self->engine,
                      .class = self->class,
                      .settings = engines_class_name(self->class),
                      .artifact = self->artifact};
  if (!error) error = core_check(compiled);
  if (!error) error = imports_resolve(&plan);
  if (!error) error = plan_steps(compiled);
  if (!error) error = check_memory(compiled);
  return error ? error : image_build(&plan);
}

ubiq_error *build_image(compiled *compiled, engine *engine, engine_class class, compile_artifact *artifact) {
  build self = {.compiled = compiled, .engine = engine, .class = class, .artifact = artifact};
  ubiq_error *error = build_run(&self);
  build_free(&self);
  return error;
}
