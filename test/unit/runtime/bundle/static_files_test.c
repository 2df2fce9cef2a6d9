#include "runtime/bundle/static_files.h"

#include "runtime/project/media_type.h"
#include "runtime/release/release.h"
#include "unit/runtime/bundle/bundle_testing.h"

static void media_types_are_known_by_the_ends_of_names(void **state) {
  (void)state;
  const char *const rows[][2] = {{"a.html", "text/html; charset=utf-8"},
                                 {"A.PNG", "image/png"},
                                 {"x/y.z/app.js", "text/javascript; charset=utf-8"},
                                 {"m.wasm", "application/wasm"},
                                 {"f.woff2", "font/woff2"},
                                 {"archive.tar.gz", "application/gzip"},
                                 {"README", "application/octet-stream"},
                                 {"end.", "application/octet-stream"},
                                 {"", "application/octet-stream"},
                                 {"x.unheard-of", "application/octet-stream"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    assert_string_equal(media_type_of(text_of(rows[i][0])), rows[i][1]);
}

#define FUNCTION "\n[functions.f]\nwasm = \"modules/f.wasm\"\n"

/// Loads a bundle whose ubiq.toml is `toml`, with a module and two files.
static ubiq_error *load(const char *toml, release **out) {
  buffer tar = {0};
  bundle *bundle = NULL;
  tar_file(&tar, "files/one", "1");
  tar_file(&tar, "files/two", "22");
  tar_file(&tar, "modules/f.wasm", "(module (func (export \"f\")))");
  tar_file(&tar, "ubiq.toml", toml);
  assert_true(bundle_tar_end(&tar));
  assert_success(bundle_from_tar("test.ubiq", &tar, &bundle));
  ubiq_error *error = release_from_bundle(bundle, &(release_grant){0}, out);
  bundle_delete(bundle);
  return error;
}

static void a_bundle_answers_its_own_files_alone(void **state) {
  (void)state;
  release *release = NULL;
  assert_error(load("[files.\"/\"]\nfolder = \"/etc\"\n" FUNCTION, &release), UBIQ_DENIED,
               "answers files of /etc; expected those of the bundle");
  assert_error(load("[files.\"/\"]\nentries = {a = \"../../etc/passwd\"}\n" FUNCTION, &release), UBIQ_NOT_FOUND,
               "../../etc/passwd: is no file of the bundle");
  assert_error(load("[files.\"/\"]\nentries = {a = \"files/one\"}\nfolder = \"x\"\n" FUNCTION, &release),
               UBIQ_INVALID_INPUT, "does not say where its files are");
}

static void a_bundles_files_are_found_by_their_paths(void **state) {
  (void)state;
  release *release = NULL;
  static_file file;
  assert_success(
      load("[files.\"/x\"]\nentries = {\"b c/index.html\" = \"files/two\", a = \"files/one\"}\n" FUNCTION, &release));
  const static_files *files = release->files[0];
  assert_int_equal(static_files_find(files, TEXT("a"), &file), STATIC_FOUND);
  assert_int_equal(file.size, 1);
  assert_int_equal(static_files_find(files, TEXT("b%20c/"), &file), STATIC_FOUND);
  assert_memory_equal(file.bytes.data, "22", 2);
  assert_int_equal(static_files_find(files, TEXT("b%20c"), &file), STATIC_IS_FOLDER);
  assert_int_equal(static_files_find(files, TEXT("b%2520c/"), &file), STATIC_NOT_FOUND);
  assert_int_equal(static_files_find(files, TEXT(""), &file), STATIC_NOT_FOUND);
  release_delete(release);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(media_types_are_known_by_the_ends_of_names),
      cmocka_unit_test(a_bundle_answers_its_own_files_alone),
      cmocka_unit_test(a_bundles_files_are_found_by_their_paths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
