// Besides tests of our own: every vector of npm's msgpack-test-suite, which scripts/setup brings.
#include "base/msgpack.h"

#include "base/file.h"
#include "base/json.h"
#include "unit/base/testing.h"

#include <math.h>

typedef struct fixture {
  arena arena;
} fixture;

static int set_up(void **state) {
  static fixture self;
  arena_init(&self.arena);
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  arena_free(&((fixture *)*state)->arena);
  return 0;
}

static ubiq_error *read_bytes(fixture *self, const void *data, size_t size, yyjson_val **out) {
  return msgpack_value_read("test", data, size, &(json_limits){SIZE_MAX, SIZE_MAX}, "body", &self->arena, out);
}

#define READ(self, literal, out) read_bytes(self, literal, sizeof(literal) - 1, out)

static void assert_refused(fixture *self, ubiq_bytes bytes, const char *message) {
  yyjson_val *value;
  assert_fails(read_bytes(self, bytes.data, bytes.size, &value), UBIQ_INVALID_INPUT, message);
}

#define REFUSED(self, literal, message)                                                                                \
  assert_refused(self, (ubiq_bytes){(const uint8_t *)(literal), sizeof(literal) - 1}, message)

static void values_are_read_in_their_order(void **state) {
  yyjson_val *value;
  assert_success(READ(*state,
                      "\x82\xa1"
                      "a\x92\x01\x81\xa1"
                      "b\xc0\xa1"
                      "c\xc3",
                      &value));
  assert_true(yyjson_is_obj(value));
  yyjson_val *array = yyjson_obj_get(value, "a");
  assert_int_equal(yyjson_arr_size(array), 2);
  assert_int_equal(yyjson_get_uint(yyjson_arr_get(array, 0)), 1);
  assert_true(yyjson_is_null(yyjson_obj_get(yyjson_arr_get(array, 1), "b")));
  assert_true(yyjson_is_true(yyjson_obj_get(value, "c")));
}

static void strings_end_with_a_nul(void **state) {
  yyjson_val *value;
  assert_success(READ(*state,
                      "\x92\xa2"
                      "ab\xa1"
                      "c",
                      &value));
  assert_string_equal(yyjson_get_str(yyjson_arr_get(value, 0)), "ab");
}

static void the_body_may_be_bytes(void **state) {
  yyjson_val *value;
  assert_success(READ(*state,
                      "\x81\xa4"
                      "body\xc4\x02\x00\xff",
                      &value));
  yyjson_val *body = yyjson_obj_get(value, "body");
  assert_true(yyjson_is_raw(body));
  assert_int_equal(yyjson_get_len(body), 2);
  assert_memory_equal(yyjson_get_raw(body), "\x00\xff", 2);
}

static void bytes_elsewhere_are_refused(void **state) {
  const char *message = "test: byte 6: bytes where they are not taken; expected a string in base64";
  REFUSED(*state,
          "\x81\xa4"
          "bode\xc4\x01\x00",
          message);
  REFUSED(*state,
          "\x81\xa4"
          "body\x91\xc4\x01\x00",
          "test: byte 7: bytes where they are not taken; expected a string in base64");
  REFUSED(*state, "\xc4\x01\x00", "test: byte 0: bytes where they are not taken; expected a string in base64");
}

static void what_json_cannot_say_is_refused(void **state) {
  REFUSED(*state, "", "test: it is empty; expected MessagePack");
  REFUSED(*state, "\xc1", "test: byte 0: it begins no value");
  REFUSED(*state, "\x91\xd4\x01\x00",
          "test: byte 1: an extension type; expected what JSON can say, a time as a string");
  REFUSED(*state, "\xca\x7f\x80\x00\x00", "test: byte 0: a number that is not finite");
  REFUSED(*state, "\x81\x01\x02", "test: byte 1: a key that is no string");
  REFUSED(*state, "\xa2\xc3\x28", "test: byte 0: a string that is no UTF-8");
  REFUSED(*state,
          "\x82\xa1"
          "a\x01\xa1"
          "a\x02",
          "test: the key \"a\" stands twice in one map");
}

static void what_ends_early_or_late_is_refused(void **state) {
  REFUSED(*state, "\x92\x01", "test: byte 2: it ends within a value");
  REFUSED(*state,
          "\xa3"
          "ab",
          "test: byte 3: it ends within a value");
  REFUSED(*state, "\xdd\xff\xff\xff\xff\xc0", "test: byte 6: it ends within a value");
  REFUSED(*state, "\xdf\xff\xff\xff\xff", "test: byte 5: it ends within a value");
  REFUSED(*state, "\xc0\xc0", "test: byte 1: something follows the value");
}

