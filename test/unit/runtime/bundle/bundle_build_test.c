// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/bundle/bundle_build.h"

#include "base/log.h"
#include "unit/base/alloc_failure.h"
#include "unit/runtime/bundle/bundle_testing.h"

#define MODULE "(module (func (export \"f\") (result i32) (i32.const 0)))"
static const char settings[] = "[project]\nname = 'a b'\nversion = '1.0'\n"
                               "[functions.b]\nmanifest = 'm.toml'\nexport = 'f'\nroute = '/b'\n"
                               "[functions.a]\nwasm = 'm.wat'\nexport = 'f'\nroute = '/a'\nconfig = { k = 'v' }\n"
                               "allowed_hosts = ['a.example', '*']\n";

static char *make_project(const char *toml) {
  char *folder = folder_make();
  folder_write(folder, "m.wat", MODULE);
  folder_write(folder, "m.toml", "[[wasm]]\npath = 'm.wat'\n[config]\nx = 'y'\n");
  folder_write(folder, "ubiq.toml", toml);
  return folder;
}

static ubiq_error *build(const char *folder, bundle_built *out) {
  project *project = NULL;
  ubiq_error *error = project_read(folder, &project);
  if (error == NULL) error = bundle_build(project, out);
  project_delete(project);
  return error;
}

static void the_same_project_makes_the_same_bytes(void **state) {
  (void)state;
  static const char source[] = "__attribute__((export_name(\"f\"))) const char *f(void) { return __FILE__; }\n";
  bundle_built built[2];
  setenv("UBIQ_PDK", UBIQ_SOURCE_DIR "/pdk/c", 1);
  for (size_t i = 0; i < 2; i++) {
    char *folder = make_project("[functions.f]\nsource = 'f.c'\n");
    folder_write(folder, "f.c", source);
    assert_success(build(folder, &built[i]));
    folder_remove(folder);
  }
  assert_int_equal(built[0].bytes.size, built[1].bytes.size);
  assert_memory_equal(built[0].bytes.data, built[1].bytes.data, built[0].bytes.size);
  assert_string_equal(built[0].file_name, built[1].file_name);
  bundle_built_free(&built[0]);
  bundle_built_free(&built[1]);
}

static void files_are_named_after_what_they_hold(void **state) {
  (void)state;
  char *folder = make_project(settings);
  bundle_built built;
  bundle *bundle = NULL;
  ubiq_bytes content;
  assert_success(build(folder, &built));
  char digest[DIGEST_SHA256_HEX_SIZE], name[100];
  digest_sha256_hex(built.bytes.data, built.bytes.size, digest);
  assert_string_equal(built.digest, digest);
  snprintf(name, sizeof name, "a-b-1.0-%.12s.ubiq", digest);
  assert_string_equal(built.file_name, name);
  assert_success(bundle_parse("b.ubiq", buffer_bytes(&built.bytes), &bundle));
  assert_true(bundle_find(bundle, TEXT("ubiq.toml"), &content));
  const char *module = strstr((const char *)content.data, "wasm = \"modules/");
  assert_non_null(module);
  text path = {module + 8, 64 + 13};
  assert_true(bundle_find(bundle, path, &content));
  assert_memory_equal(content.data, "\0asm", 4);
  digest_sha256_hex(content.data, content.size, digest);
  assert_memory_equal(path.data + 8, digest, 64);
  bundle_delete(bundle);
  bundle_built_free(&built);
  folder_remove(folder);
}

static ubiq_error *load(const bundle_built *built, const release_grant *grant, release **out) {
  bundle *bundle = NULL;
  assert_success(bundle_parse("b.ubiq", buffer_bytes(&built->bytes), &bundle));
  ubiq_error *error = release_from_bundle(bundle, grant, out);
  bundle_delete(bundle);
  return error;
}

static void a_release_comes_from_the_bundle_alone(void **state) {
  (void)state;
  char *folder = make_project(settings);
  bundle_built built;
  release *release = NULL;
  router_match match;
  assert_success(build(folder, &built));
  for (size_t i = 0; i < 3; i++) unlink(folder_path(folder, (const char *[]){"m.wat", "m.toml", "ubiq.toml"}[i]));
  assert_success(load(&built, &(release_grant){.all_hosts = true}, &release));
  assert_int_equal(router_find(release->router, &(router_request){TEXT("GET"), TEXT(""), TEXT("/a")}, &match),
                   ROUTER_FOUND);
  assert_string_equal(((const route_target *)match.target)->function->name, "a");
  assert_string_equal(release->project->functions[0].config[0].value, "v");
  assert_string_equal(release->project->functions[0].allowed_hosts[1], "*");
  assert_int_equal(router_find(release->router, &(router_request){TEXT("GET"), TEXT(""), TEXT("/b")}, &match),
                   ROUTER_FOUND);
  release_delete(release);
  bundle_built_free(&built);
  folder_remove(folder);
}

