// Who made a bundle: an Ed25519 signature of its SHA-256, and the files that keys and signatures are kept in.
//
// Each file is one line: what it is, a colon, and its bytes in base64.
//     ubiq-secret-key:...   ubiq-public-key:...   ubiq-signature:...
#ifndef RUNTIME_BUNDLE_BUNDLE_SIGNATURE_H
#define RUNTIME_BUNDLE_BUNDLE_SIGNATURE_H

#include "base/digest.h"
#include "base/signature.h"
#include "base/text.h"
#include "ubiq/error.h"

#define BUNDLE_SIGNATURE_SUFFIX ".sig" ///< behind the bundle's name

typedef struct public_key {
  uint8_t bytes[SIGNATURE_PUBLIC_SIZE];
} public_key;

/// Makes a pair of keys: the secret one in `path` (mode 0600), the public one in `path`.pub. Neither may be there already.
ubiq_error *bundle_key_new(const char *path);

/// Reads the file of a public key. Errors: `not_found`; `invalid_input` for what is none.
ubiq_error *bundle_public_key_read(const char *path, public_key *out);

/// Signs a bundle's digest with the secret key in the file `key_path`.
ubiq_error *bundle_sign(const char *key_path, const char *digest, uint8_t out[SIGNATURE_SIZE]);

/// Whether one of the keys made this signature of the digest.
bool bundle_signed_by(const public_key *keys, size_t count, const char *digest,
                      const uint8_t signature[SIGNATURE_SIZE]);

ubiq_error *bundle_signature_write(const char *path, const uint8_t signature[SIGNATURE_SIZE]);
ubiq_error *bundle_signature_read(const char *path, uint8_t out[SIGNATURE_SIZE]);

#endif
