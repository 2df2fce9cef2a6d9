// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/file.h"
#include "plugin/manifest/manifest.h"
#include "unit/base/alloc_failure.h"
#include "unit/base/map_testing.h"
#include "unit/base/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SHA256_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char folder[] = "/tmp/ubiq-manifest-test-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  strcpy(folder + sizeof folder - 7, "XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  char *path = file_path_join(folder, "abc.wasm");
  ubiq_error *error = file_write_atomic(path, 0600, "abc", 3);
  free(path);
  return error == NULL ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char *path = file_path_join(folder, "abc.wasm");
  unlink(path);
  free(path);
  return rmdir(folder);
}

static void a_path_is_read_from_the_given_folder(void **state) {
  (void)state;
  manifest_module module = {.kind = MANIFEST_PATH, .location = "abc.wasm", .hash = SHA256_OF_ABC};
  manifest_loader loader = {.directory = folder};
  buffer out = {0};
  assert_true(buffer_append_string(&out, "before "));
  assert_success(manifest_module_load(&module, &loader, &out));
  assert_string_equal(buffer_string(&out), "before abc");
  buffer_free(&out);
}

static void a_missing_file_is_not_found_by_name(void **state) {
  (void)state;
  manifest_module module = {.kind = MANIFEST_PATH, .location = "/nowhere/x.wasm"};
  buffer out = {0};
  assert_fails(manifest_module_load(&module, NULL, &out), UBIQ_NOT_FOUND,
               "Unable to load Wasm file: /nowhere/x.wasm: no such file or directory");
}

static void a_hash_that_differs_is_refused_in_extisms_words(void **state) {
  (void)state;
  manifest_module module = {.kind = MANIFEST_DATA, .data = (const uint8_t *)"abc", .data_size = 3, .hash = "123"};
  buffer out = {0};
  assert_fails(manifest_module_load(&module, NULL, &out), UBIQ_INVALID_INPUT,
               "Hash mismatch, found " SHA256_OF_ABC " but expected 123");
  assert_int_equal(out.size, 0);
  module.hash = SHA256_OF_ABC;
  assert_success(manifest_module_load(&module, NULL, &out));
  assert_int_equal(out.size, 3);
  buffer_free(&out);
}

static void a_module_over_the_limit_is_too_large(void **state) {
  (void)state;
  manifest_module module = {.kind = MANIFEST_DATA, .data = (const uint8_t *)"abc", .data_size = 3};
  manifest_loader loader = {.bytes_max = 2, .directory = folder};
  buffer out = {0};
  assert_fails(manifest_module_load(&module, &loader, &out), UBIQ_TOO_LARGE,
               "manifest: a module has 3 bytes; at most 2 are allowed");
  module = (manifest_module){.kind = MANIFEST_PATH, .location = "abc.wasm"};
  char message[200];
  snprintf(message, sizeof message, "Unable to load Wasm file: %s/abc.wasm: it has 3 bytes; at most 2 are allowed",
           folder);
  assert_fails(manifest_module_load(&module, &loader, &out), UBIQ_TOO_LARGE, message);
}

static void a_url_without_a_fetcher_is_denied(void **state) {
  (void)state;
  manifest_module module = {.kind = MANIFEST_URL, .location = "https://example.com/a.wasm"};
  buffer out = {0};
  assert_fails(manifest_module_load(&module, NULL, &out), UBIQ_DENIED,
               "manifest: a module is at https://example.com/a.wasm; expected no URL here");
}

static ubiq_error *fetch_abc(void *user, const manifest_module *module, size_t bytes_max, buffer *out) {
  assert_string_equal(user, "user");
  assert_string_equal(module->location, "https://example.com/a.wasm");
  assert_int_equal(bytes_max, 1000);
  return buffer_append_string(out, "abc") ? NULL : ubiq_error_no_memory();
}

static ubiq_error *fetch_half(void *user, const manifest_module *module, size_t bytes_max, buffer *out) {
  (void)user;
  (void)module;
  (void)bytes_max;
  assert_true(buffer_append_string(out, "a"));
  return ubiq_error_new(UBIQ_UNAVAILABLE, "connection reset");
}

