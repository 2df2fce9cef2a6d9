// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "plugin/manifest/manifest.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/map_testing.h"
#include "unit/base/testing.h"

#include <stdio.h>

static const manifest *parse(const char *text) {
  const manifest *result = NULL;
  assert_success(manifest_parse(text, strlen(text), NULL, &result));
  return result;
}

static void check_fails(const char *text, const char *message) {
  const manifest *result = NULL;
  assert_fails(manifest_parse(text, strlen(text), NULL, &result), UBIQ_INVALID_INPUT, message);
}

/// The same manifest in both formats, with everything in it.
static const char full_json[] =
    "{\"wasm\": ["
    "  {\"path\": \"dir/greet.wasm\", \"name\": \"main\", \"hash\": \"abc\"},"
    "  {\"url\": \"https://example.com/a.wasm\", \"method\": \"POST\", \"headers\": {\"Accept\": \"*/*\", \"X\": "
    "\"1\"}},"
    "  {\"data\": \"AGFzbQ==\", \"name\": null}],"
    " \"memory\": {\"max_pages\": 16, \"max_http_response_bytes\": 1024, \"max_var_bytes\": 0},"
    " \"config\": {\"greeting\": \"hi\", \"empty\": \"\"},"
    " \"allowed_hosts\": [\"*.example.com\", \"localhost\"],"
    " \"allowed_paths\": {\"/data\": \"/mnt\", \"ro:/etc\": \"/etc\"},"
    " \"timeout_ms\": 5000}";

static const char full_toml[] = "allowed_hosts = ['*.example.com', 'localhost']\n"
                                "timeout_ms = 5000\n"
                                "[[wasm]]\n"
                                "path = 'dir/greet.wasm'\n"
                                "name = 'main'\n"
                                "hash = 'abc'\n"
                                "[[wasm]]\n"
                                "url = 'https://example.com/a.wasm'\n"
                                "method = 'POST'\n"
                                "headers = { Accept = '*/*', X = '1' }\n"
                                "[[wasm]]\n"
                                "data = 'AGFzbQ=='\n"
                                "[memory]\n"
                                "max_pages = 16\n"
                                "max_http_response_bytes = 1024\n"
                                "max_var_bytes = 0\n"
                                "[config]\n"
                                "greeting = 'hi'\n"
                                "empty = ''\n"
                                "[allowed_paths]\n"
                                "'/data' = '/mnt'\n"
                                "'ro:/etc' = '/etc'\n";

static void check_full(const manifest *self) {
  assert_int_equal(self->modules_count, 3);
  const manifest_module *module = &self->modules[0];
  assert_int_equal(module->kind, MANIFEST_PATH);
  assert_string_equal(module->location, "dir/greet.wasm");
  assert_string_equal(module->name, "main");
  assert_string_equal(module->hash, "abc");
  module = &self->modules[1];
  assert_int_equal(module->kind, MANIFEST_URL);
  assert_string_equal(module->location, "https://example.com/a.wasm");
  assert_string_equal(module->method, "POST");
  assert_int_equal(module->headers_count, 2);
  assert_string_equal(module->headers[0].key, "Accept");
  assert_string_equal(module->headers[0].value, "*/*");
  assert_null(module->name);
  assert_null(module->hash);
  module = &self->modules[2];
  assert_int_equal(module->kind, MANIFEST_DATA);
  assert_int_equal(module->data_size, 4);
  assert_memory_equal(module->data, "\0asm", 4);
  assert_null(module->name);

  assert_int_equal(self->memory.max_pages, 16);
  assert_true(self->memory.has_max_http_response_bytes);
  assert_int_equal(self->memory.max_http_response_bytes, 1024);
  assert_true(self->memory.has_max_var_bytes);
  assert_int_equal(self->memory.max_var_bytes, 0);
  assert_int_equal(self->config.count, 2);
  assert_string_equal(map_string(&self->config, "greeting"), "hi");
  assert_string_equal(map_string(&self->config, "empty"), "");
  assert_true(self->has_allowed_hosts);
  assert_int_equal(self->allowed_hosts_count, 2);
  assert_string_equal(self->allowed_hosts[0], "*.example.com");
  assert_true(self->has_allowed_paths);
  assert_int_equal(self->allowed_paths_count, 2);
  assert_string_equal(self->allowed_paths[0].host, "/data");
  assert_string_equal(self->allowed_paths[0].guest, "/mnt");
  assert_false(self->allowed_paths[0].read_only);
  assert_string_equal(self->allowed_paths[1].host, "/etc");
  assert_true(self->allowed_paths[1].read_only);
  assert_true(self->has_timeout);
  assert_int_equal(self->timeout_ms, 5000);
}

