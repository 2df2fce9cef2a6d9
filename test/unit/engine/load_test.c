// Engines that are shared objects: loading them, and what is said of those that cannot be loaded.
#include "unit/engine/engine_testing.h"

#include "engine/load.h"

#include <stdio.h>
#include <stdlib.h>

#define STUB     UBIQ_TESTS_DIR "/engine_stub.so"
#define OUTDATED UBIQ_TESTS_DIR "/engine_of_another_time.so"

static void an_engine_is_loaded_and_its_errors_are_ours(void **state) {
  (void)state;
  const engine_ops *ops = NULL;
  engine *opened = NULL;
  assert_success(engine_load_file(STUB, "stub", &ops));
  assert_string_equal(ops->name, "stub");
  assert_fails(engine_open(ops, &(engine_options){.stores_max = 7}, &opened), UBIQ_BUSY, "stub: 7 stores are too many");
}

static void an_engine_of_another_version_is_refused(void **state) {
  (void)state;
  const engine_ops *ops = NULL;
  char expected[128];
  snprintf(expected, sizeof expected, "was built for version %d of the engine interface; this is %d", ENGINE_ABI + 1,
           ENGINE_ABI);
  ubiq_error *error = engine_load_file(OUTDATED, "stub", &ops);
  assert_int_equal(ubiq_error_code(error), UBIQ_UNAVAILABLE);
  assert_non_null(strstr(ubiq_error_message(error), expected));
  assert_null(ops);
  ubiq_error_delete(error);
}

static void an_engine_of_another_name_is_refused(void **state) {
  (void)state;
  const engine_ops *ops = NULL;
  assert_error_code(engine_load_file(STUB, "wasm3", &ops), UBIQ_UNAVAILABLE);
  assert_null(ops);
}

static void an_object_that_is_no_engine_is_not_found(void **state) {
  (void)state;
  const engine_ops *ops = NULL;
  assert_error_code(engine_load_file("libm.so.6", "stub", &ops), UBIQ_NOT_FOUND);
  assert_error_code(engine_load_file(UBIQ_TESTS_DIR "/absent.so", "stub", &ops), UBIQ_NOT_FOUND);
  assert_null(ops);
}

static void an_absent_engine_says_how_to_get_it(void **state) {
  (void)state;
  const engine_ops *ops = NULL;
  char *path = strdup(getenv("UBIQ_ENGINE_PATH") ? getenv("UBIQ_ENGINE_PATH") : "");
  setenv("UBIQ_ENGINE_PATH", "/nowhere", 1);
  assert_fails(engine_find("wasm3", &ops), UBIQ_NOT_FOUND,
               "engine \"wasm3\" is not part of this build: there is no lib/ubiq/engine-wasm3.so; to get it, run "
               "scripts/setup and build with -DUBIQ_ENGINE_WASM3=ON");
  setenv("UBIQ_ENGINE_PATH", path, 1);
  free(path);
}

static void the_environment_names_the_default(void **state) {
  (void)state;
  const engine_ops *ops = NULL;
  setenv("UBIQ_ENGINE", "wasm4", 1);
  assert_error_code(engine_find(NULL, &ops), UBIQ_NOT_FOUND);
  assert_success(engine_find("wasmtime", &ops));
  setenv("UBIQ_ENGINE", "", 1);
  assert_success(engine_find(NULL, &ops));
  assert_string_equal(ops->name, "wasmtime");
  unsetenv("UBIQ_ENGINE");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_engine_is_loaded_and_its_errors_are_ours),
      cmocka_unit_test(an_engine_of_another_version_is_refused),
      cmocka_unit_test(an_engine_of_another_name_is_refused),
      cmocka_unit_test(an_object_that_is_no_engine_is_not_found),
      cmocka_unit_test(an_absent_engine_says_how_to_get_it), // before it may have been loaded
      cmocka_unit_test(the_environment_names_the_default),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