static void a_url_is_fetched_by_the_callers_fetcher(void **state) {
  (void)state;
  manifest_module module = {.kind = MANIFEST_URL, .location = "https://example.com/a.wasm", .hash = SHA256_OF_ABC};
  manifest_loader loader = {.fetch = fetch_abc, .fetch_user = "user", .bytes_max = 1000};
  buffer out = {0};
  assert_success(manifest_module_load(&module, &loader, &out));
  assert_string_equal(buffer_string(&out), "abc");

  loader.fetch = fetch_half;
  assert_fails(manifest_module_load(&module, &loader, &out), UBIQ_UNAVAILABLE,
               "Unable to load Wasm from https://example.com/a.wasm: connection reset");
  assert_int_equal(out.size, 3);
  buffer_free(&out);
}

static bool attempt(void *user) {
  (void)user;
  manifest_module module = {.kind = MANIFEST_PATH, .location = "abc.wasm"};
  manifest_loader loader = {.directory = folder};
  buffer out = {0};
  ubiq_error *error = manifest_module_load(&module, &loader, &out);
  buffer_free(&out);
  return error == NULL;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_int_equal(alloc_failure_sweep(attempt, NULL), 2);
}

static void config_is_merged_and_null_takes_a_key_away(void **state) {
  (void)state;
  map config = {0};
  assert_true(map_set(&config, TEXT("a"), "1", 1) && map_set(&config, TEXT("b"), "2", 1));
  const char json[] = "{\"a\":null,\"b\":\"two\",\"c\":\"3\",\"d\":null}";
  assert_success(manifest_config_merge(&config, json, sizeof json - 1));
  assert_int_equal(config.count, 2);
  assert_null(map_string(&config, "a"));
  assert_string_equal(map_string(&config, "b"), "two");
  assert_string_equal(map_string(&config, "c"), "3");
  map_free(&config);
}

static void config_that_is_wrong_changes_nothing(void **state) {
  (void)state;
  map config = {0};
  assert_true(map_set(&config, TEXT("a"), "1", 1));
  assert_fails(manifest_config_merge(&config, "{\"a\":\"2\",\"b\":3}", 15), UBIQ_INVALID_INPUT,
               "config: b is 3; expected a string, or null to take the key away");
  assert_fails(manifest_config_merge(&config, "[]", 2), UBIQ_INVALID_INPUT,
               "config: it is an array; expected an object");
  assert_fails(manifest_config_merge(&config, "{", 1), UBIQ_INVALID_INPUT, "config:1:2: unexpected end of data");
  assert_int_equal(config.count, 1);
  assert_string_equal(map_string(&config, "a"), "1");
  map_free(&config);
}

static bool attempt_merge(void *user) {
  map config = {0};
  const char json[] = "{\"b\":\"2\",\"c\":\"3\"}";
  bool ok = map_set(&config, TEXT("a"), "1", 1);
  if (ok) {
    ubiq_error *error = manifest_config_merge(&config, json, sizeof json - 1);
    ok = error == NULL;
    assert_int_equal(config.count, ok ? 3 : 1);
  }
  map_free(&config);
  return ok && user == NULL;
}

static void a_merge_without_memory_changes_nothing(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(attempt_merge, NULL) >= 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_path_is_read_from_the_given_folder, make_folder, remove_folder),
      cmocka_unit_test(a_missing_file_is_not_found_by_name),
      cmocka_unit_test(a_hash_that_differs_is_refused_in_extisms_words),
      cmocka_unit_test_setup_teardown(a_module_over_the_limit_is_too_large, make_folder, remove_folder),
      cmocka_unit_test(a_url_without_a_fetcher_is_denied),
      cmocka_unit_test(a_url_is_fetched_by_the_callers_fetcher),
      cmocka_unit_test_setup_teardown(every_allocation_that_fails_is_reported, make_folder, remove_folder),
      cmocka_unit_test(config_is_merged_and_null_takes_a_key_away),
      cmocka_unit_test(config_that_is_wrong_changes_nothing),
      cmocka_unit_test(a_merge_without_memory_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
