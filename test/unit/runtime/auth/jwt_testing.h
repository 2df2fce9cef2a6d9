/// Keys and tokens made by GnuTLS, for tests.
#ifndef UBIQ_TEST_JWT_TESTING_H
#define UBIQ_TEST_JWT_TESTING_H

#include "runtime/auth/jwt.h"
#include "unit/base/testing.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

typedef struct signer {
  jwk_algorithm algorithm;
  const char *id; ///< NULL: none
  gnutls_privkey_t key;
} signer;

static inline void signer_make(signer *self, jwk_algorithm algorithm, const char *id, unsigned rsa_bits) {
  static const gnutls_pk_algorithm_t kinds[] = {GNUTLS_PK_RSA, GNUTLS_PK_ECDSA, GNUTLS_PK_EDDSA_ED25519};
  const unsigned bits[] = {rsa_bits, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                           GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519)};
  *self = (signer){algorithm, id, NULL};
  assert_int_equal(gnutls_privkey_init(&self->key), 0);
  assert_int_equal(gnutls_privkey_generate(self->key, kinds[algorithm], bits[algorithm], 0), 0);
}

static inline void append_base64url(buffer *out, const void *data, size_t size) {
  size_t begin = out->size;
  assert_true(text_base64_encode(out, data, size));
  while (out->size > begin && out->data[out->size - 1] == '=') out->size--;
  for (size_t i = begin; i < out->size; i++)
    out->data[i] = out->data[i] == '+' ? '-' : out->data[i] == '/' ? '_' : out->data[i];
}

static inline void append_member(buffer *out, const char *name, gnutls_datum_t value, size_t size) {
  // Numbers may come with a zero in front, or without those that a fixed length has.
  while (value.size > size && size > 0) value.data++, value.size--;
  assert_true(buffer_printf(out, ", \"%s\": \"", name));
  unsigned char padded[64] = {0};
  if (size > 0) memcpy(padded + size - value.size, value.data, value.size);
  append_base64url(out, size > 0 ? padded : value.data, size > 0 ? size : value.size);
  assert_true(buffer_append_byte(out, '"'));
}

/// Appends the public half as a JWK.
static inline void signer_publish(const signer *self, buffer *out) {
  gnutls_datum_t first = {0}, second = {0};
  gnutls_pubkey_t public;
  assert_int_equal(gnutls_pubkey_init(&public), 0);
  assert_int_equal(gnutls_pubkey_import_privkey(public, self->key, 0, 0), 0);
  assert_true(buffer_printf(out, "{\"use\": \"sig\""));
  if (self->id != NULL) assert_true(buffer_printf(out, ", \"kid\": \"%s\"", self->id));
  if (self->algorithm == JWK_RS256) {
    assert_int_equal(gnutls_pubkey_export_rsa_raw(public, &first, &second), 0);
    assert_true(buffer_printf(out, ", \"kty\": \"RSA\""));
    append_member(out, "n", first, 0);
    append_member(out, "e", second, 0);
  } else {
    gnutls_ecc_curve_t curve;
    assert_int_equal(gnutls_pubkey_export_ecc_raw(public, &curve, &first, &second), 0);
    bool has_y = self->algorithm == JWK_ES256;
    assert_true(buffer_printf(out, has_y ? ", \"kty\": \"EC\", \"crv\": \"P-256\""
                                         : ", \"kty\": \"OKP\", \"crv\": \"Ed25519\""));
    append_member(out, "x", first, 32);
    if (has_y) append_member(out, "y", second, 32);
  }
  assert_true(buffer_append_byte(out, '}'));
  gnutls_free(first.data);
  gnutls_free(second.data);
  gnutls_pubkey_deinit(public);
}

static inline jwks *publish(const signer *signers, size_t count) {
  buffer text = {0};
  jwks *keys = NULL;
  assert_true(buffer_append_string(&text, "{\"keys\": ["));
  for (size_t i = 0; i < count; i++) {
    if (i > 0) assert_true(buffer_append_byte(&text, ','));
    signer_publish(&signers[i], &text);
  }
  assert_true(buffer_append_string(&text, "]}"));
  assert_success(jwks_parse("keys", text.data, text.size, &keys));
  buffer_free(&text);
  return keys;
}

/// Appends a token with this header and these claims.
static inline void sign_with(const signer *self, const char *header, const char *claims, buffer *out) {
  static const gnutls_sign_algorithm_t algorithms[] = {GNUTLS_SIGN_RSA_SHA256, GNUTLS_SIGN_ECDSA_SHA256,
                                                       GNUTLS_SIGN_EDDSA_ED25519};
  append_base64url(out, header, strlen(header));
  assert_true(buffer_append_byte(out, '.'));
  append_base64url(out, claims, strlen(claims));
  const gnutls_datum_t data = {out->data, (unsigned)out->size};
  gnutls_datum_t signature, r, s;
  assert_int_equal(gnutls_privkey_sign_data2(self->key, algorithms[self->algorithm], 0, &data, &signature), 0);
  assert_true(buffer_append_byte(out, '.'));
  if (self->algorithm == JWK_ES256) {
    unsigned char both[64] = {0};
    assert_int_equal(gnutls_decode_rs_value(&signature, &r, &s), 0);
    const gnutls_datum_t halves[] = {r, s};
    for (size_t i = 0; i < 2; i++) {
      size_t extra = halves[i].size > 32 ? halves[i].size - 32 : 0, size = halves[i].size - extra;
      memcpy(both + 32 * i + 32 - size, halves[i].data + extra, size);
    }
    append_base64url(out, both, sizeof both);
    gnutls_free(r.data);
    gnutls_free(s.data);
  } else {
    append_base64url(out, signature.data, signature.size);
  }
  gnutls_free(signature.data);
}

static inline void sign(const signer *self, const char *claims, buffer *out) {
  buffer header = {0};
  assert_true(buffer_printf(&header, "{\"alg\":\"%s\"", jwk_algorithm_name(self->algorithm)));
  if (self->id != NULL) assert_true(buffer_printf(&header, ",\"kid\":\"%s\"", self->id));
  assert_true(buffer_append_byte(&header, '}'));
  sign_with(self, buffer_string(&header), claims, out);
  buffer_free(&header);
}

#endif
