// What is taken for a tracestate, and what of it is handed on.
#include "runtime/telemetry/trace_state.h"

#include "unit/base/testing.h"

#include <stdio.h>

static void assert_read(const char *header, const char *expected) {
  char out[TRACE_STATE_SIZE];
  assert_int_equal(trace_state_read(text_of(header), out), strlen(expected));
  assert_string_equal(out, expected);
}

static void a_list_is_handed_on_as_it_is(void **state) {
  (void)state;
  assert_read("congo=t61rcWkgMzE", "congo=t61rcWkgMzE");
  assert_read("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  assert_read("fw529a3039@dt=FfffffC*,1a-2b@a=!~", "fw529a3039@dt=FfffffC*,1a-2b@a=!~");
  assert_read("a_-*/0=with a blank", "a_-*/0=with a blank");
}

static void blanks_and_empty_members_are_left_out(void **state) {
  (void)state;
  assert_read(" a=1 ,\t b=2\t,, ,c= 3 ,", "a=1,b=2,c= 3");
  assert_read("", "");
  assert_read(" , ,", "");
}

static void a_list_with_anything_malformed_is_none(void **state) {
  (void)state;
  static const char *const malformed[] = {"a",       "=",      "=1",    "a=",    "A=1",     "1=1",  "a=1=2",
                                          "a b=1",   "a=\x01", "ä=1",   "a=ä",   "@a=1",    "a@=1", "a@1=1",
                                          "a@b@c=1", "-a=1",   "a.b=1", "a=1,b", "a=1,a=2", "a =1", "a=\x7f"};
  for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) assert_read(malformed[i], "");
}

/// Appends a member with a key of `key_bytes` and a value of `value_bytes` to a list.
static void append(char *list, char first, size_t key_bytes, size_t value_bytes) {
  if (list[0] != '\0') strcat(list, ",");
  char *end = list + strlen(list);
  memset(end, 'k', key_bytes);
  end[0] = first;
  end[key_bytes] = '=';
  memset(end + key_bytes + 1, 'v', value_bytes);
  end[key_bytes + 1 + value_bytes] = '\0';
}

static void keys_and_values_are_of_a_bounded_size(void **state) {
  (void)state;
  char list[2048] = "";
  char out[TRACE_STATE_SIZE];
  append(list, 'a', 256, 255);
  assert_int_equal(trace_state_read(text_of(list), out), 512);
  list[0] = '\0';
  append(list, 'a', 257, 1);
  assert_read(list, "");
  list[0] = '\0';
  append(list, 'a', 1, 257);
  assert_read(list, "");
}

static void more_than_32_members_are_too_many(void **state) {
  (void)state;
  char list[1024] = "", expected[1024];
  for (int i = 0; i < 32; i++) sprintf(list + strlen(list), "%sk%d=v", i == 0 ? "" : ",", i);
  strcpy(expected, list);
  assert_read(list, expected);
  strcat(list, ",a=1");
  assert_read(list, "");
}

static void a_list_that_is_too_long_loses_large_members_and_then_the_last(void **state) {
  (void)state;
  char list[4096] = "", expected[1024] = "";
  append(list, 'a', 1, 200);
  for (int i = 0; i < 5; i++) append(list, (char)('b' + i), 1, 100);
  append(list, 'z', 1, 200);
  for (int i = 0; i < 5; i++) append(expected, (char)('b' + i), 1, 100);
  expected[4 * 103 - 1] = '\0'; // 514 bytes are two too many
  assert_read(list, expected);
}

static void no_more_large_members_are_left_out_than_need_be(void **state) {
  (void)state;
  char list[4096] = "", expected[1024] = "";
  append(list, 'a', 1, 200);
  append(list, 'b', 1, 100);
  append(list, 'c', 1, 250);
  append(expected, 'a', 1, 200);
  append(expected, 'b', 1, 100);
  assert_read(list, expected);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_list_is_handed_on_as_it_is),
      cmocka_unit_test(blanks_and_empty_members_are_left_out),
      cmocka_unit_test(a_list_with_anything_malformed_is_none),
      cmocka_unit_test(keys_and_values_are_of_a_bounded_size),
      cmocka_unit_test(more_than_32_members_are_too_many),
      cmocka_unit_test(a_list_that_is_too_long_loses_large_members_and_then_the_last),
      cmocka_unit_test(no_more_large_members_are_left_out_than_need_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
