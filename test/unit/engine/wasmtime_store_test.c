// The Wasmtime adapter: images and stores. Linking, memories and their limits, tables, fuel, pools that are used up.
#include "unit/engine/engine_testing.h"

#include "base/buffer.h"

#include <sys/mman.h>

enum { PAGE = 65536 };

static engine *one_engine;

/// Links `count` modules in text form; the last is bound to what `bindings` says, the others import nothing.
static ubiq_error *link_texts(const char *const *texts, size_t count, const engine_binding *bindings,
                              size_t bindings_count, const engine_binding *memories, size_t memories_count,
                              engine_image **out) {
  engine_link_module modules[4] = {{0}};
  for (size_t i = 0; i < count; i++) modules[i].module = compile_text(one_engine, texts[i]);
  modules[count - 1].bindings = bindings;
  modules[count - 1].bindings_count = bindings_count;
  engine_link link = {.modules = modules,
                      .modules_count = count,
                      .memories = memories,
                      .memories_count = memories_count,
                      .caller_memory = ENGINE_MEMORY_NONE};
  ubiq_error *error = engine_link_modules(one_engine, &link, out);
  for (size_t i = 0; i < count; i++) engine_module_delete(modules[i].module);
  return error;
}

static int32_t call_i32(engine_store *store, uint32_t module, const char *name, int32_t argument) {
  engine_function function;
  engine_value values[2] = {{.i32 = argument}};
  assert_true(engine_store_function(store, module, name, &function));
  traps_restore();
  assert_success(engine_call_now(store, &function, values, 2));
  return values[0].i32;
}

