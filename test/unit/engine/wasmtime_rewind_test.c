// The Wasmtime adapter: stores that are used again, and nothing of what was before may be left in them. Which were used
// again the tests see by a global that their modules' function to begin anew leaves alone.
#include "unit/engine/reuse_testing.h"

#include <stdatomic.h>

enum { PAGE = 65536, PLACES = 128 };

// `used` counts how often the instance has begun anew; `spoil` changes all else.
#define MEMORY  "(memory (export \"m\") 1 4) (data (i32.const 8) \"begin\") (data (i32.const 65531) \"end\") "
#define GLOBALS "(global $small (mut i32) (i32.const 5)) (global $large (mut i64) (i64.const 6)) "
#define USED                                                                                                           \
  "(global $used (mut i32) (i32.const 0)) (func (export \"used\") (param i32) (result i32) (global.get $used)) "
#define ONE_MORE "(global.set $used (i32.add (global.get $used) (i32.const 1))) "
#define SPOIL                                                                                                          \
  "(func (export \"spoil\") (param i32) (result i32) (memory.fill (i32.const 0) (i32.const 255) (i32.const 65536)) "   \
  "(global.set $small (i32.const -1)) (global.set $large (i64.const -1)) (if (local.get 0) (then unreachable)) "       \
  "(i32.const 1)) "                                                                                                    \
  "(func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))) "                                     \
  "(func (export \"sum\") (param i32) (result i32) (i32.add (global.get $small) (i32.wrap_i64 (global.get $large)))) "
#define REWIND(answer)                                                                                                 \
  "(func (export \"rewind\") (result i32) " ONE_MORE                                                                   \
  "(global.set $small (i32.const 5)) (global.set $large (i64.const 6)) (i32.const " answer ")) "

static const char spoiled[] = "(module " MEMORY GLOBALS USED SPOIL REWIND("1") ")";

static const engine_binding memories[] = {{0, "m"}};

static engine_image *link_text_as(engine *engine, const char *text, bool suspends) {
  engine_link_module module = {.module = compile_text(engine, text)};
  engine_link link = {.modules = &module,
                      .modules_count = 1,
                      .memories = memories,
                      .memories_count = 1,
                      .caller_memory = ENGINE_MEMORY_NONE,
                      .suspends = suspends,
                      .rewind = "rewind"};
  engine_image *image;
  assert_success(engine_link_modules(engine, &link, &image));
  engine_module_delete(module.module);
  return image;
}

static engine_image *link_text_in(engine *engine, const char *text) {
  return link_text_as(engine, text, true);
}

static engine_image *link_text(const char *text) {
  return link_text_in(one_engine, text);
}

static void assert_as_begun(engine_store *store) {
  engine_memory memory;
  uint8_t expected[PAGE] = {0};
  memcpy(expected + 8, "begin", 5);
  memcpy(expected + 65531, "end", 3);
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, PAGE);
  assert_memory_equal(memory.data, expected, PAGE);
  assert_int_equal(call_i32(store, "sum", 0), 11);
}

static void a_store_that_is_used_again_is_as_it_began(void **state) {
  (void)state;
  engine_image *image = link_text(spoiled);
  make_two(image);
  for (int i = 0; i < 20; i++) {
    engine_store *store = new_store(image, NULL);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "used", 0), i + 2); // once when its beginning was read
    assert_int_equal(call_i32(store, "spoil", 0), 1);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void stores_that_lived_at_once_are_apart(void **state) {
  (void)state;
  enum { STORES = 40 }; // more than are kept
  engine_image *image = link_text(spoiled);
  engine_store *stores[STORES];
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < STORES; i++) stores[i] = new_store(image, NULL);
    for (size_t i = 0; i < STORES; i += 2) call_i32(stores[i], "spoil", 0);
    for (size_t i = 1; i < STORES; i += 2) assert_as_begun(stores[i]);
    for (size_t i = 0; i < STORES; i++) engine_store_delete(stores[i]);
  }
  engine_image_delete(image);
}

static void assert_not_used_again(engine_image *image) {
  engine_store *store = new_store(image, NULL);
  assert_true(call_i32(store, "used", 0) <= 1);
  engine_store_delete(store);
}

static void what_has_failed_is_not_used_again(void **state) {
  (void)state;
  engine_image *image = link_text(spoiled);
  engine_store_delete(new_store(image, NULL));
  engine_store *store = new_store(image, NULL);
  int32_t ignored;
  assert_error_code(call(store, "spoil", 1, &ignored), UBIQ_TRAP);
  engine_store_delete(store);
  assert_not_used_again(image);
  engine_image_delete(image);
}

