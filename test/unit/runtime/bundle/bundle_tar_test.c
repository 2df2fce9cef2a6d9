#include "unit/runtime/bundle/bundle_testing.h"

/// Reads an archive to its end or first error; the names are put one behind the other.
static ubiq_error *read_names(const buffer *tar, char *names) {
  bundle_file file;
  size_t at = 0;
  bool found = true;
  ubiq_error *error = NULL;
  names[0] = '\0';
  while (error == NULL && found) {
    error = bundle_tar_next("b.ubiq", buffer_bytes(tar), &at, &file, &found);
    if (error == NULL && found) snprintf(names + strlen(names), 100, "%.*s ", (int)file.name.size, file.name.data);
  }
  return error;
}

static void files_come_back_as_they_were(void **state) {
  (void)state;
  buffer tar = {0};
  static const char *const contents[] = {"", "a", "\n\n"};
  static const char *const names[] = {"ubiq.toml", "modules/a_B-9.wasm", "a/b/c/d/e/f/g/h"};
  for (size_t i = 0; i < 3; i++) tar_file(&tar, names[i], contents[i]);
  assert_true(bundle_tar_end(&tar));
  assert_int_equal(tar.size % 512, 0);
  size_t at = 0;
  bool found;
  bundle_file file;
  for (size_t i = 0; i < 3; i++) {
    assert_success(bundle_tar_next("b.ubiq", buffer_bytes(&tar), &at, &file, &found));
    assert_true(found && text_equal_string(file.name, names[i]));
    assert_int_equal(file.content.size, strlen(contents[i]));
    assert_memory_equal(file.content.data, contents[i], file.content.size);
  }
  assert_success(bundle_tar_next("b.ubiq", buffer_bytes(&tar), &at, &file, &found));
  assert_false(found);
  buffer_free(&tar);
}

static void a_file_of_a_whole_block_has_no_padding(void **state) {
  (void)state;
  uint8_t content[1024] = {1};
  buffer tar = {0};
  char names[300];
  assert_true(bundle_tar_append(&tar, &(bundle_file){TEXT("a"), {content, sizeof content}}));
  assert_int_equal(tar.size, 512 + 1024);
  tar_file(&tar, "b", "");
  assert_true(bundle_tar_end(&tar));
  assert_success(read_names(&tar, names));
  assert_string_equal(names, "a b ");
  buffer_free(&tar);
}

static void a_header_is_as_posix_says(void **state) {
  (void)state;
  buffer tar = {0};
  tar_file(&tar, "name", "12345678");
  const char *header = (const char *)tar.data;
  assert_string_equal(header, "name");
  assert_string_equal(header + 100, "0000644");
  assert_string_equal(header + 124, "00000000010");
  assert_string_equal(header + 136, "00000000000");
  assert_memory_equal(header + 156, "0", 1);
  assert_memory_equal(header + 257,
                      "ustar\0"
                      "00",
                      8);
  char checksum[8];
  memcpy(checksum, header + 148, 8);
  tar_seal(tar.data);
  assert_memory_equal(header + 148, checksum, 7);
  buffer_free(&tar);
}

static void names_lead_nowhere_else(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "/etc/passwd",
                                    "../x",
                                    "a/../b",
                                    "a/..",
                                    "./a",
                                    "a//b",
                                    "a/",
                                    "a\\b",
                                    "a b",
                                    ".git/x",
                                    "a/.b",
                                    "a\nb",
                                    "\xc3\xa4",
                                    "C:/x",
                                    "~/x",
                                    "1/2/3/4/5/6/7/8/9"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(bundle_name_valid(text_of(bad[i])));
  char name[] = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789+";
  assert_true(bundle_name_valid((text){name, 100}));
  name[100] = '0';
  assert_false(bundle_name_valid((text){name, 101}));
  assert_false(bundle_name_valid((text){"a\0b", 3}));
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    buffer tar = {0};
    char names[300];
    tar_named(&tar, bad[i]);
    assert_error(read_names(&tar, names), UBIQ_INVALID_INPUT, "b.ubiq: has a file named");
    buffer_free(&tar);
  }
}

/// Changes one file's header and tells what reading says.
static void changed(size_t offset, const char *bytes, size_t size, bool seal, const char *message) {
  buffer tar = {0};
  char names[300];
  tar_file(&tar, "x", "content");
  assert_true(bundle_tar_end(&tar));
  memcpy(tar.data + offset, bytes, size);
  if (seal) tar_seal(tar.data);
  assert_error(read_names(&tar, names), UBIQ_INVALID_INPUT, message);
  buffer_free(&tar);
}

static void only_plain_files_are_taken(void **state) {
  (void)state;
  static const char *const types[][2] = {
      {"1", "a hard link"},        {"2", "a symbolic link"},    {"3", "a device"},
      {"4", "a device"},           {"5", "a folder"},           {"6", "a pipe"},
      {"7", "of an unknown type"}, {"x", "an extended header"}, {"L", "unknown"},
      {"g", "an extended header"}, {"\xff", "unknown"},
  };
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) changed(156, types[i][0], 1, true, types[i][1]);
  changed(156, "\0", 1, true, "of an unknown type");
}

static void headers_are_read_strictly(void **state) {
  (void)state;
  changed(0, "y", 1, false, "is damaged: a header of its archive has a wrong checksum");
  changed(148, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, false, "wrong checksum");
  changed(257, "ustar  \0", 8, true, "has an archive of another kind");
  changed(345, "etc", 3, true, "has a file named");
  changed(124, "0000000001x", 11, true, "a size that is no octal number");
  changed(124, "-0000000001", 11, true, "a size that is no octal number");
  changed(124, "\x80\0\0\0\0\0\0\0\0\0\0\1", 12, true, "a size that is no octal number");
  changed(124, "\0\0\0\0\0\0\0\0\0\0\0\0", 12, true, "a size that is no octal number");
  changed(124, "777777777777", 12, true, "is cut off");
  changed(124, "00000003001", 11, true, "is cut off");
}

static void an_archive_that_ends_early_is_cut_off(void **state) {
  (void)state;
  buffer tar = {0};
  char names[300];
  tar_file(&tar, "x", "content");
  assert_true(bundle_tar_end(&tar));
  for (size_t size = tar.size - 1, whole = tar.size; size < whole; size -= size % 512 == 0 ? 1 : size % 512) {
    tar.size = size;
    assert_error(read_names(&tar, names), UBIQ_INVALID_INPUT, "b.ubiq: is cut off");
    if (size == 0) break;
  }
  buffer_free(&tar);
}

static void nothing_stands_behind_the_end(void **state) {
  (void)state;
  buffer tar = {0};
  char names[300];
  tar_file(&tar, "x", "content");
  assert_true(bundle_tar_end(&tar) && bundle_tar_end(&tar));
  assert_success(read_names(&tar, names)); // as archivers do that write blocks of ten
  tar_file(&tar, "y", "hidden");
  assert_error(read_names(&tar, names), UBIQ_INVALID_INPUT, "has something behind its archive's end");
  buffer_free(&tar);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_come_back_as_they_were),
      cmocka_unit_test(a_file_of_a_whole_block_has_no_padding),
      cmocka_unit_test(a_header_is_as_posix_says),
      cmocka_unit_test(names_lead_nowhere_else),
      cmocka_unit_test(only_plain_files_are_taken),
      cmocka_unit_test(headers_are_read_strictly),
      cmocka_unit_test(an_archive_that_ends_early_is_cut_off),
      cmocka_unit_test(nothing_stands_behind_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
