#include "unit/runtime/bundle/bundle_testing.h"

static void bytes_come_back_as_they_were(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 1000, 131072, 131073, 5000001};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    buffer bytes = {0}, packed = {0}, unpacked = {0};
    assert_true(buffer_reserve(&bytes, sizes[i] + 1));
    for (; bytes.size < sizes[i]; bytes.size++) bytes.data[bytes.size] = (uint8_t)(bytes.size * bytes.size >> 7);
    assert_success(bundle_compress(buffer_bytes(&bytes), &packed));
    assert_success(bundle_decompress("b", buffer_bytes(&packed), sizes[i], &unpacked));
    assert_int_equal(unpacked.size, sizes[i]);
    if (sizes[i] > 0) assert_memory_equal(unpacked.data, bytes.data, sizes[i]);
    buffer_free(&bytes);
    buffer_free(&packed);
    buffer_free(&unpacked);
  }
}

static void more_than_is_allowed_is_refused_before_it_takes_memory(void **state) {
  (void)state;
  buffer zeros = {0}, packed = {0}, unpacked = {0};
  assert_true(buffer_reserve(&zeros, 64 << 20));
  memset(zeros.data, 0, 64 << 20);
  zeros.size = 64 << 20;
  assert_success(bundle_compress(buffer_bytes(&zeros), &packed));
  assert_true(packed.size < 10000);
  assert_fails(bundle_decompress("b", buffer_bytes(&packed), 1 << 20, &unpacked), UBIQ_TOO_LARGE,
               "b: holds more than the 1048576 bytes that are allowed");
  assert_int_equal(unpacked.size, 0);
  assert_true(unpacked.capacity <= 2 << 20);
  assert_error(bundle_decompress("b", buffer_bytes(&packed), (64 << 20) - 1, &unpacked), UBIQ_TOO_LARGE, "holds more");
  buffer_free(&zeros);
  buffer_free(&packed);
  buffer_free(&unpacked);
}

static void every_cut_is_told(void **state) {
  (void)state;
  buffer packed = {0}, unpacked = {0};
  assert_success(bundle_compress(BYTES("to be or not to be, that is the question"), &packed));
  assert_error(bundle_decompress("b", (ubiq_bytes){packed.data, 0}, 1000, &unpacked), UBIQ_INVALID_INPUT,
               "b: is empty");
  for (size_t size = 1; size < packed.size; size++)
    assert_error(bundle_decompress("b", (ubiq_bytes){packed.data, size}, 1000, &unpacked), UBIQ_INVALID_INPUT,
                 "b: is cut off after ");
  buffer_free(&packed);
  buffer_free(&unpacked);
}

static void every_flipped_byte_is_told(void **state) {
  (void)state;
  static const char question[] = "to be or not to be, that is the question: to be or not to be";
  buffer packed = {0};
  assert_success(bundle_compress(BYTES("to be or not to be, that is the question: to be or not to be"), &packed));
  for (size_t i = 0; i < packed.size; i++) {
    buffer unpacked = {0};
    packed.data[i] ^= 0x10;
    ubiq_error *error = bundle_decompress("b", buffer_bytes(&packed), 1000, &unpacked);
    // A header has bits that change nothing; what comes out is the same then.
    if (error == NULL) assert_memory_equal(unpacked.data, question, sizeof question - 1);
    ubiq_error_delete(error);
    packed.data[i] ^= 0x10;
    buffer_free(&unpacked);
  }
  buffer_free(&packed);
}

static void what_is_no_frame_is_no_bundle(void **state) {
  (void)state;
  buffer unpacked = {0};
  static const char message[] = "b: is no bundle; expected what `ubiq build` makes (or a project's folder)";
  assert_fails(bundle_decompress("b", BYTES("[project]"), 10, &unpacked), UBIQ_INVALID_INPUT, message);
  assert_fails(bundle_decompress("b", BYTES("\0asm\1\0\0\0"), 10, &unpacked), UBIQ_INVALID_INPUT, message);
  // A frame that is to be skipped, and a window of 2 GiB.
  assert_fails(bundle_decompress("b", BYTES("\x50\x2a\x4d\x18\0\0\0\0"), 10, &unpacked), UBIQ_INVALID_INPUT, message);
  assert_error(bundle_decompress("b", BYTES("\x28\xb5\x2f\xfd\x00\xa8\x09\0\0a"), 10, &unpacked), UBIQ_INVALID_INPUT,
               "b: is damaged: Frame requires too much memory");
  buffer_free(&unpacked);
}

static void a_second_frame_is_refused(void **state) {
  (void)state;
  buffer packed = {0}, unpacked = {0};
  assert_success(bundle_compress(BYTES("one"), &packed));
  size_t first = packed.size;
  assert_success(bundle_compress(BYTES("two"), &packed));
  char message[100];
  snprintf(message, sizeof message, "b: has %zu bytes behind its end; expected none", packed.size - first);
  assert_fails(bundle_decompress("b", buffer_bytes(&packed), 1000, &unpacked), UBIQ_INVALID_INPUT, message);
  buffer_free(&packed);
  buffer_free(&unpacked);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_come_back_as_they_were),
      cmocka_unit_test(more_than_is_allowed_is_refused_before_it_takes_memory),
      cmocka_unit_test(every_cut_is_told),
      cmocka_unit_test(every_flipped_byte_is_told),
      cmocka_unit_test(what_is_no_frame_is_no_bundle),
      cmocka_unit_test(a_second_frame_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
