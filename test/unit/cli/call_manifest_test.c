// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
// Manifests of `ubiq call`: what PLUGIN leads to, and each option over it.
#include "cli/call_manifest.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"
#include "yyjson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char module[] = "\0asm\1\0\0\0";
static const char manifest[] = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\"}], \"config\": {\"a\": \"1\", \"b\": \"2\"},"
                               " \"allowed_hosts\": [\"x\"], \"timeout_ms\": 7, \"memory\": {\"max_var_bytes\": 9}}";

static call_overlay nothing(void) {
  return (call_overlay){.http_response_bytes = UINT64_MAX, .var_bytes = UINT64_MAX};
}

static option_list list_of(const char **values, size_t count) {
  return (option_list){.values = values, .count = count};
}

static call_origin origin_of(const char *name, const char *bytes, size_t size) {
  return (call_origin){.name = name, .bytes = {(const uint8_t *)bytes, size}};
}

#define ORIGIN(name, text) origin_of(name, text, sizeof(text) - 1)

/// Makes a manifest and asserts what it says.
static void assert_made(call_origin origin, const call_overlay *overlay, const char *expected) {
  char *made = NULL;
  size_t size = 0;
  assert_success(call_manifest_make(&origin, overlay, &made, &size));
  assert_int_equal(strlen(made), size);
  assert_string_equal(made, expected);
  free(made);
}

static ubiq_error *fail_to_make(call_origin origin) {
  call_overlay overlay = nothing();
  char *made = NULL;
  size_t size;
  return call_manifest_make(&origin, &overlay, &made, &size);
}

static void a_module_is_referred_to_where_it_is(void **state) {
  (void)state;
  char expected[128];
  call_overlay overlay = nothing();
  snprintf(expected, sizeof expected, "{\"wasm\":[{\"data\":{\"ptr\":%llu,\"len\":8}}]}",
           (unsigned long long)(uintptr_t)module);
  assert_made(ORIGIN("m.wasm", module), &overlay, expected);
}

static void a_url_is_left_to_the_plugin_layer(void **state) {
  (void)state;
  call_overlay overlay = nothing();
  assert_made(ORIGIN("https://example.com/a.wasm", ""), &overlay,
              "{\"wasm\":[{\"url\":\"https://example.com/a.wasm\"}]}");
  assert_true(call_is_url("http://a"));
  assert_false(call_is_url("ftp://a"));
  assert_false(call_is_url("http"));
}

static void without_options_a_manifest_stays_what_it_is(void **state) {
  (void)state;
  call_overlay overlay = nothing();
  assert_made(ORIGIN("m.json", "{\"wasm\": [{\"url\": \"u\"}], \"timeout_ms\": null}"), &overlay,
              "{\"wasm\":[{\"url\":\"u\"}],\"timeout_ms\":null}");
  assert_made(ORIGIN("m.toml", "[[wasm]]\npath = \"a\"\n"), &overlay, "{\"wasm\":[{\"path\":\"a\"}]}");
}

static void options_stand_over_the_manifest(void **state) {
  (void)state;
  const char *config[] = {"b=3=4", "c="}, *hosts[] = {"y", "*.z"}, *paths[] = {"/a:/b", "ro:/c", "ro:/d:/e"};
  call_overlay overlay = nothing();
  overlay.config = list_of(config, 2);
  overlay.set_config = "{\"a\": \"json\", \"b\": \"json\"}";
  overlay.allowed_hosts = list_of(hosts, 2);
  overlay.allowed_paths = list_of(paths, 3);
  overlay.timeout_ms = 5000;
  overlay.memory_max = "64MiB";
  overlay.http_response_bytes = 0;
  overlay.var_bytes = 10;
  assert_made(ORIGIN("m.json", manifest), &overlay,
              "{\"wasm\":[{\"data\":\"AGFzbQEAAAA=\"}],\"config\":{\"a\":\"json\",\"b\":\"3=4\",\"c\":\"\"},"
              "\"allowed_hosts\":[\"x\",\"y\",\"*.z\"],\"timeout_ms\":5000,"
              "\"memory\":{\"max_var_bytes\":10,\"max_pages\":1024,\"max_http_response_bytes\":0},"
              "\"allowed_paths\":{\"/a\":\"/b\",\"ro:/c\":\"/c\",\"ro:/d\":\"/e\"}}");
}

