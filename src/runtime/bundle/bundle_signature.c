// Keys and signatures as lines of text.
#include "runtime/bundle/bundle_signature.h"

#include "base/file.h"

#include <stdlib.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 256 };

/// What is signed begins with words of its own, so that no signature for something else is one of a bundle.
static const char purpose[] = "ubiq bundle ";

static const char secret_label[] = "ubiq-secret-key", public_label[] = "ubiq-public-key",
                  signature_label[] = "ubiq-signature";

static ubiq_error *write_line(const char *path, mode_t mode, const char *label, const void *data, size_t size) {
  buffer line = {0};
  bool good =
      buffer_printf(&line, "%s:", label) && text_base64_encode(&line, data, size) && buffer_append_byte(&line, '\n');
  ubiq_error *error = good ? file_write_atomic(path, mode, line.data, line.size) : ubiq_error_no_memory();
  if (line.data != NULL) digest_wipe(line.data, line.size);
  buffer_free(&line);
  return error;
}

static bool decode(text line, const char *label, uint8_t *out, size_t size) {
  text name;
  buffer bytes = {0};
  line = text_trim(line);
  bool good = text_split(&line, ':', &name) && text_equal_string(name, label) && line.data != NULL &&
              text_base64_decode(&bytes, line) == TEXT_BASE64_OK && bytes.size == size;
  if (good) memcpy(out, bytes.data, size);
  if (bytes.data != NULL) digest_wipe(bytes.data, bytes.size);
  buffer_free(&bytes);
  return good;
}

static ubiq_error *read_line(const char *path, const char *label, uint8_t *out, size_t size) {
  buffer line = {0};
  ubiq_error *error = file_read_all(path, LINE_BYTES_MAX, &line);
  if (error == NULL && !decode((text){(const char *)line.data, line.size}, label, out, size))
    error =
        ubiq_error_new(UBIQ_INVALID_INPUT, "%s: holds something else; expected one line \"%s:BASE64\"", path, label);
  if (line.data != NULL) digest_wipe(line.data, line.size);
  buffer_free(&line);
  return error;
}

static ubiq_error *check_absent(const char *path) {
  return file_exists(path) ? ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is there already; expected a new name", path)
                           : NULL;
}

static ubiq_error *write_pair(const char *path, const char *public_path) {
  uint8_t seed[SIGNATURE_SEED_SIZE], key[SIGNATURE_PUBLIC_SIZE];
  signature_seed_new(seed);
  signature_public_of(seed, key);
  ubiq_error *error = write_line(path, 0600, secret_label, seed, sizeof seed);
  if (error == NULL) {
    error = write_line(public_path, 0644, public_label, key, sizeof key);
    if (error != NULL) unlink(path); // or the next try would find it there
  }
  digest_wipe(seed, sizeof seed);
  return error;
}

ubiq_error *bundle_key_new(const char *path) {
  buffer public_path = {0};
  if (!buffer_printf(&public_path, "%s.pub", path)) return ubiq_error_no_memory();
  ubiq_error *error = check_absent(path);
  if (error == NULL) error = check_absent((const char *)public_path.data);
  if (error == NULL) error = write_pair(path, (const char *)public_path.data);
  buffer_free(&public_path);
  return error;
}

ubiq_error *bundle_public_key_read(const char *path, public_key *out) {
  return read_line(path, public_label, out->bytes, sizeof out->bytes);
}

/// The bytes that are signed: words and digits.
static bool write_signed(buffer *out, const char *digest) {
  return buffer_append_string(out, purpose) && buffer_append_string(out, digest);
}

ubiq_error *bundle_sign(const char *key_path, const char *digest, uint8_t out[SIGNATURE_SIZE]) {
  uint8_t seed[SIGNATURE_SEED_SIZE];
  buffer bytes = {0};
  ubiq_error *error = read_line(key_path, secret_label, seed, sizeof seed);
  if (error == NULL && !write_signed(&bytes, digest)) error = ubiq_error_no_memory();
  if (error == NULL) signature_make(seed, buffer_bytes(&bytes), out);
  digest_wipe(seed, sizeof seed);
  buffer_free(&bytes);
  return error;
}

bool bundle_signed_by(const public_key *keys, size_t count, const char *digest,
                      const uint8_t signature[SIGNATURE_SIZE]) {
  buffer bytes = {0};
  bool found = false;
  if (write_signed(&bytes, digest))
    for (size_t i = 0; !found && i < count; i++)
      found = signature_valid(keys[i].bytes, buffer_bytes(&bytes), signature);
  buffer_free(&bytes);
  return found;
}

ubiq_error *bundle_signature_write(const char *path, const uint8_t signature[SIGNATURE_SIZE]) {
  return write_line(path, 0644, signature_label, signature, SIGNATURE_SIZE);
}

ubiq_error *bundle_signature_read(const char *path, uint8_t out[SIGNATURE_SIZE]) {
  return read_line(path, signature_label, out, SIGNATURE_SIZE);
}
