// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/text.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

static void texts_are_compared_by_bytes_and_length(void **state) {
  (void)state;
  assert_true(text_equal(TEXT("abc"), text_of("abc")));
  assert_false(text_equal(TEXT("abc"), TEXT("ab")));
  assert_true(text_equal((text){NULL, 0}, TEXT("")));
  assert_true(text_equal_string(TEXT("abc"), "abc"));
  assert_true(text_equal_ignoring_case(TEXT("Content-Type"), TEXT("content-type")));
  assert_false(text_equal_ignoring_case(TEXT("a"), TEXT("b")));
  assert_true(text_compare(TEXT("a"), TEXT("b")) < 0);
  assert_true(text_compare(TEXT("ab"), TEXT("a")) > 0);
  assert_true(text_compare(TEXT("\xff"), TEXT("a")) > 0);
  assert_int_equal(text_compare(TEXT(""), (text){NULL, 0}), 0);
}

static void bytes_are_written_as_two_lower_case_digits_each(void **state) {
  (void)state;
  char digits[9] = "????????";
  text_hex("\x00\x9a\xff", 3, digits);
  assert_string_equal(digits, "009aff");
  assert_int_equal(digits[7], '?');
  text_hex(NULL, 0, digits);
  assert_string_equal(digits, "");
}

static void prefixes_and_suffixes_are_found(void **state) {
  (void)state;
  assert_true(text_starts_with(TEXT("ro:/tmp"), TEXT("ro:")));
  assert_false(text_starts_with(TEXT("ro"), TEXT("ro:")));
  assert_true(text_ends_with(TEXT("greet.wasm"), TEXT(".wasm")));
  assert_false(text_ends_with(TEXT("wasm"), TEXT(".wasm")));
  assert_true(text_ends_with(TEXT("x"), TEXT("")));
}

static void blanks_at_both_ends_are_trimmed(void **state) {
  (void)state;
  assert_true(text_equal(text_trim(TEXT(" \t\r\n a b \n")), TEXT("a b")));
  assert_int_equal(text_trim(TEXT("   ")).size, 0);
  assert_int_equal(text_trim((text){NULL, 0}).size, 0);
}

static void a_split_gives_every_part_also_empty_ones(void **state) {
  (void)state;
  text rest = TEXT("a,,b,");
  const char *expected[] = {"a", "", "b", ""};
  text part;
  size_t count = 0;
  while (text_split(&rest, ',', &part)) {
    assert_true(count < 4);
    assert_true(text_equal_string(part, expected[count++]));
  }
  assert_int_equal(count, 4);
}

static void decimal_numbers_are_read_up_to_64_bits(void **state) {
  (void)state;
  uint64_t number = 1;
  assert_true(text_to_u64(TEXT("0"), &number));
  assert_int_equal(number, 0);
  assert_true(text_to_u64(TEXT("18446744073709551615"), &number));
  assert_true(number == UINT64_MAX);
  assert_false(text_to_u64(TEXT("18446744073709551616"), &number));
  assert_false(text_to_u64(TEXT(""), &number));
  assert_false(text_to_u64(TEXT("-1"), &number));
  assert_false(text_to_u64(TEXT("1x"), &number));
}

static void a_text_is_cut_between_characters(void **state) {
  (void)state;
  assert_true(text_equal(text_cut(TEXT("abc"), 3), TEXT("abc")));
  assert_true(text_equal(text_cut(TEXT("abc"), 2), TEXT("ab")));
  assert_true(text_equal(text_cut(TEXT("a\xc3\xa4"), 2), TEXT("a")));
  assert_true(text_equal(text_cut(TEXT("a\xf0\x9f\x90\x99z"), 4), TEXT("a")));
  assert_true(text_equal(text_cut(TEXT("a\xf0\x9f\x90\x99z"), 5), TEXT("a\xf0\x9f\x90\x99")));
  assert_int_equal(text_cut(TEXT("\x80\x80\x80\x80\x80\x80"), 5).size,
                   2); // no UTF-8 loses no more than a character could have
  assert_int_equal(text_cut(TEXT("\x80\x80"), 0).size, 0);
}

