/// What the tests of stores that are used again share: one engine, calls of functions with a number each, threads.
#ifndef UBIQ_TEST_REUSE_TESTING_H
#define UBIQ_TEST_REUSE_TESTING_H

#include "unit/engine/engine_testing.h"

#include <pthread.h>

static engine *one_engine;

static inline int open_one_engine(const engine_options *options) {
  assert_success(engine_open(test_ops(), options, &one_engine));
  traps_save();
  return 0;
}

static inline int close_engine(void **state) {
  (void)state;
  engine_close(one_engine);
  return 0;
}

static inline ubiq_error *call(engine_store *store, const char *name, int32_t argument, int32_t *answer) {
  engine_function function = find_function(store, name);
  engine_value values[2] = {{.i32 = argument}};
  traps_restore();
  ubiq_error *error = engine_call_now(store, &function, values, 2);
  *answer = values[0].i32;
  return error;
}

static inline int32_t call_i32(engine_store *store, const char *name, int32_t argument) {
  int32_t answer;
  assert_success(call(store, name, argument, &answer));
  return answer;
}

// Two stores, after which an image's are kept.
static inline void make_two(engine_image *image) {
  for (int i = 0; i < 2; i++) engine_store_delete(new_store(image, NULL));
}

// Runs `function` with `user` on so many threads at once.
static inline void run_at_once(size_t count, void *(*function)(void *user), void *user) {
  pthread_t threads[8];
  assert_true(count <= sizeof threads / sizeof *threads);
  for (size_t i = 0; i < count; i++) assert_int_equal(pthread_create(&threads[i], NULL, function, user), 0);
  for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

enum { MANY = 10 }; // more stores than are kept

/// Makes images and ends them: each round evicts stores that are kept of another thread's, and deletes an image of its own.
static inline void make_images(int rounds, engine_image *(*link)(void)) {
  engine_store *stores[MANY];
  for (int round = 0; round < rounds; round++) {
    engine_image *image = link();
    for (size_t i = 0; i < MANY; i++) stores[i] = new_store(image, NULL);
    for (size_t i = 0; i < MANY; i++) engine_store_delete(stores[i]);
    engine_image_delete(image);
  }
}

#endif
