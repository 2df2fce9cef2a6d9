// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "unit/runtime/bundle/bundle_testing.h"

#include "unit/base/alloc_failure.h"

static void files_are_found_by_name(void **state) {
  (void)state;
  buffer tar = {0}, packed = {0};
  char name[20];
  for (int i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "f/%d", i * 37 % 100);
    tar_file(&tar, name, name);
  }
  tar_pack(&tar, &packed);
  bundle *bundle = NULL;
  ubiq_bytes content;
  assert_success(bundle_parse("b.ubiq", buffer_bytes(&packed), &bundle));
  assert_string_equal(bundle_name(bundle), "b.ubiq");
  for (int i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "f/%d", i);
    assert_true(bundle_find(bundle, text_of(name), &content));
    assert_int_equal(content.size, strlen(name));
    assert_memory_equal(content.data, name, content.size);
  }
  assert_false(bundle_find(bundle, TEXT("f/100"), &content));
  assert_false(bundle_find(bundle, TEXT("f"), &content));
  assert_false(bundle_find(bundle, TEXT(""), &content));
  bundle_delete(bundle);
  buffer_free(&packed);
}

static void an_empty_archive_has_no_files(void **state) {
  (void)state;
  buffer tar = {0};
  bundle *bundle = NULL;
  ubiq_bytes content;
  assert_true(bundle_tar_end(&tar));
  assert_success(bundle_from_tar("b.ubiq", &tar, &bundle));
  assert_false(bundle_find(bundle, TEXT("ubiq.toml"), &content));
  bundle_delete(bundle);
}

static void two_files_of_one_name_are_refused(void **state) {
  (void)state;
  buffer tar = {0};
  bundle *bundle = NULL;
  tar_file(&tar, "a", "1");
  tar_file(&tar, "b", "2");
  tar_file(&tar, "a", "3");
  assert_true(bundle_tar_end(&tar));
  assert_fails(bundle_from_tar("b.ubiq", &tar, &bundle), UBIQ_INVALID_INPUT, "b.ubiq: holds two files named \"a\"");
  assert_null(tar.data);
}

static void too_many_files_are_refused(void **state) {
  (void)state;
  char name[20];
  for (int extra = 0; extra < 2; extra++) {
    buffer tar = {0};
    bundle *bundle = NULL;
    for (int i = 0; i < BUNDLE_FILES_MAX + extra; i++) {
      snprintf(name, sizeof name, "f%d", i);
      tar_file(&tar, name, "");
    }
    assert_true(bundle_tar_end(&tar));
    ubiq_error *error = bundle_from_tar("b.ubiq", &tar, &bundle);
    if (extra == 0)
      assert_null(error);
    else
      assert_error(error, UBIQ_TOO_LARGE, "b.ubiq: holds more than the 4096 files that are allowed");
    if (error == NULL) bundle_delete(bundle);
  }
}

static void a_file_that_is_too_large_is_not_read(void **state) {
  (void)state;
  char *folder = folder_make();
  folder_write(folder, "big.ubiq", "");
  assert_int_equal(truncate(folder_path(folder, "big.ubiq"), (off_t)BUNDLE_BYTES_MAX + 1), 0);
  bundle *bundle = NULL;
  assert_error(bundle_read(folder_path(folder, "big.ubiq"), &bundle), UBIQ_TOO_LARGE, "67108865 bytes");
  assert_error(bundle_read(folder_path(folder, "none.ubiq"), &bundle), UBIQ_NOT_FOUND, "no such file");
  assert_error(bundle_read(folder, &bundle), UBIQ_INVALID_INPUT, "folder");
  folder_remove(folder);
}

static bool attempt(void *user) {
  bundle *bundle = NULL;
  ubiq_error *error = bundle_parse("b.ubiq", buffer_bytes(user), &bundle);
  if (error == NULL) bundle_delete(bundle);
  bool good = error == NULL;
  ubiq_error_delete(error);
  return good;
}

static void without_memory_there_is_no_bundle_and_no_leak(void **state) {
  (void)state;
  buffer tar = {0}, packed = {0};
  tar_file(&tar, "a", "1");
  tar_file(&tar, "b", "2");
  tar_file(&tar, "c", "3");
  tar_pack(&tar, &packed);
  assert_true(alloc_failure_sweep(attempt, &packed) >= 5);
  buffer_free(&packed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_are_found_by_name),
      cmocka_unit_test(an_empty_archive_has_no_files),
      cmocka_unit_test(two_files_of_one_name_are_refused),
      cmocka_unit_test(too_many_files_are_refused),
      cmocka_unit_test(a_file_that_is_too_large_is_not_read),
      cmocka_unit_test(without_memory_there_is_no_bundle_and_no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
