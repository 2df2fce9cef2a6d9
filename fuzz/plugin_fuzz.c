// Plugins whose bytes were changed: real guests of test/guests with a few bytes overwritten are compiled, merged with the
// kernel and linked to it, and every export that can be called is called. Nothing may happen but answers and errors, and
// both ways of compiling must come to the same.
//
// The input's first byte chooses the guest; each four bytes that follow are one change: a place (16 bits, scaled to the
// guest's size), how many bytes further, and the new byte. Without built guests the whole input is the module.
#include "base/buffer.h"
#include "base/file.h"
#include "plugin/parts/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUEST_FUEL = 100000, GUEST_WALL_MS = 50, GUEST_MEMORY_BYTES = 8 << 20, CALLS_MAX = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"hello",  "echo",     "vars",       "config",   "error",
                                    "memory", "grow",     "log",        "tables",   "http",
                                    "names",  "features", "table_grow", "start_ok", "wasi_reactor"};
enum { GUESTS = sizeof names / sizeof *names };
static buffer guests[GUESTS];

static void require(bool condition) {
  if (!condition) abort();
}

static void load_guests(void) {
  static bool done;
  if (done) return;
  done = true;
  setenv("UBIQ_CACHE", "", 1);
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  for (size_t i = 0; i < GUESTS; i++) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.wasm", UBIQ_GUESTS_DIR, names[i]);
    ubiq_error_delete(file_read_all(path, SIZE_MAX, &guests[i]));
  }
}

static bool make_module(const uint8_t *data, size_t size, buffer *out) {
  const buffer *guest = size ? &guests[data[0] % GUESTS] : &guests[0];
  if (guest->size == 0) return buffer_append(out, data, size);
  if (!buffer_append(out, guest->data, guest->size)) return false;
  for (size_t i = 1; i + 4 <= size; i += 4) {
    size_t place = ((size_t)(data[i] | data[i + 1] << 8) * guest->size >> 16) + data[i + 2];
    if (place < guest->size) out->data[place] = data[i + 3];
  }
  return true;
}

/// How a call of an export ended.
typedef struct outcome {
  ubiq_code code;
  size_t size;
  uint8_t first[64];
} outcome;

static outcome call_export(compiled *compiled, const char *name) {
  plugin *plugin = NULL;
  plugin_limits limits = {.wall_ms = GUEST_WALL_MS};
  ubiq_bytes output = {0};
  outcome result = {0};
  ubiq_error *error = plugin_new(compiled, NULL, &limits, &plugin);
  if (!error) error = ubiq_plugin_call(plugin, name, (ubiq_bytes){(const uint8_t *)"12", 2}, &output);
  require(plugin == NULL || ubiq_plugin_memory(plugin) <= GUEST_MEMORY_BYTES);
  result.code = ubiq_error_code(error);
  result.size = output.size;
  if (output.size) memcpy(result.first, output.data, output.size < 64 ? output.size : 64);
  ubiq_error_delete(error);
  ubiq_plugin_delete(plugin);
  return result;
}

static compiled *compile(const buffer *module, const char *merge) {
  ubiq_compile_options options = {
      .wasi = true, .untrusted = true, .fuel = GUEST_FUEL, .memory_bytes_max = GUEST_MEMORY_BYTES};
  compiled *compiled = NULL;
  setenv("UBIQ_MERGE", merge, 1);
  ubiq_error *error = ubiq_compiled_new(module->data, module->size, &options, &compiled);
  require((error != NULL) == (compiled == NULL));
  require(error == NULL || ubiq_error_message(error)[0] != 0);
  ubiq_error_delete(error);
  return compiled;
}

// Time, randomness and the kernel's fuel differ; what a guest answers otherwise does not.
static bool is_comparable(const outcome *a, const char *guest) {
  return a->code != UBIQ_CPU_LIMIT && a->code != UBIQ_TIMEOUT && a->code != UBIQ_MEMORY_LIMIT &&
         strncmp(guest, "wasi", 4) != 0;
}

static void compare_calls(compiled *merged, compiled *linked, const char *guest) {
  const wasm_module *wasm = merged->modules[merged->main].wasm;
  size_t calls = 0;
  for (size_t i = 0; i < wasm->exports_count && calls < CALLS_MAX; i++) {
    const char *name = wasm->exports[i].name;
    if (!ubiq_compiled_has(merged, name)) continue;
    calls++;
    outcome a = call_export(merged, name), b = call_export(linked, name);
    if (!is_comparable(&a, guest) || !is_comparable(&b, guest)) continue;
    require(a.code == b.code && a.size == b.size && memcmp(a.first, b.first, sizeof a.first) == 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  buffer module = {0};
  load_guests();
  if (!make_module(data, size, &module)) return 0;
  compiled *merged = compile(&module, "1"), *linked = compile(&module, "0");
  require((merged == NULL) == (linked == NULL));
  if (merged) compare_calls(merged, linked, size ? names[data[0] % GUESTS] : names[0]);
  ubiq_compiled_delete(merged);
  ubiq_compiled_delete(linked);
  buffer_free(&module);
  return 0;
}