static void allowed_paths_are_in_the_order_of_their_keys(void **state) {
  (void)state;
  const manifest *self = parse("{\"allowed_paths\":{\"ro:/a\":\"/1\",\"/z\":\"/2\",\"/b\":\"/3\",\"ro:/0\":\"/4\"}}");
  static const char *const expected[] = {"/b", "/z", "/0", "/a"};
  for (size_t i = 0; i < 4; i++) assert_string_equal(self->allowed_paths[i].host, expected[i]);
  assert_string_equal(self->allowed_paths[3].guest, "/1");
  manifest_delete(self);
}

static void everything_is_read_from_json(void **state) {
  (void)state;
  const manifest *self = parse(full_json);
  check_full(self);
  manifest_delete(self);
}

static void everything_is_read_from_toml(void **state) {
  (void)state;
  const manifest *self = parse(full_toml);
  check_full(self);
  manifest_delete(self);
}

static void what_is_absent_is_told_from_what_is_empty(void **state) {
  (void)state;
  const manifest *self = parse("{}");
  assert_int_equal(self->modules_count, 0);
  assert_int_equal(self->memory.max_pages, 0);
  assert_false(self->memory.has_max_http_response_bytes);
  assert_false(self->memory.has_max_var_bytes);
  assert_false(self->has_allowed_hosts);
  assert_false(self->has_allowed_paths);
  assert_false(self->has_timeout);
  manifest_delete(self);

  self = parse("{\"allowed_hosts\":[],\"allowed_paths\":{},\"timeout_ms\":0,\"memory\":{}}");
  assert_true(self->has_allowed_hosts);
  assert_int_equal(self->allowed_hosts_count, 0);
  assert_true(self->has_allowed_paths);
  assert_true(self->has_timeout);
  assert_int_equal(self->timeout_ms, 0);
  manifest_delete(self);
}

static void null_is_absent_where_extism_lets_it_be(void **state) {
  (void)state;
  const manifest *self =
      parse("{\"allowed_hosts\":null,\"allowed_paths\":null,\"timeout_ms\":null,"
            "\"memory\":{\"max_pages\":null,\"max_http_response_bytes\":null,\"max_var_bytes\":null},"
            "\"wasm\":[{\"path\":\"a\",\"name\":null,\"hash\":null},{\"url\":\"b\",\"method\":null}]}");
  assert_false(self->has_allowed_hosts || self->has_allowed_paths || self->has_timeout);
  assert_false(self->memory.has_max_var_bytes);
  manifest_delete(self);
  check_fails("{\"memory\":null}", "manifest: memory is null; expected an object");
  check_fails("{\"config\":null}", "manifest: config is null; expected an object");
  check_fails("{\"wasm\":null}", "manifest: wasm is null; expected an array");
  check_fails("{\"config\":{\"a\":null}}", "manifest: config.a is null; expected a string");
  check_fails("{\"wasm\":[{\"url\":\"a\",\"headers\":null}]}", "manifest: wasm[0].headers is null; expected an object");
}

static void more_pages_than_there_can_be_are_all_of_them(void **state) {
  (void)state;
  const manifest *self = parse("{\"memory\":{\"max_pages\":4294967295}}");
  assert_int_equal(self->memory.max_pages, MANIFEST_PAGES_MAX);
  manifest_delete(self);
}

