#include "runtime/auth/jwt.h"

#include "unit/runtime/auth/jwt_testing.h"

enum { NOW = 1000000, SIGNERS = 3 };

static signer signers[SIGNERS];
static jwks *keys;
static const jwt_policy policy = {.issuer = "https://id", .audience = "shop", .leeway_s = 30};

#define CLAIMS(more) "{\"iss\":\"https://id\",\"aud\":\"shop\"," more "}"
#define GOOD         CLAIMS("\"exp\":1000100,\"sub\":\"ada\"")

static int make_signers(void **state) {
  (void)state;
  static const char *const ids[] = {"rsa", "ec", NULL};
  for (int i = 0; i < SIGNERS; i++) signer_make(&signers[i], i, ids[i], 2048);
  keys = publish(signers, SIGNERS);
  return 0;
}

static int free_signers(void **state) {
  (void)state;
  for (int i = 0; i < SIGNERS; i++) gnutls_privkey_deinit(signers[i].key);
  jwks_delete(keys);
  return 0;
}

static ubiq_error *check(const buffer *token, buffer *claims) {
  return jwt_check((text){(const char *)token->data, token->size}, keys, &policy, NOW, claims);
}

static void assert_refused(buffer *token, const char *message) {
  buffer claims = {0};
  assert_fails(check(token, &claims), UBIQ_DENIED, message);
  assert_int_equal(claims.size, 0);
  buffer_free(token);
}

static void tokens_of_each_algorithm_are_taken(void **state) {
  (void)state;
  for (int i = 0; i < SIGNERS; i++) {
    buffer token = {0}, claims = {0};
    sign(&signers[i], GOOD, &token);
    assert_success(check(&token, &claims));
    assert_string_equal(buffer_string(&claims), GOOD);
    buffer_free(&token);
    buffer_free(&claims);
  }
}

/// RFC 8037, appendix A.4: what it signs is no set of claims, which is only looked at once the signature holds.
static void the_standards_own_signature_holds(void **state) {
  (void)state;
  static const char key[] =
      "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
  static const char token[] =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3A"
      "IbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  jwks *read = NULL;
  buffer claims = {0};
  assert_success(jwks_parse("keys", key, strlen(key), &read));
  assert_fails(jwt_check(text_of(token), read, &policy, NOW, &claims), UBIQ_DENIED, "the token is malformed");
  char changed[sizeof token];
  memcpy(changed, token, sizeof token);
  changed[sizeof token - 10]++;
  assert_fails(jwt_check(text_of(changed), read, &policy, NOW, &claims), UBIQ_DENIED,
               "the token is not signed by its key");
  jwks_delete(read);
}

static void a_changed_token_is_refused(void **state) {
  (void)state;
  for (int i = 0; i < SIGNERS; i++) {
    buffer token = {0};
    sign(&signers[i], GOOD, &token);
    uint8_t *signature = (uint8_t *)memrchr(token.data, '.', token.size) + 5;
    *signature = *signature == 'A' ? 'B' : 'A';
    assert_refused(&token, "the token is not signed by its key");
    sign(&signers[i], GOOD, &token);
    uint8_t *claims = (uint8_t *)memchr(token.data, '.', token.size) + 12;
    *claims = *claims == 'A' ? 'B' : 'A';
    assert_refused(&token, "the token is not signed by its key");
  }
}

static void a_token_of_another_key_is_refused(void **state) {
  (void)state;
  buffer token = {0}, claims = {0};
  signer other;
  signer_make(&other, JWK_ES256, "ec", 0);
  sign(&other, GOOD, &token);
  assert_refused(&token, "the token is not signed by its key");
  other.id = "other";
  sign(&other, GOOD, &token);
  ubiq_error *error = check(&token, &claims);
  assert_int_equal(ubiq_error_detail(error), JWT_UNKNOWN_KEY);
  assert_string_equal(ubiq_error_message(error), "the token is signed by a key that is not known");
  ubiq_error_delete(error);
  buffer_free(&token);
  gnutls_privkey_deinit(other.key);
}

/// What is public may not sign: the header decides nothing that the key does not say.
static void algorithms_cannot_be_swapped(void **state) {
  (void)state;
  const char *const headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"HS256\",\"kid\":\"rsa\"}",
                                 "{\"alg\":\"RS512\",\"kid\":\"rsa\"}", "{\"kid\":\"rsa\"}", "{\"alg\":[\"RS256\"]}"};
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    buffer token = {0};
    sign_with(&signers[JWK_RS256], headers[i], GOOD, &token);
    assert_refused(&token, "the token is signed in a way that does not count here: RS256, ES256 and EdDSA do");
  }
  buffer token = {0};
  sign_with(&signers[JWK_RS256], "{\"alg\":\"ES256\",\"kid\":\"rsa\"}", GOOD, &token);
  assert_refused(&token, "the token is signed by a key that is not known");
  sign_with(&signers[JWK_RS256], "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", GOOD, &token);
  assert_refused(&token, "the token asks for extensions that are not understood");
}

