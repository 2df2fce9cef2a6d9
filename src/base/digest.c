// Hashes, message authentication and random bytes, over libsodium.
#include "base/digest.h"

#include "base/text.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

/// The one `once` of this file: libsodium's own state, and the key of `digest_short`, both written before anyone reads.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint8_t short_key[crypto_shorthash_KEYBYTES];

static void prepare(void) {
  if (sodium_init() < 0) abort(); // no source of randomness: nothing may go on
  randombytes_buf(short_key, sizeof short_key);
}

static void ready(void) {
  pthread_once(&once, prepare);
}

void digest_sha256(const void *data, size_t size, uint8_t out[DIGEST_SHA256_SIZE]) {
  ready();
  crypto_hash_sha256(out, data, size);
}

void digest_sha256_hex(const void *data, size_t size, char out[DIGEST_SHA256_HEX_SIZE]) {
  uint8_t digest[DIGEST_SHA256_SIZE];
  digest_sha256(data, size, digest);
  text_hex(digest, sizeof digest, out);
}

void digest_mac(const uint8_t key[DIGEST_KEY_SIZE], const ubiq_bytes *parts, size_t count,
                uint8_t out[DIGEST_MAC_SIZE]) {
  ready();
  crypto_generichash_state state;
  crypto_generichash_init(&state, key, DIGEST_KEY_SIZE, DIGEST_MAC_SIZE);
  for (size_t i = 0; i < count; i++) {
    uint64_t size = parts[i].size;
    crypto_generichash_update(&state, (const uint8_t *)&size, sizeof size);
    crypto_generichash_update(&state, parts[i].data, parts[i].size);
  }
  crypto_generichash_final(&state, out, DIGEST_MAC_SIZE);
}

bool digest_mac_valid(const uint8_t key[DIGEST_KEY_SIZE], const ubiq_bytes *parts, size_t count,
                      const uint8_t mac[DIGEST_MAC_SIZE]) {
  uint8_t expected[DIGEST_MAC_SIZE];
  digest_mac(key, parts, count, expected);
  return digest_equal(expected, mac, DIGEST_MAC_SIZE);
}

uint64_t digest_short(const void *data, size_t size) {
  ready();
  uint64_t hash;
  crypto_shorthash((uint8_t *)&hash, data, size, short_key);
  return hash;
}

void digest_random(void *out, size_t size) {
  ready();
  randombytes_buf(out, size);
}

bool digest_equal(const void *a, const void *b, size_t size) {
  return sodium_memcmp(a, b, size) == 0;
}

void digest_wipe(void *data, size_t size) {
  sodium_memzero(data, size);
}
