// Secrets: who may have them, and what of them is on the disk.
#include "base/file.h"
#include "services/config/secrets.h"
#include "services/config/secrets_key.h"
#include "unit/services/services_testing.h"

#include <sys/stat.h>

#define VALUE "hunter2-is-no-password"

static int set_up(void **state) {
  fixture *self = fixture_open(state);
  assert_success(secrets_open(self->folder.path, self->services.backend, &self->services.secrets));
  return 0;
}

static void begin_as_admin(calling *self, const fixture *fixture) {
  calling_begin(self, &fixture->services);
  self->call.caller.function = (text){NULL, 0};
}

static void put(fixture *self, const char *name, const char *json) {
  calling calling;
  begin_as_admin(&calling, self);
  calling_text(&calling, SECRETS_PUT_NAME, name);
  calling_json(&calling, json);
  calling_run(&calling, service_secrets_put);
  assert_answer(&calling, 204, "");
  calling_end(&calling);
}

static void get(fixture *self, const char *name, calling *calling) {
  calling_begin(calling, &self->services);
  calling_text(calling, SECRETS_GET_NAME, name);
  calling_run(calling, service_secrets_get);
}

static void a_function_gets_what_was_set(void **state) {
  fixture *self = *state;
  calling calling;
  put(self, "token", "{\"value\":\"" VALUE "\"}");
  get(self, "token", &calling);
  assert_answer(&calling, 200, "{\"name\":\"token\",\"value\":\"" VALUE "\"}");
  calling_end(&calling);
}

static void a_token_of_the_admin_api_reads_none(void **state) {
  fixture *self = *state;
  calling calling;
  put(self, "token", "{\"value\":\"" VALUE "\"}");
  begin_as_admin(&calling, self);
  calling_text(&calling, SECRETS_GET_NAME, "token");
  calling_run(&calling, service_secrets_get);
  assert_refused(&calling, 403, "secrets are read by functions alone; whoever has forgotten one sets it anew");
  calling_end(&calling);
}

static void a_function_changes_none(void **state) {
  fixture *self = *state;
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, SECRETS_PUT_NAME, "token");
  calling_json(&calling, "{\"value\":\"" VALUE "\"}");
  calling_run(&calling, service_secrets_put);
  assert_int_equal(calling_status(&calling), 403);
  assert_null(strstr(ubiq_error_message(calling.call.error), VALUE));
  calling_end(&calling);
  calling_begin(&calling, &self->services);
  calling_text(&calling, SECRETS_DELETE_NAME, "token");
  calling_run(&calling, service_secrets_delete);
  assert_int_equal(calling_status(&calling), 403);
  calling_end(&calling);
}

static void a_list_has_names_alone(void **state) {
  fixture *self = *state;
  calling calling;
  put(self, "b", "{\"value\":\"" VALUE "\"}");
  put(self, "a", "{\"value\":\"" VALUE "\"}");
  begin_as_admin(&calling, self);
  calling_run(&calling, service_secrets_list);
  assert_answer(&calling, 200, "{\"items\":[{\"name\":\"a\",\"version\":2},{\"name\":\"b\",\"version\":1}]}");
  calling_end(&calling);
}

static void a_deleted_secret_is_not_found(void **state) {
  fixture *self = *state;
  calling calling;
  put(self, "token", "{\"value\":\"" VALUE "\"}");
  for (int i = 0; i < 2; i++) {
    begin_as_admin(&calling, self);
    calling_text(&calling, SECRETS_DELETE_NAME, "token");
    calling_run(&calling, service_secrets_delete);
    assert_answer(&calling, 204, "");
    calling_end(&calling);
  }
  get(self, "token", &calling);
  assert_int_equal(calling_status(&calling), 404);
  calling_end(&calling);
}

static void another_project_sees_none(void **state) {
  fixture *self = *state;
  calling calling;
  put(self, "token", "{\"value\":\"" VALUE "\"}");
  calling_begin(&calling, &self->services);
  calling.call.caller.project = TEXT("other");
  calling_text(&calling, SECRETS_GET_NAME, "token");
  calling_run(&calling, service_secrets_get);
  assert_int_equal(calling_status(&calling), 404);
  calling_end(&calling);
}

static void a_name_that_cannot_be_shown_is_refused(void **state) {
  fixture *self = *state;
  static const char *const names[] = {"a\nb", "\xff", "\x7f", ""};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    calling calling;
    begin_as_admin(&calling, self);
    calling_text(&calling, SECRETS_PUT_NAME, names[i]);
    calling_json(&calling, "{\"value\":\"" VALUE "\"}");
    calling_run(&calling, service_secrets_put);
    assert_int_equal(calling_status(&calling), 400);
    calling_end(&calling);
  }
}

static void a_value_over_64_kib_is_too_large_and_not_told(void **state) {
  fixture *self = *state;
  static char json[SECRETS_VALUE_MAX + 64];
  calling calling;
  memset(json, 'x', sizeof json);
  memcpy(json, "{\"value\":\"", 10);
  strcpy(json + 10 + SECRETS_VALUE_MAX + 1, "\"}");
  begin_as_admin(&calling, self);
  calling_text(&calling, SECRETS_PUT_NAME, "token");
  calling_json(&calling, json);
  calling_run(&calling, service_secrets_put);
  assert_refused(&calling, 413, "the secret has 65537 bytes; expected at most 65536");
  calling_end(&calling);
}

