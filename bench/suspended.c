// suspended [COUNT]: what runs cost that wait. Starts COUNT runs (10,000), each a fresh plugin with its kernel that waits
// in a host function, and prints one line of JSON: bytes of resident memory for each, and microseconds to start and to
// finish one.
//
// suspended COUNT kept: the same for plugins that have answered and are kept.
#include "plugin/plugin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Waits in poll_oneoff for 1 ms: nobody wakes it until all others wait too.
static const char guest[] =
    "(module (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))\n"
    "  (memory (export \"memory\") 1)\n"
    "  (func (export \"wait\") (result i32)\n"
    "    (i32.store8 (i32.const 8) (i32.const 0))\n"       // a clock
    "    (i32.store (i32.const 16) (i32.const 1))\n"       // the monotonic one
    "    (i64.store (i32.const 24) (i64.const 1000000))\n" // for 1 ms
    "    (call $poll (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 256)))\n"
    "  (func (export \"answer\") (result i32)\n"
    "    (i32.store (i32.const 64) (i32.const 1)) (i32.const 0)))";

static _Noreturn void fail(const char *what, ubiq_error *error) {
  fprintf(stderr, "suspended: %s: %s\n", what, ubiq_error_message(error));
  exit(1);
}

static void check(const char *what, ubiq_error *error) {
  if (error) fail(what, error);
}

static double now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static uint64_t resident_bytes(void) {
  uint64_t total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%" SCNu64 " %" SCNu64, &total, &resident) != 2) resident = 0;
  if (file) fclose(file);
  return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void wake(void *user) {
  (void)user;
}
static void wake_at(void *user, uint64_t deadline_ns) {
  (void)user, (void)deadline_ns;
}
static const plugin_host host = {.wake = wake, .wake_at = wake_at};

typedef struct figures {
  double start_us, finish_us;
  double bytes;
} figures;

static plugin_state start_one(compiled *compiled, const compiled_function *function, plugin **out) {
  plugin_state state;
  check("new", plugin_new(compiled, &host, NULL, out));
  check("start", plugin_call_start(*out, function, (ubiq_bytes){0}, &state));
  return state;
}

static void finish_one(plugin *plugin, plugin_state state) {
  while (state != PLUGIN_DONE) check("resume", plugin_call_resume(plugin, &state));
  ubiq_plugin_delete(plugin);
}

static figures measure(compiled *compiled, const char *name, size_t count) {
  compiled_function function;
  check(name, compiled_function_find(compiled, name, &function));
  plugin **plugins = calloc(count, sizeof *plugins);
  plugin_state *states = calloc(count, sizeof *states);
  if (!plugins || !states) fail("memory", ubiq_error_no_memory());
  plugin *first; // what is paid once
  plugin_state state = start_one(compiled, &function, &first);
  finish_one(first, state);
  uint64_t before = resident_bytes();
  double start = now_us();
  for (size_t i = 0; i < count; i++) states[i] = start_one(compiled, &function, &plugins[i]);
  double started = now_us();
  uint64_t bytes = resident_bytes() - before;
  for (size_t i = 0; i < count; i++) finish_one(plugins[i], states[i]);
  double finished = now_us();
  free(plugins);
  free(states);
  return (figures){(started - start) / (double)count, (finished - started) / (double)count,
                   (double)bytes / (double)count};
}

int main(int argc, char **argv) {
  size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
  ubiq_compile_options options = {.name = "bench", .wasi = true, .suspends = true, .memory_bytes_max = 64 << 20};
  compiled *compiled;
  check("compile", ubiq_compiled_new((const uint8_t *)guest, sizeof guest - 1, &options, &compiled));
  bool kept = argc > 2 && strcmp(argv[2], "kept") == 0;
  figures found = measure(compiled, kept ? "answer" : "wait", count);
  printf("{\"runs\": %zu, \"%s\": %.0f, \"start_us\": %.2f, \"finish_us\": %.2f}\n", count,
         kept ? "instance_bytes" : "suspended_bytes", found.bytes, found.start_us, found.finish_us);
  ubiq_compiled_delete(compiled);
  return 0;
}
