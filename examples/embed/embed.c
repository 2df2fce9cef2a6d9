// Plugins in a C program: two host functions, one that answers at once and one that answers later from another thread; a
// call with a budget; a pool that threads share; and calls in turns, many on one thread.
//
// Build and run it, with libubiq in out/ (what `make` builds) or where it was installed:
//
//   cmake -S examples/embed -B build/embed -DCMAKE_PREFIX_PATH="$PWD/out"
//   cmake --build build/embed
//   build/embed/embed examples/embed
//
// or, without CMake:
//
//   export PKG_CONFIG_PATH="$PWD/out/lib/pkgconfig"
//   cc examples/embed/embed.c -o embed $(pkg-config --cflags --libs ubiq) -pthread
//
// It prints:
//
//   one call: 21 DEGREES IN OSLO
//   a call without end: timeout: the call took longer than 50 ms
//   a pool: 4 threads, 40 calls, 40 right
//   in turns: 3 calls waited at once; 21 DEGREES IN OSLO, 21 DEGREES IN LIMA, 21 DEGREES IN KYIV
#include <ubiq.h>

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Ends the program where it cannot go on.
static void check(ubiq_error *error) {
  if (!error) return;
  fprintf(stderr, "embed: %s (%s)\n", ubiq_error_message(error), ubiq_code_name(ubiq_error_code(error)));
  exit(ubiq_code_exit(ubiq_error_code(error)));
}

static ubiq_bytes bytes_of(const char *text) {
  return (ubiq_bytes){(const uint8_t *)text, strlen(text)};
}

// -- A host function that answers when it returns: shout(block), in place --

static ubiq_error *shout(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_value *outputs) {
  (void)user, (void)outputs;
  ubiq_bytes text;
  if (!ubiq_plugin_block(plugin, (uint64_t)inputs[0].i64, &text))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "shout: no block begins there");
  for (size_t i = 0; i < text.size; i++) ((uint8_t *)text.data)[i] = (uint8_t)toupper(text.data[i]);
  return NULL;
}

// -- A host function that answers later: temperature(block) -> block --

typedef struct question {
  ubiq_completion *completion;
  char city[64];
} question;

static void *answer(void *user) {
  question *self = user;
  char text[96];
  snprintf(text, sizeof text, "21 degrees in %s", self->city);
  ubiq_completion_done_block(self->completion, bytes_of(text));
  free(self);
  return NULL;
}

// What the guest passed is copied: it is borrowed until this returns. A real program would ask a database or a server.
static void temperature(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)user;
  ubiq_bytes city = {0};
  pthread_t thread;
  question *question = calloc(1, sizeof *question);
  if (!question) {
    ubiq_completion_fail(completion, ubiq_error_no_memory());
    return;
  }
  ubiq_plugin_block(plugin, (uint64_t)inputs[0].i64, &city);
  snprintf(question->city, sizeof question->city, "%.*s", (int)city.size, city.size ? (const char *)city.data : "");
  question->completion = completion;
  if (pthread_create(&thread, NULL, answer, question) == 0) {
    pthread_detach(thread);
    return;
  }
  free(question);
  ubiq_completion_fail(completion, ubiq_error_new(UBIQ_UNAVAILABLE, "temperature: no thread"));
}

// -- Compiling, once for the whole program --

static ubiq_compiled *compile(const char *directory, bool suspends) {
  static const ubiq_type block[] = {UBIQ_I64};
  ubiq_function *functions[2];
  check(ubiq_function_new(
      &(ubiq_function_options){.name = "shout", .params = block, .params_count = 1, .callback = shout}, &functions[0]));
  check(ubiq_function_new(&(ubiq_function_options){.name = "temperature",
                                                   .params = block,
                                                   .params_count = 1,
                                                   .results = block,
                                                   .results_count = 1,
                                                   .start = temperature,
                                                   .answers_block = true},
                          &functions[1]));
  ubiq_bytes manifest = bytes_of("{\"wasm\": [{\"path\": \"report.wat\"}]}");
  ubiq_compile_options options = {.name = "report",
                                  .directory = directory,
                                  .suspends = suspends,
                                  .memory_bytes_max = 16 << 20,
                                  .functions = (const ubiq_function *const *)functions,
                                  .functions_count = 2};
  ubiq_compiled *compiled = NULL;
  check(ubiq_compiled_new(manifest.data, manifest.size, &options, &compiled));
  for (int i = 0; i < 2; i++) ubiq_function_delete(functions[i]); // the compiled plugin has its own share
  return compiled;
}

