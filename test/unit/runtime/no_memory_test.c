// What is made when memory is out: each allocation of ours fails once. It must be an error, leak nothing, and leave the next
// attempt alone. Constructors with tests of their own have their sweeps there.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/auth/auth.h"
#include "runtime/bundle/static_files.h"
#include "runtime/pool/pin.h"
#include "runtime/pool/pool_gauges.h"
#include "runtime/project/router.h"
#include "runtime/telemetry/metrics.h"
#include "runtime/telemetry/run_log.h"
#include "runtime/telemetry/run_ring.h"
#include "unit/base/alloc_failure.h"
#include "unit/runtime/runtime_testing.h"

/// Ends an attempt by its error; true: there was none.
static bool is_good(ubiq_error *error) {
  bool good = error == NULL;
  assert_true(good || ubiq_error_code(error) == UBIQ_INTERNAL);
  ubiq_error_delete(error);
  return good;
}

static bool attempt_metrics(void *user) {
  (void)user;
  metrics *self = metrics_new(3);
  const metrics_block *const *list = NULL;
  size_t count = 0;
  bool good = self != NULL && metrics_join(self, "f", 0) != NULL && metrics_list(self, &list, &count);
  free((void *)(uintptr_t)list);
  metrics_delete(self);
  return good;
}

static bool attempt_run_ring(void *user) {
  (void)user;
  run_ring *self = run_ring_new();
  run_ring_delete(self);
  return self != NULL;
}

static bool attempt_pin(void *user) {
  (void)user;
  pin *self = pin_new();
  pin_delete(self);
  return self != NULL;
}

static bool attempt_board(void *user) {
  (void)user;
  pool_board *self = pool_board_new();
  bool good = self != NULL && pool_board_join(self, 0) != NULL && pool_board_join(self, 1) != NULL;
  pool_board_delete(self);
  return good;
}

static bool attempt_router(void *user) {
  (void)user;
  static const char *const texts[] = {"POST /greet/{name}", "GET /greet/{name}", "/files/{rest...}",
                                      "GET *.example.com/"};
  router_route routes[4];
  router *self = NULL;
  for (size_t i = 0; i < 4; i++) {
    assert_null(router_route_parse(text_of(texts[i]), &routes[i]));
    routes[i].name = routes[i].target = texts[i];
  }
  bool good = is_good(router_new(routes, 4, &self));
  router_delete(self);
  return good;
}

static bool attempt_run_log(void *user) {
  uv_loop_t loop;
  run_log *self = NULL;
  run_log_writer *writer = NULL;
  assert_int_equal(uv_loop_init(&loop), 0);
  bool good = is_good(run_log_open(user, &self)) && (writer = run_log_writer_new(self, &loop)) != NULL;
  run_log_writer_close(writer);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  run_log_close(self);
  return good;
}

static bool attempt_files(void *user) {
  const project_files settings = {.folder = user, .index = "index.html", .route = "/{file...}"};
  static_files *self = NULL;
  bool good = is_good(static_files_open(&settings, user, NULL, &self));
  static_files_delete(self);
  return good;
}

static bool attempt_copied_files(void *user) {
  const project_entry entries[] = {{TEXT("index.html"), "index.html"}, {TEXT("a/b.css"), "b.css"}};
  const project_files settings = {.entries = entries, .entries_count = 2, .index = "index.html", .route = "/{file...}"};
  static_files *self = NULL;
  bool good = is_good(static_files_open(&settings, user, NULL, &self));
  static_files_delete(self);
  return good;
}

/// RFC 8037, appendix A.2, twice.
static const char keys[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\","
                           "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
                           "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"b\","
                           "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static ubiq_error *read_keys(void *user, const char *path, ubiq_bytes *out) {
  (void)user;
  (void)path;
  *out = (ubiq_bytes){(const uint8_t *)keys, sizeof keys - 1};
  return NULL;
}

static bool attempt_auth(void *user) {
  (void)user;
  const ubiq_files files = {.read = read_keys};
  auth_api_key key = {.name = "ci"};
  digest_sha256_hex("known", 5, key.digest);
  const auth_settings settings = {
      .keys = "k.json", .policy = {.issuer = "i", .audience = "a"}, .api_keys = &key, .api_keys_count = 1};
  const auth_presented presented = {.api_key = TEXT("known")};
  auth *self = NULL;
  buffer identity = {0};
  bool good = is_good(auth_new(&settings, &files, &self)) && is_good(auth_check(self, &presented, 1, &identity));
  buffer_free(&identity);
  auth_delete(self);
  return good;
}

static void what_needs_nothing_is_an_error_without_memory(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(attempt_metrics, NULL) > 0);
  assert_true(alloc_failure_sweep(attempt_run_ring, NULL) > 0);
  assert_true(alloc_failure_sweep(attempt_pin, NULL) > 0);
  assert_true(alloc_failure_sweep(attempt_board, NULL) > 0);
  assert_true(alloc_failure_sweep(attempt_router, NULL) > 0);
}

static void what_reads_or_writes_files_is_an_error_without_memory(void **state) {
  (void)state;
  char *folder = folder_make();
  char log[512];
  folder_write(folder, "index.html", "<p>");
  folder_write(folder, "b.css", "p {}");
  snprintf(log, sizeof log, "%s/runs.log", folder);
  assert_true(alloc_failure_sweep(attempt_run_log, log) > 0);
  assert_true(alloc_failure_sweep(attempt_files, folder) > 0);
  assert_true(alloc_failure_sweep(attempt_copied_files, folder) > 0);
  folder_remove(folder);
}

/// A key that there is no memory for is left out as one that is malformed is, unless none is left.
static void keys_are_left_out_or_an_error_without_memory(void **state) {
  (void)state;
  assert_true(alloc_failure_walk(attempt_auth, NULL, false) > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_needs_nothing_is_an_error_without_memory),
      cmocka_unit_test(what_reads_or_writes_files_is_an_error_without_memory),
      cmocka_unit_test(keys_are_left_out_or_an_error_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
