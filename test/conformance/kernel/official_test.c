/*
 * The same random calls on valid handles to Extism's kernel and to ours: every answer that is not an address is the
 * same, and so are the bytes behind every block. Fixed seeds; a failure prints its seed and step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_instance.h"

enum { SEEDS = 40, STEPS = 3000, BLOCKS_MAX = 128 };

struct pair {
  uint64_t official, ours, length;
};

struct fixture {
  wasm_engine_t *engine;
  struct kernel_instance official, drop_in, for_our_host;
  struct kernel_instance *ours; /* the one of the two that is compared */
  struct pair blocks[BLOCKS_MAX];
  uint32_t count;
  struct pair input, output, error; /* what was set last */
  bool freed;                       /* some block was, since the last reset */
  uint64_t random, seed;
  int step;
};

static int open_kernels(void **state) {
  static struct fixture fixture;
  fixture.engine = kernel_engine_new();
  *state = &fixture;
  kernel_open_ours(&fixture.drop_in, fixture.engine);
  kernel_open_ours_for_hosts(&fixture.for_our_host, fixture.engine);
  if (!kernel_open_official(&fixture.official, fixture.engine)) {
    fprintf(stderr, "Extism's kernel is missing; run scripts/setup\n");
    exit(77);
  }
  return 0;
}

static int close_kernels(void **state) {
  struct fixture *fixture = *state;
  kernel_close(&fixture->official);
  kernel_close(&fixture->drop_in);
  kernel_close(&fixture->for_our_host);
  wasm_engine_delete(fixture->engine);
  return 0;
}

/* -- Exports -- */

static char value_letter(const wasm_valtype_t *type) {
  switch (wasm_valtype_kind(type)) {
  case WASM_I32: return 'i';
  case WASM_I64: return 'l';
  case WASM_EXTERNREF: return 'x';
  default: return '?';
  }
}

static size_t append_values(char *text, const wasm_valtype_vec_t *types) {
  for (size_t i = 0; i < types->size; i++) text[i] = value_letter(types->data[i]);
  return types->size;
}

/* "alloc func l>l" */
static void describe(const wasm_exporttype_t *export, char *text, size_t size) {
  const wasm_name_t *name = wasm_exporttype_name(export);
  const wasm_externtype_t *type = wasm_exporttype_type(export);
  int at = snprintf(text, size, "%.*s ", (int)name->size, name->data);
  if (wasm_externtype_kind(type) == WASM_EXTERN_FUNC) {
    const wasm_functype_t *function = wasm_externtype_as_functype_const(type);
    at += snprintf(text + at, size - (size_t)at, "func ");
    at += (int)append_values(text + at, wasm_functype_params(function));
    text[at++] = '>';
    at += (int)append_values(text + at, wasm_functype_results(function));
    text[at] = 0;
  } else if (wasm_externtype_kind(type) == WASM_EXTERN_GLOBAL) {
    const wasm_globaltype_t *global = wasm_externtype_as_globaltype_const(type);
    snprintf(text + at, size - (size_t)at, "global %c %d", value_letter(wasm_globaltype_content(global)),
             wasm_globaltype_mutability(global));
  } else {
    snprintf(text + at, size - (size_t)at, "kind %d", wasm_externtype_kind(type));
  }
}

static bool module_exports(const wasmtime_module_t *module, const char *wanted) {
  wasm_exporttype_vec_t exports;
  wasmtime_module_exports(module, &exports);
  bool found = false;
  char text[128];
  for (size_t i = 0; i < exports.size && !found; i++) {
    describe(exports.data[i], text, sizeof text);
    found = strcmp(text, wanted) == 0;
  }
  wasm_exporttype_vec_delete(&exports);
  return found;
}

static void assert_exports_of_one_are_in_the_other(const wasmtime_module_t *one, const wasmtime_module_t *other) {
  wasm_exporttype_vec_t exports;
  wasmtime_module_exports(one, &exports);
  assert_int_equal(exports.size, 24);
  char text[128];
  for (size_t i = 0; i < exports.size; i++) {
    describe(exports.data[i], text, sizeof text);
    if (!module_exports(other, text)) fail_msg("only one of the kernels exports %s", text);
  }
  wasm_exporttype_vec_delete(&exports);
}