static void nesting_ends_where_it_does_in_json(void **state) {
  char bytes[JSON_DEPTH_MAX + 2];
  memset(bytes, 0x91, sizeof bytes);
  bytes[JSON_DEPTH_MAX] = (char)0xc0;
  yyjson_val *value;
  assert_success(read_bytes(*state, bytes, JSON_DEPTH_MAX + 1, &value));
  bytes[JSON_DEPTH_MAX] = (char)0x91;
  bytes[JSON_DEPTH_MAX + 1] = (char)0xc0;
  assert_fails(read_bytes(*state, bytes, JSON_DEPTH_MAX + 2, &value), UBIQ_INVALID_INPUT,
               "test: byte 64: maps and arrays are nested too deep");
}

static void keys_of_large_maps_are_compared_too(void **state) {
  buffer bytes = {0};
  assert_true(msgpack_write_map(&bytes, 41));
  for (unsigned i = 0; i < 41; i++) {
    char key[8];
    snprintf(key, sizeof key, "k%u", i % 40);
    assert_true(msgpack_write_text(&bytes, text_of(key)) && msgpack_write_unsigned(&bytes, i));
  }
  yyjson_val *value;
  assert_fails(read_bytes(*state, bytes.data, bytes.size, &value), UBIQ_INVALID_INPUT,
               "test: the key \"k0\" stands twice in one map");
  buffer_free(&bytes);
}

// --------------------------------------------------------------------------------------------------------- the suite

/// Undoes `c4-01-ff`.
static size_t bytes_of(yyjson_val *hex, uint8_t *out, size_t room) {
  size_t count = 0;
  for (const char *at = yyjson_get_str(hex); *at != '\0'; at += at[2] == '-' ? 3 : 2) {
    assert_true(count < room);
    out[count++] = (uint8_t)strtoul((char[]){at[0], at[1], '\0'}, NULL, 16);
  }
  return count;
}

static bool same_number(yyjson_val *a, yyjson_val *b) {
  if (yyjson_is_real(a) || yyjson_is_real(b)) return yyjson_get_num(a) == yyjson_get_num(b);
  return yyjson_get_uint(a) == yyjson_get_uint(b) && yyjson_is_sint(a) == yyjson_is_sint(b);
}

static bool same_value(yyjson_val *wanted, yyjson_val *value);

static bool same_items(yyjson_val *wanted, yyjson_val *value) {
  bool same = yyjson_arr_size(wanted) == yyjson_arr_size(value);
  for (size_t i = 0; same && i < yyjson_arr_size(wanted); i++)
    same = same_value(yyjson_arr_get(wanted, i), yyjson_arr_get(value, i));
  return same;
}

static bool same_fields(yyjson_val *wanted, yyjson_val *value) {
  bool same = yyjson_obj_size(wanted) == yyjson_obj_size(value);
  size_t index, max;
  yyjson_val *key, *field;
  yyjson_obj_foreach(wanted, index, max, key, field) {
    same = same && same_value(field, yyjson_obj_get(value, yyjson_get_str(key)));
  }
  return same;
}

static bool same_value(yyjson_val *wanted, yyjson_val *value) {
  if (yyjson_get_type(wanted) != yyjson_get_type(value)) return false;
  if (yyjson_is_num(wanted)) return same_number(wanted, value);
  if (yyjson_is_arr(wanted)) return same_items(wanted, value);
  return yyjson_is_obj(wanted) ? same_fields(wanted, value) : unsafe_yyjson_equals(wanted, value);
}

/// Bytes are taken as the body.
static void check_binary(fixture *self, yyjson_val *wanted, const uint8_t *bytes, size_t size) {
  uint8_t request[512] = {0x81, 0xa4, 'b', 'o', 'd', 'y'}, content[512];
  size_t count = bytes_of(wanted, content, sizeof content);
  memcpy(request + 6, bytes, size);
  yyjson_val *value;
  assert_success(read_bytes(self, request, size + 6, &value));
  yyjson_val *body = yyjson_obj_get(value, "body");
  assert_true(yyjson_is_raw(body));
  assert_int_equal(yyjson_get_len(body), count);
  assert_memory_equal(yyjson_get_raw(body), content, count);
}

static bool is_among(yyjson_val *encodings, const buffer *bytes) {
  for (size_t i = 0; i < yyjson_arr_size(encodings); i++) {
    uint8_t encoding[512];
    size_t size = bytes_of(yyjson_arr_get(encodings, i), encoding, sizeof encoding);
    if (size == bytes->size && memcmp(encoding, bytes->data, size) == 0) return true;
  }
  return false;
}