static void wrong_values_are_named_with_what_was_expected(void **state) {
  (void)state;
  check_fails("{\"memory\":{\"max_pages\":\"many\"}}",
              "manifest: memory.max_pages is \"many\"; expected an integer from 1 to 65536");
  check_fails("{\"memory\":{\"max_pages\":0}}", "manifest: memory.max_pages is 0; expected an integer from 1 to 65536");
  check_fails("{\"memory\":{\"max_pages\":4294967296}}",
              "manifest: memory.max_pages is 4294967296; expected an integer from 1 to 65536");
  check_fails("{\"timeout_ms\":1.5}", "manifest: timeout_ms is 1.5; expected an integer of at least 0");
  check_fails("{\"timeout_ms\":-1}", "manifest: timeout_ms is -1; expected an integer of at least 0");
  check_fails("{\"config\":{\"a b\":1}}", "manifest: config.\"a b\" is 1; expected a string");
  check_fails("{\"allowed_hosts\":\"*\"}", "manifest: allowed_hosts is \"*\"; expected an array");
  check_fails("{\"allowed_hosts\":[1]}", "manifest: allowed_hosts[0] is 1; expected a string");
  check_fails("{\"allowed_paths\":[\"/\"]}", "manifest: allowed_paths is an array; expected an object");
  check_fails("{\"allowed_paths\":{\"/a\\u0000\":\"/b\"}}",
              "manifest: allowed_paths.\"/a\\x00\" has a NUL in its name");
  check_fails("{\"wasm\":{\"path\":\"a\"}}", "manifest: wasm is an object; expected an array");
  check_fails("{\"wasm\":[\"a.wasm\"]}", "manifest: wasm[0] is \"a.wasm\"; expected an object");
  check_fails("{\"wasm\":[{\"path\":5}]}", "manifest: wasm[0].path is 5; expected a string");
  check_fails("{\"wasm\":[{\"path\":\"a\\u0000b\"}]}", "manifest: wasm[0].path holds a NUL; expected none");
  check_fails("{\"wasm\":[{\"path\":\"a\",\"hash\":5}]}", "manifest: wasm[0].hash is 5; expected a string");
}

static void unknown_keys_are_refused_with_the_nearest_known_one(void **state) {
  (void)state;
  check_fails("{\"wsam\":[]}", "manifest: unknown key wsam; did you mean \"wasm\"?");
  check_fails("{\"memory\":{\"max_page\":1}}", "manifest: unknown key memory.max_page; did you mean \"max_pages\"?");
  check_fails("{\"wasm\":[{\"path\":\"a\",\"nmae\":\"b\"}]}",
              "manifest: unknown key wasm[0].nmae; did you mean \"name\"?");
  check_fails("{\"wasm\":[{\"path\":\"a\",\"method\":\"GET\"}]}",
              "manifest: unknown key wasm[0].method; expected \"path\", \"name\" or \"hash\"");
}

static void a_module_has_exactly_one_source(void **state) {
  (void)state;
  check_fails("{\"wasm\":[{\"name\":\"a\"}]}",
              "manifest: wasm[0] has no source; expected one of \"path\", \"data\" and \"url\"");
  check_fails("{\"wasm\":[{\"path\":\"a\",\"url\":\"b\"}]}",
              "manifest: wasm[0] has several sources; expected one of \"path\", \"data\" and \"url\"");
}

static void malformed_base64_is_refused(void **state) {
  (void)state;
  check_fails("{\"wasm\":[{\"data\":\"Zg\"}]}",
              "manifest: wasm[0].data is not base64; expected the module's bytes in standard base64 with padding");
  check_fails("{\"wasm\":[{\"data\":5}]}", "manifest: wasm[0].data is 5; expected a string");
}

static void duplicate_keys_are_refused(void **state) {
  (void)state;
  check_fails("{\"config\":{\"a\":\"1\",\"a\":\"2\"}}", "manifest:1:20: the key \"a\" stands twice in one object");
}

static void an_empty_manifest_is_refused(void **state) {
  (void)state;
  check_fails("", "manifest: it is empty; expected Wasm, WAT or a manifest in JSON or TOML");
  check_fails(" \n", "manifest: it is empty; expected Wasm, WAT or a manifest in JSON or TOML");
}