static void both_export_the_same_names_and_types(void **state) {
  struct fixture *fixture = *state;
  assert_exports_of_one_are_in_the_other(fixture->official.module, fixture->drop_in.module);
  assert_exports_of_one_are_in_the_other(fixture->drop_in.module, fixture->official.module);
}

static void neither_imports_anything(void **state) {
  struct fixture *fixture = *state;
  wasm_importtype_vec_t imports;
  wasmtime_module_imports(fixture->drop_in.module, &imports);
  assert_int_equal(imports.size, 0);
  wasm_importtype_vec_delete(&imports);
}

/* -- Random calls -- */

static uint64_t random_number(struct fixture *fixture) {
  uint64_t x = fixture->random += 0x9E3779B97F4A7C15ULL;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
  return x ^ x >> 31;
}

static uint64_t below(struct fixture *fixture, uint64_t limit) {
  return random_number(fixture) % limit;
}

static void expect_same(const struct fixture *fixture, const char *what, uint64_t official, uint64_t ours) {
  if (official != ours)
    fail_msg("seed %llu, step %d: %s is %llu in Extism's kernel and %llu in ours", (unsigned long long)fixture->seed,
             fixture->step, what, (unsigned long long)official, (unsigned long long)ours);
}

/* Calls both with their own first argument, and compares the answers. */
static void call_both(struct fixture *fixture, enum kernel_function function, uint64_t official, uint64_t ours,
                      uint64_t second) {
  uint64_t expected = kernel_call(&fixture->official, function, official, second);
  uint64_t answer = kernel_call(fixture->ours, function, ours, second);
  bool answers = function != KERNEL_store_u8 && function != KERNEL_store_u64 && function != KERNEL_free &&
                 function != KERNEL_input_set && function != KERNEL_output_set && function != KERNEL_error_set &&
                 function != KERNEL_reset;
  expect_same(fixture, "a trap", fixture->official.trapped, fixture->ours->trapped);
  if (answers) expect_same(fixture, kernel_function_names[function], expected, answer);
}

static void call_on(struct fixture *fixture, enum kernel_function function, const struct pair *block, uint64_t inside,
                    uint64_t second) {
  call_both(fixture, function, block->official + inside, block->ours + inside, second);
}

static void expect_same_bytes(struct fixture *fixture, const struct pair *block) {
  if (memcmp(kernel_bytes(&fixture->official, block->official, block->length),
             kernel_bytes(fixture->ours, block->ours, block->length), block->length) != 0)
    fail_msg("seed %llu, step %d: the bytes of a block of %llu differ", (unsigned long long)fixture->seed,
             fixture->step, (unsigned long long)block->length);
}

static void step_alloc(struct fixture *fixture) {
  static const uint32_t limits[] = {8, 64, 200, 2000, 30000, 200000};
  if (fixture->count == BLOCKS_MAX) return;
  uint64_t length = 1 + below(fixture, limits[below(fixture, sizeof limits / sizeof *limits)]);
  struct pair block = {kernel_call(&fixture->official, KERNEL_alloc, length, 0),
                       kernel_call(fixture->ours, KERNEL_alloc, length, 0), length};
  expect_same(fixture, "a failed alloc", !block.official, !block.ours);
  if (fixture->freed) { /* either may hand out what was freed, as it is */
    uint8_t byte = (uint8_t)random_number(fixture);
    memset(kernel_bytes(&fixture->official, block.official, length), byte, length);
    memset(kernel_bytes(fixture->ours, block.ours, length), byte, length);
  }
  expect_same_bytes(fixture, &block);
  fixture->blocks[fixture->count++] = block;
}

static struct pair *any_block(struct fixture *fixture) {
  return &fixture->blocks[below(fixture, fixture->count)];
}

static bool same_block(const struct pair *one, const struct pair *other) {
  return one->official == other->official;
}

