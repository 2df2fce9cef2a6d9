// Makes, calls and frees plugins of one compiled plugin, and sees that the process does not grow.
//
//   rounds [COUNT]: COUNT rounds, 20,000 unless said otherwise
//
// It prints the resident memory now and then. The exit code is 1 when it grew by more than 2 MiB from a quarter of the way
// to the end: by then every pool and cache has what it keeps. Each round makes and frees a plugin, with calls that go
// well, fail and trap, variables, config and a host function; each tenth compiles anew.
#include "extism.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GROWTH_BYTES_MAX = 2 << 20, COMPILES_EVERY = 10 };

static const char module[] =
    "(module"
    " (import \"extism:host/user\" \"host\" (func $host (param i64) (result i64)))"
    " (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"
    " (import \"extism:host/env\" \"store_u8\" (func $store (param i64 i32)))"
    " (import \"extism:host/env\" \"error_set\" (func $error (param i64)))"
    " (import \"extism:host/env\" \"var_set\" (func $var_set (param i64 i64)))"
    " (import \"extism:host/env\" \"config_get\" (func $config_get (param i64) (result i64)))"
    " (import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))"
    " (memory 2)"
    " (func $block (result i64) (local $b i64)"
    "  (local.set $b (call $alloc (i64.const 64))) (call $store (local.get $b) (i32.const 97)) (local.get $b))"
    " (func (export \"good\") (result i32)"
    "  (call $var_set (call $block) (call $block)) (drop (call $config_get (call $block)))"
    "  (call $output (call $host (call $block)) (i64.const 64)) (i32.const 0))"
    " (func (export \"bad\") (result i32) (call $error (call $block)) (i32.const 1))"
    " (func (export \"trap\") (result i32) unreachable))";

static uint64_t resident_bytes(void) {
  unsigned long long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*s %llu", &pages) != 1) abort();
  fclose(file);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void host(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize inputs_count, ExtismVal *outputs,
                 ExtismSize outputs_count, void *user) {
  (void)inputs_count, (void)outputs_count;
  *(uint64_t *)user += 1;
  extism_current_plugin_memory_free(plugin, (uint64_t)inputs[0].v.i64);
  outputs[0].v.i64 = (int64_t)extism_current_plugin_memory_alloc(plugin, 64);
}

static ExtismCompiledPlugin *compile(uint64_t *calls) {
  static const ExtismValType i64 = ExtismValType_I64;
  char *error = NULL;
  ExtismFunction *function = extism_function_new("host", &i64, 1, &i64, 1, host, calls, NULL);
  const ExtismFunction *functions[] = {function};
  ExtismCompiledPlugin *compiled =
      extism_compiled_plugin_new((const uint8_t *)module, sizeof module - 1, functions, 1, false, &error);
  extism_function_free(function);
  if (!compiled) {
    fprintf(stderr, "%s\n", error);
    exit(2);
  }
  return compiled;
}

static void expect(const char *what, int32_t code, int32_t expected) {
  if (code == expected) return;
  fprintf(stderr, "%s answers %d; expected %d\n", what, code, expected);
  exit(2);
}

static void run_round(const ExtismCompiledPlugin *compiled) {
  static const char config[] = "{\"key\": \"value\"}";
  char *error = NULL;
  ExtismPlugin *plugin = extism_plugin_new_from_compiled(compiled, &error);
  if (!plugin) {
    fprintf(stderr, "%s\n", error);
    exit(2);
  }
  expect("config", extism_plugin_config(plugin, (const uint8_t *)config, sizeof config - 1), 1);
  expect("good", extism_plugin_call(plugin, "good", (const uint8_t *)"input", 5), 0);
  expect("bad", extism_plugin_call(plugin, "bad", NULL, 0), 1);
  expect("trap", extism_plugin_call(plugin, "trap", NULL, 0), 134);
  expect("none", extism_plugin_call(plugin, "none", NULL, 0), -1);
  extism_plugin_free(plugin);
}

int main(int argc, char **argv) {
  uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000, calls = 0, settled = 0;
  if (count < 8) count = 8;
  ExtismCompiledPlugin *compiled = compile(&calls);
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (uint64_t i = 1; i <= count; i++) {
    run_round(compiled);
    if (i % COMPILES_EVERY == 0) {
      extism_compiled_plugin_free(compiled);
      compiled = compile(&calls);
    }
    if (i == count / 4) settled = resident_bytes();
    if (i % (count / 8) == 0)
      printf("%llu rounds: %llu KiB\n", (unsigned long long)i, (unsigned long long)(resident_bytes() / 1024));
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  extism_compiled_plugin_free(compiled);
  double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
  int64_t grown = (int64_t)resident_bytes() - (int64_t)settled;
  printf("%llu rounds in %.1f s; grown by %lld KiB since round %llu\n", (unsigned long long)count, seconds,
         (long long)(grown / 1024), (unsigned long long)(count / 4));
  return grown > GROWTH_BYTES_MAX;
}
