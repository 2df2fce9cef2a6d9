// Certificates are kept as the files' bytes say, and copied for each handshake: GnuTLS has no count of owners, and a handshake
// may still be under way when the files change.
#include "server/front/tls.h"

#include "base/file.h"
#include "base/text.h"

#include <pthread.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 1 << 20 };

/// What is shown; all of it is owned.
typedef struct identity {
  gnutls_x509_crt_t chain[TLS_CHAIN_MAX]; ///< the server's own first
  unsigned count;
  gnutls_x509_privkey_t key;
} identity;

struct tls {
  char *certificate_file, *key_file;
  pthread_mutex_t lock; ///< guards `shown`
  identity shown;
};

// ------------------------------------------------------------------------------------------------------- the files

static void identity_free(identity *self) {
  for (unsigned i = 0; i < self->count; i++) gnutls_x509_crt_deinit(self->chain[i]);
  if (self->key != NULL) gnutls_x509_privkey_deinit(self->key);
  *self = (identity){0};
}

static ubiq_error *wrong(const char *file, const char *expected, int number) {
  if (number == GNUTLS_E_MEMORY_ERROR) return ubiq_error_no_memory();
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: %s; expected %s", file, gnutls_strerror(number), expected);
}

static ubiq_error *read_chain(const char *file, identity *out) {
  buffer bytes = {0};
  ubiq_error *error = file_read_all(file, FILE_BYTES_MAX, &bytes);
  if (error == NULL) {
    const gnutls_datum_t pem = {bytes.data, (unsigned)bytes.size};
    out->count = TLS_CHAIN_MAX;
    int number = gnutls_x509_crt_list_import(out->chain, &out->count, &pem, GNUTLS_X509_FMT_PEM,
                                             GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    if (number < 0) {
      out->count = 0; // nothing is left behind
      error = wrong(file, "a chain of certificates in PEM, the server's own first", number);
    }
  }
  buffer_free(&bytes);
  return error;
}

static ubiq_error *read_key(const char *file, identity *out) {
  buffer bytes = {0};
  ubiq_error *error = file_read_all(file, FILE_BYTES_MAX, &bytes);
  if (error == NULL && gnutls_x509_privkey_init(&out->key) < 0) error = ubiq_error_no_memory();
  if (error == NULL) {
    const gnutls_datum_t pem = {bytes.data, (unsigned)bytes.size};
    int number = gnutls_x509_privkey_import2(out->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (number < 0) error = wrong(file, "a private key in PEM, without a password", number);
  }
  if (bytes.data != NULL) gnutls_memset(bytes.data, 0, bytes.size);
  buffer_free(&bytes);
  return error;
}

/// Two keys are one when they have the same public half.
static bool is_its_key(const identity *self) {
  unsigned char certificates[64], keys[64];
  size_t certificates_size = sizeof certificates, keys_size = sizeof keys;
  return gnutls_x509_crt_get_key_id(self->chain[0], GNUTLS_KEYID_USE_SHA256, certificates, &certificates_size) == 0 &&
         gnutls_x509_privkey_get_key_id(self->key, GNUTLS_KEYID_USE_SHA256, keys, &keys_size) == 0 &&
         certificates_size == keys_size && memcmp(certificates, keys, keys_size) == 0;
}

static ubiq_error *identity_read(const tls *files, identity *out) {
  *out = (identity){0};
  ubiq_error *error = read_chain(files->certificate_file, out);
  if (error == NULL) error = read_key(files->key_file, out);
  if (error == NULL && !is_its_key(out))
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is not the key of the first certificate of %s; expected that",
                           files->key_file, files->certificate_file);
  if (error != NULL) identity_free(out);
  return error;
}

// ------------------------------------------------------------------------------------------------------------- tls

ubiq_error *tls_new(const char *certificate_file, const char *key_file, tls **out) {
  tls *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  pthread_mutex_init(&self->lock, NULL);
  self->certificate_file = strdup(certificate_file);
  self->key_file = strdup(key_file);
  bool good = self->certificate_file != NULL && self->key_file != NULL;
  ubiq_error *error = good ? identity_read(self, &self->shown) : ubiq_error_no_memory();
  if (error != NULL) {
    tls_delete(self);
    return error;
  }
  *out = self;
  return NULL;
}

ubiq_error *tls_reload(tls *self, bool *changed) {
  identity read;
  ubiq_error *error = identity_read(self, &read);
  *changed = false;
  if (error != NULL) return error;
  pthread_mutex_lock(&self->lock);
  *changed = gnutls_x509_crt_equals(read.chain[0], self->shown.chain[0]) == 0;
  identity old = self->shown;
  self->shown = read;
  pthread_mutex_unlock(&self->lock);
  identity_free(&old);
  return NULL;
}

const char *tls_certificate_file(const tls *self) {
  return self->certificate_file;
}

const char *tls_key_file(const tls *self) {
  return self->key_file;
}

/// Copies as GnuTLS wants them; with GNUTLS_CERT_RETR_DEINIT_ALL it ends all of it.
static int copy_chain(const identity *shown, gnutls_pcert_st **chain, unsigned *count) {
  *count = 0;
  *chain = gnutls_calloc(shown->count, sizeof **chain);
  int number = *chain == NULL ? GNUTLS_E_MEMORY_ERROR : 0;
  for (unsigned i = 0; number == 0 && i < shown->count; i++) {
    number = gnutls_pcert_import_x509(&(*chain)[i], shown->chain[i], 0);
    *count += number == 0;
  }
  return number;
}

static int copy_key(const identity *shown, gnutls_privkey_t *key) {
  int number = gnutls_privkey_init(key);
  if (number != 0) return number;
  number = gnutls_privkey_import_x509(*key, shown->key, GNUTLS_PRIVKEY_IMPORT_COPY);
  if (number != 0) gnutls_privkey_deinit(*key);
  return number;
}

int tls_show(tls *self, gnutls_pcert_st **chain, unsigned *count, gnutls_privkey_t *key, unsigned *flags) {
  pthread_mutex_lock(&self->lock);
  int number = copy_chain(&self->shown, chain, count);
  if (number == 0) number = copy_key(&self->shown, key);
  pthread_mutex_unlock(&self->lock);
  *flags = GNUTLS_CERT_RETR_DEINIT_ALL;
  if (number == 0) return 0;
  for (unsigned i = 0; i < *count; i++) gnutls_pcert_deinit(&(*chain)[i]);
  gnutls_free(*chain);
  *chain = NULL;
  return -1;
}

void tls_delete(tls *self) {
  if (self == NULL) return;
  identity_free(&self->shown);
  pthread_mutex_destroy(&self->lock);
  free(self->certificate_file);
  free(self->key_file);
  free(self);
}
