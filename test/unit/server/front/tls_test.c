#include "server/front/tls.h"

#include "unit/base/testing.h"

#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/ubiq-tls-XXXXXX";
static char certificate_path[64], key_path[64];

static void write_file(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  fclose(file);
}

static void make_key(gnutls_x509_privkey_t *key) {
  assert_int_equal(gnutls_x509_privkey_init(key), 0);
  assert_int_equal(
      gnutls_x509_privkey_generate(*key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
}

static void write_key(gnutls_x509_privkey_t key) {
  gnutls_datum_t pem;
  assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
  write_file(key_path, pem.data, pem.size);
  gnutls_free(pem.data);
}

static void write_certificate(gnutls_x509_privkey_t key, unsigned char serial) {
  gnutls_x509_crt_t certificate;
  gnutls_datum_t pem;
  assert_int_equal(gnutls_x509_crt_init(&certificate), 0);
  gnutls_x509_crt_set_key(certificate, key);
  gnutls_x509_crt_set_serial(certificate, &serial, 1);
  gnutls_x509_crt_set_activation_time(certificate, time(NULL) - 60);
  gnutls_x509_crt_set_expiration_time(certificate, time(NULL) + 3600);
  assert_int_equal(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), 0);
  assert_int_equal(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem), 0);
  write_file(certificate_path, pem.data, pem.size);
  gnutls_free(pem.data);
  gnutls_x509_crt_deinit(certificate);
}

static void write_both(unsigned char serial) {
  gnutls_x509_privkey_t key;
  make_key(&key);
  write_key(key);
  write_certificate(key, serial);
  gnutls_x509_privkey_deinit(key);
}

/// The serial number of the certificate that is shown.
static unsigned char shown_serial(tls *self) {
  gnutls_pcert_st *chain;
  gnutls_privkey_t key;
  gnutls_x509_crt_t certificate;
  unsigned count, flags;
  unsigned char serial[20];
  size_t size = sizeof serial;
  assert_int_equal(tls_show(self, &chain, &count, &key, &flags), 0);
  assert_int_equal(count, 1);
  assert_int_equal(flags, GNUTLS_CERT_RETR_DEINIT_ALL);
  assert_int_equal(gnutls_pcert_export_x509(&chain[0], &certificate), 0);
  assert_int_equal(gnutls_x509_crt_get_serial(certificate, serial, &size), 0);
  gnutls_x509_crt_deinit(certificate);
  gnutls_pcert_deinit(&chain[0]);
  gnutls_free(chain);
  gnutls_privkey_deinit(key);
  return serial[size - 1];
}

static void new_files_are_shown_after_a_reload(void **state) {
  (void)state;
  tls *self;
  bool changed;
  write_both(1);
  assert_success(tls_new(certificate_path, key_path, &self));
  assert_int_equal(shown_serial(self), 1);
  assert_success(tls_reload(self, &changed));
  assert_false(changed);
  write_both(2);
  assert_int_equal(shown_serial(self), 1);
  assert_success(tls_reload(self, &changed));
  assert_true(changed);
  assert_int_equal(shown_serial(self), 2);
  tls_delete(self);
}

static void what_is_wrong_leaves_the_old_certificate(void **state) {
  (void)state;
  tls *self;
  bool changed;
  gnutls_x509_privkey_t other;
  write_both(3);
  assert_success(tls_new(certificate_path, key_path, &self));
  make_key(&other);
  write_key(other);
  char message[300];
  snprintf(message, sizeof message, "%s: is not the key of the first certificate of %s; expected that", key_path,
           certificate_path);
  assert_fails(tls_reload(self, &changed), UBIQ_INVALID_INPUT, message);
  assert_false(changed);
  write_file(certificate_path, "nonsense", 8);
  ubiq_error *error = tls_reload(self, &changed);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_non_null(strstr(ubiq_error_message(error), "expected a chain of certificates in PEM"));
  ubiq_error_delete(error);
  unlink(certificate_path);
  error = tls_reload(self, &changed);
  assert_int_equal(ubiq_error_code(error), UBIQ_NOT_FOUND);
  ubiq_error_delete(error);
  assert_int_equal(shown_serial(self), 3);
  gnutls_x509_privkey_deinit(other);
  tls_delete(self);
}

static int make_folder(void **state) {
  (void)state;
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(certificate_path, sizeof certificate_path, "%s/certificate.pem", folder);
  snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(certificate_path);
  unlink(key_path);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(new_files_are_shown_after_a_reload),
      cmocka_unit_test(what_is_wrong_leaves_the_old_certificate),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