static void well_formed_utf8_is_told_from_malformed(void **state) {
  (void)state;
  const char *good[] = {"",
                        "abc",
                        "\xc2\x80",
                        "\xdf\xbf",
                        "\xe0\xa0\x80",
                        "\xed\x9f\xbf",
                        "\xef\xbf\xbf",
                        "\xf0\x90\x80\x80",
                        "\xf4\x8f\xbf\xbf",
                        "Ubiquité"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_true(text_utf8_valid(good[i], strlen(good[i])));
  const char *bad[] = {"\x80",
                       "\xc0\x80",
                       "\xc1\xbf",
                       "\xc2",
                       "\xe0\x9f\xbf",
                       "\xed\xa0\x80",
                       "\xe1\x80",
                       "\xf0\x8f\xbf\xbf",
                       "\xf4\x90\x80\x80",
                       "\xf5\x80\x80\x80",
                       "\xff",
                       "a\xe2\x82"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(text_utf8_valid(bad[i], strlen(bad[i])));
}

static void base64_goes_there_and_back(void **state) {
  (void)state;
  const char *plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
  const char *encoded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"}; // RFC 4648, section 10
  for (size_t i = 0; i < 7; i++) {
    buffer out = {0};
    assert_true(text_base64_encode(&out, plain[i], strlen(plain[i])));
    assert_string_equal(buffer_string(&out), encoded[i]);
    buffer_clear(&out);
    assert_int_equal(text_base64_decode(&out, text_of(encoded[i])), TEXT_BASE64_OK);
    assert_string_equal(buffer_string(&out), plain[i]);
    buffer_free(&out);
  }
}

static void malformed_base64_is_refused_and_appends_nothing(void **state) {
  (void)state;
  const char *bad[] = {"Z", "Zg", "Zg=", "Zg===", "Zm9v\n", "Zm 9v", "Z-9_", "====", "Zh==", "Zm9vZg==Zm9v"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    buffer out = {0};
    assert_true(buffer_append_string(&out, "before"));
    assert_int_equal(text_base64_decode(&out, text_of(bad[i])), TEXT_BASE64_INVALID);
    assert_string_equal(buffer_string(&out), "before");
    buffer_free(&out);
  }
}

static void percent_escapes_are_undone_where_they_are_whole(void **state) {
  (void)state;
  const char *const rows[][2] = {{"a%2Fb", "a/b"},   {"%41%6a", "Aj"}, {"%", "%"},     {"%4", "%4"},
                                 {"%zz%41", "%zzA"}, {"a+b", "a+b"},   {"%%41", "%A"}, {"", ""}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char out[16];
    size_t size = text_percent_decode(text_of(rows[i][0]), out);
    assert_true(text_equal_string((text){out, size}, rows[i][1]));
  }
  assert_int_equal(text_percent_byte(TEXT("%00")), 0);
  assert_int_equal(text_percent_byte(TEXT("00")), -1);
}

static void what_may_not_be_shown_is_escaped(void **state) {
  (void)state;
  buffer out = {0};
  assert_true(text_escape(&out, TEXT("a\nb\r\t\x1b[31m\x7f é \xff\xc2\x9b!")));
  assert_string_equal(buffer_string(&out), "a\\nb\\r\\t\\x1b[31m\\x7f é \\xff\\xc2\\x9b!");
  buffer_clear(&out);
  assert_true(text_escape(&out, (text){"\0x", 2}));
  assert_string_equal(buffer_string(&out), "\\x00x");
  buffer_free(&out);
}

static bool encode(void *user) {
  (void)user;
  buffer out = {0};
  bool ok = text_escape(&out, TEXT("plain\x01 and \xff")) &&
            text_base64_encode(&out, "0123456789012345678901234567890123456789", 40) &&
            text_base64_decode(&out, TEXT("Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy")) ==
                TEXT_BASE64_OK;
  buffer_free(&out);
  return ok;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(encode, NULL) >= 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_compared_by_bytes_and_length),
      cmocka_unit_test(bytes_are_written_as_two_lower_case_digits_each),
      cmocka_unit_test(prefixes_and_suffixes_are_found),
      cmocka_unit_test(blanks_at_both_ends_are_trimmed),
      cmocka_unit_test(a_split_gives_every_part_also_empty_ones),
      cmocka_unit_test(decimal_numbers_are_read_up_to_64_bits),
      cmocka_unit_test(a_text_is_cut_between_characters),
      cmocka_unit_test(well_formed_utf8_is_told_from_malformed),
      cmocka_unit_test(base64_goes_there_and_back),
      cmocka_unit_test(malformed_base64_is_refused_and_appends_nothing),
      cmocka_unit_test(percent_escapes_are_undone_where_they_are_whole),
      cmocka_unit_test(what_may_not_be_shown_is_escaped),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
