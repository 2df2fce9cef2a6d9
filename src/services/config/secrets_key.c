// A sealed value is a random nonce of 24 bytes, then what libsodium makes of the rest.
#include "services/config/secrets_key.h"

#include "base/digest.h"
#include "base/file.h"
#include "services/config/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
  TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};

// ------------------------------------------------------------------------------------------------------------ the key

static ubiq_error *check_mode(const char *path) {
  struct stat status;
  if (stat(path, &status) != 0) return file_error(errno, path);
  if ((status.st_mode & 077) == 0) return NULL;
  return ubiq_error_new(UBIQ_DENIED, "%s: others than its owner may use it; expected permissions 0600", path);
}

static ubiq_error *read_key(const char *path, uint8_t key[SECRETS_KEY_SIZE]) {
  buffer bytes = {0};
  ubiq_error *error = check_mode(path);
  if (error == NULL) error = file_read_all(path, SECRETS_KEY_SIZE, &bytes);
  if (error == NULL && bytes.size != SECRETS_KEY_SIZE)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "%s: has %zu bytes; expected the key of %d that was made here", path,
                           bytes.size, SECRETS_KEY_SIZE);
  if (error == NULL) memcpy(key, bytes.data, SECRETS_KEY_SIZE);
  if (bytes.size > 0) digest_wipe(bytes.data, bytes.size);
  buffer_free(&bytes);
  return error;
}

/// Gives the file its name unless it was made by somebody else meanwhile: a link never replaces anything.
static ubiq_error *make_key(const char *directory, const char *path) {
  uint8_t key[SECRETS_KEY_SIZE];
  char own[64];
  snprintf(own, sizeof own, ".%s.%ld", SECRETS_KEY_FILE, (long)getpid());
  char *temporary = file_path_join(directory, own);
  if (temporary == NULL) return ubiq_error_no_memory();
  digest_random(key, sizeof key);
  ubiq_error *error = file_write_atomic(temporary, 0600, key, sizeof key);
  digest_wipe(key, sizeof key);
  if (error == NULL && link(temporary, path) != 0 && errno != EEXIST) error = file_error(errno, path);
  unlink(temporary);
  free(temporary);
  return error != NULL ? error : file_sync_directory(directory);
}

ubiq_error *secrets_key_read(const char *directory, uint8_t key[SECRETS_KEY_SIZE]) {
  char *path = file_path_join(directory, SECRETS_KEY_FILE);
  if (path == NULL) return ubiq_error_no_memory();
  ubiq_error *error = file_exists(path) ? NULL : make_key(directory, path);
  if (error == NULL) error = read_key(path, key);
  free(path);
  return error;
}

// ------------------------------------------------------------------------------------------------------------ sealing

/// What a sealed value is bound to: neither name nor project of another one gives the same bytes.
static bool write_bond(buffer *out, text project, text name) {
  return buffer_printf(out, "%zu:", project.size) && buffer_append(out, project.data, project.size) &&
         buffer_append(out, name.data, name.size);
}

bool secrets_seal(const uint8_t key[SECRETS_KEY_SIZE], text project, text name, text value, buffer *out) {
  buffer bond = {0};
  uint8_t nonce[NONCE_SIZE];
  digest_random(nonce, sizeof nonce);
  bool good = write_bond(&bond, project, name) && buffer_reserve(out, NONCE_SIZE + TAG_SIZE + value.size) &&
              buffer_append(out, nonce, sizeof nonce);
  if (good) {
    unsigned long long size = 0;
    crypto_aead_xchacha20poly1305_ietf_encrypt(out->data + out->size, &size, (const uint8_t *)value.data, value.size,
                                               bond.data, bond.size, NULL, nonce, key);
    out->size += (size_t)size;
  }
  buffer_free(&bond);
  return good;
}

secrets_result secrets_unseal(const uint8_t key[SECRETS_KEY_SIZE], text project, text name, ubiq_bytes sealed,
                              buffer *out) {
  buffer bond = {0};
  if (sealed.size < NONCE_SIZE + TAG_SIZE) return SECRETS_FORGED;
  if (!write_bond(&bond, project, name) || !buffer_reserve(out, sealed.size)) {
    buffer_free(&bond);
    return SECRETS_NO_MEMORY;
  }
  unsigned long long size = 0;
  int failed =
      crypto_aead_xchacha20poly1305_ietf_decrypt(out->data + out->size, &size, NULL, sealed.data + NONCE_SIZE,
                                                 sealed.size - NONCE_SIZE, bond.data, bond.size, sealed.data, key);
  buffer_free(&bond);
  if (failed != 0) return SECRETS_FORGED;
  out->size += (size_t)size;
  return SECRETS_OK;
}
