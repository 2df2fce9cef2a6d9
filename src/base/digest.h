/// Hashes, message authentication and random bytes, over libsodium. Any thread.
///
/// libsodium is made ready once, on first use; a machine without a source of randomness ends the process
/// there.
#ifndef UBIQ_BASE_DIGEST_H
#define UBIQ_BASE_DIGEST_H

#include "ubiq/base.h"

enum {
  DIGEST_SHA256_SIZE = 32,     ///< bytes of a SHA-256
  DIGEST_SHA256_HEX_SIZE = 65, ///< bytes of its text, NUL included
  DIGEST_KEY_SIZE = 32,        ///< bytes of a MAC's key
  DIGEST_MAC_SIZE = 32,        ///< bytes of a MAC
};

/// The SHA-256 of the bytes.
void digest_sha256(const void *data, size_t size, uint8_t out[DIGEST_SHA256_SIZE]);
/// The SHA-256 of the bytes as lower-case hex digits, ended by NUL.
void digest_sha256_hex(const void *data, size_t size, char out[DIGEST_SHA256_HEX_SIZE]);

/// The MAC (BLAKE2b with a key) of several runs of bytes, each with its length, so that no two lists share
/// one.
void digest_mac(const uint8_t key[DIGEST_KEY_SIZE], const ubiq_bytes *parts, size_t count,
                uint8_t out[DIGEST_MAC_SIZE]);
/// Whether `mac` is the MAC of these parts, compared in constant time.
bool digest_mac_valid(const uint8_t key[DIGEST_KEY_SIZE], const ubiq_bytes *parts, size_t count,
                      const uint8_t mac[DIGEST_MAC_SIZE]);

/// A 64-bit hash with a key that is random for each process: for tables whose keys an outsider chooses.
uint64_t digest_short(const void *data, size_t size);

/// Random bytes fit for keys.
void digest_random(void *out, size_t size);
/// Compares in constant time.
bool digest_equal(const void *a, const void *b, size_t size);
/// Clears a secret so that the compiler does not leave it out.
void digest_wipe(void *data, size_t size);

#endif
