// What plugins cost on an engine: engine NAME GUESTS prints one line of JSON.
//
//   compile      ns: compiling rust_plugin.wasm (0.17 MB) without the cache; absent where that guest could not be built
//   fresh_64     ns: a new plugin from a compiled one, a call of `echo` with 64 bytes, and deleting it
//   warm_64      ns: a call of `echo` with 64 bytes
//   host_call    ns: a call of a host function by the guest
//   blocks       ns: making a block of the kernel's, asking its length, and freeing it
//   sha256       ns: hashing a KiB in the guest
//   mandelbrot   ns: a point, 100 turns at most, of the Mandelbrot set
//   instance     bytes: resident memory of a plugin that has answered
//
// GUESTS is the folder of built guests; `bench/run` starts this once for each engine, in turn.
#include "ubiq/function.h"
#include "ubiq/plugin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MEASURED_NS = 40 * 1000 * 1000, INSTANCES = 200 };

static const char *engine, *guests;

static _Noreturn void fail(const char *what, const char *why) {
  fprintf(stderr, "%s on %s: %s\n", what, engine, why);
  exit(1);
}

static void check(const char *what, ubiq_error *error) {
  if (error) fail(what, ubiq_error_message(error));
}

// Processor time, of all threads: what else the machine does is no matter.
static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static uint64_t resident_bytes(void) {
  uint64_t total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%" SCNu64 " %" SCNu64, &total, &resident) != 2) resident = 0;
  if (file) fclose(file);
  return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint8_t *read_guest(const char *name, size_t *size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.wasm", guests, name);
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size);
  if (!bytes || fread(bytes, 1, *size, file) != *size) fail(path, "cannot be read");
  fclose(file);
  return bytes;
}

static ubiq_error *step(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_value *outputs) {
  (void)user, (void)plugin;
  outputs[0].i64 = inputs[0].i64 + 1;
  return NULL;
}

static ubiq_compiled *compile_guest(const char *name) {
  static const ubiq_type number = UBIQ_I64;
  static const ubiq_function_options options = {
      .name = "step", .params = &number, .params_count = 1, .results = &number, .results_count = 1, .callback = step};
  size_t size = 0;
  uint8_t *wasm = read_guest(name, &size);
  if (!wasm) fail(name, "is not built; `make guests` does");
  ubiq_function *function = NULL;
  ubiq_compiled *compiled = NULL;
  check("step", ubiq_function_new(&options, &function));
  const ubiq_function *functions[] = {function};
  check(name, ubiq_compiled_new(wasm, size,
                                &(ubiq_compile_options){.engine = engine, .functions = functions, .functions_count = 1},
                                &compiled));
  ubiq_function_delete(function);
  free(wasm);
  return compiled;
}

static void print_compiling(void) {
  size_t size = 0;
  uint8_t *wasm = read_guest("rust_plugin", &size);
  if (!wasm) return;
  ubiq_compiled *compiled = NULL;
  double start = now_ns();
  check("rust_plugin", ubiq_compiled_new(wasm, size, &(ubiq_compile_options){.engine = engine}, &compiled));
  printf("\"compile\": %.0f, ", now_ns() - start);
  ubiq_compiled_delete(compiled);
  free(wasm);
}

static void call_with(ubiq_plugin *plugin, const char *function, const void *input, size_t size) {
  ubiq_bytes output;
  check(function, ubiq_plugin_call(plugin, function, (ubiq_bytes){input, size}, &output));
  if (output.size == 0) fail(function, "it answered nothing");
}

// What is measured: a number of rounds of it.
typedef struct subject {
  ubiq_compiled *compiled;
  ubiq_plugin *plugin;
  const char *function;
} subject;
typedef void (*work)(const subject *subject, uint64_t rounds);

static const uint8_t input[64];

static void make_anew(const subject *subject, uint64_t rounds) {
  for (uint64_t i = 0; i < rounds; i++) {
    ubiq_plugin *plugin = NULL;
    check("new", ubiq_plugin_new(subject->compiled, &plugin));
    call_with(plugin, subject->function, input, sizeof input);
    ubiq_plugin_delete(plugin);
  }
}

static void call_again(const subject *subject, uint64_t rounds) {
  for (uint64_t i = 0; i < rounds; i++) call_with(subject->plugin, subject->function, input, sizeof input);
}

static void go_round_inside(const subject *subject, uint64_t rounds) {
  call_with(subject->plugin, subject->function, &rounds, sizeof rounds);
}

// Says what one of `in_a_round` things costs, after so many rounds that they take a while.
static void print_cost(const char *name, const subject *subject, work work, int in_a_round) {
  double took = 0;
  uint64_t rounds = 1;
  for (;; rounds *= took * 8 < MEASURED_NS ? 8 : 2) {
    double start = now_ns();
    work(subject, rounds);
    took = now_ns() - start;
    if (took >= MEASURED_NS) break;
  }
  printf("\"%s\": %.2f, ", name, took / (double)rounds / in_a_round);
}

static subject open_guest(const char *name, const char *function) {
  subject subject = {.compiled = compile_guest(name), .function = function};
  check(name, ubiq_plugin_new(subject.compiled, &subject.plugin));
  return subject;
}

static void close_guest(subject subject) {
  ubiq_plugin_delete(subject.plugin);
  ubiq_compiled_delete(subject.compiled);
}

static void print_inside(const char *name, const char *guest, const char *function, int in_a_round) {
  subject subject = open_guest(guest, function);
  print_cost(name, &subject, go_round_inside, in_a_round);
  close_guest(subject);
}

static void print_instance(ubiq_compiled *compiled) {
  ubiq_plugin *plugins[INSTANCES];
  uint64_t before = resident_bytes();
  for (size_t i = 0; i < INSTANCES; i++) {
    check("new", ubiq_plugin_new(compiled, &plugins[i]));
    call_with(plugins[i], "echo", input, sizeof input);
  }
  printf("\"instance\": %.0f}\n", (double)(resident_bytes() - before) / INSTANCES);
  for (size_t i = 0; i < INSTANCES; i++) ubiq_plugin_delete(plugins[i]);
}

int main(int argc, char **argv) {
  engine = argc == 3 ? argv[1] : "no engine";
  if (argc != 3) fail("usage", "engine NAME GUESTS");
  guests = argv[2];
  setenv("UBIQ_CACHE", "", true);
  printf("{");
  print_compiling();
  subject echo = open_guest("echo", "echo");
  print_cost("fresh_64", &echo, make_anew, 1);
  print_cost("warm_64", &echo, call_again, 1);
  print_inside("host_call", "host_loop", "host_loop", 1);
  print_inside("blocks", "work", "blocks", 1);
  print_inside("sha256", "work", "sha256", 1);
  print_inside("mandelbrot", "work", "mandelbrot", 128);
  print_instance(echo.compiled);
  close_guest(echo);
  return 0;
}
