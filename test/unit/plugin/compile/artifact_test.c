// Compiled plugins in files: what is kept, what loading compiles (nothing), and everything that is refused.
// link: -Wl,--wrap=wasmtime_module_new,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "plugin/parts/engines.h"
#include "unit/plugin/plugin_testing.h"

#include "plugin/compile/artifact_format.h"
#include "ubiq/artifact.h"
#include "ubiq/function.h"
#include "unit/base/alloc_failure.h"
#include "unit/base/map_testing.h"

#include <wasm.h>
#include <wasmtime.h>

static char cache_folder[64];

// -- How often the engine compiles --

static int compiled_count;

wasmtime_error_t *__real_wasmtime_module_new(wasm_engine_t *engine, const uint8_t *wasm, size_t size,
                                             wasmtime_module_t **module);
wasmtime_error_t *__wrap_wasmtime_module_new(wasm_engine_t *engine, const uint8_t *wasm, size_t size,
                                             wasmtime_module_t **module);

wasmtime_error_t *__wrap_wasmtime_module_new(wasm_engine_t *engine, const uint8_t *wasm, size_t size,
                                             wasmtime_module_t **module) {
  compiled_count++;
  return __real_wasmtime_module_new(engine, wasm, size, module);
}

// -- Making and loading --

typedef struct artefact {
  uint8_t *bytes;
  size_t size;
} artefact;

static artefact precompile(const void *source, size_t size, const ubiq_compile_options *options) {
  artefact made = {0};
  assert_success(ubiq_precompile(source, size, options, &made.bytes, &made.size));
  return made;
}

static artefact precompile_guest(const char *name, const ubiq_compile_options *options) {
  buffer source = guest_read(name);
  artefact made = precompile(source.data, source.size, options);
  buffer_free(&source);
  return made;
}

static artefact precompile_text(const char *source, const ubiq_compile_options *options) {
  return precompile(source, strlen(source), options);
}

// Loads and ends the artefact's bytes, so that nothing can still refer to them.
static ubiq_compiled *load(artefact *made, const ubiq_compile_options *options) {
  ubiq_compiled *compiled = NULL;
  int before = compiled_count;
  assert_success(ubiq_compiled_load(made->bytes, made->size, options, &compiled));
  assert_int_equal(compiled_count, before);
  memset(made->bytes, 0xaa, made->size);
  free(made->bytes);
  *made = (artefact){0};
  return compiled;
}

static void assert_answers(ubiq_compiled *compiled, const char *function, const char *input, const char *expected) {
  instance one;
  assert_success(instance_open(&one, compiled, NULL, NULL));
  assert_output(&one, function, input, expected);
  instance_close(&one);
  ubiq_compiled_delete(compiled);
}

static ubiq_error *try_load(const artefact *made, const ubiq_compile_options *options) {
  ubiq_compiled *compiled = NULL;
  ubiq_error *error = ubiq_compiled_load(made->bytes, made->size, options, &compiled);
  if (error) assert_null(compiled);
  ubiq_compiled_delete(compiled);
  return error;
}

// -- What is kept --

static void what_was_compiled_is_loaded_without_compiling(void **state) {
  (void)state;
  artefact made = precompile_guest("hello", NULL);
  if (is_default_engine()) assert_true(compiled_count > 0);
  assert_true(ubiq_is_precompiled(made.bytes, made.size));
  assert_answers(load(&made, NULL), "hello", "Ada", "Hello, Ada!");
}

static void an_entry_of_the_cache_will_do_to_make_one(void **state) {
  (void)state;
  artefact first = precompile_guest("rust_plugin", NULL);
  int before = compiled_count;
  artefact second = precompile_guest("rust_plugin", NULL);
  assert_int_equal(compiled_count, before);
  assert_int_equal(first.size, second.size);
  ubiq_compiled_delete(load(&first, NULL));
  ubiq_compiled_delete(load(&second, NULL));
}