// -- One call, and one with a budget --

static void call_once(ubiq_compiled *compiled) {
  ubiq_plugin *plugin = NULL;
  ubiq_bytes output;
  check(ubiq_plugin_new(compiled, &plugin));
  check(ubiq_plugin_call(plugin, "report", bytes_of("Oslo"), &output)); // blocks until `temperature` has answered
  printf("one call: %.*s\n", (int)output.size, (const char *)output.data);

  ubiq_call_options budget = {.timeout_ms = 50};
  ubiq_error *error = ubiq_plugin_call_with(plugin, "spin", (ubiq_bytes){0}, &budget, &output);
  printf("a call without end: %s\n", ubiq_error_message(error));
  ubiq_error_delete(error);
  ubiq_plugin_delete(plugin);
}

// -- A pool --

enum { THREADS = 4, CALLS = 10 };

typedef struct team {
  ubiq_pool *pool;
  atomic_int right;
} team;

static void *work(void *user) {
  team *self = user;
  for (int i = 0; i < CALLS; i++) {
    ubiq_bytes output;
    check(ubiq_pool_call(self->pool, "report", bytes_of("Rome"), NULL, &output));
    atomic_fetch_add(&self->right, output.size == 18 && memcmp(output.data, "21 DEGREES IN ROME", 18) == 0);
    ubiq_pool_output_delete(output);
  }
  return NULL;
}

static void share_a_pool(ubiq_compiled *compiled) {
  team self = {0};
  pthread_t threads[THREADS];
  check(ubiq_pool_new(compiled, &(ubiq_pool_options){.min = 1, .max = 2, .wait_ms = 60000}, &self.pool));
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, &self);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  printf("a pool: %d threads, %d calls, %d right\n", THREADS, THREADS * CALLS, atomic_load(&self.right));
  ubiq_pool_delete(self.pool);
}

// -- Calls in turns: this program's loop sleeps until a call was woken --

typedef struct loop {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool was_woken;
} loop;

static void wake(void *user) {
  loop *self = user;
  pthread_mutex_lock(&self->mutex);
  self->was_woken = true;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->mutex);
}

static void sleep_until_woken(loop *self) {
  pthread_mutex_lock(&self->mutex);
  while (!self->was_woken) pthread_cond_wait(&self->changed, &self->mutex);
  self->was_woken = false;
  pthread_mutex_unlock(&self->mutex);
}

enum { CITIES = 3 };

static void take_turns(ubiq_compiled *compiled) {
  static const char *const cities[CITIES] = {"Oslo", "Lima", "Kyiv"};
  loop loop = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  ubiq_plugin *plugins[CITIES];
  ubiq_call *calls[CITIES];
  for (int i = 0; i < CITIES; i++) {
    check(ubiq_plugin_new(compiled, &plugins[i]));
    check(ubiq_call_start(plugins[i], "report", bytes_of(cities[i]), NULL, wake, &loop, &calls[i]));
  }
  // All are resumed whenever one was woken: that does no harm. A program with thousands would note which one it was.
  for (int left = CITIES; left > 0;) {
    bool all_wait = true;
    left = CITIES;
    for (int i = 0; i < CITIES; i++) {
      ubiq_call_state state = ubiq_call_resume(calls[i]);
      left -= state == UBIQ_CALL_DONE;
      all_wait = all_wait && state != UBIQ_CALL_READY;
    }
    if (left > 0 && all_wait) sleep_until_woken(&loop);
  }
  printf("in turns: %d calls waited at once; ", CITIES);
  for (int i = 0; i < CITIES; i++) {
    ubiq_bytes output = ubiq_call_output(calls[i]);
    printf("%.*s%s", (int)output.size, (const char *)output.data, i + 1 < CITIES ? ", " : "\n");
    ubiq_call_delete(calls[i]);
    ubiq_plugin_delete(plugins[i]);
  }
}

int main(int count, char **arguments) {
  const char *directory = count > 1 ? arguments[1] : ".";
  ubiq_compiled *compiled = compile(directory, false);
  call_once(compiled);
  share_a_pool(compiled);
  ubiq_compiled_delete(compiled);

  compiled = compile(directory, true);
  take_turns(compiled);
  ubiq_compiled_delete(compiled);
  return 0;
}