static void relative_folders_of_a_manifest_get_its_directory(void **state) {
  (void)state;
  call_overlay overlay = nothing();
  call_origin origin = ORIGIN("in/m.json", "{\"wasm\": [{\"url\": \"u\"}],"
                                           " \"allowed_paths\": {\"a\": \"/a\", \"ro:b\": \"/b\", \"ro:/c\": \"/c\"}}");
  assert_made(origin, &overlay,
              "{\"wasm\":[{\"url\":\"u\"}],"
              "\"allowed_paths\":{\"a\":\"/a\",\"ro:b\":\"/b\",\"ro:/c\":\"/c\"}}");
  origin.directory = "/in";
  assert_made(origin, &overlay,
              "{\"wasm\":[{\"url\":\"u\"}],"
              "\"allowed_paths\":{\"/in/a\":\"/a\",\"ro:/in/b\":\"/b\",\"ro:/c\":\"/c\"}}");
}

static void relative_folders_of_options_lie_in_the_working_directory(void **state) {
  (void)state;
  char expected[5000], *directory = getcwd(NULL, 0);
  const char *paths[] = {"f:/f", "ro:g"};
  call_overlay overlay = nothing();
  overlay.allowed_paths = list_of(paths, 2);
  snprintf(expected, sizeof expected,
           "{\"wasm\":[{\"url\":\"http://u\"}],\"allowed_paths\":{\"%s/f\":\"/f\",\"ro:%s/g\":\"g\"}}", directory,
           directory);
  assert_made(ORIGIN("http://u", ""), &overlay, expected);
  free(directory);
}

static void null_in_a_manifest_is_as_good_as_nothing(void **state) {
  (void)state;
  const char *hosts[] = {"y"}, *paths[] = {"/a"};
  call_overlay overlay = nothing();
  overlay.allowed_hosts = list_of(hosts, 1);
  overlay.allowed_paths = list_of(paths, 1);
  assert_made(ORIGIN("m", "{\"wasm\": [{\"url\": \"u\"}], \"allowed_hosts\": null, \"allowed_paths\": null}"), &overlay,
              "{\"wasm\":[{\"url\":\"u\"}],\"allowed_hosts\":[\"y\"],\"allowed_paths\":{\"/a\":\"/a\"}}");
}

static void memory_is_pages_or_a_size(void **state) {
  (void)state;
  static const struct {
    const char *given;
    int pages;
  } good[] = {{"1", 1}, {"65536", 65536}, {"64KiB", 1}, {"4GiB", 65536}, {"100000B", 1}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    char expected[96];
    call_overlay overlay = nothing();
    overlay.memory_max = good[i].given;
    snprintf(expected, sizeof expected, "{\"wasm\":[{\"url\":\"http://u\"}],\"memory\":{\"max_pages\":%d}}",
             good[i].pages);
    assert_made(ORIGIN("http://u", ""), &overlay, expected);
  }
}

static void malformed_options_are_named(void **state) {
  (void)state;
  const char *pair[] = {"a=b", "=b"}, *path[] = {":/a"}, *half[] = {"/a:"};
  static const char *const sizes[] = {"0", "65537", "65535B", "4097MiB", "many", "", "-1"};
  call_overlay overlay = nothing();
  assert_success(call_overlay_check(&overlay));
  overlay.config = list_of(pair, 2);
  assert_fails(call_overlay_check(&overlay), UBIQ_INVALID_INPUT, "--config is \"=b\"; expected KEY=VALUE");
  overlay = nothing();
  overlay.allowed_paths = list_of(path, 1);
  assert_fails(call_overlay_check(&overlay), UBIQ_INVALID_INPUT,
               "--allow-path is \":/a\"; expected PATH or HOST:GUEST");
  overlay.allowed_paths = list_of(half, 1);
  assert_fails(call_overlay_check(&overlay), UBIQ_INVALID_INPUT,
               "--allow-path is \"/a:\"; expected PATH or HOST:GUEST");
  overlay = nothing();
  overlay.set_config = "[]";
  assert_fails(call_overlay_check(&overlay), UBIQ_INVALID_INPUT, "--set-config: it is an array; expected an object");
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    overlay = nothing();
    overlay.memory_max = sizes[i];
    ubiq_error *error = call_overlay_check(&overlay);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    assert_non_null(strstr(ubiq_error_message(error), "expected from 1 to 65536 pages"));
    ubiq_error_delete(error);
  }
}

