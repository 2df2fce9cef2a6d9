/// Host functions that are completed later, for tests: what was begun lies on a desk until somebody completes it.
#ifndef UBIQ_TEST_LATE_FUNCTIONS_H
#define UBIQ_TEST_LATE_FUNCTIONS_H

#include "unit/plugin/plugin_testing.h"

#include "ubiq/function.h"

#include <pthread.h>

enum { DESK_MAX = 1200 };

/// What was begun and not completed yet. Any thread.
typedef struct desk {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  ubiq_completion *completions[DESK_MAX];
  char inputs[DESK_MAX][32]; ///< of `later`, ended by NUL
  size_t count;
  atomic_int deleted; ///< how often the function's user was
} desk;

static inline void desk_open(desk *self) {
  *self = (desk){.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
}

static inline void desk_delete(void *user) {
  atomic_fetch_add(&((desk *)user)->deleted, 1);
}

static inline void desk_put(desk *self, ubiq_completion *completion, ubiq_bytes input) {
  pthread_mutex_lock(&self->mutex);
  assert_true(self->count < DESK_MAX && input.size < sizeof self->inputs[0]);
  if (input.size) memcpy(self->inputs[self->count], input.data, input.size);
  self->inputs[self->count][input.size] = 0;
  self->completions[self->count++] = completion;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->mutex);
}

/// Waits until something is there, and takes the last of it; `input` has 32 bytes.
static inline ubiq_completion *desk_take(desk *self, char *input) {
  pthread_mutex_lock(&self->mutex);
  while (self->count == 0) pthread_cond_wait(&self->changed, &self->mutex);
  ubiq_completion *completion = self->completions[--self->count];
  memcpy(input, self->inputs[self->count], sizeof self->inputs[0]);
  pthread_mutex_unlock(&self->mutex);
  return completion;
}

/// later(block) -> block: "<input> later".
static inline void desk_answer(ubiq_completion *completion, const char *input) {
  char answer[64];
  int size = snprintf(answer, sizeof answer, "%s later", input);
  ubiq_completion_done_block(completion, (ubiq_bytes){(const uint8_t *)answer, (size_t)size});
}

static inline void start_later(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  ubiq_bytes input;
  assert_true(ubiq_plugin_block(plugin, (uint64_t)inputs[0].i64, &input) || inputs[0].i64 == 0);
  desk_put(user, completion, input);
}

static inline ubiq_function *make_late(ubiq_function_start start, void *user, void (*user_delete)(void *user)) {
  static const ubiq_type types[] = {UBIQ_I64};
  ubiq_function_options options = {.name = "later",
                                   .params = types,
                                   .params_count = 1,
                                   .results = types,
                                   .results_count = 1,
                                   .start = start,
                                   .answers_block = true,
                                   .user = user,
                                   .user_delete = user_delete};
  ubiq_function *function = NULL;
  assert_success(ubiq_function_new(&options, &function));
  return function;
}

/// `run` outputs what `later` answered its input; `twice` asks it twice.
static const char late_guest[] =
    "(module (import \"extism:host/env\" \"input_offset\" (func $input (result i64)))\n"
    "  (import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))\n"
    "  (import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))\n"
    "  (import \"extism:host/user\" \"later\" (func $later (param i64) (result i64)))\n"
    "  (func $say (param $block i64) (result i32)\n"
    "    (call $output (local.get $block) (call $length (local.get $block))) (i32.const 0))\n"
    "  (func (export \"run\") (result i32) (call $say (call $later (call $input))))\n"
    "  (func (export \"twice\") (result i32) (call $say (call $later (call $later (call $input)))))\n"
    "  (func (export \"idle\") (result i32) (i32.const 0)))";

static inline ubiq_compiled *compile_late(const char *source, ubiq_function *function, bool suspends) {
  const ubiq_function *functions[] = {function};
  ubiq_compile_options options = {
      .suspends = suspends, .memory_bytes_max = 4 << 20, .functions = functions, .functions_count = 1};
  ubiq_compiled *compiled = NULL;
  assert_success(text_compile(source, &options, &compiled));
  ubiq_function_delete(function);
  traps_restore();
  return compiled;
}

#endif
