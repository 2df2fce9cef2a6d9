// What calls through Extism's C ABI cost: abi LIBRARY GUESTS prints one line of JSON.
//
//   warm_64, warm_1kib, warm_64kib, warm_1mib   ns: a call of `echo` on a plugin that has been called before
//   fresh_64     ns: a new plugin from a compiled one, a call with 64 bytes, and freeing it
//   new_cached   ns: a new plugin from the module's bytes, which have been compiled before, and freeing it
//   host_call    ns: a call of a host function by the guest
//   calls_1, calls_16   calls of `echo` with 64 bytes a second, by one thread and by sixteen, each with a plugin of its own
//
// LIBRARY is any libextism, GUESTS the folder of built guests; `bench/run` starts this once for each library, in turn.
// The library is told to cache what it compiles as it does by default.
#include "abi_library.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
  KIB = 1 << 10,
  INPUT_BYTES = KIB * KIB,
  FRESH_ROUNDS = 4000,
  NEW_ROUNDS = 30,
  HOST_CALLS = 200000,
  THREADS = 16,
  THREADS_MS = 400,
};

static uint8_t input[INPUT_BYTES];

static void call_echo(const abi *abi, ExtismPlugin *plugin, size_t size) {
  if (abi->plugin_call(plugin, "echo", input, size) != 0) fail("echo", abi->plugin_error(plugin));
  if (abi->plugin_output_length(plugin) != size || abi->plugin_output_data(plugin)[size - 1] != input[size - 1])
    fail("echo", "the output is not the input");
}

static double warm_ns(const abi *abi, ExtismPlugin *plugin, size_t size, int rounds) {
  call_echo(abi, plugin, size);
  double start = now_ns();
  for (int i = 0; i < rounds; i++) call_echo(abi, plugin, size);
  return (now_ns() - start) / rounds;
}

static ExtismPlugin *from_compiled(const abi *abi, const ExtismCompiledPlugin *compiled) {
  char *error = NULL;
  ExtismPlugin *plugin = abi->plugin_new_from_compiled(compiled, &error);
  if (!plugin) fail("extism_plugin_new_from_compiled", error);
  return plugin;
}

static double fresh_ns(const abi *abi, const ExtismCompiledPlugin *compiled) {
  double start = now_ns();
  for (int i = 0; i < FRESH_ROUNDS; i++) {
    ExtismPlugin *plugin = from_compiled(abi, compiled);
    call_echo(abi, plugin, 64);
    abi->plugin_free(plugin);
  }
  return (now_ns() - start) / FRESH_ROUNDS;
}

static double new_ns(const abi *abi, const uint8_t *wasm, size_t size) {
  double start = 0;
  for (int i = -1; i < NEW_ROUNDS; i++) { // the first one may compile
    if (i == 0) start = now_ns();
    char *error = NULL;
    ExtismPlugin *plugin = abi->plugin_new(wasm, size, NULL, 0, false, &error);
    if (!plugin) fail("extism_plugin_new", error);
    abi->plugin_free(plugin);
  }
  return (now_ns() - start) / NEW_ROUNDS;
}

static void step(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize inputs_count, ExtismVal *outputs,
                 ExtismSize outputs_count, void *user) {
  (void)plugin, (void)inputs_count, (void)outputs_count, (void)user;
  outputs[0].v.i64 = inputs[0].v.i64 + 1;
}

static double host_call_ns(const abi *abi, const char *guests) {
  size_t size;
  uint8_t *wasm = read_file(guests, "host_loop.wasm", &size);
  ExtismValType number = ExtismValType_I64;
  const ExtismFunction *function = abi->function_new("step", &number, 1, &number, 1, step, NULL, NULL);
  char *error = NULL;
  ExtismPlugin *plugin = abi->plugin_new(wasm, size, &function, 1, false, &error);
  if (!plugin) fail("host_loop.wasm", error);
  uint64_t rounds = 1;
  double took = 0;
  for (int i = 0; i < 2; i++, rounds = HOST_CALLS) {
    double start = now_ns();
    if (abi->plugin_call(plugin, "host_loop", (const uint8_t *)&rounds, sizeof rounds) != 0)
      fail("host_loop", abi->plugin_error(plugin));
    took = now_ns() - start;
  }
  if (abi->plugin_output_length(plugin) != 6 || memcmp(abi->plugin_output_data(plugin), "200000", 6) != 0)
    fail("host_loop", "did not count to 200000");
  abi->plugin_free(plugin);
  free(wasm);
  return took / HOST_CALLS;
}

typedef struct crowd {
  const abi *abi;
  const ExtismCompiledPlugin *compiled;
  atomic_bool is_over;
  atomic_ulong calls;
} crowd;

static void *call_until_over(void *user) {
  crowd *self = user;
  ExtismPlugin *plugin = from_compiled(self->abi, self->compiled);
  unsigned long calls = 0;
  for (; !atomic_load_explicit(&self->is_over, memory_order_relaxed); calls++) call_echo(self->abi, plugin, 64);
  atomic_fetch_add(&self->calls, calls);
  self->abi->plugin_free(plugin);
  return NULL;
}

static double calls_per_second(const abi *abi, const ExtismCompiledPlugin *compiled, int threads) {
  crowd crowd = {.abi = abi, .compiled = compiled};
  pthread_t ids[THREADS];
  double start = now_ns();
  for (int i = 0; i < threads; i++)
    if (pthread_create(&ids[i], NULL, call_until_over, &crowd) != 0) fail("a thread", "cannot be made");
  nanosleep(&(struct timespec){.tv_nsec = THREADS_MS * 1000000L}, NULL);
  atomic_store(&crowd.is_over, true);
  for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
  return (double)crowd.calls / (now_ns() - start) * 1e9;
}

int main(int argc, char **argv) {
  if (argc != 3) fail("usage", "abi LIBRARY GUESTS");
  abi abi = abi_load(argv[1]);
  size_t size;
  uint8_t *wasm = read_file(argv[2], "echo.wasm", &size);
  for (size_t i = 0; i < sizeof input; i++) input[i] = (uint8_t)(i * 31 + 7);
  char *error = NULL;
  ExtismCompiledPlugin *compiled = abi.compiled_plugin_new(wasm, size, NULL, 0, false, &error);
  if (!compiled) fail("echo.wasm", error);
  ExtismPlugin *plugin = from_compiled(&abi, compiled);
  static const struct {
    const char *name;
    size_t size;
    int rounds;
  } warm[] = {{"warm_64", 64, 100000},
              {"warm_1kib", KIB, 50000},
              {"warm_64kib", 64 * KIB, 3000},
              {"warm_1mib", KIB * KIB, 300}};
  printf("{");
  for (size_t i = 0; i < sizeof warm / sizeof *warm; i++)
    printf("\"%s\": %.1f, ", warm[i].name, warm_ns(&abi, plugin, warm[i].size, warm[i].rounds));
  printf("\"fresh_64\": %.1f, ", fresh_ns(&abi, compiled));
  printf("\"new_cached\": %.1f, ", new_ns(&abi, wasm, size));
  printf("\"host_call\": %.2f, ", host_call_ns(&abi, argv[2]));
  printf("\"calls_1\": %.0f, ", calls_per_second(&abi, compiled, 1));
  printf("\"calls_16\": %.0f}\n", calls_per_second(&abi, compiled, THREADS));
  abi.plugin_free(plugin);
  abi.compiled_plugin_free(compiled);
  free(wasm);
  return 0;
}
