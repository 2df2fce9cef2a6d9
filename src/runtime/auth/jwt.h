// JSON Web Tokens (RFC 7519), signed as RFC 7515 says and checked as RFC 8725 advises: what signs is decided by the key, only
// three algorithms count, a token without an end is refused, and nothing in a token leads anywhere.
#ifndef RUNTIME_AUTH_JWT_H
#define RUNTIME_AUTH_JWT_H

#include "runtime/auth/jwks.h"

enum {
  JWT_BYTES_MAX = 8 << 10,
  /// The detail of the error about a token that no key of the set is for: another set may have it.
  JWT_UNKNOWN_KEY = 1,
};

/// What a token must say.
typedef struct jwt_policy {
  const char *issuer;   ///< NULL: any
  const char *audience; ///< NULL: any
  uint64_t leeway_s;    ///< how wrong clocks may be
} jwt_policy;

/// Checks a token at the time `now_s` (since 1970), and appends its claims, a JSON object, to `claims`. Errors:
/// `denied` with words for the client; out of memory. Any thread.
ubiq_error *jwt_check(text token, const jwks *keys, const jwt_policy *policy, uint64_t now_s, buffer *claims);

#endif
