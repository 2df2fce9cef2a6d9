#include "base/signature.h"

#include "base/text.h"
#include "unit/base/testing.h"

static ubiq_bytes bytes_of(const char *string) {
  return (ubiq_bytes){(const uint8_t *)string, strlen(string)};
}

static void the_vector_of_the_standard_is_met(void **state) {
  (void)state; // RFC 8032, section 7.1, TEST 2
  static const uint8_t seed[SIGNATURE_SEED_SIZE] = {0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3,
                                                    0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab,
                                                    0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb};
  static const uint8_t first[] = {0x3d, 0x40, 0x17, 0xc3}, begins[] = {0x92, 0xa0, 0x09, 0xa9};
  uint8_t key[SIGNATURE_PUBLIC_SIZE], signature[SIGNATURE_SIZE];
  signature_public_of(seed, key);
  assert_memory_equal(key, first, sizeof first);
  signature_make(seed, bytes_of("\x72"), signature);
  assert_memory_equal(signature, begins, sizeof begins);
  assert_true(signature_valid(key, bytes_of("\x72"), signature));
}

static void a_signature_is_of_its_bytes_and_its_key_alone(void **state) {
  (void)state;
  uint8_t seed[SIGNATURE_SEED_SIZE], key[SIGNATURE_PUBLIC_SIZE], other[SIGNATURE_PUBLIC_SIZE],
      signature[SIGNATURE_SIZE];
  signature_seed_new(seed);
  signature_public_of(seed, key);
  signature_make(seed, bytes_of("bundle"), signature);
  assert_true(signature_valid(key, bytes_of("bundle"), signature));
  assert_false(signature_valid(key, bytes_of("bundlf"), signature));
  signature_seed_new(seed);
  signature_public_of(seed, other);
  assert_false(signature_valid(other, bytes_of("bundle"), signature));
  signature[7] ^= 1;
  assert_false(signature_valid(key, bytes_of("bundle"), signature));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_vector_of_the_standard_is_met),
      cmocka_unit_test(a_signature_is_of_its_bytes_and_its_key_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
