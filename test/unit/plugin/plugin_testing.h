/// What the tests of the plugin host share: guests, plugins on the caller's stack or on a loop, and their calls.
///
/// A test program that includes this calls `plugin_testing_begin` in main.
#ifndef UBIQ_TEST_PLUGIN_TESTING_H
#define UBIQ_TEST_PLUGIN_TESTING_H

#include "unit/base/testing.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fetch_loop.h"
#include "base/file.h"
#include "plugin/parts/instance.h"
#include "support/traps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define assert_error_code(expression, expected)                                                                        \
  do {                                                                                                                 \
    ubiq_error *error_ = (expression);                                                                                 \
    if (ubiq_error_code(error_) != (expected))                                                                         \
      fail_msg("%s: %s; expected %s", ubiq_code_name(ubiq_error_code(error_)), ubiq_error_message(error_),             \
               ubiq_code_name(expected));                                                                              \
    ubiq_error_delete(error_);                                                                                         \
  } while (0)

/// Asserts an error's class and a part of its message.
#define assert_error_with(expression, expected, part)                                                                  \
  do {                                                                                                                 \
    ubiq_error *error_with_ = (expression);                                                                            \
    if (ubiq_error_code(error_with_) != (expected) || !strstr(ubiq_error_message(error_with_), part))                  \
      fail_msg("%s: %s; expected %s with: %s", ubiq_code_name(ubiq_error_code(error_with_)),                           \
               ubiq_error_message(error_with_), ubiq_code_name(expected), part);                                       \
    ubiq_error_delete(error_with_);                                                                                    \
  } while (0)

// -- Guests --

/// The file of a guest; the test is skipped when that guest was not built here (no Rust or Go, for example). Where
/// UBIQ_NEED_GUESTS is set, as in CI, that is a failure.
static inline buffer guest_read(const char *name) {
  char path[1024];
  buffer bytes = {0};
  snprintf(path, sizeof path, "%s/%s.wasm", UBIQ_GUESTS_DIR, name);
  if (!file_exists(path)) {
    if (getenv("UBIQ_NEED_GUESTS") != NULL) fail_msg("%s is not there", path);
    print_message("%s is not there\n", path);
    skip();
  }
  assert_success(file_read_all(path, SIZE_MAX, &bytes));
  return bytes;
}

static inline ubiq_compiled *guest_compile(const char *name, const ubiq_compile_options *options) {
  buffer bytes = guest_read(name);
  ubiq_compiled *compiled = NULL;
  assert_success(ubiq_compiled_new(bytes.data, bytes.size, options, &compiled));
  buffer_free(&bytes);
  return compiled;
}

static inline ubiq_error *text_compile(const char *source, const ubiq_compile_options *options, ubiq_compiled **out) {
  *out = NULL;
  return ubiq_compiled_new((const uint8_t *)source, strlen(source), options, out);
}

/// Compiles a manifest: `more` is JSON that follows the module of the guest, or "".
static inline ubiq_compiled *manifest_compile(const char *guest, const char *more,
                                              const ubiq_compile_options *options) {
  char text[4096];
  buffer there = guest_read(guest);
  buffer_free(&there);
  snprintf(text, sizeof text, "{\"wasm\": [{\"path\": \"%s/%s.wasm\"}]%s%s}", UBIQ_GUESTS_DIR, guest, *more ? ", " : "",
           more);
  ubiq_compiled *compiled = NULL;
  assert_success(text_compile(text, options, &compiled));
  return compiled;
}

// -- A loop, as the server's workers have one --

typedef struct test_loop {
  uv_loop_t uv;
  uv_timer_t timer;
  fetch_loop *fetches;
} test_loop;

static inline void test_loop_open(test_loop *self) {
  uv_loop_init(&self->uv);
  uv_timer_init(&self->uv, &self->timer);
  assert_success(fetch_loop_new(&self->uv, &self->fetches));
}

static inline void test_loop_close(test_loop *self) {
  fetch_loop_close(self->fetches, NULL, NULL);
  uv_close((uv_handle_t *)&self->timer, NULL);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&self->uv), 0);
}

// -- Instances, on the caller's stack (loop NULL) or on a loop --

typedef struct instance {
  test_loop *loop;
  plugin *plugin;
  plugin_host host;
  plugin_state state;
  bool woken;
  uint64_t wake_ns;
  unsigned yields, waits; ///< how often a call suspended, and why
  bool busy;              ///< a call is under way
  ubiq_error *error;      ///< how the last call ended
} instance;

static inline void instance_wake(void *user) {
  ((instance *)user)->woken = true;
}
static inline void instance_wake_at(void *user, uint64_t deadline_ns) {
  ((instance *)user)->wake_ns = deadline_ns;
}