static void modules_are_bound_to_those_before_them(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (func (export \"one\") (result i32) (i32.const 1)))",
      "(module (global (export \"g\") (mut i32) (i32.const 20)) (memory (export \"m\") 2))",
      "(module (import \"a\" \"one\" (func $one (result i32))) (import \"b\" \"g\" (global $g (mut i32)))"
      " (import \"b\" \"m\" (memory 1)) (func (export \"f\") (result i32)"
      "  (i32.add (call $one) (i32.add (global.get $g) (memory.size)))))",
  };
  static const engine_binding bindings[] = {{0, "one"}, {1, "g"}, {1, "m"}};
  engine_image *image;
  assert_success(link_texts(texts, 3, bindings, 3, NULL, 0, &image));
  engine_store *store = new_store(image, NULL), *other = new_store(image, NULL);
  assert_int_equal(call_i32(store, 2, "f", 0), 23);
  assert_int_equal(call_i32(other, 2, "f", 0), 23);
  engine_store_delete(store);
  assert_int_equal(call_i32(other, 2, "f", 0), 23);
  engine_store_delete(other);
  engine_image_delete(image);
}

static void more_imports_than_are_expected_are_bound_too(void **state) {
  (void)state;
  enum { IMPORTS = 100 };
  buffer text = {0};
  engine_binding bindings[IMPORTS];
  assert_true(buffer_append_string(&text, "(module"));
  for (int i = 0; i < IMPORTS; i++) {
    assert_true(buffer_append_string(&text, " (import \"a\" \"one\" (func (result i32)))"));
    bindings[i] = (engine_binding){0, "one"};
  }
  assert_true(buffer_append_string(&text, " (func (export \"f\") (result i32) (i32.add (call 0) (call 99))))"));
  const char *texts[] = {"(module (func (export \"one\") (result i32) (i32.const 1)))", buffer_string(&text)};
  engine_image *image;
  assert_success(link_texts(texts, 2, bindings, IMPORTS, NULL, 0, &image));
  engine_store *store = new_store(image, NULL);
  assert_int_equal(call_i32(store, 1, "f", 0), 2);
  engine_store_delete(store);
  engine_image_delete(image);
  buffer_free(&text);
}

static void imports_of_another_type_are_invalid_input(void **state) {
  (void)state;
  static const char *const texts[] = {"(module (global (export \"g\") i32 (i32.const 1)))",
                                      "(module (import \"a\" \"g\" (global i64)))"};
  static const engine_binding bindings[] = {{0, "g"}};
  engine_image *image;
  engine_store *store = NULL;
  assert_success(link_texts(texts, 2, bindings, 1, NULL, 0, &image));
  assert_error_code(engine_store_new(image, &(engine_store_options){0}, &store), UBIQ_INVALID_INPUT);
  engine_image_delete(image);
}

static void a_hub_that_imports_what_is_not_given_does_not_link(void **state) {
  (void)state;
  static const char *const texts[] = {"(module (import \"a\" \"b\" (func)))"};
  engine_image *image = NULL;
  ubiq_error *error = link_texts(texts, 1, NULL, 0, NULL, 0, &image);
  assert_non_null(error);
  assert_null(image);
  ubiq_error_delete(error);
}

static void what_is_not_there_is_not_found(void **state) {
  (void)state;
  engine_image *image =
      link_alone(one_engine, "(module (memory (export \"m\") 1) (func (export \"f\")))", NULL, 0, false);
  engine_store *store = new_store(image, NULL);
  engine_function function;
  engine_memory memory;
  assert_true(engine_store_function(store, 0, "f", &function));
  assert_false(engine_store_function(store, 0, "m", &function));
  assert_false(engine_store_function(store, 0, "g", &function));
  assert_false(engine_store_function(store, 0, "", &function));
  assert_false(engine_store_memory(store, 0, &memory)); // none was named when it was linked
  assert_false(engine_store_memory(store, 1000, &memory));
  engine_store_delete(store);
  engine_image_delete(image);
}

static const char grows[] = "(module (memory (export \"a\") 1) (memory (export \"b\") 2)"
                            " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
                            " (func (export \"poke\") (param i32) (result i32)"
                            "  (i32.store8 (local.get 0) (i32.const 42)) (i32.const 0)))";

static engine_image *link_growing(void) {
  static const char *const texts[] = {grows};
  static const engine_binding memories[] = {{0, "a"}, {0, "b"}, {0, "nothing"}};
  engine_image *image;
  assert_success(link_texts(texts, 1, NULL, 0, memories, 3, &image));
  return image;
}

static void memories_are_as_they_are_now(void **state) {
  (void)state;
  engine_image *image = link_growing();
  engine_store *store = new_store(image, NULL);
  engine_memory memory;
  assert_true(engine_store_memory(store, 1, &memory));
  assert_int_equal(memory.size, 2 * PAGE);
  assert_false(engine_store_memory(store, 2, &memory));
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, PAGE);
  assert_int_equal(call_i32(store, 0, "grow", 3), 1);
  assert_int_equal(call_i32(store, 0, "poke", 4 * PAGE - 1), 0);
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, 4 * PAGE);
  assert_int_equal(memory.data[4 * PAGE - 1], 42);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void spans_are_checked_without_overflow(void **state) {
  (void)state;
  uint8_t bytes[100];
  engine_memory memory = {bytes, sizeof bytes};
  assert_ptr_equal(engine_memory_span(&memory, 0, 100), bytes);
  assert_ptr_equal(engine_memory_span(&memory, 99, 1), bytes + 99);
  assert_ptr_equal(engine_memory_span(&memory, 100, 0), bytes + 100);
  assert_null(engine_memory_span(&memory, 0, 101));
  assert_null(engine_memory_span(&memory, 101, 0));
  assert_null(engine_memory_span(&memory, 1, UINT64_MAX));
  assert_null(engine_memory_span(&memory, UINT64_MAX, 1));
  assert_null(engine_memory_span(&memory, UINT64_MAX, UINT64_MAX));
}