static void several_modules_in_text_are_kept(void **state) {
  (void)state;
  static const char modules[] = "{\"wasm\":[{\"name\":\"lib\",\"data\":\"KG1vZHVsZSAoZnVuYyAoZXhwb3J0ICJmIikpKQ==\"},"
                                "{\"data\":\"KG1vZHVsZSAoaW1wb3J0ICJsaWIiICJmIiAoZnVuYyAkZikpIChmdW5jIChleHBvcnQgInJ1"
                                "biIpIChjYWxsICRmKSkp\"}]}";
  artefact made = precompile_text(modules, NULL);
  assert_answers(load(&made, NULL), "run", "", "");
}

static void modules_of_files_become_part_of_it(void **state) {
  (void)state;
  buffer lib = guest_read("lib"), main = guest_read("main");
  buffer_free(&lib);
  buffer_free(&main);
  artefact made = precompile_text("[[wasm]]\nname = \"lib\"\npath = \"lib.wasm\"\n[[wasm]]\npath = \"main.wasm\"\n",
                                  &(ubiq_compile_options){.directory = UBIQ_GUESTS_DIR});
  ubiq_compiled *compiled = load(&made, &(ubiq_compile_options){.directory = "/no/such/place"});
  assert_true(ubiq_compiled_has(compiled, "sum"));
  assert_answers(compiled, "shout", "hey", "HEY");
}

static void the_manifest_is_kept(void **state) {
  (void)state;
  artefact made =
      precompile_text("{\"wasm\":[{\"path\":\"config.wasm\"}],\"timeout_ms\":1234,"
                      "\"config\":{\"key\":\"v\\u00e4lue\\n\\\"\",\"empty\":\"\"},"
                      "\"allowed_hosts\":[\"*.example.com\"],\"allowed_paths\":{\"ro:/a\":\"/b\",\"c\":\"d\"},"
                      "\"memory\":{\"max_pages\":70,\"max_var_bytes\":0,\"max_http_response_bytes\":5}}",
                      &(ubiq_compile_options){.directory = UBIQ_GUESTS_DIR, .name = "kept"});
  ubiq_compiled *compiled = load(&made, NULL);
  const manifest *manifest = compiled->manifest;
  assert_true(manifest->has_timeout && manifest->timeout_ms == 1234);
  assert_string_equal(map_string(&manifest->config, "key"), "v\xc3\xa4lue\n\"");
  assert_string_equal(map_string(&manifest->config, "empty"), "");
  assert_int_equal(manifest->allowed_hosts_count, 1);
  assert_string_equal(manifest->allowed_hosts[0], "*.example.com");
  assert_int_equal(manifest->allowed_paths_count, 2);
  assert_true(!manifest->allowed_paths[0].read_only && manifest->allowed_paths[1].read_only);
  assert_string_equal(manifest->allowed_paths[0].guest, "d");
  assert_string_equal(manifest->allowed_paths[1].host, "/a");
  assert_int_equal(manifest->memory.max_pages, 70);
  assert_true(manifest->memory.has_max_var_bytes && manifest->memory.max_var_bytes == 0);
  assert_int_equal(manifest->memory.max_http_response_bytes, 5);
  assert_int_equal(compiled->memory_bytes_max, 70 * 65536);
  assert_string_equal(compiled->name, "kept");
  assert_answers(compiled, "config", "key", "v\xc3\xa4lue\n\"");
}

static void what_a_manifest_leaves_out_stays_out(void **state) {
  (void)state;
  artefact made = precompile_guest("hello", NULL);
  ubiq_compiled *compiled = load(&made, NULL);
  const manifest *manifest = compiled->manifest;
  assert_false(manifest->has_timeout || manifest->has_allowed_hosts || manifest->has_allowed_paths);
  assert_false(manifest->memory.has_max_var_bytes || manifest->memory.has_max_http_response_bytes);
  assert_int_equal(manifest->memory.max_pages, 0);
  assert_int_equal(manifest->config.count, 0);
  ubiq_compiled_delete(compiled);
}

static void wasi_is_kept(void **state) {
  (void)state;
  artefact made = precompile_guest("wasi_reactor", &(ubiq_compile_options){.wasi = true});
  ubiq_compiled *compiled = load(&made, NULL);
  assert_true(compiled->options.wasi);
  ubiq_compiled_delete(compiled);
}

