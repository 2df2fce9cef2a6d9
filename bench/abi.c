// What calls through Extism's C ABI cost: abi LIBRARY PLUGIN prints one line of JSON with nanoseconds.
//
//   warm_64      a call of `echo` with 64 bytes on a plugin that has been called before
//   warm_1mib    the same with 1 MiB
//   fresh_64     a new plugin from a compiled one, a call with 64 bytes, and freeing it
//
// LIBRARY is any libextism; `bench/run` starts this once for each, in turn.
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct api {
  void *(*compile)(const uint8_t *wasm, uint64_t size, void *functions, uint64_t count, bool wasi, char **error);
  void *(*from_compiled)(const void *compiled, char **error);
  int32_t (*call)(void *plugin, const char *name, const uint8_t *data, uint64_t size);
  uint64_t (*output_length)(void *plugin);
  const uint8_t *(*output_data)(void *plugin);
  const char *(*error)(void *plugin);
  void (*free_plugin)(void *plugin);
} api;

static _Noreturn void fail(const char *what, const char *why) {
  fprintf(stderr, "abi: %s: %s\n", what, why ? why : "no reason given");
  exit(1);
}

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *symbol(void *library, const char *name) {
  void *address = dlsym(library, name);
  if (!address) fail(name, dlerror());
  return address;
}

static api load_api(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(path, dlerror());
  api api;
  *(void **)&api.compile = symbol(library, "extism_compiled_plugin_new");
  *(void **)&api.from_compiled = symbol(library, "extism_plugin_new_from_compiled");
  *(void **)&api.call = symbol(library, "extism_plugin_call");
  *(void **)&api.output_length = symbol(library, "extism_plugin_output_length");
  *(void **)&api.output_data = symbol(library, "extism_plugin_output_data");
  *(void **)&api.error = symbol(library, "extism_plugin_error");
  *(void **)&api.free_plugin = symbol(library, "extism_plugin_free");
  return api;
}

static uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, "cannot be opened; `make guests` builds it");
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size);
  if (!bytes || fread(bytes, 1, *size, file) != *size) fail(path, "cannot be read");
  fclose(file);
  return bytes;
}

static void call_checked(const api *api, void *plugin, const uint8_t *input, size_t size) {
  if (api->call(plugin, "echo", input, size) != 0) fail("echo", api->error(plugin));
  if (api->output_length(plugin) != size || api->output_data(plugin)[size - 1] != input[size - 1])
    fail("echo", "the output is not the input");
}

static double warm_ns(const api *api, void *plugin, const uint8_t *input, size_t size, int rounds) {
  call_checked(api, plugin, input, size);
  double start = now_ns();
  for (int i = 0; i < rounds; i++) call_checked(api, plugin, input, size);
  return (now_ns() - start) / rounds;
}

static double fresh_ns(const api *api, const void *compiled, const uint8_t *input, size_t size, int rounds) {
  double start = now_ns();
  for (int i = 0; i < rounds; i++) {
    char *error = NULL;
    void *plugin = api->from_compiled(compiled, &error);
    if (!plugin) fail("extism_plugin_new_from_compiled", error);
    call_checked(api, plugin, input, size);
    api->free_plugin(plugin);
  }
  return (now_ns() - start) / rounds;
}

int main(int argc, char **argv) {
  if (argc != 3) fail("usage", "abi LIBRARY PLUGIN");
  enum { SMALL = 64, LARGE = 1 << 20, WARM_ROUNDS = 100000, LARGE_ROUNDS = 300, FRESH_ROUNDS = 4000 };
  api api = load_api(argv[1]);
  size_t size;
  uint8_t *wasm = read_file(argv[2], &size);
  uint8_t *input = malloc(LARGE);
  if (!input) fail("input", "out of memory");
  for (size_t i = 0; i < LARGE; i++) input[i] = (uint8_t)(i * 31 + 7);
  char *error = NULL;
  void *compiled = api.compile(wasm, size, NULL, 0, false, &error);
  void *plugin = compiled ? api.from_compiled(compiled, &error) : NULL;
  if (!plugin) fail(argv[2], error);
  double warm_small = warm_ns(&api, plugin, input, SMALL, WARM_ROUNDS);
  double warm_large = warm_ns(&api, plugin, input, LARGE, LARGE_ROUNDS);
  double fresh = fresh_ns(&api, compiled, input, SMALL, FRESH_ROUNDS);
  printf("{\"warm_64\": %.1f, \"warm_1mib\": %.1f, \"fresh_64\": %.1f}\n", warm_small, warm_large, fresh);
  return 0;
}