static void step_free(struct fixture *fixture) {
  struct pair *block = any_block(fixture);
  call_on(fixture, KERNEL_free, block, 0, 0);
  call_on(fixture, KERNEL_length, block, 0, 0);
  call_on(fixture, KERNEL_length_unsafe, block, 0, 0);
  call_on(fixture, KERNEL_free, block, 0, 0);
  if (same_block(block, &fixture->input)) fixture->input.length = 0;
  if (same_block(block, &fixture->error)) /* its handle is no longer valid */
    fixture->error = (struct pair){0};
  fixture->freed = true;
  *block = fixture->blocks[--fixture->count];
}

static void step_memory(struct fixture *fixture) {
  const struct pair *block = any_block(fixture);
  uint64_t inside = below(fixture, block->length);
  call_on(fixture, KERNEL_length, block, 0, 0);
  call_on(fixture, KERNEL_length_unsafe, block, 0, 0);
  call_on(fixture, KERNEL_load_u8, block, inside, 0);
  call_on(fixture, KERNEL_store_u8, block, inside, random_number(fixture) & 0xFFFFFFFF);
  if (inside + 8 <= block->length) {
    call_on(fixture, KERNEL_load_u64, block, inside, 0);
    call_on(fixture, KERNEL_store_u64, block, inside, random_number(fixture));
  }
  expect_same_bytes(fixture, block);
}

static void step_input(struct fixture *fixture) {
  const struct pair *block = any_block(fixture);
  call_on(fixture, KERNEL_input_set, block, 0, block->length);
  fixture->input = *block;
}

static void step_input_loads(struct fixture *fixture) {
  for (int i = 0; i < 8; i++) {
    uint64_t offset = below(fixture, fixture->input.length + 24);
    call_both(fixture, KERNEL_input_load_u8, offset, offset, 0);
    call_both(fixture, KERNEL_input_load_u64, offset, offset, 0);
  }
}

/* A part of a block, or an empty one. */
static void step_output(struct fixture *fixture) {
  const struct pair *block = any_block(fixture);
  uint64_t inside = below(fixture, block->length);
  uint64_t length = below(fixture, block->length - inside + 1);
  call_on(fixture, KERNEL_output_set, block, inside, length);
  fixture->output = (struct pair){block->official + inside, block->ours + inside, length};
}

static void step_error(struct fixture *fixture) {
  fixture->error = below(fixture, 4) ? *any_block(fixture) : (struct pair){0};
  call_on(fixture, KERNEL_error_set, &fixture->error, 0, 0);
}

static void step_reset(struct fixture *fixture) {
  call_both(fixture, KERNEL_reset, 0, 0, 0);
  fixture->count = 0;
  fixture->freed = false;
  fixture->input = fixture->output = fixture->error = (struct pair){0};
}

/* What hosts ask after a call, and arguments that name nothing. */
static void step_ask(struct fixture *fixture) {
  call_both(fixture, KERNEL_input_length, 0, 0, 0);
  call_both(fixture, KERNEL_output_length, 0, 0, 0);
  call_both(fixture, KERNEL_alloc, 0, 0, 0);
  call_both(fixture, KERNEL_free, 0, 0, 0);
  call_both(fixture, KERNEL_length, 0, 0, 0);
  call_both(fixture, KERNEL_length_unsafe, 0, 0, 0);
  call_both(fixture, KERNEL_input_set, 0, 0, 0);
  call_both(fixture, KERNEL_output_set, 0, 0, 0);
  call_both(fixture, KERNEL_load_u8, 0, 0, 0);
  call_both(fixture, KERNEL_load_u64, 0, 0, 0);
  if (fixture->input.length)
    expect_same(fixture, "input_offset", fixture->input.ours, kernel_call(fixture->ours, KERNEL_input_offset, 0, 0));
  expect_same(fixture, "output_offset", fixture->output.ours, kernel_call(fixture->ours, KERNEL_output_offset, 0, 0));
  expect_same(fixture, "output_offset", fixture->output.official,
              kernel_call(&fixture->official, KERNEL_output_offset, 0, 0));
  uint64_t official = kernel_call(&fixture->official, KERNEL_error_get, 0, 0);
  uint64_t ours = kernel_call(fixture->ours, KERNEL_error_get, 0, 0);
  expect_same(fixture, "error_get being 0", !official, !ours);
  if (fixture->error.official) {
    expect_same(fixture, "error_get", fixture->error.ours, ours);
    call_both(fixture, KERNEL_length, official, ours, 0);
  }
}

