// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/bundle_manifest.h"

#include "unit/base/alloc_failure.h"
#include "unit/runtime/bundle_testing.h"

static bundle *make_bundle(const char *manifest) {
  buffer tar = {0};
  bundle *bundle = NULL;
  tar_file(&tar, "m.json", manifest);
  tar_file(&tar, "a.wasm", "abc");
  tar_file(&tar, "empty.wasm", "");
  assert_true(bundle_tar_end(&tar));
  assert_success(bundle_from_tar("b.ubiq", &tar, &bundle));
  return bundle;
}

static void becomes(const char *manifest, const char *expected) {
  bundle *bundle = make_bundle(manifest);
  char *json = NULL;
  size_t size;
  assert_success(bundle_manifest_read(bundle, "m.json", &json, &size));
  assert_string_equal(json, expected);
  assert_int_equal(size, strlen(expected));
  free(json);
  bundle_delete(bundle);
}

static void fails(const char *manifest, const char *message) {
  bundle *bundle = make_bundle(manifest);
  char *json = NULL;
  size_t size;
  assert_fails(bundle_manifest_read(bundle, "m.json", &json, &size), UBIQ_INVALID_INPUT, message);
  assert_null(json);
  bundle_delete(bundle);
}

static void files_of_the_bundle_take_the_place_of_paths(void **state) {
  (void)state;
  becomes("{\"wasm\": [{\"path\": \"a.wasm\", \"name\": \"n\"}, {\"path\": \"empty.wasm\"}]}",
          "{\"wasm\":[{\"name\":\"n\",\"data\":\"YWJj\"},{\"data\":\"\"}]}");
}

static void what_else_it_says_stays_to_be_judged(void **state) {
  (void)state;
  becomes("{\"wasm\":[{\"url\":\"http://a\"}],\"allowed_hosts\":[\"*\"],\"new\":null}",
          "{\"wasm\":[{\"url\":\"http://a\"}],\"allowed_hosts\":[\"*\"],\"new\":null}");
  becomes("{}", "{}");
  becomes("{\"wasm\":[]}", "{\"wasm\":[]}");
}

static void paths_lead_to_files_of_the_bundle_only(void **state) {
  (void)state;
  fails("{\"wasm\": [{\"path\": \"/etc/passwd\"}]}",
        "m.json: wasm[0].path is \"/etc/passwd\"; expected a file of the bundle");
  fails("{\"wasm\": [{\"path\": \"a.wasm\"}, {\"path\": \"./a.wasm\"}]}",
        "m.json: wasm[1].path is \"./a.wasm\"; expected a file of the bundle");
  fails("{\"wasm\": [{\"path\": \"\"}]}", "m.json: wasm[0].path is \"\"; expected a file of the bundle");
}

static void what_is_no_manifest_is_told_by_its_place(void **state) {
  (void)state;
  fails("[]", "m.json: it is an array; expected an object");
  fails("{\"wasm\": [7]}", "m.json: wasm[0] is 7; expected an object");
  fails("{\"wasm\": {}}", "m.json: wasm is an object; expected an array");
}

static void a_manifest_that_is_not_there_is_named(void **state) {
  (void)state;
  bundle *bundle = make_bundle("{}");
  char *json;
  size_t size;
  assert_fails(bundle_manifest_read(bundle, "n.json", &json, &size), UBIQ_NOT_FOUND,
               "manifest is \"n.json\"; expected a file of the bundle");
  bundle_delete(bundle);
}

static bool attempt(void *user) {
  char *json = NULL;
  size_t size;
  ubiq_error *error = bundle_manifest_read(user, "m.json", &json, &size);
  bool good = error == NULL;
  ubiq_error_delete(error);
  free(json);
  return good;
}

static void without_memory_there_is_an_error_and_no_leak(void **state) {
  (void)state;
  bundle *bundle = make_bundle("{\"wasm\": [{\"path\": \"a.wasm\"}]}");
  assert_true(alloc_failure_sweep(attempt, bundle) >= 4);
  bundle_delete(bundle);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_of_the_bundle_take_the_place_of_paths),
      cmocka_unit_test(what_else_it_says_stays_to_be_judged),
      cmocka_unit_test(paths_lead_to_files_of_the_bundle_only),
      cmocka_unit_test(what_is_no_manifest_is_told_by_its_place),
      cmocka_unit_test(a_manifest_that_is_not_there_is_named),
      cmocka_unit_test(without_memory_there_is_an_error_and_no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