static void it_runs_on_a_loop_when_it_was_made_for_one(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  const ubiq_compile_options options = {.suspends = true, .memory_bytes_max = 1 << 20};
  artefact made = precompile_guest("hello", &options);
  assert_error_with(try_load(&made, NULL), UBIQ_INVALID_INPUT, "for a server's loop");
  ubiq_compiled *compiled = load(&made, &options);
  test_loop loop;
  instance one;
  test_loop_open(&loop);
  assert_success(instance_open(&one, compiled, &loop, NULL));
  assert_output(&one, "hello", "Ada", "Hello, Ada!");
  instance_close(&one);
  test_loop_close(&loop);
  ubiq_compiled_delete(compiled);
}

static void fuel_is_counted_as_it_was_compiled(void **state) {
  (void)state;
  artefact made = precompile_guest("infinite", &(ubiq_compile_options){.fuel = 100000});
  ubiq_compiled *compiled = NULL;
  assert_success(ubiq_compiled_load(made.bytes, made.size, &(ubiq_compile_options){.fuel = 777}, &compiled));
  assert_int_equal(compiled->options.fuel, 777);
  ubiq_compiled_delete(compiled);
  compiled = load(&made, NULL);
  instance one;
  assert_success(instance_open(&one, compiled, NULL, NULL));
  assert_error_code(instance_call(&one, "spin", "", NULL), UBIQ_CPU_LIMIT);
  instance_close(&one);
  ubiq_compiled_delete(compiled);
}

static void a_plugin_too_large_for_the_pool_is_kept(void **state) {
  (void)state;
  artefact made = precompile_text("(module (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref)"
                                  " (table 1 funcref) (func (export \"run\")))",
                                  NULL);
  assert_answers(load(&made, NULL), "run", "", "");
}

static void a_plugin_that_was_not_merged_is_kept(void **state) {
  (void)state;
  setenv("UBIQ_MERGE", "0", 1);
  artefact made = precompile_guest("hello", NULL);
  ubiq_compiled *compiled = NULL;
  assert_success(ubiq_compiled_load(made.bytes, made.size, NULL, &compiled));
  assert_false(compiled->is_merged);
  ubiq_compiled_delete(compiled);
  unsetenv("UBIQ_MERGE");
  assert_answers(load(&made, NULL), "hello", "Ada", "Hello, Ada!");
}

// -- Host functions --

static ubiq_error *add_one(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_value *outputs) {
  (void)plugin;
  outputs[0].i64 = inputs[0].i64 + *(int *)user;
  return NULL;
}

static ubiq_function *make_function(const char *name, ubiq_type type, int *user) {
  const ubiq_type types[] = {type};
  ubiq_function *function = NULL;
  assert_success(ubiq_function_new(&(ubiq_function_options){.name = name,
                                                            .params = types,
                                                            .params_count = 1,
                                                            .results = types,
                                                            .results_count = 1,
                                                            .callback = add_one,
                                                            .user = user},
                                   &function));
  return function;
}

static const char importer[] = "(module (import \"extism:host/user\" \"add\" (func $add (param i64) (result i64)))\n"
                               "  (func (export \"run\") (result i32) (i32.wrap_i64 (call $add (i64.const -5)))))";

static artefact precompile_importer(void) {
  int unused = 0;
  ubiq_function *function = make_function("add", UBIQ_I64, &unused);
  artefact made = precompile_text(
      importer, &(ubiq_compile_options){.functions = (const ubiq_function *[]){function}, .functions_count = 1});
  ubiq_function_delete(function);
  return made;
}

static ubiq_error *load_with(const artefact *made, const char *name, ubiq_type type) {
  int unused = 0;
  ubiq_function *function = make_function(name, type, &unused);
  ubiq_error *error =
      try_load(made, &(ubiq_compile_options){.functions = (const ubiq_function *[]){function}, .functions_count = 1});
  ubiq_function_delete(function);
  return error;
}

static void host_functions_are_given_again(void **state) {
  (void)state;
  int five = 5;
  artefact made = precompile_importer();
  ubiq_function *functions[] = {make_function("other", UBIQ_F32, &five), make_function("add", UBIQ_I64, &five)};
  ubiq_compiled *compiled =
      load(&made, &(ubiq_compile_options){.functions = (const ubiq_function *const *)functions, .functions_count = 2});
  ubiq_function_delete(functions[0]);
  ubiq_function_delete(functions[1]);
  assert_answers(compiled, "run", "", "");
}

