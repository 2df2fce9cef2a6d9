// The Wasmtime adapter (large.c, memory.c, contents.c): stores with much memory, which is put back where it was touched. `used` counts how often a store's
// instance has begun anew; nothing else of it may be left.
#include "engine/wasmtime/internal.h"

#include "engine_testing.h"

#include <pthread.h>
#include <stdio.h>

enum { PAGE = 65536, PAGES = 17, PLACES = 128 };

static engine *one_engine;

static int open_engine(void **state) {
  (void)state;
  engine_options options = {.memory_bytes_max = 64 * PAGE, .stores_max = PLACES, .fibers_max = PLACES};
  assert_success(engine_open(test_ops(), &options, &one_engine));
  traps_save();
  return 0;
}

#define REWIND_NAME "ubiq:kernel/rewind"
// As merging does, which tells nothing of growth for most here.
#define MARK(grows) "(@custom \"ubiq:begins-anew\" \"\\0" grows "\") "
#define REWIND_AS(grows, count)                                                                                        \
  MARK(grows)                                                                                                          \
  "(global $used (mut i32) (i32.const 0)) (func (export \"used\") (param i32) (result i32) (global.get $used)) "       \
  "(func (export \"" REWIND_NAME "\") (result i32) "                                                                   \
  "(global.set $used (i32.add (global.get $used) (i32.const 1))) (i32.const " count ")) "
#define REWIND(count)  REWIND_AS("0", count)
#define REWIND_GROWING REWIND_AS("1", "1")
// `write` writes into a page of the system's every so many bytes, up to the memory's end; `fill` everywhere.
#define CODE                                                                                                           \
  "(func $write (export \"write\") (param $step i32) (result i32) (local $at i32) "                                    \
  "  (loop $next (i32.store8 (local.get $at) (i32.const 255)) "                                                        \
  "    (local.set $at (i32.add (local.get $at) (local.get $step))) "                                                   \
  "    (br_if $next (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536))))) (memory.size)) "            \
  "(func (export \"fill\") (param $size i32) (result i32) "                                                            \
  "  (memory.fill (i32.const 0) (i32.const 255) (local.get $size)) (i32.const 1)) "                                    \
  "(func (export \"read\") (param i32) (result i32) (i32.load8_u (local.get 0))) "                                     \
  "(func (export \"size\") (param i32) (result i32) (memory.size)) "                                                   \
  "(func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))) "                                     \
  "(func (export \"trap\") (param i32) (result i32) (drop (call $write (local.get 0))) unreachable) "
#define DATA                                                                                                           \
  "(data (i32.const 4090) \"over the edge\") (data (i32.const 1048576) \"begin\") (data (i32.const 1114111) \"e\") "

static const char large[] = "(module (memory (export \"m\") 17 60) " DATA CODE REWIND("1") ")";

static const engine_binding memories[] = {{0, "m"}, {0, "n"}};

static engine_image *link_module(engine_module *module) {
  engine_link_module modules[] = {{.module = module}};
  engine_link link = {.modules = modules,
                      .modules_count = 1,
                      .memories = memories,
                      .memories_count = 2,
                      .caller_memory = ENGINE_MEMORY_NONE,
                      .suspends = true,
                      .rewind = REWIND_NAME};
  engine_image *image;
  assert_success(engine_link_modules(one_engine, &link, &image));
  engine_module_delete(module);
  return image;
}

static engine_image *link_text(const char *text) {
  return link_module(compile_text(one_engine, text));
}

static ubiq_error *call(engine_store *store, const char *name, int32_t argument, int32_t *answer) {
  engine_function function = find_function(store, name);
  engine_value values[2] = {{.i32 = argument}};
  traps_restore();
  ubiq_error *error = engine_call_now(store, &function, values, 2);
  *answer = values[0].i32;
  return error;
}

static int32_t call_i32(engine_store *store, const char *name, int32_t argument) {
  int32_t answer;
  assert_success(call(store, name, argument, &answer));
  return answer;
}

static void assert_traps(engine_store *store, const char *name, int32_t argument) {
  int32_t ignored;
  assert_error_code(call(store, name, argument, &ignored), UBIQ_TRAP);
}

