// libsodium's crypto_sign, with keys kept as their seeds.
#include "base/signature.h"

#include "base/digest.h"

#include <sodium.h>

_Static_assert(SIGNATURE_SIZE == crypto_sign_BYTES && SIGNATURE_SEED_SIZE == crypto_sign_SEEDBYTES &&
                   SIGNATURE_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES,
               "as libsodium has them");

void signature_seed_new(uint8_t out[SIGNATURE_SEED_SIZE]) {
  digest_random(out, SIGNATURE_SEED_SIZE);
}

void signature_public_of(const uint8_t seed[SIGNATURE_SEED_SIZE], uint8_t out[SIGNATURE_PUBLIC_SIZE]) {
  uint8_t secret[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(out, secret, seed);
  digest_wipe(secret, sizeof secret);
}

void signature_make(const uint8_t seed[SIGNATURE_SEED_SIZE], ubiq_bytes bytes, uint8_t out[SIGNATURE_SIZE]) {
  uint8_t key[SIGNATURE_PUBLIC_SIZE], secret[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(key, secret, seed);
  crypto_sign_detached(out, NULL, bytes.data, bytes.size, secret);
  digest_wipe(secret, sizeof secret);
}

bool signature_valid(const uint8_t key[SIGNATURE_PUBLIC_SIZE], ubiq_bytes bytes,
                     const uint8_t signature[SIGNATURE_SIZE]) {
  return crypto_sign_verify_detached(signature, bytes.data, bytes.size, key) == 0;
}