static void host_functions_must_be_those_it_was_compiled_for(void **state) {
  (void)state;
  artefact made = precompile_importer();
  assert_error_with(try_load(&made, NULL), UBIQ_INVALID_INPUT, "add");
  assert_error_with(load_with(&made, "sub", UBIQ_I64), UBIQ_INVALID_INPUT, "add");
  assert_error_with(load_with(&made, "add", UBIQ_F64), UBIQ_INVALID_INPUT, "the embedder's has the type");
  free(made.bytes);
}

// A function of the embedder's stands before the kernel's, so it makes another plugin of the same modules.
static void a_host_function_that_shadows_what_was_compiled_is_refused(void **state) {
  (void)state;
  artefact made = precompile_text("(module (import \"extism:host/env\" \"length\" (func $f (param i64) (result i64)))"
                                  " (func (export \"run\") (drop (call $f (i64.const 0)))))",
                                  NULL);
  int unused = 0;
  const ubiq_type types[] = {UBIQ_I64};
  ubiq_function *function = NULL;
  assert_success(ubiq_function_new(&(ubiq_function_options){.module = "extism:host/env",
                                                            .name = "length",
                                                            .params = types,
                                                            .params_count = 1,
                                                            .results = types,
                                                            .results_count = 1,
                                                            .callback = add_one,
                                                            .user = &unused},
                                   &function));
  ubiq_compile_options options = {.functions = (const ubiq_function *[]){function}, .functions_count = 1};
  assert_error_with(try_load(&made, &options), UBIQ_INVALID_INPUT, "there is no compiled code");
  ubiq_function_delete(function);
  assert_answers(load(&made, NULL), "run", "", "");
}

// -- What is refused --

static void bytes_that_were_changed_are_refused(void **state) {
  (void)state;
  artefact made = precompile_guest("hello", NULL);
  size_t header = 160, changes = 0;
  for (size_t i = 0; i < made.size; i += i < header ? 1 : 211) {
    uint8_t bit = (uint8_t)(1u << (i % 8));
    made.bytes[i] ^= bit;
    ubiq_error *error = try_load(&made, NULL);
    if (!error) fail_msg("byte %zu was changed and nobody saw", i);
    ubiq_error_delete(error);
    made.bytes[i] ^= bit;
    changes++;
  }
  assert_true(changes > 200);
  made.bytes[made.size - 1] ^= 1;
  assert_error_with(try_load(&made, NULL), UBIQ_DENIED, "changed after it was compiled");
  made.bytes[made.size - 1] ^= 1;
  ubiq_compiled_delete(load(&made, NULL));
}

static void bytes_that_were_cut_or_added_to_are_refused(void **state) {
  (void)state;
  artefact made = precompile_guest("hello", NULL);
  uint8_t *longer = calloc(1, made.size + 1);
  memcpy(longer, made.bytes, made.size);
  for (size_t size = 0; size < made.size; size += size < 100 ? 1 : 997)
    assert_error_code(try_load(&(artefact){made.bytes, size}, NULL), UBIQ_INVALID_INPUT);
  assert_error_with(try_load(&(artefact){made.bytes, made.size - 1}, NULL), UBIQ_INVALID_INPUT, "cut or added to");
  assert_error_with(try_load(&(artefact){longer, made.size + 1}, NULL), UBIQ_INVALID_INPUT, "cut or added to");
  assert_error_with(try_load(&(artefact){NULL, 0}, NULL), UBIQ_INVALID_INPUT, "not a compiled plugin");
  assert_error_with(try_load(&(artefact){(uint8_t[]){"\0asm\1\0\0\0"}, 8}, NULL), UBIQ_INVALID_INPUT,
                    "not a compiled plugin");
  free(longer);
  free(made.bytes);
}

