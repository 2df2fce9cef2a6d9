// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/release/release.h"

#include "base/log.h"
#include "runtime/run/worker.h"
#include "unit/base/alloc_failure.h"
#include "unit/runtime/runtime_testing.h"

static const char module[] =
    "(module (func (export \"f\") (result i32) (i32.const 0)) (func (export \"g\") (param i32)))";
static const char settings[] = "[functions.f]\nwasm = 'm.wat'\nroute = '/f'\nconfig = { a = 'b' }\n"
                               "[functions.again]\nwasm = 'm.wat'\nexport = 'f'\nroute = 'GET /again/{x}'\n";

static char *make_project(const char *text) {
  char *folder = folder_make();
  folder_write(folder, "m.wat", module);
  folder_write(folder, "ubiq.toml", text);
  return folder;
}

static void functions_are_found_by_their_routes(void **state) {
  (void)state;
  char *folder = make_project(settings);
  release *release;
  router_match match;
  assert_success(release_read(folder, NULL, &release));
  assert_int_equal(router_find(release->router, &(router_request){TEXT("GET"), TEXT(""), TEXT("/again/1")}, &match),
                   ROUTER_FOUND);
  const function *found = ((const route_target *)match.target)->function;
  assert_string_equal(found->name, "again");
  assert_string_equal(found->entry.name, "f");
  release_delete(release);
  folder_remove(folder);
}

static void the_last_owner_ends_a_release(void **state) {
  (void)state;
  char *folder = make_project(settings);
  release *release;
  assert_success(release_read(folder, NULL, &release));
  assert_ptr_equal(release_retain(release), release);
  release_delete(release);
  assert_int_equal(release->project->functions_count, 2);
  release_delete(release);
  folder_remove(folder);
}

static void fails(const char *text, ubiq_code code, const char *part) {
  char *folder = make_project(text);
  release *release = NULL;
  ubiq_error *error = release_read(folder, NULL, &release);
  if (ubiq_error_code(error) != code || strstr(ubiq_error_message(error), part) == NULL)
    fail_msg("%s; expected %s", ubiq_error_message(error), part);
  ubiq_error_delete(error);
  folder_remove(folder);
}

static void what_cannot_be_called_is_no_release(void **state) {
  (void)state;
  fails("[functions.f]\nwasm = 'm.wat'\nexport = 'absent'\n", UBIQ_NOT_FOUND, "absent");
  fails("[functions.g]\nwasm = 'm.wat'\n", UBIQ_INVALID_INPUT, "g");
  fails("[functions.f]\nwasm = 'nowhere.wasm'\n", UBIQ_NOT_FOUND, "nowhere.wasm");
  fails("[functions.f]\nwasm = 'ubiq.toml'\n", UBIQ_INVALID_INPUT, "f: ");
}

static bool attempt_release(void *user) {
  release *release = NULL;
  ubiq_error *error = release_read(user, NULL, &release);
  if (error == NULL) release_delete(release);
  bool good = error == NULL;
  ubiq_error_delete(error);
  return good;
}

/// Not every allocation is needed: without some, the plugin layer goes another way.
static void without_memory_there_is_an_error_or_another_way_and_no_leak(void **state) {
  (void)state;
  char *folder = make_project(settings);
  assert_true(alloc_failure_walk(attempt_release, folder, true) > 10);
  folder_remove(folder);
}

static bool attempt_worker(void *user) {
  const worker_options options = {.runs_max = 1, .queue_max = 1};
  worker *worker = NULL;
  ubiq_error *error = worker_new(&options, user, &worker);
  if (error == NULL) worker_delete(worker);
  bool good = error == NULL;
  ubiq_error_delete(error);
  return good;
}

static void without_memory_there_is_no_worker_and_no_leak(void **state) {
  (void)state;
  char *folder = make_project(settings);
  release *release;
  assert_success(release_read(folder, NULL, &release));
  assert_true(alloc_failure_sweep(attempt_worker, release) >= 2);
  assert_int_equal(atomic_load(&release->owners), 1);
  release_delete(release);
  folder_remove(folder);
}

int main(void) {
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  setenv("UBIQ_CACHE", "", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_are_found_by_their_routes),
      cmocka_unit_test(the_last_owner_ends_a_release),
      cmocka_unit_test(what_cannot_be_called_is_no_release),
      cmocka_unit_test(without_memory_there_is_an_error_or_another_way_and_no_leak),
      cmocka_unit_test(without_memory_there_is_no_worker_and_no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
