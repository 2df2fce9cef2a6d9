#include "runtime/bundle/bundle_signature.h"

#include "unit/runtime/runtime_testing.h"

static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void what_a_key_signs_its_public_half_knows(void **state) {
  (void)state;
  char *folder = folder_make();
  uint8_t signature[SIGNATURE_SIZE], read[SIGNATURE_SIZE];
  public_key keys[2];
  assert_success(bundle_key_new(folder_path(folder, "a")));
  assert_success(bundle_key_new(folder_path(folder, "b")));
  assert_success(bundle_public_key_read(folder_path(folder, "a.pub"), &keys[0]));
  assert_success(bundle_public_key_read(folder_path(folder, "b.pub"), &keys[1]));
  assert_success(bundle_sign(folder_path(folder, "b"), digest, signature));
  assert_true(bundle_signed_by(keys, 2, digest, signature));
  assert_false(bundle_signed_by(keys, 1, digest, signature));
  assert_false(bundle_signed_by(keys, 2, "another", signature));
  assert_success(bundle_signature_write(folder_path(folder, "s"), signature));
  assert_success(bundle_signature_read(folder_path(folder, "s"), read));
  assert_memory_equal(signature, read, sizeof read);
  folder_remove(folder);
}

static void a_secret_key_is_for_its_owner_alone_and_never_replaced(void **state) {
  (void)state;
  char *folder = folder_make();
  struct stat status;
  assert_success(bundle_key_new(folder_path(folder, "key")));
  assert_int_equal(stat(folder_path(folder, "key"), &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
  ubiq_error *error = bundle_key_new(folder_path(folder, "key"));
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
  assert_int_equal(unlink(folder_path(folder, "key")), 0);
  error = bundle_key_new(folder_path(folder, "key"));
  assert_non_null(strstr(ubiq_error_message(error), "key.pub: is there already"));
  ubiq_error_delete(error);
  folder_remove(folder);
}

static void fails(const char *folder, const char *content) {
  public_key key;
  folder_write(folder, "bad", content);
  ubiq_error *error = bundle_public_key_read(folder_path(folder, "bad"), &key);
  assert_non_null(strstr(ubiq_error_message(error), "expected one line \"ubiq-public-key:BASE64\""));
  ubiq_error_delete(error);
}

static void what_is_no_public_key_is_refused(void **state) {
  (void)state;
  char *folder = folder_make();
  public_key key;
  fails(folder, "");
  fails(folder, "ubiq-public-key");
  fails(folder, "ubiq-public-key:AAAA");
  fails(folder, "ubiq-public-key:????");
  fails(folder, "ubiq-secret-key:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
  folder_write(folder, "good", " ubiq-public-key:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
  assert_success(bundle_public_key_read(folder_path(folder, "good"), &key));
  folder_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_key_signs_its_public_half_knows),
      cmocka_unit_test(a_secret_key_is_for_its_owner_alone_and_never_replaced),
      cmocka_unit_test(what_is_no_public_key_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