static uint8_t *contents_at_first(void) {
  uint8_t *bytes = calloc(PAGES, PAGE);
  assert_non_null(bytes);
  memcpy(bytes + 4090, "over the edge", 13);
  memcpy(bytes + 1048576, "begin", 5);
  bytes[PAGES * PAGE - 1] = 'e';
  return bytes;
}

static void assert_as_begun(engine_store *store) {
  engine_memory memory;
  uint8_t *expected = contents_at_first();
  assert_int_equal(call_i32(store, "size", 0), PAGES);
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, PAGES * PAGE);
  assert_memory_equal(memory.data, expected, PAGES * PAGE);
  free(expected);
}

// Whether the system tells which pages were touched: without that nothing large is used again.
static bool is_told(void) {
  return ((wt_engine *)one_engine)->pagemap.is_ours != NULL;
}

// Two stores, after which an image's are kept.
static void make_two(engine_image *image) {
  for (int i = 0; i < 2; i++) engine_store_delete(new_store(image, NULL));
}

static void a_large_store_that_is_used_again_is_as_it_began(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  for (int i = 0; i < 20; i++) {
    engine_store *store = new_store(image, NULL);
    if (is_told()) assert_int_equal(call_i32(store, "used", 0), i + 2); // once when its beginning was read
    assert_as_begun(store);
    call_i32(store, "write", 4096 + 4 * 4096 * (i % 5) + i);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void what_has_grown_is_as_small_again(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  for (int i = 0; i < 20; i++) {
    engine_store *store = new_store(image, NULL);
    if (is_told()) assert_int_equal(call_i32(store, "used", 0), i + 2);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", 1 + i % 4), PAGES);
    assert_int_equal(call_i32(store, "size", 0), PAGES + 1 + i % 4);
    assert_int_equal(call_i32(store, "read", PAGES * PAGE), 0);
    engine_memory memory;
    assert_true(engine_store_memory(store, 0, &memory));
    for (size_t at = PAGES * PAGE; at < memory.size; at++) assert_int_equal(memory.data[at], 0);
    call_i32(store, "write", 12000);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void what_lies_behind_a_memory_that_had_grown_traps(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  engine_store *store = new_store(image, NULL);
  assert_int_equal(call_i32(store, "grow", 3), PAGES);
  call_i32(store, "write", 50000);
  engine_store_delete(store);
  for (int i = 0; i < 3; i++) {
    store = new_store(image, NULL);
    assert_int_equal(call_i32(store, "read", PAGES * PAGE - 1), 'e');
    assert_traps(store, "read", PAGES * PAGE + i * PAGE);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

// Of a memory of 17 pages.
static const char *const outside[] = {
    "(drop (i64.load (i32.const 1114105)))",
    "(drop (i64.load offset=0xffffffff (i32.const 1114105)))",
    "(drop (v128.load offset=65536 (i32.const 1048561)))",
    "(v128.store offset=1114097 (i32.const 0) (v128.const i64x2 0 0))",
    "(v128.store8_lane offset=131072 0 (i32.const 1114112) (v128.const i64x2 0 0))",
    "(i32.store8 offset=1 (i32.const 1114111) (i32.const 1))",
    "(i32.store8 offset=1 (i32.const -1) (i32.const 1))",
    "(i64.store offset=0xfffffff8 (i32.const 8) (i64.const -1))",
    "(memory.fill (i32.const 1114111) (i32.const 1) (i32.const 2))",
    "(memory.fill (i32.const 1114111) (i32.const 1) (i32.const -1))",
    "(memory.copy (i32.const 0) (i32.const 1114111) (i32.const 2))",
    "(memory.copy (i32.const 1114111) (i32.const 0) (i32.const 2))",
    "(memory.copy (i32.const 1114113) (i32.const 0) (i32.const 0))",
    "(memory.init $d (i32.const 1114110) (i32.const 0) (i32.const 3))",
    "(drop (i32.atomic.load (i32.const 1114112)))",
    "(drop (i32.atomic.rmw.add offset=65536 (i32.const 1048576) (i32.const 1)))",
    "(drop (memory.atomic.notify (i32.const 1114112) (i32.const 1)))",
};

// Of a memory whose addresses have 64 bits.
static const char *const outside_64[] = {
    "(drop (i64.load (i64.const 1114105)))",
    "(drop (i64.load8_u offset=1 (i64.const 1114111)))",
    "(drop (i64.load offset=0xffffffffffffffff (i64.const 8)))",
    "(drop (i64.load offset=8 (i64.const -8)))",
    "(drop (v128.load offset=0x8000000000000000 (i64.const 0x8000000000000000)))",
    "(i64.store offset=0x100000000 (i64.const 0) (i64.const 1))",
    "(i64.store (i64.const 0x100000000) (i64.const 1))",
    "(memory.fill (i64.const 1114111) (i32.const 1) (i64.const 2))",
    "(memory.fill (i64.const 16) (i32.const 1) (i64.const -8))",
    "(memory.copy (i64.const 0) (i64.const -1) (i64.const 2))",
};

static void assert_all_trap(const char *address, const char *const *codes, size_t count) {
  char text[16384];
  int size = snprintf(text, sizeof text,
                      "(module (memory (export \"m\") %s 17 60) (data $d \"abcd\") " REWIND(
                          "1") "(func (export \"grow\") (param i32) (result i32) (drop (memory.grow (%s.const 3)))"
                               " (memory.fill (%s.const 0) (i32.const 255) (%s.const 1310720)) (i32.const 1))",
                      address, address, address, address);
  for (size_t i = 0; i < count; i++)
    size += snprintf(text + size, sizeof text - (size_t)size,
                     "(func (export \"%zu\") (param i32) (result i32) %s (i32.const 1))", i, codes[i]);
  assert_true((size_t)size + 1 < sizeof text);
  strcpy(text + size, ")");
  engine_image *image = link_text(text);
  make_two(image);
  for (size_t i = 0; i < count; i++) {
    char name[24];
    int32_t ignored;
    snprintf(name, sizeof name, "%zu", i);
    engine_store *store = new_store(image, NULL);
    call_i32(store, "grow", 0);
    engine_store_delete(store);
    store = new_store(image, NULL);
    if (is_told()) assert_true(call_i32(store, "used", 0) > 0);
    ubiq_error *error = call(store, name, 0, &ignored);
    if (ubiq_error_code(error) != UBIQ_TRAP) fail_msg("%s", codes[i]);
    ubiq_error_delete(error);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void nothing_reaches_behind_a_memory_that_had_grown(void **state) {
  (void)state;
  assert_all_trap("i32", outside, sizeof outside / sizeof *outside);
  assert_all_trap("i64", outside_64, sizeof outside_64 / sizeof *outside_64);
}

static void a_store_that_touched_much_is_not_used_again(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  for (int i = 0; i < 5; i++) {
    engine_store *store = new_store(image, NULL);
    assert_true(call_i32(store, "used", 0) <= (i == 0 ? 2 : 0));
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", 20), PAGES);
    assert_int_equal(call_i32(store, "fill", (PAGES + 20) * PAGE), 1);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

// Its place is.
static void a_store_that_has_failed_is_not_used_again(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  for (int i = 0; i < 5; i++) {
    engine_store *store = new_store(image, NULL);
    assert_true(call_i32(store, "used", 0) <= (i == 0 ? 2 : 0));
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", 2), PAGES);
    assert_traps(store, "trap", 4096 * (1 + 10 * i));
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

// Of another module, whose memory begins with other bytes.
static void a_place_is_empty_for_who_gets_it_next(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  engine_image *other = link_text("(module (memory (export \"m\") 21 60) " CODE REWIND("1") ")");
  for (int i = 0; i < 30; i++) {
    engine_store *store = new_store(i % 2 ? image : other, NULL);
    if (i % 2) {
      assert_as_begun(store);
      assert_int_equal(call_i32(store, "grow", 1 + i % 9), PAGES);
    } else {
      engine_memory memory;
      assert_true(engine_store_memory(store, 0, &memory));
      assert_int_equal(memory.size, 21 * PAGE);
      for (size_t at = 0; at < memory.size; at++) assert_int_equal(memory.data[at], 0);
    }
    call_i32(store, "write", 4096 + 1000 * i);
    if (i % 3 == 0) assert_traps(store, "trap", 40000);
    engine_store_delete(store);
  }
  engine_image_delete(image);
  engine_image_delete(other);
}

static void a_small_memory_that_has_grown_is_as_small_again(void **state) {
  (void)state;
  engine_image *image =
      link_text("(module (memory (export \"m\") 1) (data (i32.const 9) \"x\") " CODE REWIND_GROWING "\n)");
  make_two(image);
  for (int i = 0; i < 20; i++) {
    engine_store *store = new_store(image, NULL);
    engine_memory memory;
    if (is_told()) assert_int_equal(call_i32(store, "used", 0), i + 2);
    assert_int_equal(call_i32(store, "size", 0), 1);
    assert_true(engine_store_memory(store, 0, &memory));
    for (size_t at = 0; at < PAGE; at++) assert_int_equal(memory.data[at], at == 9 ? 'x' : 0);
    if (i % 4) assert_int_equal(call_i32(store, "grow", i), 1);
    call_i32(store, "write", 4096 + i);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void several_memories_are_put_back(void **state) {
  (void)state;
  engine_image *image =
      link_text("(module (memory (export \"m\") 17 60) (memory $n (export \"n\") 5 9) (data (memory $n) (i32.const 9) "
                "\"n\") " DATA CODE REWIND(
                    "2") "(func (export \"other\") (param i32) (result i32) (local $was i32) "
                         "(local.set $was (i32.load8_u $n (local.get 0))) (i32.store8 $n (local.get 0) (i32.const 1)) "
                         "(i32.or (i32.shl (memory.grow $n (i32.const 1)) (i32.const 8)) (local.get $was))))");
  make_two(image);
  for (int i = 0; i < 9; i++) {
    engine_store *store = new_store(image, NULL);
    if (is_told()) assert_int_equal(call_i32(store, "used", 0), i + 2);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "other", i % 2 ? 9 : 70000 + i), 5 << 8 | (i % 2 ? 'n' : 0));
    call_i32(store, "write", 9000);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void large_stores_that_live_at_once_are_apart(void **state) {
  (void)state;
  enum { STORES = 100 }; // more than a block of places holds
  engine_image *image = link_text(large);
  engine_store *stores[STORES];
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < STORES; i++) stores[i] = new_store(image, NULL);
    for (size_t i = 0; i < STORES; i += 2) call_i32(stores[i], "write", 5000);
    for (size_t i = 1; i < STORES; i += 2) assert_as_begun(stores[i]);
    for (size_t i = 0; i < STORES; i++) engine_store_delete(stores[i]);
  }
  engine_image_delete(image);
}

static void more_memories_than_places_are_refused(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  engine_store *stores[2 * PLACES + 1] = {0};
  ubiq_error *error = NULL;
  for (int round = 0; round < 2; round++) {
    int count = 0;
    while (count <= 2 * PLACES && (error = engine_store_new(image, &(engine_store_options){0}, &stores[count])) == NULL)
      count++;
    assert_error_code(error, UBIQ_BUSY);
    assert_int_equal(count, 2 * PLACES);
    for (int i = 0; i < count; i++) engine_store_delete(stores[i]);
  }
  engine_image_delete(image);
}

static void limits_hold_in_a_store_that_is_used_again(void **state) {
  (void)state;
  const engine_store_options little = {.memory_bytes_max = (PAGES + 1) * PAGE}, too_little = {.memory_bytes_max = PAGE};
  engine_image *image = link_text(large);
  engine_store *store;
  assert_error_code(engine_store_new(image, &too_little, &store), UBIQ_MEMORY_LIMIT);
  for (int i = 0; i < 5; i++) {
    store = new_store(image, &little);
    assert_int_equal(call_i32(store, "grow", 2), -1);
    assert_int_equal(call_i32(store, "grow", 1), PAGES);
    assert_int_equal(call_i32(store, "grow", 1), -1);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void a_memory_grows_no_further_than_its_place(void **state) {
  (void)state;
  engine_image *image = link_text("(module (memory (export \"m\") 17) " CODE REWIND("1") ")");
  engine_store *store = new_store(image, NULL);
  assert_int_equal(call_i32(store, "grow", 64 - PAGES), PAGES);
  assert_int_equal(call_i32(store, "grow", 1), -1);
  assert_int_equal(call_i32(store, "fill", 64 * PAGE), 1);
  assert_traps(store, "read", 64 * PAGE);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void what_was_serialized_is_as_what_was_compiled(void **state) {
  (void)state;
  engine_module *compiled = compile_text(one_engine, large), *read;
  uint8_t *bytes;
  size_t size;
  assert_success(one_engine->ops->serialize(compiled, &bytes, &size));
  assert_success(one_engine->ops->deserialize(one_engine, bytes, size, &read));
  assert_true(((wt_module *)compiled)->is_large && ((wt_module *)read)->is_large);
  engine_module_delete(compiled);
  free(bytes);
  engine_image *image = link_module(read);
  for (int i = 0; i < 4; i++) {
    engine_store *store = new_store(image, NULL);
    assert_as_begun(store);
    call_i32(store, "write", 4096);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void a_call_on_a_fiber_grows_a_memory(void **state) {
  (void)state;
  static const wasm_type i32 = WASM_TYPE_I32;
  static const wasm_signature signature = {&i32, &i32, 1, 1};
  engine_image *image = link_text(large);
  for (int i = 0; i < 6; i++) {
    engine_store *store = new_store(image, NULL);
    engine_value values[2] = {{.i32 = 2}};
    engine_state reached;
    engine_function function = find_function(store, "grow");
    assert_as_begun(store);
    traps_restore();
    assert_success(engine_call_start(store, &function, &signature, values, &reached));
    assert_int_equal(reached, ENGINE_DONE);
    assert_int_equal(values[0].i32, PAGES);
    call_i32(store, "write", 4096);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

/// As on another machine than the one that compiled.
static void where_the_system_does_not_tell_what_was_touched_instances_are_new(void **state) {
  (void)state;
  engine *engine = one_engine;
  assert_int_equal(open_engine(NULL), 0);
  engine_image *image = link_text(large);
  wt_pagemap_close(&((wt_engine *)one_engine)->pagemap);
  for (int i = 0; i < 6; i++) {
    engine_store *store = new_store(image, NULL);
    assert_int_equal(call_i32(store, "used", 0), 0);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", 1), PAGES);
    call_i32(store, "write", 4096);
    engine_store_delete(store);
  }
  engine_image_delete(image);
  image = link_text(large);
  engine_store_delete(new_store(image, NULL));
  engine_image_delete(image);
  engine_close(one_engine);
  one_engine = engine;
}

#define FOUR_TABLES "(table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) "

/// A program that compiles for a server may open no file.
static void what_a_compiler_made_that_is_told_nothing_is_as_what_was_compiled_here(void **state) {
  (void)state;
  engine_options options = {.memory_bytes_max = 64 * PAGE, .stores_max = 1, .fibers_max = 1, .compiles_only = true};
  engine *compiler;
  engine_module *compiled, *read;
  uint8_t *bytes;
  size_t size;
  assert_success(engine_open(test_ops(), &options, &compiler));
  wt_pagemap_close(&((wt_engine *)compiler)->pagemap);
  compiled = compile_text(compiler, large);
  assert_true(((wt_module *)compiled)->is_large);
  assert_success(compiler->ops->serialize(compiled, &bytes, &size));
  assert_success(one_engine->ops->deserialize(one_engine, bytes, size, &read));
  assert_true(((wt_module *)read)->is_large);
  engine_module_delete(read);
  engine_module_delete(compiled);
  engine_close(compiler);
  free(bytes);
}

static void which_modules_have_such_memories(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool expected;
  } cases[] = {
      {"(module (memory 3) " REWIND("1") ")", true},
      {"(module (memory 2) (memory 32769 (pagesize 1)) " REWIND("1") ")", true},
      {"(module (memory 2) (memory 32768 (pagesize 1)) " REWIND("1") ")", false}, // written as a whole
      {"(module (memory i64 3) " REWIND("1") ")", true},
      {"(module (memory 3) (func (export \"" REWIND_NAME "\") (result i32) (i32.const 1)))", false}, // not used again
      {"(module (memory 3) (@custom \"ubiq:begins-anew\" \"\"))", false},
      {"(module (memory 3) (@custom \"ubiq:begins-ane\" \"\\00\"))", false},
      {"(module (memory 1) " MARK("1") ")", true},
      {"(module (memory 1) (memory 16384 (pagesize 1)) " MARK("1") ")", true},
      {"(module (memory 0) " MARK("1") ")", true},
      {"(module (memory 64) (memory 64) (memory 64) (memory 64) " REWIND("4") ")", true},
      {"(module (memory 64) (memory 64) (memory 64) (memory 64) (memory 1) " REWIND("5") ")", false}, // too much
      {"(module (memory 65) " REWIND("1") ")", false}, // larger than a place
      // What the pool refuses takes no places of ours either.
      {"(module (memory 1) (memory 1) (memory 1) (memory 1) " MARK("1") ")", true},
      {"(module (memory 1) (memory 1) (memory 1) (memory 1) (memory 1) " MARK("1") ")", false},
      {"(module (memory 3) " FOUR_TABLES REWIND("1") ")", true},
      {"(module (memory 3) " FOUR_TABLES "(table 1 funcref)" REWIND("1") ")", false},
      {"(module (memory 5 5 shared) " REWIND("1") ")", false},
      {"(module " REWIND("0") ")", false},
  };
  const engine_options options = {.memory_bytes_max = 64 * PAGE};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t *wasm;
    size_t size;
    assert_success(engine_wat_to_wasm(cases[i].text, strlen(cases[i].text), &wasm, &size));
    if (wt_needs_large(&options, wasm, size) != cases[i].expected) fail_msg("%s", cases[i].text);
    for (size_t less = 1; less < size; less++) (void)wt_needs_large(&options, wasm, size - less);
    free(wasm);
  }
}

static void a_module_with_much_data_stays_in_the_pool(void **state) {
  (void)state;
  enum { DATA_BYTES = 300000 };
  static const char head[] = "(module (memory 17) " REWIND("1") "(data (i32.const 0) \"", tail[] = "\"))";
  char *text = malloc(sizeof head + DATA_BYTES + sizeof tail);
  uint8_t *wasm;
  size_t size;
  assert_non_null(text);
  memcpy(text, head, sizeof head - 1);
  memset(text + sizeof head - 1, 'x', DATA_BYTES);
  memcpy(text + sizeof head - 1 + DATA_BYTES, tail, sizeof tail);
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  assert_false(wt_needs_large(&(engine_options){.memory_bytes_max = 64 * PAGE}, wasm, size));
  free(wasm);
  free(text);
}

// `count` times `entry` in a module that would have a memory of ours otherwise.
static bool needs_large_with(const char *entry, size_t count) {
  static const char head[] = "(module (memory 17) " REWIND("1"), tail[] = ")";
  size_t each = strlen(entry), wasm_size;
  char *text = malloc(sizeof head + count * each + sizeof tail);
  uint8_t *wasm;
  assert_non_null(text);
  memcpy(text, head, sizeof head - 1);
  for (size_t i = 0; i < count; i++) memcpy(text + sizeof head - 1 + i * each, entry, each);
  memcpy(text + sizeof head - 1 + count * each, tail, sizeof tail);
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &wasm_size));
  bool needs = wt_needs_large(&(engine_options){.memory_bytes_max = 64 * PAGE}, wasm, wasm_size);
  free(wasm);
  free(text);
  return needs;
}

static void a_module_whose_instances_are_large_beside_memory_stays_in_the_pool(void **state) {
  (void)state;
  assert_true(needs_large_with("(func)", 30000));
  assert_false(needs_large_with("(func)", 33000));
  assert_true(needs_large_with("(global i32 (i32.const 0))", 60000));
  assert_false(needs_large_with("(global i32 (i32.const 0))", 66000));
}

static void one_of_several_modules_cannot_be_such_a_one(void **state) {
  (void)state;
  engine_link_module modules[] = {{.module = compile_text(one_engine, "(module)")},
                                  {.module = compile_text(one_engine, large)}};
  engine_link link = {.modules = modules, .modules_count = 2, .caller_memory = ENGINE_MEMORY_NONE};
  engine_image *image = NULL;
  assert_error_code(engine_link_modules(one_engine, &link, &image), UBIQ_INVALID_INPUT);
  for (size_t i = 0; i < 2; i++) engine_module_delete(modules[i].module);
}

static void *make_stores(void *image) {
  for (int i = 0; i < 60; i++) {
    engine_store *store = new_store(image, NULL);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", i % 3), PAGES);
    call_i32(store, "write", 4096 + i * 100);
    engine_store_delete(store);
  }
  return NULL;
}

static void threads_make_large_stores_of_one_image(void **state) {
  (void)state;
  pthread_t threads[4];
  engine_image *image = link_text(large);
  for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, make_stores, image), 0);
  for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  engine_image_delete(image);
}

enum { MANY = 10 }; // more than are kept

// Each round evicts stores that are kept of the other thread's images, and deletes an image of its own.
static void *make_images(void *unused) {
  engine_store *stores[MANY];
  for (int round = 0; round < 10; round++) {
    engine_image *image = link_text(large);
    for (size_t i = 0; i < MANY; i++) stores[i] = new_store(image, NULL);
    for (size_t i = 0; i < MANY; i++) engine_store_delete(stores[i]);
    engine_image_delete(image);
  }
  return unused;
}

static void a_large_image_ends_while_another_thread_evicts_its_stores(void **state) {
  (void)state;
  pthread_t threads[2];
  for (size_t i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, make_images, NULL), 0);
  for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}

static int close_engine(void **state) {
  (void)state;
  engine_close(one_engine);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_large_store_that_is_used_again_is_as_it_began),
      cmocka_unit_test(what_has_grown_is_as_small_again),
      cmocka_unit_test(what_lies_behind_a_memory_that_had_grown_traps),
      cmocka_unit_test(nothing_reaches_behind_a_memory_that_had_grown),
      cmocka_unit_test(a_store_that_touched_much_is_not_used_again),
      cmocka_unit_test(a_store_that_has_failed_is_not_used_again),
      cmocka_unit_test(a_place_is_empty_for_who_gets_it_next),
      cmocka_unit_test(a_small_memory_that_has_grown_is_as_small_again),
      cmocka_unit_test(several_memories_are_put_back),
      cmocka_unit_test(large_stores_that_live_at_once_are_apart),
      cmocka_unit_test(more_memories_than_places_are_refused),
      cmocka_unit_test(limits_hold_in_a_store_that_is_used_again),
      cmocka_unit_test(a_memory_grows_no_further_than_its_place),
      cmocka_unit_test(what_was_serialized_is_as_what_was_compiled),
      cmocka_unit_test(a_call_on_a_fiber_grows_a_memory),
      cmocka_unit_test(where_the_system_does_not_tell_what_was_touched_instances_are_new),
      cmocka_unit_test(what_a_compiler_made_that_is_told_nothing_is_as_what_was_compiled_here),
      cmocka_unit_test(which_modules_have_such_memories),
      cmocka_unit_test(a_module_with_much_data_stays_in_the_pool),
      cmocka_unit_test(a_module_whose_instances_are_large_beside_memory_stays_in_the_pool),
      cmocka_unit_test(one_of_several_modules_cannot_be_such_a_one),
      cmocka_unit_test(threads_make_large_stores_of_one_image),
      cmocka_unit_test(a_large_image_ends_while_another_thread_evicts_its_stores),
  };
  return cmocka_run_group_tests(tests, open_engine, close_engine);
}