static void those_of_another_key_are_refused(void **state) {
  (void)state;
  artefact made = precompile_guest("hello", NULL);
  char other[] = "/tmp/ubiq-artifact-test-XXXXXX";
  assert_non_null(mkdtemp(other));
  setenv("UBIQ_CACHE", other, 1);
  assert_error_with(try_load(&made, NULL), UBIQ_DENIED, "by another user, on another machine");
  setenv("UBIQ_CACHE", cache_folder, 1);
  ubiq_compiled_delete(load(&made, NULL));
  char key[64];
  snprintf(key, sizeof key, "%s/key", other);
  unlink(key);
  rmdir(other);
}

static void without_a_place_for_a_key_there_are_none(void **state) {
  (void)state;
  artefact made = precompile_guest("hello", NULL), none = {0};
  buffer source = guest_read("hello");
  setenv("UBIQ_CACHE", "", 1);
  assert_error_with(try_load(&made, NULL), UBIQ_UNAVAILABLE, "UBIQ_CACHE");
  assert_error_with(ubiq_precompile(source.data, source.size, NULL, &none.bytes, &none.size), UBIQ_UNAVAILABLE,
                    "UBIQ_CACHE");
  setenv("UBIQ_CACHE", cache_folder, 1);
  buffer_free(&source);
  free(made.bytes);
}

/// Makes another of an artefact: `change` alters what it says, and it is sealed again with the right key.
static artefact forge(const artefact *made, void (*change)(artifact_content *content)) {
  arena strings;
  artifact_content content;
  artefact forged = {0};
  arena_init(&strings);
  assert_success(artifact_unseal(made->bytes, made->size, &strings, &content));
  change(&content);
  assert_success(artifact_seal(&content, &forged.bytes, &forged.size));
  cache_set_free(&content.codes);
  arena_free(&strings);
  return forged;
}

static void change_nothing(artifact_content *content) {
  (void)content;
}
static void change_version(artifact_content *content) {
  content->version = "49.0.0";
}
static void change_engine(artifact_content *content) {
  content->engine = "wasm9";
}
static void change_architecture(artifact_content *content) {
  content->cpu = "vax sse3";
}
static void change_features(artifact_content *content) {
  static char cpu[512];
  snprintf(cpu, sizeof cpu, "%s avx4096", content->cpu);
  content->cpu = cpu;
}
static void change_class(artifact_content *content) {
  content->class = ENGINE_CLASS_COUNT;
}
static void change_class_to_another(artifact_content *content) {
  content->class = ENGINE_CLASS_LOOSE;
}
static void drop_codes(artifact_content *content) {
  content->codes.count = 0;
}
static void drop_modules(artifact_content *content) {
  content->modules_count = 0;
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  static const struct {
    void (*change)(artifact_content *content);
    ubiq_code code;
    const char *words;
  } rows[] = {
      {change_version, UBIQ_UNAVAILABLE, "it was compiled by"},
      {change_engine, UBIQ_NOT_FOUND, "wasm9"},
      {change_architecture, UBIQ_UNAVAILABLE, "a CPU with vax, which this one has not"},
      {change_features, UBIQ_UNAVAILABLE, "a CPU with avx4096, which this one has not"},
      {change_class, UBIQ_UNAVAILABLE, "another version of ubiq"},
      {change_class_to_another, UBIQ_INVALID_INPUT, "there is no compiled code"},
      {drop_codes, UBIQ_INVALID_INPUT, "there is no compiled code"},
      {drop_modules, UBIQ_INVALID_INPUT, "No wasm files"},
  };
  artefact made = precompile_guest("hello", NULL);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    artefact forged = forge(&made, rows[i].change);
    assert_error_with(try_load(&forged, NULL), rows[i].code, rows[i].words);
    free(forged.bytes);
  }
  artefact same = forge(&made, change_nothing);
  assert_int_equal(same.size, made.size);
  assert_memory_equal(same.bytes, made.bytes, made.size);
  free(same.bytes);
  free(made.bytes);
}

