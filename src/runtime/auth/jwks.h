// Public keys that tokens are signed with, as identity providers publish them: a JSON Web Key Set (RFC 7517). It never changes
// once it is read, and is counted: any thread.
#ifndef RUNTIME_AUTH_JWKS_H
#define RUNTIME_AUTH_JWKS_H

#include "base/text.h"
#include "ubiq/error.h"

#include <gnutls/abstract.h>

enum {
  JWKS_BYTES_MAX = 256 << 10,
  JWKS_KEYS_MAX = 100,
  JWKS_RSA_BITS_MIN = 2048, ///< RFC 7518, section 3.3
};

/// How a token is signed. Others than these, `none` above all, are refused.
typedef enum jwk_algorithm { JWK_RS256, JWK_ES256, JWK_EDDSA, JWK_ALGORITHMS } jwk_algorithm;

/// The algorithm's name in headers: `RS256`.
const char *jwk_algorithm_name(jwk_algorithm algorithm);

typedef struct jwk {
  char *id; ///< `kid`; NULL: none
  jwk_algorithm algorithm;
  gnutls_pubkey_t key;
} jwk;

typedef struct jwks jwks;

/// Reads a key set. Keys for other uses or algorithms, and such as are not well-formed, are left out, as the standard asks
/// (section 5). `*out` has one owner, the caller. Errors: `invalid_input` when it is no key set, or none of its keys can be used.
ubiq_error *jwks_parse(const char *name, const void *data, size_t size, jwks **out);

/// The keys, borrowed.
const jwk *jwks_keys(const jwks *self, size_t *count);

/// One more owner; returns the same.
jwks *jwks_retain(jwks *self);
/// One owner less; the last ends it. NULL is allowed.
void jwks_delete(jwks *self);

/// Appends the bytes of unpadded URL-safe base64 (RFC 7515, section 2). False when it is none, or memory is out.
UBIQ_NODISCARD bool jwks_base64url_decode(buffer *out, text value);

#endif