static void what_has_failed_on_a_fiber_is_not_used_again(void **state) {
  (void)state;
  static const wasm_type i32 = WASM_TYPE_I32;
  static const wasm_signature signature = {&i32, &i32, 1, 1};
  engine_image *image = link_text(spoiled);
  engine_store_delete(new_store(image, NULL));
  engine_store *store = new_store(image, NULL);
  engine_value values[2] = {{.i32 = 1}};
  engine_state done;
  engine_function function = find_function(store, "spoil");
  traps_restore();
  assert_error_code(engine_call_start(store, &function, &signature, values, &done), UBIQ_TRAP);
  engine_store_delete(store);
  assert_not_used_again(image);
  engine_image_delete(image);
}

static void what_has_grown_is_not_used_again(void **state) {
  (void)state;
  engine_image *image = link_text(spoiled);
  engine_store_delete(new_store(image, NULL));
  engine_store *store = new_store(image, NULL);
  assert_int_equal(call_i32(store, "grow", 1), 1);
  engine_store_delete(store);
  assert_not_used_again(image);
  engine_image_delete(image);
}

static void modules_say_that_they_cannot_begin_anew(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module " MEMORY GLOBALS USED SPOIL REWIND("-1") ")",
      "(module (memory 1) " MEMORY GLOBALS USED REWIND("2") ")",         // one that the image does not name
      "(module (memory (export \"m\") 3) " GLOBALS USED REWIND("1") ")", // too large
      "(module " MEMORY USED ")",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    engine_image *image = link_text(texts[i]);
    make_two(image);
    for (int round = 0; round < 3; round++) assert_not_used_again(image);
    engine_image_delete(image);
  }
}

static void stores_with_other_limits_are_others(void **state) {
  (void)state;
  engine_image *image = link_text(spoiled);
  make_two(image);
  const engine_store_options little = {.memory_bytes_max = PAGE}, too_little = {.memory_bytes_max = PAGE / 2};
  engine_store *store = new_store(image, &little), *none;
  assert_int_equal(call_i32(store, "used", 0), 0);
  assert_int_equal(call_i32(store, "grow", 1), -1);
  engine_store_delete(store);
  assert_error_code(engine_store_new(image, &too_little, &none), UBIQ_MEMORY_LIMIT);
  store = new_store(image, &little);
  assert_int_equal(call_i32(store, "used", 0), 1);
  assert_int_equal(call_i32(store, "grow", 1), -1);
  engine_store_memory_limit(store, 2 * PAGE);
  engine_store_delete(store);
  store = new_store(image, &little);
  assert_int_equal(call_i32(store, "used", 0), 2);
  assert_int_equal(call_i32(store, "grow", 1), -1);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void a_limit_that_was_set_later_is_gone(void **state) {
  (void)state;
  engine_image *image = link_text(spoiled);
  make_two(image);
  engine_store *store = new_store(image, NULL);
  engine_store_memory_limit(store, PAGE);
  assert_int_equal(call_i32(store, "grow", 1), -1);
  engine_store_delete(store);
  store = new_store(image, NULL);
  assert_int_equal(call_i32(store, "used", 0), 3);
  assert_int_equal(call_i32(store, "grow", 1), 1);
  engine_store_delete(store);
  engine_image_delete(image);
}

static ubiq_error *yield(void *user, engine_tick_action *action) {
  (void)user;
  *action = ENGINE_TICK_YIELD;
  return NULL;
}

static void *tick_until(void *is_over) {
  while (!atomic_load((atomic_bool *)is_over)) one_engine->ops->tick(one_engine);
  return NULL;
}

// Starts a call that never ends, until it has yielded.
static void start_spinning(engine_store *store) {
  static const wasm_type i32 = WASM_TYPE_I32;
  static const wasm_signature signature = {&i32, &i32, 1, 1};
  static engine_value values[2]; // outlives the call, which is never resumed
  engine_function function = find_function(store, "spin");
  engine_state reached;
  pthread_t ticker;
  atomic_bool is_over = false;
  traps_restore();
  assert_int_equal(pthread_create(&ticker, NULL, tick_until, &is_over), 0);
  ubiq_error *error = engine_call_start(store, &function, &signature, values, &reached);
  atomic_store(&is_over, true);
  pthread_join(ticker, NULL);
  assert_success(error);
  assert_int_equal(reached, ENGINE_YIELDED);
}

static void what_is_dropped_on_its_way_is_not_used_again(void **state) {
  (void)state;
  engine_image *image = link_text("(module " MEMORY GLOBALS USED SPOIL REWIND(
      "1") "(func (export \"spin\") (param i32) (result i32) "
           "(global.set $small (i32.const 9)) (i32.store8 (i32.const 0) (i32.const 9)) "
           "(loop $more (br $more)) (i32.const 0)))");
  const engine_store_options options = {.tick = yield};
  engine_store_delete(new_store(image, NULL));
  engine_store *store = new_store(image, &options);
  start_spinning(store);
  engine_store_delete(store);
  assert_not_used_again(image);
  store = new_store(image, NULL);
  assert_as_begun(store);
  engine_store_delete(store);
  engine_image_delete(image);
}

static ubiq_error *refuse(void *user, engine_tick_action *action) {
  (void)user, (void)action;
  return ubiq_error_new(UBIQ_TIMEOUT, "nothing more");
}

// The time of a store's user may be over when it ends, and is no concern of who begins anew.
static void a_tick_is_not_for_what_puts_back(void **state) {
  (void)state;
  const engine_store_options options = {.tick = refuse};
  engine_image *image = link_text_as(one_engine, spoiled, false);
  for (int i = 0; i < 5; i++) {
    engine_store *store = new_store(image, &options);
    if (i > 1) assert_int_equal(call_i32(store, "used", 0), i);
    one_engine->ops->tick(one_engine);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void images_do_not_share_stores(void **state) {
  (void)state;
  engine_image *image = link_text(spoiled), *other = link_text(spoiled);
  make_two(image);
  make_two(other);
  engine_image_delete(image);
  engine_store *store = new_store(other, NULL);
  assert_as_begun(store);
  assert_int_equal(call_i32(store, "used", 0), 2);
  engine_store_delete(store);
  engine_image_delete(other);
}

static void stores_that_are_kept_take_no_place(void **state) {
  (void)state;
  engine_options options = {.memory_bytes_max = 1 << 20, .stores_max = PLACES, .fibers_max = PLACES};
  engine *engine;
  assert_success(engine_open(test_ops(), &options, &engine));
  engine_image *image = link_text_in(engine, spoiled), *other = link_text_in(engine, spoiled);
  engine_store *stores[2 * PLACES], *more;
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 20; i++) stores[i] = new_store(image, NULL);
    for (int i = 0; i < 20; i++) engine_store_delete(stores[i]);
    // Two memories a store: as many as the places for memories are, the kept ones' among them.
    int count = 0;
    ubiq_error *error = NULL;
    while ((error = engine_store_new(other, &(engine_store_options){0}, &more)) == NULL) stores[count++] = more;
    assert_error_code(error, UBIQ_BUSY);
    assert_int_equal(count, 2 * PLACES);
    for (int i = 0; i < count; i++) engine_store_delete(stores[i]);
  }
  engine_image_delete(image);
  engine_image_delete(other);
  engine_close(engine);
}

static void *make_stores(void *image) {
  for (int i = 0; i < 200; i++) {
    engine_store *store = new_store(image, NULL);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "spoil", 0), 1);
    engine_store_delete(store);
  }
  return NULL;
}