static void check_value(fixture *self, yyjson_val *wanted, yyjson_val *encodings, const uint8_t *bytes, size_t size) {
  yyjson_val *value;
  assert_success(read_bytes(self, bytes, size, &value));
  assert_true(same_value(wanted, value));
  buffer written = {0};
  assert_true(msgpack_value_write(&written, value));
  assert_true(is_among(encodings, &written));
  buffer_free(&written);
}

static void check_encoding(fixture *self, yyjson_val *row, yyjson_val *encodings, yyjson_val *encoding) {
  uint8_t bytes[512];
  size_t size = bytes_of(encoding, bytes, sizeof bytes);
  yyjson_val *value, *key = unsafe_yyjson_get_first(row);
  if (yyjson_obj_get(row, "binary") != NULL) {
    check_binary(self, key + 1, bytes, size);
  } else if (yyjson_obj_get(row, "ext") != NULL || yyjson_obj_get(row, "timestamp") != NULL) {
    ubiq_error *error = read_bytes(self, bytes, size, &value);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
  } else if (yyjson_obj_get(row, "bignum") != NULL) {
    yyjson_doc *number;
    text digits = text_of(yyjson_get_str(yyjson_obj_get(row, "bignum")));
    assert_success(json_parse("bignum", digits.data, digits.size, &number));
    check_value(self, yyjson_doc_get_root(number), encodings, bytes, size);
    yyjson_doc_free(number);
  } else {
    check_value(self, key + 1, encodings, bytes, size);
  }
}

static size_t check_group(fixture *self, yyjson_val *group) {
  size_t count = 0;
  for (size_t i = 0; i < yyjson_arr_size(group); i++) {
    yyjson_val *row = yyjson_arr_get(group, i), *encodings = yyjson_obj_get(row, "msgpack");
    for (size_t j = 0; j < yyjson_arr_size(encodings); j++, count++)
      check_encoding(self, row, encodings, yyjson_arr_get(encodings, j));
  }
  return count;
}

static void there_are_no_more_values_than_there_may_be(void **state) {
  fixture *self = *state;
  yyjson_val *value;
  static const char bytes[] = "\x93\x01\x81\xa1\x61\x02\x03"; // [1, {"a": 2}, 3]
  const json_limits enough = {6, 1}, fewer_values = {5, 1}, no_members = {6, 0};
  assert_success(msgpack_value_read("test", bytes, sizeof bytes - 1, &enough, NULL, &self->arena, &value));
  assert_fails(msgpack_value_read("test", bytes, sizeof bytes - 1, &fewer_values, NULL, &self->arena, &value),
               UBIQ_TOO_LARGE, "test: it has more than 5 values; expected fewer");
  assert_fails(msgpack_value_read("test", bytes, sizeof bytes - 1, &no_members, NULL, &self->arena, &value),
               UBIQ_TOO_LARGE, "test: an object in it has 1 keys; expected at most 0");
}

static void every_vector_of_the_suite_is_read_and_written_again(void **state) {
  buffer bytes = {0};
  ubiq_error *missing = file_read_all(UBIQ_DEPS_DIR "/msgpack-test-suite/msgpack-test-suite.json", 1 << 20, &bytes);
  if (missing != NULL) {
    print_message("skipped: %s (scripts/setup brings it)\n", ubiq_error_message(missing));
    ubiq_error_delete(missing);
    skip();
  }
  yyjson_doc *suite;
  assert_success(json_parse("suite", bytes.data, bytes.size, &suite));
  size_t count = 0, index, max;
  yyjson_val *key, *group;
  yyjson_obj_foreach(yyjson_doc_get_root(suite), index, max, key, group) count += check_group(*state, group);
  assert_true(count > 200);
  yyjson_doc_free(suite);
  buffer_free(&bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(values_are_read_in_their_order, set_up, tear_down),
      cmocka_unit_test_setup_teardown(strings_end_with_a_nul, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_body_may_be_bytes, set_up, tear_down),
      cmocka_unit_test_setup_teardown(bytes_elsewhere_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_json_cannot_say_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_ends_early_or_late_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(nesting_ends_where_it_does_in_json, set_up, tear_down),
      cmocka_unit_test_setup_teardown(keys_of_large_maps_are_compared_too, set_up, tear_down),
      cmocka_unit_test_setup_teardown(there_are_no_more_values_than_there_may_be, set_up, tear_down),
      cmocka_unit_test_setup_teardown(every_vector_of_the_suite_is_read_and_written_again, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
