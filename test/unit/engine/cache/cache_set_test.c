// Compiled modules in memory: found by what they were made from, and by nothing else.
#include "unit/engine/engine_testing.h"

#include "engine/cache/cache_set.h"

static engine *one_engine;

static const uint8_t first[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
static const uint8_t second[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 0, 2, 1, 'x'}; // a custom section

static cache_set set_of(const uint8_t *wasm, size_t size) {
  cache_set set = {0};
  engine_module *module = NULL;
  assert_success(engine_compile(one_engine, wasm, size, &module));
  assert_success(cache_set_add(&set, "settings", wasm, size, module));
  engine_module_delete(module);
  return set;
}

static ubiq_error *load(const cache_set *set, const char *settings, const uint8_t *wasm, size_t size) {
  engine_module *module = NULL;
  ubiq_error *error = cache_set_load(set, one_engine, settings, wasm, size, &module);
  engine_module_delete(module);
  return error;
}

static void a_module_is_found_by_its_bytes_and_its_settings(void **state) {
  (void)state;
  cache_set set = set_of(first, sizeof first);
  assert_success(load(&set, "settings", first, sizeof first));
  assert_error_code(load(&set, "others", first, sizeof first), UBIQ_INVALID_INPUT);
  assert_error_code(load(&set, "settings", second, sizeof second), UBIQ_INVALID_INPUT);
  cache_set_free(&set);
  assert_error_code(load(&set, "settings", first, sizeof first), UBIQ_INVALID_INPUT);
}

static void borrowed_code_is_found_under_its_name(void **state) {
  (void)state;
  cache_set own = set_of(first, sizeof first), set = {0};
  assert_true(cache_set_borrow(&set, own.entries[0].name, own.entries[0].code));
  assert_success(load(&set, "settings", first, sizeof first));
  cache_set_free(&set);
  cache_set_free(&set);
  assert_success(load(&own, "settings", first, sizeof first)); // not freed with the borrower
  cache_set_free(&own);
}

static void code_that_does_not_fit_the_engine_is_unavailable(void **state) {
  (void)state;
  static const uint8_t nonsense[] = "no code at all";
  cache_set own = set_of(first, sizeof first), set = {0};
  assert_true(cache_set_borrow(&set, own.entries[0].name, (ubiq_bytes){nonsense, sizeof nonsense}));
  assert_error_code(load(&set, "settings", first, sizeof first), UBIQ_UNAVAILABLE);
  cache_set_free(&set);
  cache_set_free(&own);
}

static void an_engine_that_cannot_serialize_keeps_nothing(void **state) {
  (void)state;
  engine_ops unable = *test_ops();
  unable.capabilities &= ~(uint32_t)ENGINE_CAN_SERIALIZE;
  engine_module module = {.ops = &unable};
  cache_set set = {0};
  assert_error_code(cache_set_add(&set, "settings", first, sizeof first, &module), UBIQ_UNAVAILABLE);
  assert_int_equal(set.count, 0);
}

int main(void) {
  engine_options options = {0};
  if (engine_open(test_ops(), &options, &one_engine)) return 1;
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_module_is_found_by_its_bytes_and_its_settings),
      cmocka_unit_test(borrowed_code_is_found_under_its_name),
      cmocka_unit_test(code_that_does_not_fit_the_engine_is_unavailable),
      cmocka_unit_test(an_engine_that_cannot_serialize_keeps_nothing),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