/// At a place that stays while the instance lives.
static inline ubiq_error *instance_open(instance *self, ubiq_compiled *compiled, test_loop *loop,
                                        const plugin_limits *limits) {
  traps_restore();
  *self = (instance){.loop = loop, .wake_ns = UINT64_MAX};
  if (loop)
    self->host =
        (plugin_host){.fetches = loop->fetches, .wake = instance_wake, .wake_at = instance_wake_at, .user = self};
  return plugin_new(compiled, loop ? &self->host : NULL, limits, &self->plugin);
}

static inline void instance_close(instance *self) {
  ubiq_plugin_delete(self->plugin);
  ubiq_error_delete(self->error);
  *self = (instance){0};
}

static inline void instance_note(instance *self, ubiq_error *error) {
  if (error || self->state == PLUGIN_DONE) {
    self->busy = false;
    self->error = error;
    return;
  }
  self->yields += self->state == PLUGIN_YIELDED;
  self->waits += self->state == PLUGIN_WAITING;
}

static inline void instance_start(instance *self, const char *function, ubiq_bytes input) {
  compiled_function target;
  ubiq_error_delete(self->error);
  self->error = compiled_function_find(self->plugin->compiled, function, &target);
  if (self->error) return;
  self->busy = true;
  self->woken = false;
  self->wake_ns = UINT64_MAX;
  instance_note(self, plugin_call_start(self->plugin, &target, input, &self->state));
}

static inline bool instance_runnable(const instance *self, uint64_t now) {
  return self->busy && (self->state == PLUGIN_YIELDED || self->woken || now >= self->wake_ns ||
                        now >= plugin_deadline_ns(self->plugin) || atomic_load(&self->plugin->cancelled));
}

/// One turn of an instance that can go on.
static inline void instance_turn(instance *self) {
  ubiq_error *error = plugin_overdue(self->plugin);
  if (error) {
    self->state = PLUGIN_DONE;
    instance_note(self, error);
    return;
  }
  self->woken = false;
  self->wake_ns = UINT64_MAX;
  instance_note(self, plugin_call_resume(self->plugin, &self->state));
}

static inline void test_loop_timer(uv_timer_t *timer) {
  (void)timer;
}

/// Runs calls that were started until all are done.
static inline void test_loop_run(test_loop *self, instance *instances, size_t count) {
  for (;;) {
    uint64_t now = clock_monotonic_ns(), next = UINT64_MAX;
    size_t busy = 0, turns = 0;
    for (size_t i = 0; i < count; i++) {
      instance *one = &instances[i];
      if (instance_runnable(one, now)) {
        instance_turn(one);
        turns++;
      }
      if (!one->busy) continue;
      busy++;
      if (one->wake_ns < next) next = one->wake_ns;
      if (plugin_deadline_ns(one->plugin) < next) next = plugin_deadline_ns(one->plugin);
    }
    if (busy == 0) return;
    // Cancellations from other threads are looked for every few milliseconds.
    uint64_t wait_ms = next == UINT64_MAX || next - now > 5 * CLOCK_NS_PER_MS ? 5 : (next - now) / CLOCK_NS_PER_MS + 1;
    uv_timer_start(&self->timer, test_loop_timer, turns ? 0 : wait_ms, 0);
    uv_run(&self->uv, UV_RUN_ONCE);
    uv_timer_stop(&self->timer);
  }
}

/// One call from its start to its end. `*output` (may be NULL) is borrowed until the next.
static inline ubiq_error *instance_call_bytes(instance *self, const char *function, ubiq_bytes input,
                                              ubiq_bytes *output) {
  ubiq_bytes ignored;
  if (!output) output = &ignored;
  *output = (ubiq_bytes){0};
  if (!self->loop) return ubiq_plugin_call(self->plugin, function, input, output);
  instance_start(self, function, input);
  test_loop_run(self->loop, self, 1);
  ubiq_error *error = self->error;
  self->error = NULL;
  *output = plugin_output(self->plugin);
  return error;
}

static inline ubiq_error *instance_call(instance *self, const char *function, const char *input, ubiq_bytes *output) {
  return instance_call_bytes(self, function, (ubiq_bytes){(const uint8_t *)input, strlen(input)}, output);
}

/// Asserts what a call outputs.
#define assert_output(instance_, function, input, expected)                                                            \
  do {                                                                                                                 \
    ubiq_bytes output_;                                                                                                \
    assert_success(instance_call(instance_, function, input, &output_));                                               \
    if (output_.size != strlen(expected) || (output_.size && memcmp(output_.data, expected, output_.size) != 0))       \
      fail_msg("%s answered: %.*s; expected: %s", function, (int)output_.size, (const char *)output_.data, expected);  \
  } while (0)