static void hosts_are_granted_word_for_word(void **state) {
  (void)state;
  char *folder = make_project(settings);
  bundle_built built;
  release *release = NULL;
  assert_success(build(folder, &built));
  assert_fails(load(&built, &(release_grant){0}, &release), UBIQ_DENIED,
               "b.ubiq: a asks for requests to a.example, which are not granted (--allow-host 'a.example')");
  const char *const hosts[] = {"*", "a.example", "b.example"};
  assert_error(load(&built, &(release_grant){.hosts = hosts, .hosts_count = 1}, &release), UBIQ_DENIED, "a.example");
  assert_error(load(&built, &(release_grant){.hosts = hosts + 1, .hosts_count = 2}, &release), UBIQ_DENIED,
               "to *, which");
  assert_success(load(&built, &(release_grant){.hosts = hosts, .hosts_count = 3}, &release));
  release_delete(release);
  bundle_built_free(&built);
  folder_remove(folder);
}

static void a_function_that_cannot_be_made_is_named_once(void **state) {
  (void)state;
  char *folder = make_project("[functions.order]\nwasm = 'm.wat'\nbuild = 'exit 3'\n");
  bundle_built built = {0};
  ubiq_error *error = build(folder, &built);
  assert_string_equal(ubiq_error_message(error),
                      "order: the build command `exit 3` ended with exit code 3; expected 0");
  ubiq_error_delete(error);
  folder_write(folder, "m.wat", "(module (func)");
  folder_write(folder, "ubiq.toml", "[functions.order]\nwasm = 'm.wat'\n");
  error = build(folder, &built);
  const char *message = ubiq_error_message(error);
  assert_int_equal(strncmp(message, "order: ", 7), 0);
  assert_null(strstr(message + 7, "order: "));
  ubiq_error_delete(error);
  folder_remove(folder);
}

static void what_functions_name_again_and_again_is_bounded(void **state) {
  (void)state;
  char *folder =
      make_project("[functions]\na = { wasm = 'm.wat', export = 'f' }\nb = { wasm = 'm.wat', export = 'f' }\n");
  bundle_built built;
  release *release = NULL;
  assert_success(build(folder, &built));
  const size_t module = 8 + 7 + 4 + 7 + 8; // header, type, function, export and code of MODULE
  assert_success(load(&built, &(release_grant){.bytes_max = 2 * module}, &release));
  release_delete(release);
  assert_error(load(&built, &(release_grant){.bytes_max = 2 * module - 1}, &release), UBIQ_TOO_LARGE,
               "the functions name files of more than the 67 bytes that are allowed");
  bundle_built_free(&built);
  folder_remove(folder);
}

static bool attempt(void *user) {
  bundle_built built;
  ubiq_error *error = bundle_build(user, &built);
  bool good = error == NULL;
  ubiq_error_delete(error);
  bundle_built_free(&built);
  return good;
}

static void without_memory_there_is_no_bundle_and_no_leak(void **state) {
  (void)state;
  char *folder = make_project(settings);
  project *project = NULL;
  assert_success(project_read(folder, &project));
  assert_true(alloc_failure_sweep(attempt, project) > 20);
  project_delete(project);
  folder_remove(folder);
}

static bool attempt_release(void *user) {
  release *release = NULL;
  ubiq_error *error = release_from_bundle(user, &(release_grant){.all_hosts = true}, &release);
  if (error == NULL) release_delete(release);
  bool good = error == NULL;
  ubiq_error_delete(error);
  return good;
}

/// Not every allocation is needed: without some, the plugin layer goes another way.
static void without_memory_there_is_an_error_or_another_way_and_no_leak(void **state) {
  (void)state;
  char *folder = make_project(settings);
  bundle_built built;
  bundle *bundle = NULL;
  assert_success(build(folder, &built));
  assert_success(bundle_parse("b.ubiq", buffer_bytes(&built.bytes), &bundle));
  assert_true(alloc_failure_walk(attempt_release, bundle, true) > 10);
  bundle_delete(bundle);
  bundle_built_free(&built);
  folder_remove(folder);
}

int main(void) {
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  setenv("UBIQ_CACHE", "", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_project_makes_the_same_bytes),
      cmocka_unit_test(files_are_named_after_what_they_hold),
      cmocka_unit_test(a_release_comes_from_the_bundle_alone),
      cmocka_unit_test(hosts_are_granted_word_for_word),
      cmocka_unit_test(a_function_that_cannot_be_made_is_named_once),
      cmocka_unit_test(what_functions_name_again_and_again_is_bounded),
      cmocka_unit_test(without_memory_there_is_no_bundle_and_no_leak),
      cmocka_unit_test(without_memory_there_is_an_error_or_another_way_and_no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
