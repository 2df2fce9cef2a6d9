// Keys are made of their numbers by GnuTLS.
#include "runtime/auth/jwks.h"

#include "base/json.h"

#include <stdatomic.h>
#include <stdlib.h>

struct jwks {
  atomic_size_t owners;
  size_t count;
  jwk keys[JWKS_KEYS_MAX];
};

const char *jwk_algorithm_name(jwk_algorithm algorithm) {
  static const char *const names[JWK_ALGORITHMS] = {"RS256", "ES256", "EdDSA"};
  return names[algorithm];
}

bool jwks_base64url_decode(buffer *out, text value) {
  buffer standard = {0};
  bool good = value.size % 4 != 1;
  for (size_t i = 0; good && i < value.size; i++) {
    char c = value.data[i];
    bool is_wrong = c == '+' || c == '/' || c == '=';
    good = !is_wrong && buffer_append_byte(&standard, (uint8_t)(c == '-' ? '+' : c == '_' ? '/' : c));
  }
  for (size_t i = value.size; good && i % 4 != 0; i++) good = buffer_append_byte(&standard, '=');
  text padded = {(const char *)standard.data, standard.size};
  good = good && text_base64_decode(out, padded) == TEXT_BASE64_OK;
  buffer_free(&standard);
  return good;
}

// ---------------------------------------------------------------------------------------------------- one key's form

static text member(yyjson_val *key, const char *name) {
  yyjson_val *value = yyjson_obj_get(key, name);
  return (text){yyjson_get_str(value), yyjson_get_len(value)};
}

static bool is_member(yyjson_val *key, const char *name, const char *expected) {
  return text_equal_string(member(key, name), expected);
}

/// What a member may say or leave out.
static bool agrees(yyjson_val *key, const char *name, const char *expected) {
  return yyjson_obj_get(key, name) == NULL || is_member(key, name, expected);
}

/// A number, as bytes in the order of the network.
static bool read_number(yyjson_val *key, const char *name, buffer *out) {
  text value = member(key, name);
  return value.size > 0 && jwks_base64url_decode(out, value);
}

static gnutls_datum_t datum(const buffer *bytes) {
  return (gnutls_datum_t){bytes->data, (unsigned)bytes->size};
}

static bool import_rsa(yyjson_val *key, gnutls_pubkey_t out) {
  buffer modulus = {0}, exponent = {0};
  bool good = read_number(key, "n", &modulus) && read_number(key, "e", &exponent);
  if (good) {
    const gnutls_datum_t n = datum(&modulus), e = datum(&exponent);
    unsigned bits = 0;
    good = gnutls_pubkey_import_rsa_raw(out, &n, &e) == 0 && gnutls_pubkey_get_pk_algorithm(out, &bits) >= 0 &&
           bits >= JWKS_RSA_BITS_MIN;
  }
  buffer_free(&modulus);
  buffer_free(&exponent);
  return good;
}

static bool import_p256(yyjson_val *key, gnutls_pubkey_t out) {
  buffer x = {0}, y = {0};
  bool good = read_number(key, "x", &x) && read_number(key, "y", &y) && x.size == 32 && y.size == 32;
  if (good) {
    const gnutls_datum_t first = datum(&x), second = datum(&y);
    good = gnutls_pubkey_import_ecc_raw(out, GNUTLS_ECC_CURVE_SECP256R1, &first, &second) == 0;
  }
  buffer_free(&x);
  buffer_free(&y);
  return good;
}

static bool import_ed25519(yyjson_val *key, gnutls_pubkey_t out) {
  buffer x = {0};
  bool good = read_number(key, "x", &x) && x.size == 32;
  if (good) {
    const gnutls_datum_t point = datum(&x);
    good = gnutls_pubkey_import_ecc_raw(out, GNUTLS_ECC_CURVE_ED25519, &point, NULL) == 0;
  }
  buffer_free(&x);
  return good;
}

/// A kind of key that is understood.
typedef struct kind {
  const char *type, *curve; ///< `kty`, and `crv` where there is one
  jwk_algorithm algorithm;
  bool (*import)(yyjson_val *key, gnutls_pubkey_t out);
} kind;

static const kind kinds[] = {
    {"RSA", NULL, JWK_RS256, import_rsa},
    {"EC", "P-256", JWK_ES256, import_p256},
    {"OKP", "Ed25519", JWK_EDDSA, import_ed25519},
};

static const kind *find_kind(yyjson_val *key) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    const kind *at = &kinds[i];
    bool fits = is_member(key, "kty", at->type) && (at->curve == NULL || is_member(key, "crv", at->curve));
    if (fits && agrees(key, "alg", jwk_algorithm_name(at->algorithm)) && agrees(key, "use", "sig")) return at;
  }
  return NULL;
}

/// False for a key that cannot be used; `*error` when memory is out.
static bool read_key(yyjson_val *value, jwk *out, ubiq_error **error) {
  const kind *kind = find_kind(value);
  if (kind == NULL) return false;
  text id = member(value, "kid");
  *out = (jwk){.algorithm = kind->algorithm, .id = id.data == NULL ? NULL : strndup(id.data, id.size)};
  bool has_memory = (id.data == NULL || out->id != NULL) && gnutls_pubkey_init(&out->key) == 0;
  if (has_memory && kind->import(value, out->key)) return true;
  if (!has_memory) *error = ubiq_error_no_memory();
  if (out->key != NULL) gnutls_pubkey_deinit(out->key);
  free(out->id);
  return false;
}

// ----------------------------------------------------------------------------------------------------------- the set

static ubiq_error *read_keys(jwks *self, const json_value *list) {
  ubiq_error *error = json_expect_array(list);
  json_value item = {0};
  while (error == NULL && json_next_item(list, &item)) {
    if (self->count == JWKS_KEYS_MAX) return json_wrong(list, "at most %d keys", JWKS_KEYS_MAX);
    if (read_key(item.value, &self->keys[self->count], &error)) self->count++;
  }
  if (error == NULL && self->count == 0)
    error = json_error(list, "has no key for RS256, ES256 or EdDSA; expected one (RSA of %d bits or more)",
                       JWKS_RSA_BITS_MIN);
  return error;
}

ubiq_error *jwks_parse(const char *name, const void *data, size_t size, jwks **out) {
  const json_source source = {.name = name};
  yyjson_doc *document = NULL;
  jwks *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  atomic_init(&self->owners, 1);
  ubiq_error *error = json_parse(name, data, size, &document);
  if (error == NULL) {
    json_value root = json_root(&source, yyjson_doc_get_root(document)), list = json_field(&root, "keys");
    error = json_expect_object(&root);
    if (error == NULL) error = read_keys(self, &list);
  }
  yyjson_doc_free(document);
  if (error == NULL)
    *out = self;
  else
    jwks_delete(self);
  return error;
}

const jwk *jwks_keys(const jwks *self, size_t *count) {
  *count = self->count;
  return self->keys;
}

jwks *jwks_retain(jwks *self) {
  atomic_fetch_add_explicit(&self->owners, 1, memory_order_relaxed);
  return self;
}

void jwks_delete(jwks *self) {
  if (self == NULL || atomic_fetch_sub_explicit(&self->owners, 1, memory_order_acq_rel) > 1) return;
  for (size_t i = 0; i < self->count; i++) {
    gnutls_pubkey_deinit(self->keys[i].key);
    free(self->keys[i].id);
  }
  free(self);
}