static void errors_in_toml_say_line_and_column(void **state) {
  (void)state;
  const manifest *result = NULL;
  const char text[] = "timeout_ms = 5\n[memory]\nmax_pages = 'many'\n";
  manifest_options options = {.name = "plugin.toml"};
  assert_fails(manifest_parse(text, sizeof text - 1, &options, &result), UBIQ_INVALID_INPUT,
               "plugin.toml:3:1: memory.max_pages is \"many\"; expected an integer from 1 to 65536");
}

static void an_address_is_taken_only_where_it_is_allowed(void **state) {
  (void)state;
  static const uint8_t wasm[] = "\0asm\1\0\0";
  char text[200];
  int size = snprintf(text, sizeof text, "{\"wasm\":[{\"data\":{\"ptr\":%llu,\"len\":8}}]}",
                      (unsigned long long)(uintptr_t)wasm);
  const manifest *result = NULL;
  assert_fails(
      manifest_parse(text, (size_t)size, NULL, &result), UBIQ_INVALID_INPUT,
      "manifest: wasm[0].data is an object; expected base64 text (an address is taken through the C interface only)");
  manifest_options options = {.allow_pointer = true};
  assert_success(manifest_parse(text, (size_t)size, &options, &result));
  assert_int_equal(result->modules[0].data_size, 8);
  assert_memory_equal(result->modules[0].data, wasm, 8);
  assert_ptr_not_equal(result->modules[0].data, wasm);
  manifest_delete(result);
}

static void an_address_of_nothing_is_refused(void **state) {
  (void)state;
  const char text[] = "{\"wasm\":[{\"data\":{\"ptr\":0,\"len\":8}}]}";
  manifest_options options = {.allow_pointer = true};
  const manifest *result = NULL;
  assert_fails(manifest_parse(text, sizeof text - 1, &options, &result), UBIQ_INVALID_INPUT,
               "manifest: wasm[0].data.ptr is 0; expected an address of this process");
}

static void wasm_and_wat_are_told_from_manifests(void **state) {
  (void)state;
  const char *wasm[] = {"(module)",      "(  module $x)", "(\nmodule", ";; comment\n(module)",
                        "(; comment ;)", " \n(module)"};
  for (size_t i = 0; i < sizeof wasm / sizeof wasm[0]; i++)
    assert_true(manifest_looks_like_wasm(wasm[i], strlen(wasm[i])));
  assert_true(manifest_looks_like_wasm("\0asm\1\0\0\0", 8));
  const char *others[] = {"{}", "", "(", "(mod", "timeout_ms = 1", "[[wasm]]", "asm"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_false(manifest_looks_like_wasm(others[i], strlen(others[i])));
  }
}

static void raw_wasm_becomes_a_manifest_of_one_module(void **state) {
  (void)state;
  const manifest *self = NULL;
  assert_success(manifest_from_bytes("\0asm\1\0\0\0", 8, NULL, &self));
  assert_int_equal(self->modules_count, 1);
  assert_int_equal(self->modules[0].kind, MANIFEST_DATA);
  assert_memory_equal(self->modules[0].data, "\0asm\1\0\0\0", 8);
  manifest_delete(self);
  assert_success(manifest_from_bytes("{\"timeout_ms\":7}", 16, NULL, &self));
  assert_int_equal(self->timeout_ms, 7);
  manifest_delete(self);
  assert_success(manifest_from_bytes("\0as", 3, NULL, &self)); // a truncated module is the engine's to refuse
  assert_int_equal(self->modules[0].data_size, 3);
  manifest_delete(self);
  assert_fails(manifest_from_bytes("", 0, NULL, &self), UBIQ_INVALID_INPUT,
               "manifest: it is empty; expected Wasm, WAT or a manifest in JSON or TOML");
}

static void check_names(const char *text, const char *first, const char *second, const char *third) {
  const manifest *self = parse(text);
  const char *expected[] = {first, second, third};
  const char *names[3] = {0};
  assert_success(manifest_names_resolve(self, names));
  for (size_t i = 0; i < self->modules_count; i++) assert_string_equal(names[i], expected[i]);
  manifest_delete(self);
}