static void what_is_no_plugin_is_told(void **state) {
  (void)state;
  assert_fails(fail_to_make(ORIGIN("a", "")), UBIQ_INVALID_INPUT,
               "a: is empty; expected WebAssembly, its text form or a manifest");
  assert_fails(fail_to_make(ORIGIN("m.json", "{\"wasm\": 1}")), UBIQ_INVALID_INPUT,
               "m.json: wasm is 1; expected an array");
  assert_fails(fail_to_make(ORIGIN("m.toml", "[[wasm]]\npath = 1\n")), UBIQ_INVALID_INPUT,
               "m.toml:2:1: wasm[0].path is 1; expected a string");
  ubiq_error *error = fail_to_make(ORIGIN("notes.txt", "buy milk\n"));
  assert_non_null(
      strstr(ubiq_error_message(error), "notes.txt: is neither WebAssembly nor a manifest in JSON or TOML: "));
  ubiq_error_delete(error);
  call_origin forced = ORIGIN("m.wasm", module);
  forced.is_manifest = true;
  error = fail_to_make(forced);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
}

static void an_address_in_a_manifest_is_refused(void **state) {
  (void)state;
  ubiq_error *error = fail_to_make(ORIGIN("m.json", "{\"wasm\": [{\"data\": {\"ptr\": 4096, \"len\": 8}}]}"));
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_non_null(strstr(ubiq_error_message(error), "expected base64"));
  ubiq_error_delete(error);
}

/// Makes a manifest out of everything; true when it succeeded.
static bool attempt(void *unused) {
  (void)unused;
  const char *config[] = {"b=3"}, *hosts[] = {"y"}, *paths[] = {"/a:/b"};
  call_overlay overlay = nothing();
  overlay.config = list_of(config, 1);
  overlay.set_config = "{\"a\": \"json\"}";
  overlay.allowed_hosts = list_of(hosts, 1);
  overlay.allowed_paths = list_of(paths, 1);
  overlay.memory_max = "5";
  overlay.timeout_ms = 1;
  call_origin origin = ORIGIN("m.json", "{\"wasm\": [{\"url\": \"u\"}], \"allowed_paths\": {\"ro:b\": \"/b\"}}");
  origin.directory = "in";
  char *made = NULL;
  size_t size;
  ubiq_error *error = call_manifest_make(&origin, &overlay, &made, &size);
  bool good = error == NULL;
  ubiq_error_delete(error);
  free(made);
  return good;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(attempt, NULL) > 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_module_is_referred_to_where_it_is),
      cmocka_unit_test(a_url_is_left_to_the_plugin_layer),
      cmocka_unit_test(without_options_a_manifest_stays_what_it_is),
      cmocka_unit_test(options_stand_over_the_manifest),
      cmocka_unit_test(relative_folders_of_a_manifest_get_its_directory),
      cmocka_unit_test(relative_folders_of_options_lie_in_the_working_directory),
      cmocka_unit_test(null_in_a_manifest_is_as_good_as_nothing),
      cmocka_unit_test(memory_is_pages_or_a_size),
      cmocka_unit_test(malformed_options_are_named),
      cmocka_unit_test(what_is_no_plugin_is_told),
      cmocka_unit_test(an_address_in_a_manifest_is_refused),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