static bool file_holds(const char *directory, const char *name, const char *needle) {
  buffer bytes = {0};
  char *path = file_path_join(directory, name);
  if (file_exists(path)) assert_success(file_read_all(path, SIZE_MAX, &bytes));
  bool found = bytes.size > 0 && memmem(bytes.data, bytes.size, needle, strlen(needle)) != NULL;
  buffer_free(&bytes);
  free(path);
  return found;
}

static void the_disk_has_the_name_and_not_the_value(void **state) {
  fixture *self = *state;
  put(self, "some-secret-name", "{\"value\":\"" VALUE "\"}");
  const char *base = strrchr(self->folder.file, '/') + 1;
  char log[64];
  snprintf(log, sizeof log, "%s-wal", base);
  assert_true(file_holds(self->folder.path, base, "some-secret-name") ||
              file_holds(self->folder.path, log, "some-secret-name"));
  assert_false(file_holds(self->folder.path, base, VALUE));
  assert_false(file_holds(self->folder.path, log, VALUE));
}

static void the_key_is_for_its_owner_and_stays(void **state) {
  fixture *self = *state;
  struct stat status;
  secrets *again = NULL;
  calling calling;
  char *path = file_path_join(self->folder.path, SECRETS_KEY_FILE);
  assert_int_equal(stat(path, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
  assert_int_equal(status.st_size, SECRETS_KEY_SIZE);
  put(self, "token", "{\"value\":\"" VALUE "\"}");
  secrets_close(self->services.secrets);
  self->services.secrets = NULL;
  assert_success(secrets_open(self->folder.path, self->services.backend, &again));
  self->services.secrets = again;
  get(self, "token", &calling);
  assert_int_equal(calling_status(&calling), 200);
  calling_end(&calling);
  free(path);
}

static void a_key_that_others_may_read_or_that_is_cut_is_refused(void **state) {
  fixture *self = *state;
  secrets *none = NULL;
  char *path = file_path_join(self->folder.path, SECRETS_KEY_FILE);
  assert_int_equal(chmod(path, 0640), 0);
  ubiq_error *error = secrets_open(self->folder.path, self->services.backend, &none);
  assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
  ubiq_error_delete(error);
  assert_success(file_write_atomic(path, 0600, "short", 5));
  error = secrets_open(self->folder.path, self->services.backend, &none);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
  free(path);
}

static void another_key_opens_nothing(void **state) {
  fixture *self = *state;
  secrets *again = NULL;
  calling calling;
  put(self, "token", "{\"value\":\"" VALUE "\"}");
  char *path = file_path_join(self->folder.path, SECRETS_KEY_FILE);
  assert_int_equal(remove(path), 0);
  assert_success(secrets_open(self->folder.path, self->services.backend, &again));
  secrets_close(self->services.secrets);
  self->services.secrets = again;
  get(self, "token", &calling);
  assert_int_equal(calling_status(&calling), 503);
  calling_end(&calling);
  free(path);
}

static void what_was_sealed_is_bound_to_its_project_and_name(void **state) {
  (void)state;
  const uint8_t key[SECRETS_KEY_SIZE] = {1, 2, 3};
  buffer sealed = {0}, out = {0};
  assert_true(secrets_seal(key, TEXT("shop"), TEXT("a"), TEXT(VALUE), &sealed));
  assert_int_equal(secrets_unseal(key, TEXT("shop"), TEXT("b"), buffer_bytes(&sealed), &out), SECRETS_FORGED);
  assert_int_equal(secrets_unseal(key, TEXT("shopa"), TEXT(""), buffer_bytes(&sealed), &out), SECRETS_FORGED);
  assert_int_equal(out.size, 0);
  assert_int_equal(secrets_unseal(key, TEXT("shop"), TEXT("a"), buffer_bytes(&sealed), &out), SECRETS_OK);
  assert_int_equal(out.size, strlen(VALUE));
  assert_memory_equal(out.data, VALUE, out.size);
  for (size_t i = 0; i < sealed.size; i++) {
    sealed.data[i] ^= 1;
    assert_int_equal(secrets_unseal(key, TEXT("shop"), TEXT("a"), buffer_bytes(&sealed), &out), SECRETS_FORGED);
    sealed.data[i] ^= 1;
  }
  for (size_t size = 0; size < sealed.size; size++)
    assert_int_equal(secrets_unseal(key, TEXT("shop"), TEXT("a"), (ubiq_bytes){sealed.data, size}, &out),
                     SECRETS_FORGED);
  buffer_free(&sealed);
  buffer_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_function_gets_what_was_set, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(a_token_of_the_admin_api_reads_none, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(a_function_changes_none, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(a_list_has_names_alone, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(a_deleted_secret_is_not_found, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(another_project_sees_none, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(a_name_that_cannot_be_shown_is_refused, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(a_value_over_64_kib_is_too_large_and_not_told, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(the_disk_has_the_name_and_not_the_value, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(the_key_is_for_its_owner_and_stays, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(a_key_that_others_may_read_or_that_is_cut_is_refused, set_up, fixture_close),
      cmocka_unit_test_setup_teardown(another_key_opens_nothing, set_up, fixture_close),
      cmocka_unit_test(what_was_sealed_is_bound_to_its_project_and_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
