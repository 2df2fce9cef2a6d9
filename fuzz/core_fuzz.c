// Modules for the wire `core` whose bytes were changed: test/guests/c/core.c with a few bytes overwritten is compiled, and called for
// what asks the host. Whatever its ubiq_alloc, ubiq_free and ubiq_handle have become, there is an answer or an error.
//
// Each four bytes of the input are one change: a place (16 bits, scaled to the guest's size), how many bytes further, and the new
// byte. Without a built guest the whole input is the module.
#include "base/file.h"
#include "plugin/call/core.h"
#include "plugin/host/core_host.h"
#include "plugin/parts/instance.h"
#include "ubiq/function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUEST_WALL_MS = 50, GUEST_MEMORY_BYTES = 1 << 20, ANSWER_BYTES_MAX = 200000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
  if (!condition) abort();
}

static const buffer *guest(void) {
  static buffer bytes;
  static bool done;
  if (done) return &bytes;
  done = true;
  setenv("UBIQ_CACHE", "", 1);
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  ubiq_error_delete(file_read_all(UBIQ_GUESTS_DIR "/core.wasm", SIZE_MAX, &bytes));
  return &bytes;
}

static bool make_module(const uint8_t *data, size_t size, buffer *out) {
  const buffer *original = guest();
  if (original->size == 0) return buffer_append(out, data, size);
  if (!buffer_append(out, original->data, original->size)) return false;
  for (size_t i = 0; i + 4 <= size; i += 4) {
    size_t place = ((size_t)(data[i] | data[i + 1] << 8) * original->size >> 16) + data[i + 2];
    if (place < original->size) out->data[place] = data[i + 3];
  }
  return true;
}

/// Answers in one of several sizes, by what is asked; at times with an error, or with nothing.
static void start(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  static uint8_t answer[ANSWER_BYTES_MAX] = "{\"status\":200,\"headers\":{},\"body\":{\"value\":1}}";
  static const size_t sizes[] = {46, 13, 1, ANSWER_BYTES_MAX, 0};
  ubiq_bytes request;
  (void)user;
  bool is_there = plugin_span(plugin, (uint32_t)inputs[1].i32, (uint32_t)inputs[2].i32, &request);
  size_t which = is_there ? request.size % 6 : 0;
  if (which == 5)
    ubiq_completion_fail(completion, ubiq_error_new(UBIQ_DENIED, "not today"));
  else
    ubiq_completion_done_block(completion, (ubiq_bytes){answer, sizes[which]});
}

static compiled *compile(const buffer *module) {
  static const ubiq_type params[] = {UBIQ_I32, UBIQ_I32, UBIQ_I32}, results[] = {UBIQ_I64};
  const ubiq_function_options invoke = {.module = CORE_WIRE_MODULE,
                                        .name = "invoke",
                                        .params = params,
                                        .params_count = 3,
                                        .results = results,
                                        .results_count = 1,
                                        .start = start,
                                        .answers_block = true};
  ubiq_function *function;
  compiled *compiled = NULL;
  require(ubiq_function_new(&invoke, &function) == NULL);
  const ubiq_function *functions[] = {function};
  const ubiq_compile_options options = {.core = true,
                                        .suspends = true,
                                        .wasi = true,
                                        .untrusted = true,
                                        .memory_bytes_max = GUEST_MEMORY_BYTES,
                                        .functions = functions,
                                        .functions_count = 1};
  ubiq_error *error = ubiq_compiled_new(module->data, module->size, &options, &compiled);
  require((error != NULL) == (compiled == NULL));
  require(error == NULL || ubiq_error_message(error)[0] != 0);
  ubiq_error_delete(error);
  ubiq_function_delete(function);
  return compiled;
}

static void call(ubiq_plugin *plugin, const char *operation, size_t input_size) {
  static const uint8_t input[] = "abcdef";
  ubiq_bytes output = {0};
  ubiq_error *error = ubiq_plugin_call(plugin, operation, (ubiq_bytes){input, input_size}, &output);
  require(ubiq_plugin_memory(plugin) <= GUEST_MEMORY_BYTES);
  require(error == NULL || output.size == 0);
  for (size_t i = 0; i < output.size; i++) require(output.data[i] != 0); // JSON, all of it ours to read
  ubiq_error_delete(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  buffer module = {0};
  if (!make_module(data, size, &module)) return 0;
  compiled *compiled = compile(&module);
  const plugin_limits limits = {.wall_ms = GUEST_WALL_MS};
  plugin *plugin = NULL;
  ubiq_error *error = compiled == NULL ? NULL : plugin_new(compiled, NULL, &limits, &plugin);
  for (size_t i = 1; plugin != NULL && i < 6; i++) call(plugin, i % 2 == 0 ? "relay" : "packed", i);
  if (plugin != NULL) call(plugin, "tour", 0);
  ubiq_error_delete(error);
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
  buffer_free(&module);
  return 0;
}
