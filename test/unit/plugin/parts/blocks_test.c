// The host's view of the kernel's blocks: it agrees with the kernel, and whatever the memory holds it stays inside.
#include "unit/plugin/plugin_testing.h"

#include "kernel/kernel.h"
#include "plugin/parts/blocks.h"

static const ubiq_compile_options no_options = {0};

// Calls one of the kernel's functions, i64 -> i64.
static uint64_t kernel_call(plugin_world *world, const char *name, uint64_t argument) {
  engine_function function;
  engine_value value = {.i64 = (int64_t)argument};
  assert_true(plugin_kernel_function(world->one.plugin, name, &function));
  assert_success(engine_call_now(world->one.plugin->store, &function, &value, 1));
  return (uint64_t)value.i64;
}

static engine_memory memory_of(plugin_world *world) {
  return plugin_kernel_memory(world->one.plugin);
}

static void open_kernel(plugin_world *world) {
  world_open(world, 0, "no_memory", "", no_options, NULL);
  assert_output(&world->one, "nothing", "", "");
}

static void lengths_are_those_of_the_kernel(void **state) {
  (void)state;
  plugin_world world;
  open_kernel(&world);
  uint64_t last = 0;
  for (uint64_t size = 1; size < 3000; size += 97) last = kernel_call(&world, "alloc", size);
  engine_memory memory = memory_of(&world);
  for (uint64_t offset = 0; offset < last + 4000; offset++)
    if (blocks_length(&memory, offset) != kernel_call(&world, "length", offset))
      fail_msg("at %llu", (unsigned long long)offset);
  world_close(&world);
}

static void what_is_freed_here_is_free_there(void **state) {
  (void)state;
  plugin_world world;
  open_kernel(&world);
  uint64_t first = kernel_call(&world, "alloc", 100), second = kernel_call(&world, "alloc", 200);
  engine_memory memory = memory_of(&world);
  blocks_free(&memory, first);
  assert_int_equal(kernel_call(&world, "length", first), 0);
  assert_int_equal(kernel_call(&world, "length", second), 200);
  blocks_free(&memory, first); // twice is nothing
  blocks_free(&memory, second + 16);
  assert_int_equal(kernel_call(&world, "length", second), 200);
  assert_int_equal(kernel_call(&world, "alloc", 100), first);
  world_close(&world);
}

static void bytes_of_blocks_are_found(void **state) {
  (void)state;
  plugin_world world;
  ubiq_bytes bytes;
  open_kernel(&world);
  uint64_t offset = kernel_call(&world, "alloc", 5);
  engine_memory memory = memory_of(&world);
  assert_true(blocks_get(&memory, offset, &bytes));
  assert_int_equal(bytes.size, 5);
  assert_ptr_equal(bytes.data, memory.data + offset);
  assert_false(blocks_get(&memory, 0, &bytes));
  assert_false(blocks_get(&memory, offset + 1, &bytes));
  assert_false(blocks_get(&memory, UINT64_MAX, &bytes));
  assert_false(blocks_get(&memory, UINT64_C(1) << 32 | offset, &bytes));
  world_close(&world);
}

static void a_memory_that_is_missing_or_too_small_has_no_blocks(void **state) {
  (void)state;
  uint8_t few[24] = {0};
  engine_memory memories[] = {{NULL, 0}, {few, sizeof few}};
  for (int i = 0; i < 2; i++) {
    ubiq_bytes bytes;
    struct kernel_root root = blocks_root(&memories[i]);
    assert_int_equal(root.output_length, 0);
    for (uint64_t offset = 0; offset < 100; offset++) {
      assert_int_equal(blocks_length(&memories[i], offset), 0);
      assert_false(blocks_get(&memories[i], offset, &bytes));
      blocks_free(&memories[i], offset);
    }
  }
}

// Guests cannot write here; if they could, the host would still stay inside the memory (ASan sees when it does not).
static void a_memory_full_of_nonsense_is_not_left(void **state) {
  (void)state;
  enum { SIZE = 2 * 65536 };
  uint8_t *data = malloc(SIZE);
  engine_memory memory = {data, SIZE};
  uint64_t random = 88172645463325252u;
  for (int round = 0; round < 200; round++) {
    for (size_t i = 0; i + 8 <= SIZE; i += 8) {
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      uint64_t word = round % 4 == 0 ? UINT64_MAX : round % 4 == 1 ? random & 0x0000ffff0000fff0u : random;
      memcpy(data + i, &word, 8);
    }
    for (int i = 0; i < 200; i++) {
      ubiq_bytes bytes;
      uint64_t offset = (random >> (i % 40)) & (i % 2 ? 0x1fff0 : UINT64_MAX);
      if (blocks_get(&memory, offset, &bytes)) assert_true(bytes.data + bytes.size <= data + SIZE);
      blocks_free(&memory, offset);
      random = random * 6364136223846793005u + 1;
    }
    blocks_root(&memory);
  }
  free(data);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lengths_are_those_of_the_kernel),
      cmocka_unit_test(what_is_freed_here_is_free_there),
      cmocka_unit_test(bytes_of_blocks_are_found),
      cmocka_unit_test(a_memory_that_is_missing_or_too_small_has_no_blocks),
      cmocka_unit_test(a_memory_full_of_nonsense_is_not_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