static void growth_stops_at_the_limit_as_it_is_now(void **state) {
  (void)state;
  engine_image *image = link_growing();
  engine_store *store = new_store(image, &(engine_store_options){.memory_bytes_max = 4 * PAGE});
  assert_int_equal(call_i32(store, 0, "grow", 4), -1);
  assert_int_equal(call_i32(store, 0, "grow", 3), 1);
  assert_int_equal(call_i32(store, 0, "grow", 1), -1);
  engine_store_memory_limit(store, 6 * PAGE);
  assert_int_equal(call_i32(store, 0, "grow", 3), -1);
  assert_int_equal(call_i32(store, 0, "grow", 2), 4);
  engine_store_memory_limit(store, 1); // what is there stays
  assert_int_equal(call_i32(store, 0, "grow", 0), 6);
  assert_int_equal(call_i32(store, 0, "grow", 1), -1);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void a_memory_that_begins_larger_than_the_limit_is_refused(void **state) {
  (void)state;
  engine_image *image = link_growing();
  engine_store *store = NULL;
  assert_error_code(engine_store_new(image, &(engine_store_options){.memory_bytes_max = PAGE}, &store),
                    UBIQ_MEMORY_LIMIT);
  assert_null(store);
  engine_image_delete(image);
}

static size_t resident_bytes(void *from, size_t size) {
  static unsigned char pages[(64 << 20) / 4096];
  size_t count = 0;
  assert_int_equal(mincore(from, size, pages), 0);
  for (size_t i = 0; i < size / 4096; i++) count += pages[i] & 1;
  return count * 4096;
}

// The pool gives back those of several ended stores at once: what it has not yet must be little, and nobody's to see.
static void memories_of_ended_stores_are_given_back_and_come_clean(void **state) {
  (void)state;
  const char *sanitizers = getenv("UBIQ_SANITIZE");
  if (sanitizers != NULL && strstr(sanitizers, "thread") != NULL) skip(); // keeps four bytes for each that is filled
  enum { STORES = 40, FILLED_BYTES = 32 << 20 };
  static const char *const texts[] = {
      "(module (memory (export \"m\") 512) (data (i32.const 100) \"A\")"
      " (func (export \"f\") (param i32) (result i32) (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x2000000))"
      "  (i32.const 0)))"};
  static const engine_binding memories[] = {{0, "m"}};
  engine *before = one_engine;
  engine_options options = {.memory_bytes_max = 64 << 20, .stores_max = STORES, .fibers_max = 1};
  assert_success(engine_open(test_ops(), &options, &one_engine));
  engine_image *image;
  assert_success(link_texts(texts, 1, NULL, 0, memories, 1, &image));
  size_t resident = 0;
  for (int i = 0; i < STORES; i++) {
    engine_store *store = new_store(image, NULL);
    engine_memory memory;
    assert_true(engine_store_memory(store, 0, &memory));
    assert_int_equal(memory.data[100], 'A');
    assert_int_equal(memory.data[99], 0);
    assert_int_equal(memory.data[FILLED_BYTES - 1], 0);
    assert_int_equal(call_i32(store, 0, "f", 0), 0);
    assert_true(resident_bytes(memory.data, FILLED_BYTES) == FILLED_BYTES);
    engine_store_delete(store);
    resident += resident_bytes(memory.data, FILLED_BYTES);
  }
  assert_true(resident < FILLED_BYTES);
  engine_image_delete(image);
  engine_close(one_engine);
  one_engine = before;
}

// An engine of two parts with 64 stores each.
static engine *open_two_parts(void) {
  engine_options options = {.memory_bytes_max = 1 << 20, .stores_max = 128, .fibers_max = 128, .parts = 2};
  engine *opened;
  assert_success(engine_open(test_ops(), &options, &opened));
  return opened;
}

static void a_full_part_leaves_stores_to_another_and_all_are_as_many_as_without_parts(void **state) {
  (void)state;
  enum { STORES = 128 };
  engine *before = one_engine;
  one_engine = open_two_parts();
  engine_image *image = link_growing();
  engine_store *stores[STORES], *more = NULL;
  const engine_store_options first = {.part = 0};
  for (int i = 0; i < STORES; i++) stores[i] = new_store(image, &first);
  assert_error_code(engine_store_new(image, &first, &more), UBIQ_BUSY);
  for (int i = 0; i < STORES; i++) assert_int_equal(call_i32(stores[i], 0, "grow", 1), 1);
  engine_store_delete(stores[0]);
  stores[0] = new_store(image, &(engine_store_options){.part = 7});
  for (int i = 0; i < STORES; i++) engine_store_delete(stores[i]);
  engine_image_delete(image);
  engine_close(one_engine);
  one_engine = before;
}

static void several_modules_are_linked_in_each_part(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (memory (export \"m\") 1) (data (i32.const 4) \"\\2a\"))",
      "(module (import \"a\" \"m\" (memory 1)) (func (export \"f\") (result i32) (i32.load8_u (i32.const 4))))"};
  static const engine_binding bindings[] = {{0, "m"}}, memories[] = {{0, "m"}};
  engine *before = one_engine;
  one_engine = open_two_parts();
  engine_image *image;
  assert_success(link_texts(texts, 2, bindings, 1, memories, 1, &image));
  for (uint32_t part = 0; part < 4; part++) {
    engine_memory memory;
    engine_store *store = new_store(image, &(engine_store_options){.part = part});
    assert_int_equal(call_i32(store, 1, "f", 0), 42);
    assert_true(engine_store_memory(store, 0, &memory));
    assert_int_equal(memory.size, PAGE);
    engine_store_delete(store);
  }
  engine_image_delete(image);
  engine_close(one_engine);
  one_engine = before;
}

static void tables_have_a_limit_of_their_own(void **state) {
  (void)state;
  engine_image *image = link_alone(one_engine,
                                   "(module (table $t 10 funcref) (func (export \"grow\") (param i32) (result i32)"
                                   " (table.grow $t (ref.null func) (local.get 0))))",
                                   NULL, 0, false);
  engine_store *store = new_store(image, &(engine_store_options){.table_elements_max = 15});
  assert_int_equal(call_i32(store, 0, "grow", 6), -1);
  assert_int_equal(call_i32(store, 0, "grow", 5), 10);
  engine_store_delete(store);
  assert_error_code(engine_store_new(image, &(engine_store_options){.table_elements_max = 9}, &store),
                    UBIQ_MEMORY_LIMIT);
  engine_image_delete(image);
}

static void memories_of_several_threads_are_invalid_input(void **state) {
  (void)state;
  engine_image *image = link_alone(one_engine, "(module (memory 1 2 shared))", NULL, 0, false);
  engine_store *store = NULL;
  ubiq_error *error = engine_store_new(image, &(engine_store_options){0}, &store);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_non_null(strstr(ubiq_error_message(error), "expected a module for one thread"));
  ubiq_error_delete(error);
  engine_image_delete(image);
}

static void data_outside_of_memory_is_a_trap(void **state) {
  (void)state;
  engine_image *image = link_alone(one_engine, "(module (memory 1) (data (i32.const 65535) \"ab\"))", NULL, 0, false);
  engine_store *store = NULL;
  traps_restore();
  assert_error_code(engine_store_new(image, &(engine_store_options){0}, &store), UBIQ_TRAP);
  engine_image_delete(image);
}

static void a_pool_that_is_used_up_is_busy(void **state) {
  (void)state;
  enum { STORES = 5 };
  engine_options options = {.memory_bytes_max = 1 << 20, .stores_max = STORES, .fibers_max = STORES};
  engine *small;
  engine_store *stores[2 * STORES + 1];
  assert_success(engine_open(test_ops(), &options, &small));
  engine_image *image = link_alone(small, "(module (memory 1) (memory 1))", NULL, 0, false);
  size_t count = 0;
  ubiq_error *error = NULL;
  while (count <= 2 * STORES && !(error = engine_store_new(image, &(engine_store_options){0}, &stores[count]))) count++;
  assert_int_equal(count, STORES);
  assert_int_equal(ubiq_error_code(error), UBIQ_BUSY);
  ubiq_error_delete(error);
  engine_store_delete(stores[--count]);
  stores[count++] = new_store(image, NULL);
  while (count > 0) engine_store_delete(stores[--count]);
  engine_image_delete(image);
  engine_close(small);
}

static void fuel_is_counted_where_the_engine_was_opened_for_it(void **state) {
  (void)state;
  engine_options options = {.fuel = true};
  engine *fuelled;
  assert_success(engine_open(test_ops(), &options, &fuelled));
  engine_image *image = link_alone(fuelled,
                                   "(module (func (export \"f\") (param i32) (result i32) (loop $more"
                                   " (local.set 0 (i32.sub (local.get 0) (i32.const 1)))"
                                   " (br_if $more (local.get 0))) (i32.const 1)))",
                                   NULL, 0, false);
  engine_store *store = new_store(image, NULL);
  assert_success(engine_fuel_set(store, 10000));
  assert_int_equal(call_i32(store, 0, "f", 10), 1);
  uint64_t left = engine_fuel_get(store);
  assert_in_range(left, 9000, 9999);
  engine_function function = find_function(store, "f");
  engine_value values[2] = {{.i32 = 1000000}};
  traps_restore();
  assert_error_code(engine_call_now(store, &function, values, 2), UBIQ_CPU_LIMIT);
  assert_int_equal(engine_fuel_get(store), 0);
  engine_store_delete(store);
  engine_image_delete(image);
  engine_close(fuelled);

  image = link_alone(one_engine, "(module)", NULL, 0, false);
  store = new_store(image, NULL);
  assert_error_code(engine_fuel_set(store, 1), UBIQ_INTERNAL);
  assert_int_equal(engine_fuel_get(store), 0);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void more_modules_than_may_be_linked_are_too_large(void **state) {
  (void)state;
  enum { MODULES = 17 };
  engine_link_module modules[MODULES] = {{0}};
  engine_module *module = compile_text(one_engine, "(module)");
  for (int i = 0; i < MODULES; i++) modules[i].module = module;
  engine_link link = {.modules = modules, .modules_count = MODULES};
  engine_image *image = NULL;
  assert_error_code(engine_link_modules(one_engine, &link, &image), UBIQ_TOO_LARGE);
  link.modules_count--;
  assert_success(engine_link_modules(one_engine, &link, &image));
  engine_store_delete(new_store(image, NULL));
  engine_image_delete(image);
  engine_module_delete(module);
}

int main(void) {
  engine_options options = {0};
  if (engine_open(test_ops(), &options, &one_engine)) return 1;
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(modules_are_bound_to_those_before_them),
      cmocka_unit_test(more_imports_than_are_expected_are_bound_too),
      cmocka_unit_test(imports_of_another_type_are_invalid_input),
      cmocka_unit_test(a_hub_that_imports_what_is_not_given_does_not_link),
      cmocka_unit_test(what_is_not_there_is_not_found),
      cmocka_unit_test(memories_are_as_they_are_now),
      cmocka_unit_test(spans_are_checked_without_overflow),
      cmocka_unit_test(growth_stops_at_the_limit_as_it_is_now),
      cmocka_unit_test(a_memory_that_begins_larger_than_the_limit_is_refused),
      cmocka_unit_test(memories_of_ended_stores_are_given_back_and_come_clean),
      cmocka_unit_test(a_full_part_leaves_stores_to_another_and_all_are_as_many_as_without_parts),
      cmocka_unit_test(several_modules_are_linked_in_each_part),
      cmocka_unit_test(tables_have_a_limit_of_their_own),
      cmocka_unit_test(memories_of_several_threads_are_invalid_input),
      cmocka_unit_test(data_outside_of_memory_is_a_trap),
      cmocka_unit_test(a_pool_that_is_used_up_is_busy),
      cmocka_unit_test(fuel_is_counted_where_the_engine_was_opened_for_it),
      cmocka_unit_test(more_modules_than_may_be_linked_are_too_large),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