static void claims_are_what_the_policy_asks_for(void **state) {
  (void)state;
  const char *const rows[][2] = {
      {CLAIMS("\"exp\":999971"), NULL}, // within the leeway
      {CLAIMS("\"exp\":1000000.5,\"nbf\":1000030"), NULL},
      {"{\"iss\":\"https://id\",\"aud\":[\"a\",\"shop\"],\"exp\":1000100}", NULL},
      {CLAIMS("\"exp\":999970"), "the token has expired"},
      {CLAIMS("\"exp\":-1"), "the token has expired"},
      {CLAIMS("\"exp\":\"1000100\""), "the token does not say when it ends"},
      {CLAIMS("\"sub\":\"ada\""), "the token does not say when it ends"},
      {CLAIMS("\"exp\":1000100,\"nbf\":1000031"), "the token does not count yet"},
      {CLAIMS("\"exp\":1000100,\"nbf\":\"x\""), "the token is malformed"},
      {"{\"iss\":\"https://other\",\"aud\":\"shop\",\"exp\":1000100}", "the token is of another issuer"},
      {"{\"aud\":\"shop\",\"exp\":1000100}", "the token is of another issuer"},
      {"{\"iss\":\"https://id\",\"aud\":[\"a\"],\"exp\":1000100}", "the token is for another audience"},
      {"{\"iss\":\"https://id\",\"exp\":1000100}", "the token is for another audience"},
      {"{\"iss\":\"x\",\"iss\":\"https://id\",\"aud\":\"shop\",\"exp\":1000100}", "the token is malformed"},
      {"[1]", "the token is malformed"},
      {"", "the token is malformed"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    buffer token = {0}, claims = {0};
    sign(&signers[JWK_EDDSA], rows[i][0], &token);
    ubiq_error *error = check(&token, &claims);
    assert_string_equal(ubiq_error_message(error), rows[i][1] == NULL ? "" : rows[i][1]);
    ubiq_error_delete(error);
    buffer_free(&token);
    buffer_free(&claims);
  }
}

static void malformed_tokens_are_refused(void **state) {
  (void)state;
  const char *const rows[] = {"", ".", "..", "a.b", "a.b.c.d", "e30.e30.", "e30=.e30.AA", "e3+.e30.AA", "!!!.e30.AA"};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    buffer claims = {0};
    ubiq_error *error = jwt_check(text_of(rows[i]), keys, &policy, NOW, &claims);
    assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
    ubiq_error_delete(error);
    buffer_free(&claims);
  }
  buffer token = {0};
  sign(&signers[JWK_EDDSA], GOOD, &token);
  while (token.size <= JWT_BYTES_MAX) assert_true(buffer_append_byte(&token, 'A'));
  assert_refused(&token, "the token is malformed");
}

static void keys_that_cannot_be_used_are_left_out(void **state) {
  (void)state;
  signer weak;
  buffer text = {0};
  jwks *read = NULL;
  signer_make(&weak, JWK_RS256, "weak", 1024);
  assert_true(buffer_append_string(
      &text, "{\"keys\": [1, {}, {\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AA\", \"y\": \"AA\"}, "
             "{\"kty\": \"oct\", \"k\": \"AAAA\"}, "));
  signer_publish(&weak, &text);
  assert_true(buffer_append_string(&text, "]}"));
  assert_fails(jwks_parse("keys", text.data, text.size, &read), UBIQ_INVALID_INPUT,
               "keys: keys has no key for RS256, ES256 or EdDSA; expected one (RSA of 2048 bits or more)");
  text.size -= 2;
  assert_true(buffer_append_byte(&text, ','));
  signer_publish(&signers[JWK_ES256], &text);
  assert_true(buffer_append_string(&text, "]}"));
  size_t count;
  assert_success(jwks_parse("keys", text.data, text.size, &read));
  assert_string_equal(jwks_keys(read, &count)->id, "ec");
  assert_int_equal(count, 1);
  jwks_delete(read);
  assert_fails(jwks_parse("keys", "{}", 2, &read), UBIQ_INVALID_INPUT, "keys: keys is missing; expected an array");
  buffer_free(&text);
  gnutls_privkey_deinit(weak.key);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_of_each_algorithm_are_taken), cmocka_unit_test(the_standards_own_signature_holds),
      cmocka_unit_test(a_changed_token_is_refused),         cmocka_unit_test(a_token_of_another_key_is_refused),
      cmocka_unit_test(algorithms_cannot_be_swapped),       cmocka_unit_test(claims_are_what_the_policy_asks_for),
      cmocka_unit_test(malformed_tokens_are_refused),       cmocka_unit_test(keys_that_cannot_be_used_are_left_out),
  };
  return cmocka_run_group_tests(tests, make_signers, free_signers);
}
