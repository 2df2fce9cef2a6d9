// The signature is looked at before anything of the claims.
#include "runtime/auth/jwt.h"

#include "base/json.h"

#include <gnutls/crypto.h>

enum { ECDSA_HALF = 32 }; ///< bytes of each number of an ES256 signature

/// A token's three parts, as they were sent.
typedef struct parts {
  text header, claims, signature;
  text is_signed; ///< what the signature is about
} parts;

static ubiq_error *denied(const char *why) {
  return ubiq_error_new(UBIQ_DENIED, "the token %s", why);
}

static bool split(text token, parts *out) {
  text rest = token;
  bool good = token.size > 0 && token.size <= JWT_BYTES_MAX && text_split(&rest, '.', &out->header) &&
              text_split(&rest, '.', &out->claims) && rest.data != NULL && memchr(rest.data, '.', rest.size) == NULL;
  out->signature = rest;
  out->is_signed = (text){token.data, out->header.size + 1 + out->claims.size};
  return good;
}

/// A part that is a JSON object. `*out` is the caller's.
static ubiq_error *parse(text part, yyjson_doc **out) {
  buffer bytes = {0};
  *out = NULL;
  ubiq_error *error =
      jwks_base64url_decode(&bytes, part) ? json_parse("token", bytes.data, bytes.size, out) : denied("is malformed");
  buffer_free(&bytes);
  bool is_object = error == NULL && yyjson_is_obj(yyjson_doc_get_root(*out));
  if (is_object) return NULL;
  yyjson_doc_free(*out);
  *out = NULL;
  ubiq_error_delete(error);
  return denied("is malformed");
}

static text member(yyjson_val *object, const char *name) {
  yyjson_val *value = yyjson_obj_get(object, name);
  return (text){yyjson_get_str(value), yyjson_get_len(value)};
}

// ------------------------------------------------------------------------------------------------------- signature

/// An ES256 signature is two numbers one behind the other; GnuTLS has them in DER.
static bool verify_ecdsa(gnutls_pubkey_t key, const gnutls_datum_t *data, buffer *signature) {
  if (signature->size != 2 * ECDSA_HALF) return false;
  const gnutls_datum_t r = {signature->data, ECDSA_HALF}, s = {signature->data + ECDSA_HALF, ECDSA_HALF};
  gnutls_datum_t encoded;
  if (gnutls_encode_rs_value(&encoded, &r, &s) != 0) return false;
  bool good = gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_ECDSA_SHA256, 0, data, &encoded) >= 0;
  gnutls_free(encoded.data);
  return good;
}

static bool verify(const jwk *key, text is_signed, buffer *signature) {
  const gnutls_datum_t data = {(unsigned char *)(uintptr_t)is_signed.data, (unsigned)is_signed.size};
  const gnutls_datum_t given = {signature->data, (unsigned)signature->size};
  switch (key->algorithm) {
  case JWK_RS256: return gnutls_pubkey_verify_data2(key->key, GNUTLS_SIGN_RSA_SHA256, 0, &data, &given) >= 0;
  case JWK_ES256: return verify_ecdsa(key->key, &data, signature);
  case JWK_EDDSA: return gnutls_pubkey_verify_data2(key->key, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &given) >= 0;
  default: return false;
  }
}

/// Whether a key may be the one that signed.
static bool fits(const jwk *key, text algorithm, text id) {
  if (!text_equal_string(algorithm, jwk_algorithm_name(key->algorithm))) return false;
  return id.data == NULL || (key->id != NULL && text_equal_string(id, key->id));
}

static ubiq_error *check_signature(const parts *parts, text algorithm, text id, const jwks *keys) {
  buffer signature = {0};
  if (!jwks_base64url_decode(&signature, parts->signature)) {
    buffer_free(&signature);
    return denied("is malformed");
  }
  size_t count, candidates = 0;
  const jwk *list = jwks_keys(keys, &count);
  bool good = false;
  for (size_t i = 0; i < count && !good; i++) {
    if (!fits(&list[i], algorithm, id)) continue;
    candidates++;
    good = verify(&list[i], parts->is_signed, &signature);
  }
  buffer_free(&signature);
  if (good) return NULL;
  return candidates > 0 ? denied("is not signed by its key")
                        : ubiq_error_with_detail(denied("is signed by a key that is not known"), JWT_UNKNOWN_KEY);
}

static ubiq_error *check_header(const parts *parts, const jwks *keys) {
  yyjson_doc *document;
  ubiq_error *error = parse(parts->header, &document);
  if (error != NULL) return error;
  yyjson_val *header = yyjson_doc_get_root(document);
  text algorithm = member(header, "alg");
  bool is_known = false;
  for (int i = 0; i < JWK_ALGORITHMS; i++) is_known |= text_equal_string(algorithm, jwk_algorithm_name(i));
  if (!is_known)
    error = denied("is signed in a way that does not count here: RS256, ES256 and EdDSA do");
  else if (yyjson_obj_get(header, "crit") != NULL)
    error = denied("asks for extensions that are not understood");
  else
    error = check_signature(parts, algorithm, member(header, "kid"), keys);
  yyjson_doc_free(document);
  return error;
}

// ---------------------------------------------------------------------------------------------------------- claims

/// An audience is a string, or an array of them.
static bool is_for(yyjson_val *audience, const char *expected) {
  size_t at, count;
  yyjson_val *item;
  if (yyjson_is_str(audience)) return yyjson_equals_str(audience, expected);
  yyjson_arr_foreach(audience, at, count, item) if (yyjson_equals_str(item, expected)) return true;
  return false;
}

static ubiq_error *check_times(yyjson_val *claims, const jwt_policy *policy, uint64_t now_s) {
  yyjson_val *end = yyjson_obj_get(claims, "exp"), *begin = yyjson_obj_get(claims, "nbf");
  double now = (double)now_s, leeway = (double)policy->leeway_s;
  if (!yyjson_is_num(end)) return denied("does not say when it ends");
  if (now >= yyjson_get_num(end) + leeway) return denied("has expired");
  if (begin == NULL) return NULL;
  if (!yyjson_is_num(begin)) return denied("is malformed");
  return now < yyjson_get_num(begin) - leeway ? denied("does not count yet") : NULL;
}

static ubiq_error *check_claims(yyjson_val *claims, const jwt_policy *policy, uint64_t now_s) {
  ubiq_error *error = check_times(claims, policy, now_s);
  if (error != NULL) return error;
  if (policy->issuer != NULL && !yyjson_equals_str(yyjson_obj_get(claims, "iss"), policy->issuer))
    return denied("is of another issuer");
  if (policy->audience != NULL && !is_for(yyjson_obj_get(claims, "aud"), policy->audience))
    return denied("is for another audience");
  return NULL;
}

ubiq_error *jwt_check(text token, const jwks *keys, const jwt_policy *policy, uint64_t now_s, buffer *claims) {
  parts parts;
  yyjson_doc *document = NULL;
  if (!split(token, &parts)) return denied("is malformed");
  ubiq_error *error = check_header(&parts, keys);
  if (error == NULL) error = parse(parts.claims, &document);
  if (error == NULL) error = check_claims(yyjson_doc_get_root(document), policy, now_s);
  yyjson_doc_free(document);
  if (error == NULL && !jwks_base64url_decode(claims, parts.claims)) error = ubiq_error_no_memory();
  return error;
}