static void threads_make_stores_of_one_image(void **state) {
  (void)state;
  engine_image *image = link_text(spoiled);
  run_at_once(4, make_stores, image);
  engine_image_delete(image);
}

static engine_image *link_spoiled(void) {
  return link_text(spoiled);
}

static void *make_spoiled_images(void *unused) {
  make_images(30, link_spoiled);
  return unused;
}

static void an_image_ends_while_another_thread_evicts_its_stores(void **state) {
  (void)state;
  run_at_once(2, make_spoiled_images, NULL);
}

static int open_engine(void **state) {
  (void)state;
  engine_options options = {.memory_bytes_max = 1 << 20, .stores_max = PLACES, .fibers_max = PLACES};
  return open_one_engine(&options);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_store_that_is_used_again_is_as_it_began),
      cmocka_unit_test(stores_that_lived_at_once_are_apart),
      cmocka_unit_test(what_has_failed_is_not_used_again),
      cmocka_unit_test(what_has_failed_on_a_fiber_is_not_used_again),
      cmocka_unit_test(what_has_grown_is_not_used_again),
      cmocka_unit_test(modules_say_that_they_cannot_begin_anew),
      cmocka_unit_test(stores_with_other_limits_are_others),
      cmocka_unit_test(a_limit_that_was_set_later_is_gone),
      cmocka_unit_test(what_is_dropped_on_its_way_is_not_used_again),
      cmocka_unit_test(a_tick_is_not_for_what_puts_back),
      cmocka_unit_test(images_do_not_share_stores),
      cmocka_unit_test(stores_that_are_kept_take_no_place),
      cmocka_unit_test(threads_make_stores_of_one_image),
      cmocka_unit_test(an_image_ends_while_another_thread_evicts_its_stores),
  };
  return cmocka_run_group_tests(tests, open_engine, close_engine);
}