// Code for another module is not found, though all of it is authentic.
static void code_of_another_module_is_not_taken(void **state) {
  (void)state;
  static const uint8_t other[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  artefact made = precompile_guest("hello", NULL), forged = {0};
  arena strings;
  artifact_content content;
  arena_init(&strings);
  assert_success(artifact_unseal(made.bytes, made.size, &strings, &content));
  content.modules[0].wasm = (ubiq_bytes){other, sizeof other};
  assert_success(artifact_seal(&content, &forged.bytes, &forged.size));
  assert_error_with(try_load(&forged, NULL), UBIQ_INVALID_INPUT, "there is no compiled code");
  cache_set_free(&content.codes);
  arena_free(&strings);
  free(forged.bytes);
  free(made.bytes);
}

static void options_that_do_not_fit_are_refused(void **state) {
  (void)state;
  artefact made = precompile_guest("hello", &(ubiq_compile_options){.memory_bytes_max = 4 << 20});
  assert_error_with(try_load(&made, &(ubiq_compile_options){.untrusted = true}), UBIQ_DENIED, "compiled plugin");
  assert_error_with(try_load(&made, &(ubiq_compile_options){.engine = "wasm9"}), UBIQ_INVALID_INPUT, "wasm9");
  assert_error_with(try_load(&made, &(ubiq_compile_options){.fuel = 5}), UBIQ_INVALID_INPUT, "fuel");
  assert_error_with(try_load(&made, &(ubiq_compile_options){.suspends = true}), UBIQ_INVALID_INPUT, "caller's stack");
  assert_error_code(try_load(&made, &(ubiq_compile_options){.memory_bytes_max = 65536}), UBIQ_MEMORY_LIMIT);
  ubiq_compiled *compiled = NULL;
  static const struct { uint64_t given, holds; } rows[] = {{0, 4 << 20}, {3 << 20, 3 << 20}, {5 << 20, 4 << 20}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const ubiq_compile_options options = {
        .engine = tested_engine()->name, .name = "me", .memory_bytes_max = rows[i].given};
    assert_success(ubiq_compiled_load(made.bytes, made.size, &options, &compiled));
    assert_int_equal(compiled->memory_bytes_max, rows[i].holds);
    assert_string_equal(compiled->name, "me");
    ubiq_compiled_delete(compiled);
  }
  free(made.bytes);
}

// -- Where none is taken --

static void one_is_no_source_and_no_module(void **state) {
  (void)state;
  artefact made = precompile_guest("hello", NULL);
  ubiq_compiled *compiled = NULL;
  for (int untrusted = 0; untrusted < 2; untrusted++) {
    const ubiq_compile_options options = {.untrusted = untrusted != 0};
    assert_error_with(ubiq_compiled_new(made.bytes, made.size, &options, &compiled), UBIQ_INVALID_INPUT,
                      "it is a compiled plugin");
    buffer manifest = {0};
    assert_true(buffer_append_string(&manifest, "{\"wasm\":[{\"data\":\""));
    assert_true(text_base64_encode(&manifest, (const char *)made.bytes, made.size));
    assert_true(buffer_append_string(&manifest, "\"}]}"));
    assert_error_with(ubiq_compiled_new(manifest.data, manifest.size, &options, &compiled), UBIQ_INVALID_INPUT,
                      "which cannot be part of a manifest");
    buffer_free(&manifest);
  }
  char path[80], text[200];
  snprintf(path, sizeof path, "%s/one.ubiqc", cache_folder);
  snprintf(text, sizeof text, "{\"wasm\":[{\"path\":\"%s\"}]}", path);
  assert_success(file_write_atomic(path, 0600, made.bytes, made.size));
  assert_error_with(text_compile(text, NULL, &compiled), UBIQ_INVALID_INPUT, "which cannot be part of a manifest");
  unlink(path);
  free(made.bytes);
}

static void a_source_that_does_not_compile_makes_none(void **state) {
  (void)state;
  artefact none = {0};
  assert_error_code(ubiq_precompile((const uint8_t *)"(module", 7, NULL, &none.bytes, &none.size), UBIQ_INVALID_INPUT);
  assert_error_code(ubiq_precompile((const uint8_t *)"{\"wasm\":[]}", 11, NULL, &none.bytes, &none.size),
                    UBIQ_INVALID_INPUT);
  assert_null(none.bytes);
}

// -- Parts that do not add up, which only our own mistakes could make --

static void parts_that_do_not_add_up_are_refused(void **state) {
  (void)state;
  artefact made = precompile_guest("hello", NULL);
  enum { HEADER_SIZE = 72 };
  ubiq_bytes whole = {made.bytes + HEADER_SIZE, made.size - HEADER_SIZE};
  for (size_t i = 0; i < 400; i++) {
    arena strings;
    artifact_content content;
    arena_init(&strings);
    uint8_t *copy = malloc(whole.size);
    memcpy(copy, whole.data, whole.size);
    if (i < whole.size) copy[i] ^= 0xff;
    ubiq_error_delete(artifact_read((ubiq_bytes){copy, whole.size}, &strings, &content)); // a sanitizer watches
    cache_set_free(&content.codes);
    assert_error_code(artifact_read((ubiq_bytes){whole.data, i}, &strings, &content), UBIQ_INVALID_INPUT);
    cache_set_free(&content.codes);
    arena_free(&strings);
    free(copy);
  }
  free(made.bytes);
}

// -- Memory --

static void make_and_load(void *user) {
  const char *source = user;
  artefact made = {0};
  ubiq_compiled *compiled = NULL;
  ubiq_error *error = ubiq_precompile((const uint8_t *)source, strlen(source), NULL, &made.bytes, &made.size);
  if (!error) error = ubiq_compiled_load(made.bytes, made.size, NULL, &compiled);
  ubiq_error_delete(error);
  ubiq_compiled_delete(compiled);
  free(made.bytes);
}

static void a_lack_of_memory_is_an_error_and_leaks_nothing(void **state) {
  (void)state;
  static char source[] = "(module (memory 1) (func (export \"run\")))";
  size_t passes = 0;
  do {
    alloc_failure.armed = true;
    alloc_failure.failed = false;
    alloc_failure.passes = passes++;
    make_and_load(source);
    alloc_failure.armed = false;
  } while (alloc_failure.failed);
  assert_true(passes > 80);
}

int main(void) {
  snprintf(cache_folder, sizeof cache_folder, "/tmp/ubiq-artifact-test-XXXXXX");
  if (!mkdtemp(cache_folder)) return 1;
  setenv("UBIQ_CACHE", cache_folder, 1);
  plugin_testing_begin();
  plugin_testing_needs(ENGINE_CAN_SERIALIZE);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_compiled_is_loaded_without_compiling),
      cmocka_unit_test(an_entry_of_the_cache_will_do_to_make_one),
      cmocka_unit_test(several_modules_in_text_are_kept),
      cmocka_unit_test(modules_of_files_become_part_of_it),
      cmocka_unit_test(the_manifest_is_kept),
      cmocka_unit_test(what_a_manifest_leaves_out_stays_out),
      cmocka_unit_test(wasi_is_kept),
      cmocka_unit_test(it_runs_on_a_loop_when_it_was_made_for_one),
      cmocka_unit_test(fuel_is_counted_as_it_was_compiled),
      cmocka_unit_test(a_plugin_too_large_for_the_pool_is_kept),
      cmocka_unit_test(a_plugin_that_was_not_merged_is_kept),
      cmocka_unit_test(host_functions_are_given_again),
      cmocka_unit_test(host_functions_must_be_those_it_was_compiled_for),
      cmocka_unit_test(a_host_function_that_shadows_what_was_compiled_is_refused),
      cmocka_unit_test(bytes_that_were_changed_are_refused),
      cmocka_unit_test(bytes_that_were_cut_or_added_to_are_refused),
      cmocka_unit_test(those_of_another_key_are_refused),
      cmocka_unit_test(without_a_place_for_a_key_there_are_none),
      cmocka_unit_test(what_does_not_fit_is_refused),
      cmocka_unit_test(code_of_another_module_is_not_taken),
      cmocka_unit_test(options_that_do_not_fit_are_refused),
      cmocka_unit_test(one_is_no_source_and_no_module),
      cmocka_unit_test(a_source_that_does_not_compile_makes_none),
      cmocka_unit_test(parts_that_do_not_add_up_are_refused),
      cmocka_unit_test(a_lack_of_memory_is_an_error_and_leaks_nothing),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", cache_folder);
  return failed + (system(command) != 0);
}
