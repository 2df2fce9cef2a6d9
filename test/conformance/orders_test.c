// All engines that are present live in one process, whatever the order in which they were loaded: each runs plugins and
// catches their traps, with signals or without, after every other one was loaded, in turn, and on several threads at once.
//
// Each order is tried by a process of its own, this program again: `orders_test NAME...` tries one order. Of up to four
// engines all orders are; of more one for each pair, which begins with it or, every other time, ends with it.
#include "unit/base/testing.h"

#include "support/engines.h"
#include "ubiq.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ALL_ORDERS_MAX = 4, PAIR = 2, THREADS = 4, ROUNDS = 3, SECONDS_MAX = 1800 };

// -- One order, in a process of its own --

static const char module_text[] =
    "(module"
    " (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"
    " (memory 1) (table 1 funcref) (type $f (func))"
    " (func (export \"fine\") (result i32) (i64.eqz (call $alloc (i64.const 1000))))"
    " (func (export \"bounds\") (result i32) (i32.load (i32.const 0x7ffffff0)))"
    " (func (export \"divide\") (result i32) (i32.div_u (i32.const 1) (i32.load (i32.const 0))))"
    " (func (export \"unreachable\") (unreachable))"
    " (func (export \"null\") (call_indirect (type $f) (i32.const 0)))"
    " (func $recurse (export \"recurse\") (result i32) (i32.add (call $recurse) (i32.const 1)))"
    " (func (export \"spin\") (loop (br 0))))";

static const struct {
  const char *function;
  ubiq_code code;
} calls[] = {
    {"fine", UBIQ_OK},      {"bounds", UBIQ_TRAP},      {"fine", UBIQ_OK},
    {"divide", UBIQ_TRAP},  {"unreachable", UBIQ_TRAP}, {"null", UBIQ_TRAP},
    {"recurse", UBIQ_TRAP}, {"spin", UBIQ_TIMEOUT},     {"fine", UBIQ_OK},
};
static const ubiq_call_options quick = {.timeout_ms = 3};
static const ubiq_call_options patient = {.timeout_ms = 0};
enum { CALLS = sizeof calls / sizeof *calls };

/// An engine of the order, and its plugin compiled.
typedef struct inhabitant {
  const char *name;
  ubiq_compiled *compiled;
} inhabitant;

static struct {
  inhabitant all[ENGINES_MAX];
  size_t count;
} house;

static void complain(const char *engine, const char *what, ubiq_error *error) {
  fprintf(stderr, "%s: %s: %s: %s\n", engine, what, ubiq_code_name(ubiq_error_code(error)), ubiq_error_message(error));
  exit(1);
}

static void move_in(const char *name) {
  inhabitant *self = &house.all[house.count++];
  self->name = name;
  ubiq_compile_options options = {.engine = name, .memory_bytes_max = 1 << 20};
  ubiq_error *error = ubiq_compiled_new((const uint8_t *)module_text, strlen(module_text), &options, &self->compiled);
  if (error) complain(name, "compiling", error);
}

static void call_all(const inhabitant *self) {
  ubiq_plugin *plugin;
  ubiq_bytes output;
  ubiq_error *error = ubiq_plugin_new(self->compiled, &plugin);
  if (error) complain(self->name, "instantiating", error);
  for (size_t i = 0; i < CALLS; i++) {
    const ubiq_call_options *options = calls[i].code == UBIQ_TIMEOUT ? &quick : &patient;
    error = ubiq_plugin_call_with(plugin, calls[i].function, (ubiq_bytes){0}, options, &output);
    if (ubiq_error_code(error) != calls[i].code) complain(self->name, calls[i].function, error);
    ubiq_error_delete(error);
  }
  ubiq_plugin_delete(plugin);
}

// Begins with another engine on each thread, so that they meet.
static void *call_everyone(void *user) {
  size_t first = (size_t)(uintptr_t)user;
  for (size_t i = 0; i < ROUNDS * house.count; i++) call_all(&house.all[(first + i) % house.count]);
  return NULL;
}

static void call_on_threads(void) {
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, call_everyone, (void *)(uintptr_t)i) != 0) exit(1);
  for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static int try_order(char **names) {
  alarm(SECONDS_MAX);
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  setenv("UBIQ_CACHE", "", 1);
  for (; *names; names++) {
    move_in(*names);
    for (size_t i = house.count; i-- > 0;) call_all(&house.all[i]);
  }
  call_on_threads();
  for (size_t i = 0; i < house.count; i++) call_all(&house.all[i]);
  for (size_t i = 0; i < house.count; i++) ubiq_compiled_delete(house.all[i].compiled);
  return 0;
}

// -- All orders --

static struct {
  const engine_ops *engines[ENGINES_MAX];
  size_t count;
  size_t orders, failures;
} tried;

static void run_order(bool is_reversed) {
  char *arguments[ENGINES_MAX + 2] = {"orders_test"};
  for (size_t i = 0; i < tried.count; i++)
    arguments[i + 1] = (char *)tried.engines[is_reversed ? tried.count - 1 - i : i]->name;
  pid_t process;
  int status = -1;
  assert_int_equal(posix_spawn(&process, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
  assert_int_equal(waitpid(process, &status, 0), process);
  tried.orders++;
  if (status == 0) return;
  tried.failures++;
  print_error("%s %d in this order:", WIFSIGNALED(status) ? "signal" : "exit code",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  for (size_t i = 0; i < tried.count; i++) print_error(" %s", arguments[i + 1]);
  print_error("\n");
}

static void swap(size_t a, size_t b) {
  const engine_ops *kept = tried.engines[a];
  tried.engines[a] = tried.engines[b];
  tried.engines[b] = kept;
}

// All choices of what stands at the places from `at` to `depth`.
static void run_orders(size_t at, size_t depth) {
  if (at == depth) {
    run_order(depth < tried.count && tried.orders % 2);
    return;
  }
  for (size_t i = at; i < tried.count; i++) {
    swap(at, i);
    run_orders(at + 1, depth);
    swap(at, i);
  }
}

static void engines_get_along_in_any_order(void **state) {
  (void)state;
  tried.count = engines_present(tried.engines);
  run_orders(0, tried.count <= ALL_ORDERS_MAX ? tried.count : PAIR);
  print_message("%zu engines, %zu orders\n", tried.count, tried.orders);
  assert_int_equal(tried.failures, 0);
}

int main(int count, char **arguments) {
  if (count > 1) return try_order(arguments + 1);
  const struct CMUnitTest tests[] = {cmocka_unit_test(engines_get_along_in_any_order)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
