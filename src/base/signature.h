/// Signatures with Ed25519 (RFC 8032), over libsodium. Any thread.
#ifndef UBIQ_BASE_SIGNATURE_H
#define UBIQ_BASE_SIGNATURE_H

#include "ubiq/base.h"

enum {
  SIGNATURE_SIZE = 64,        ///< bytes of a signature
  SIGNATURE_SEED_SIZE = 32,   ///< bytes of a secret key, as it is kept
  SIGNATURE_PUBLIC_SIZE = 32, ///< bytes of a public key
};

/// Makes a random secret key.
void signature_seed_new(uint8_t out[SIGNATURE_SEED_SIZE]);

/// The public key that goes with a secret one.
void signature_public_of(const uint8_t seed[SIGNATURE_SEED_SIZE], uint8_t out[SIGNATURE_PUBLIC_SIZE]);

/// Signs the bytes.
void signature_make(const uint8_t seed[SIGNATURE_SEED_SIZE], ubiq_bytes bytes, uint8_t out[SIGNATURE_SIZE]);

/// Whether the signature is of these bytes and this key.
bool signature_valid(const uint8_t key[SIGNATURE_PUBLIC_SIZE], ubiq_bytes bytes,
                     const uint8_t signature[SIGNATURE_SIZE]);

#endif