/* Freed or not, what was the output is there when the host reads it, unless alloc was called since. */
static void step_free_output(struct fixture *fixture) {
  struct pair *block = any_block(fixture);
  call_on(fixture, KERNEL_output_set, block, 0, block->length);
  fixture->output = *block;
  call_on(fixture, KERNEL_free, block, 0, 0);
  call_on(fixture, KERNEL_length, block, 0, 0);
  if (same_block(block, &fixture->input)) fixture->input.length = 0;
  if (same_block(block, &fixture->error)) fixture->error = (struct pair){0};
  fixture->freed = true;
  *block = fixture->blocks[--fixture->count];
  expect_same_bytes(fixture, &fixture->output);
}

static void expect_same_everywhere(struct fixture *fixture) {
  for (uint32_t i = 0; i < fixture->count; i++) {
    expect_same_bytes(fixture, &fixture->blocks[i]);
    call_on(fixture, KERNEL_length, &fixture->blocks[i], 0, 0);
  }
}

static void random_step(struct fixture *fixture) {
  uint64_t choice = below(fixture, 100);
  if (choice < 30 || fixture->count == 0)
    step_alloc(fixture);
  else if (choice < 45)
    step_free(fixture);
  else if (choice < 70)
    step_memory(fixture);
  else if (choice < 75)
    step_input(fixture);
  else if (choice < 82)
    step_input_loads(fixture);
  else if (choice < 88)
    step_output(fixture);
  else if (choice < 92)
    step_error(fixture);
  else if (choice < 94)
    step_free_output(fixture);
  else if (choice < 99 || below(fixture, 4))
    step_ask(fixture);
  else
    step_reset(fixture);
}

static void compare_random_calls(struct fixture *fixture) {
  for (fixture->seed = 0; fixture->seed < SEEDS; fixture->seed++) {
    kernel_restart(&fixture->official, -1);
    kernel_restart(fixture->ours, -1);
    fixture->random = fixture->seed;
    fixture->count = 0;
    fixture->freed = false;
    fixture->input = fixture->output = fixture->error = (struct pair){0};
    for (fixture->step = 0; fixture->step < STEPS; fixture->step++) {
      random_step(fixture);
      if (fixture->step % 50 == 0) expect_same_everywhere(fixture);
    }
    expect_same_everywhere(fixture);
  }
}

static void both_answer_the_same_to_random_calls_on_valid_handles(void **state) {
  struct fixture *fixture = *state;
  fixture->ours = &fixture->drop_in;
  compare_random_calls(fixture);
}

static void the_build_for_our_host_answers_the_same(void **state) {
  struct fixture *fixture = *state;
  fixture->ours = &fixture->for_our_host;
  compare_random_calls(fixture);
}

static void both_answer_0_where_the_memory_may_not_grow(void **state) {
  struct fixture *fixture = *state;
  kernel_restart(&fixture->official, 64 * 65536);
  fixture->ours = &fixture->drop_in;
  kernel_restart(fixture->ours, 64 * 65536);
  call_both(fixture, KERNEL_alloc, 65 * 65536, 65 * 65536, 0);
  uint64_t official = kernel_call(&fixture->official, KERNEL_alloc, 40 * 65536, 0);
  uint64_t ours = kernel_call(fixture->ours, KERNEL_alloc, 40 * 65536, 0);
  assert_true(official && ours);
  call_both(fixture, KERNEL_alloc, 40 * 65536, 40 * 65536, 0);
  call_both(fixture, KERNEL_length, official, ours, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_export_the_same_names_and_types),
      cmocka_unit_test(neither_imports_anything),
      cmocka_unit_test(both_answer_the_same_to_random_calls_on_valid_handles),
      cmocka_unit_test(the_build_for_our_host_answers_the_same),
      cmocka_unit_test(both_answer_0_where_the_memory_may_not_grow),
  };
  return cmocka_run_group_tests(tests, open_kernels, close_kernels);
}
