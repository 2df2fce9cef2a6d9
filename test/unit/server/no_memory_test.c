// What a server is made of when memory is out: each allocation of ours fails once, on the thread that makes it. It must be an error
// or harmless, leak nothing, and leave the next attempt alone.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#define ALLOC_FAILURE_STORAGE _Thread_local
#include "base/log.h"
#include "server/admin/admin.h"
#include "server/admin/admin_routes.h"
#include "server/front/address.h"
#include "server/front/dev_page.h"
#include "server/front/server.h"
#include "server/releases/releases.h"
#include "server/telemetry/log_ring.h"
#include "server/telemetry/otlp.h"
#include "server/telemetry/otlp_lines.h"
#include "unit/base/alloc_failure.h"
#include "unit/runtime/runtime_testing.h"

static bool is_good(ubiq_error *error) {
  bool good = error == NULL;
  ubiq_error_delete(error);
  return good;
}

/// What is only of use, such as a line of the log, may be missing.
static size_t sweep(bool (*attempt)(void *user), void *user) {
  return alloc_failure_walk(attempt, user, false);
}

static bool attempt_routes(void *user) {
  (void)user;
  router *self = NULL;
  bool good = is_good(admin_routes_new(&self));
  router_delete(self);
  return good;
}

static bool attempt_page(void *user) {
  (void)user;
  dev_page *self = dev_page_new();
  if (self != NULL) dev_page_built(self, "it does not build");
  dev_page_delete(self);
  return self != NULL;
}

static bool attempt_log_ring(void *user) {
  (void)user;
  log_ring *self = log_ring_new();
  log_ring_delete(self);
  return self != NULL;
}

static bool attempt_lines(void *user) {
  (void)user;
  const ubiq_log_record record = {.source = "f", .message = "\xff", .message_size = 1};
  otlp_lines *self = otlp_lines_new();
  if (self == NULL) return false;
  otlp_lines_put(self, &record);
  bool good = otlp_lines_dropped(self) == 0;
  otlp_lines_delete(self);
  return good;
}

static bool attempt_exporter(void *user) {
  (void)user;
  otlp *self = NULL;
  bool good = is_good(otlp_new("http://127.0.0.1:4318", 2, &self));
  if (good) otlp_delete(self);
  return good;
}

static bool attempt_listeners(void *user) {
  (void)user;
  listeners self = {0};
  bool good = is_good(listeners_open("listen", "127.0.0.1:0", 2, &self));
  listeners_close(&self);
  return good;
}

static bool attempt_releases(void *user) {
  const releases_settings settings = {.directory = user};
  releases *self = NULL;
  bool good = is_good(releases_open(&settings, &self));
  if (good) releases_close(self);
  return good;
}

static bool attempt_admin(void *user) {
  const admin_settings settings = {.listen = "127.0.0.1:0", .logs = user, .header_wait_ms = 1000};
  admin *self = NULL;
  bool good = is_good(admin_new(&settings, &self));
  if (good) admin_delete(self);
  return good;
}

static bool attempt_server(void *user) {
  server_settings settings = server_settings_default;
  settings.listen = "127.0.0.1:0";
  server *self = NULL;
  bool good = is_good(server_new(&settings, user, &self));
  if (good) server_delete(self);
  return good;
}

static void parts_are_an_error_without_memory(void **state) {
  (void)state;
  assert_true(sweep(attempt_routes, NULL) > 0);
  assert_true(sweep(attempt_page, NULL) > 0);
  assert_true(sweep(attempt_log_ring, NULL) > 0);
  assert_true(sweep(attempt_lines, NULL) > 0);
  assert_true(sweep(attempt_exporter, NULL) > 0);
  assert_true(sweep(attempt_listeners, NULL) > 0);
}

static void a_state_that_cannot_be_opened_for_want_of_memory_is_an_error(void **state) {
  (void)state;
  char *folder = folder_make();
  assert_true(sweep(attempt_releases, folder) > 0);
  folder_remove(folder);
}

static void an_admin_api_is_an_error_without_memory(void **state) {
  (void)state;
  log_ring *logs = log_ring_new();
  assert_true(sweep(attempt_admin, logs) > 0);
  log_ring_delete(logs);
}

static void a_server_is_an_error_without_memory(void **state) {
  (void)state;
  char *folder = folder_make();
  release *release = NULL;
  folder_write(folder, "m.wat", "(module (func (export \"f\") (result i32) (i32.const 0)))");
  folder_write(folder, "ubiq.toml", "[functions.f]\nwasm = 'm.wat'\nroute = '/f'\n");
  assert_success(release_read(folder, NULL, &release));
  assert_true(sweep(attempt_server, release) > 10);
  release_delete(release);
  folder_remove(folder);
}

static int be_quiet(void **state) {
  (void)state;
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_are_an_error_without_memory),
      cmocka_unit_test(a_state_that_cannot_be_opened_for_want_of_memory_is_an_error),
      cmocka_unit_test(an_admin_api_is_an_error_without_memory),
      cmocka_unit_test(a_server_is_an_error_without_memory),
  };
  return cmocka_run_group_tests(tests, be_quiet, NULL);
}
