/// What the tests of stores with much memory share: an engine of small places for it, modules that begin anew, and how one
/// begins. `used` counts how often a store's instance has begun anew; nothing else of it may be left.
#ifndef UBIQ_TEST_LARGE_TESTING_H
#define UBIQ_TEST_LARGE_TESTING_H

#include "engine/wasmtime/internal.h"

#include "unit/engine/reuse_testing.h"

#include <stdio.h>

enum { PAGE = 65536, PAGES = 17, PLACES = 128 };

static inline int open_engine(void **state) {
  (void)state;
  engine_options options = {.memory_bytes_max = 64 * PAGE, .stores_max = PLACES, .fibers_max = PLACES};
  return open_one_engine(&options);
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

static inline engine_image *link_module(engine_module *module) {
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

static inline engine_image *link_text(const char *text) {
  return link_module(compile_text(one_engine, text));
}

static inline void assert_traps(engine_store *store, const char *name, int32_t argument) {
  int32_t ignored;
  assert_error_code(call(store, name, argument, &ignored), UBIQ_TRAP);
}

static inline uint8_t *contents_at_first(void) {
  uint8_t *bytes = calloc(PAGES, PAGE);
  assert_non_null(bytes);
  memcpy(bytes + 4090, "over the edge", 13);
  memcpy(bytes + 1048576, "begin", 5);
  bytes[PAGES * PAGE - 1] = 'e';
  return bytes;
}

static inline void assert_as_begun(engine_store *store) {
  engine_memory memory;
  uint8_t *expected = contents_at_first();
  assert_int_equal(call_i32(store, "size", 0), PAGES);
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, PAGES * PAGE);
  assert_memory_equal(memory.data, expected, PAGES * PAGE);
  free(expected);
}

// Whether the system tells which pages were touched: without that nothing large is used again.
static inline bool is_told(void) {
  return ((wt_engine *)one_engine)->pagemap.is_ours != NULL;
}

#endif
