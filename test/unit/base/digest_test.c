#include "base/digest.h"

#include "unit/base/testing.h"

static void sha256_matches_the_published_examples(void **state) {
  (void)state;
  char hex[DIGEST_SHA256_HEX_SIZE]; // FIPS 180-4's examples
  digest_sha256_hex("abc", 3, hex);
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  digest_sha256_hex("", 0, hex);
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_mac_is_valid_for_its_parts_and_key_only(void **state) {
  (void)state;
  uint8_t key[DIGEST_KEY_SIZE];
  uint8_t mac[DIGEST_MAC_SIZE];
  digest_random(key, sizeof key);
  ubiq_bytes parts[] = {{(const uint8_t *)"head", 4}, {(const uint8_t *)"body", 4}};
  digest_mac(key, parts, 2, mac);
  assert_true(digest_mac_valid(key, parts, 2, mac));

  ubiq_bytes shifted[] = {{(const uint8_t *)"headb", 5}, {(const uint8_t *)"ody", 3}};
  assert_false(digest_mac_valid(key, shifted, 2, mac));
  assert_false(digest_mac_valid(key, parts, 1, mac));
  key[0] ^= 1;
  assert_false(digest_mac_valid(key, parts, 2, mac));
  key[0] ^= 1;
  mac[DIGEST_MAC_SIZE - 1] ^= 0x80;
  assert_false(digest_mac_valid(key, parts, 2, mac));
}

static void random_bytes_differ(void **state) {
  (void)state;
  uint8_t a[16] = {0};
  uint8_t b[16] = {0};
  digest_random(a, sizeof a);
  digest_random(b, sizeof b);
  assert_false(digest_equal(a, b, sizeof a));
  assert_true(digest_equal(a, a, sizeof a));
  digest_wipe(a, sizeof a);
  assert_int_equal(a[0] | a[15], 0);
}

static void the_short_hash_depends_on_all_bytes(void **state) {
  (void)state;
  assert_true(digest_short("abc", 3) == digest_short("abc", 3));
  assert_false(digest_short("abc", 3) == digest_short("abd", 3));
  assert_false(digest_short("abc", 3) == digest_short("ab", 2));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sha256_matches_the_published_examples),
      cmocka_unit_test(a_mac_is_valid_for_its_parts_and_key_only),
      cmocka_unit_test(random_bytes_differ),
      cmocka_unit_test(the_short_hash_depends_on_all_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
