/// Tokens and key sets of any bytes. The first line of an input is a token, the rest a key set; with a key set that is none,
/// the token is checked against one key that nobody has the other half of, and is never taken.
#include "runtime/auth/jwt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char own_keys[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                               "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"; // RFC 8037, appendix A.2

static void check(const jwks *keys, text token) {
  const jwt_policy policy = {.issuer = "https://id", .audience = "shop", .leeway_s = 30};
  buffer claims = {0};
  ubiq_error *error = jwt_check(token, keys, &policy, 1000000, &claims);
  if (error == NULL || ubiq_error_code(error) != UBIQ_DENIED || claims.size != 0) abort();
  ubiq_error_delete(error);
  buffer_free(&claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  text rest = {(const char *)data, size}, token = TEXT("");
  text_split(&rest, '\n', &token);
  jwks *keys = NULL;
  ubiq_error *error = jwks_parse("keys", rest.data, rest.size, &keys);
  if (error != NULL && jwks_parse("keys", own_keys, sizeof own_keys - 1, &keys) != NULL) abort();
  ubiq_error_delete(error);
  check(keys, token);
  jwks_delete(keys);
  return 0;
}