// -- What the engine can do that UBIQ_ENGINE names --

static inline const engine_ops *tested_engine(void) {
  const engine_ops *ops = NULL;
  assert_success(engine_find(NULL, &ops));
  return ops;
}

static inline bool is_default_engine(void) {
  size_t count = 0;
  return strcmp(tested_engine()->name, engine_list(&count)[0].name) == 0;
}

/// Skips what only the default engine does, or what is so long that once is enough.
static inline void need_default_engine(void) {
  if (is_default_engine()) return;
  print_message("it is tested with the default engine alone\n");
  skip();
}

/// Skips a test that needs what the engine cannot do: one of ENGINE_CAN_* and so on.
static inline void need_capability(uint32_t capability) {
  if (tested_engine()->capabilities & capability) return;
  print_message("%s has not the capability %#x\n", tested_engine()->name, capability);
  skip();
}

/// The same for what a module, in text form, has to be compiled for.
static inline bool has_feature(const char *module) {
  ubiq_compiled *compiled = NULL;
  ubiq_error *error = text_compile(module, NULL, &compiled);
  bool compiles = !error;
  ubiq_error_delete(error);
  ubiq_compiled_delete(compiled);
  return compiles;
}

static inline void need_feature(const char *module) {
  if (has_feature(module)) return;
  print_message("%s does not compile %s\n", tested_engine()->name, module);
  skip();
}

#define VECTORS_MODULE          "(module (func (param v128)))"
#define REFERENCES_MODULE       "(module (table 1 funcref) (func (param externref) (drop (table.size 0))))"
#define SEVERAL_MEMORIES_MODULE "(module (memory 1) (memory 1))"
#define OBJECTS_MODULE          "(module (type (struct)))"

// -- Both ways to run --

/// How many there are: an engine that cannot suspend has no loop.
static inline int modes(void) {
  return tested_engine()->capabilities & ENGINE_CAN_SUSPEND ? 2 : 1;
}

#define MODES modes()

/// One plugin, in one of two ways: 0 on the caller's stack, 1 on a loop.
typedef struct plugin_world {
  test_loop loop;
  ubiq_compiled *compiled;
  instance one;
  bool on_loop;
} plugin_world;

static inline void world_open(plugin_world *self, int mode, const char *guest, const char *more,
                              ubiq_compile_options options, const plugin_limits *limits) {
  self->on_loop = mode == 1;
  options.suspends = self->on_loop;
  self->compiled = manifest_compile(guest, more, &options);
  test_loop_open(&self->loop);
  assert_success(instance_open(&self->one, self->compiled, self->on_loop ? &self->loop : NULL, limits));
}

/// A new instance of the same compiled plugin instead of the one there was.
static inline void world_renew(plugin_world *self, const plugin_limits *limits) {
  instance_close(&self->one);
  assert_success(instance_open(&self->one, self->compiled, self->on_loop ? &self->loop : NULL, limits));
}

static inline void world_close(plugin_world *self) {
  instance_close(&self->one);
  ubiq_compiled_delete(self->compiled);
  test_loop_close(&self->loop);
}

// -- Programs --

/// Opens the engines, so that their signal handlers can be put back whenever an instance is made, and keeps the cache out of the home.
static inline void plugin_testing_begin(void) {
  setenv("UBIQ_CACHE", "", 0);
  const engine_ops *ops = NULL;
  ubiq_error *absent = engine_find(NULL, &ops);
  if (absent) {
    print_message("%s\n", ubiq_error_message(absent));
    exit(77); // skipped
  }
  for (int mode = 0; mode < MODES; mode++) {
    ubiq_compile_options options = {.suspends = mode == 1, .memory_bytes_max = 1 << 20};
    ubiq_compiled *compiled = NULL;
    ubiq_error *error = text_compile("(module)", &options, &compiled);
    if (error) {
      fprintf(stderr, "%s\n", ubiq_error_message(error));
      exit(1);
    }
    ubiq_compiled_delete(compiled);
  }
  traps_save();
}

/// After that, in tests of several engines: the same for these.
static inline void plugin_testing_add(const engine_ops *const *engines, size_t count) {
  for (size_t i = 0; i < count; i++) {
    ubiq_compiled *compiled = NULL;
    ubiq_error_delete(text_compile("(module)", &(ubiq_compile_options){.engine = engines[i]->name}, &compiled));
    ubiq_compiled_delete(compiled);
  }
  traps_save();
}

/// After plugin_testing_begin: skips the whole program, for tests that all need a capability.
static inline void plugin_testing_needs(uint32_t capability) {
  if (tested_engine()->capabilities & capability) return;
  print_message("%s has not the capability %#x\n", tested_engine()->name, capability);
  exit(77); // skipped
}

#endif