static void check_names_fail(const char *text, const char *message) {
  const manifest *self = parse(text);
  const char *names[3] = {0};
  assert_fails(manifest_names_resolve(self, names), UBIQ_INVALID_INPUT, message);
  manifest_delete(self);
}

static void modules_are_named_as_extism_names_them(void **state) {
  (void)state;
  check_names("{\"wasm\":[{\"path\":\"a\",\"name\":\"x\"}]}", "main", NULL, NULL);
  check_names("{\"wasm\":[{\"path\":\"a\",\"name\":\"x\"},{\"path\":\"b\",\"name\":\"y\"}]}", "x", "main", NULL);
  check_names("{\"wasm\":[{\"path\":\"a\"},{\"path\":\"b\",\"name\":\"y\"}]}", "main", "y", NULL);
  check_names(
      "{\"wasm\":[{\"path\":\"a\",\"name\":\"x\"},{\"path\":\"b\",\"name\":\"main\"},{\"path\":\"c\",\"name\":\"z\"}]}",
      "x", "main", "z");
  check_names("{\"wasm\":[{\"path\":\"a\",\"name\":\"x\"},{\"path\":\"b\"}]}", "x", "main", NULL);
}

static void modules_of_one_name_are_refused(void **state) {
  (void)state;
  check_names_fail("{}", "No wasm files specified in Extism manifest");
  check_names_fail("{\"wasm\":[{\"path\":\"a\"},{\"path\":\"b\"}]}",
                   "Duplicate module name found in Extism manifest: main");
  check_names_fail("{\"wasm\":[{\"path\":\"a\",\"name\":\"x\"},{\"path\":\"b\",\"name\":\"x\"},{\"path\":\"c\"}]}",
                   "Duplicate module name found in Extism manifest: x");
  check_names_fail("{\"wasm\":[{\"path\":\"a\",\"name\":\"extism:host/env\"},{\"path\":\"b\"}]}",
                   "Duplicate module name found in Extism manifest: extism:host/env");
}

static bool attempt(void *text) {
  const manifest *self = NULL;
  ubiq_error *error = manifest_parse(text, strlen(text), NULL, &self);
  if (error != NULL) assert_ptr_equal(error, ubiq_error_no_memory());
  manifest_delete(self);
  return error == NULL;
}

static bool attempt_wasm(void *user) {
  (void)user;
  static const uint8_t wasm[10000] = "\0asm";
  const manifest *self = NULL;
  ubiq_error *error = manifest_from_wasm(wasm, sizeof wasm, &self);
  manifest_delete(self);
  return error == NULL;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(attempt, (void *)full_json) >= 6);
  assert_true(alloc_failure_sweep(attempt, (void *)full_toml) >= 6);
  assert_int_equal(alloc_failure_sweep(attempt_wasm, NULL), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_is_read_from_json),
      cmocka_unit_test(allowed_paths_are_in_the_order_of_their_keys),
      cmocka_unit_test(everything_is_read_from_toml),
      cmocka_unit_test(what_is_absent_is_told_from_what_is_empty),
      cmocka_unit_test(null_is_absent_where_extism_lets_it_be),
      cmocka_unit_test(more_pages_than_there_can_be_are_all_of_them),
      cmocka_unit_test(wrong_values_are_named_with_what_was_expected),
      cmocka_unit_test(unknown_keys_are_refused_with_the_nearest_known_one),
      cmocka_unit_test(a_module_has_exactly_one_source),
      cmocka_unit_test(malformed_base64_is_refused),
      cmocka_unit_test(duplicate_keys_are_refused),
      cmocka_unit_test(an_empty_manifest_is_refused),
      cmocka_unit_test(errors_in_toml_say_line_and_column),
      cmocka_unit_test(an_address_is_taken_only_where_it_is_allowed),
      cmocka_unit_test(an_address_of_nothing_is_refused),
      cmocka_unit_test(wasm_and_wat_are_told_from_manifests),
      cmocka_unit_test(raw_wasm_becomes_a_manifest_of_one_module),
      cmocka_unit_test(modules_are_named_as_extism_names_them),
      cmocka_unit_test(modules_of_one_name_are_refused),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
