#include "services/condition.h"

#include "unit/base/testing.h"

static void a_tag_is_found_in_a_list(void **state) {
  (void)state;
  const struct {
    const char *list;
    bool is_weak, is_found;
  } rows[] = {
      {"\"7\"", false, true},        {"\"6\", \"7\"", false, true}, {" \"7\" ,", false, true}, {"*", false, true},
      {" * ", false, true},          {"\"77\"", false, false},      {"7", false, false},       {"\"7", false, false},
      {"\"", false, false},          {"\"\"", false, false},        {"W/\"7\"", false, false}, {"W/\"7\"", true, true},
      {"\"6\",W/\"7\"", true, true}, {"w/\"7\"", true, false},      {",,", true, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (condition_names(text_of(rows[i].list), TEXT("7"), rows[i].is_weak) != rows[i].is_found)
      fail_msg("%s", rows[i].list);
}

static void nothing_has_no_tag(void **state) {
  (void)state;
  assert_false(condition_names(TEXT("*"), (text){NULL, 0}, true));
  assert_false(condition_names(TEXT("\"\""), (text){NULL, 0}, true));
}

static void assert_checked(const condition *condition, const char *tag, const char *words) {
  ubiq_error *error = condition_check(condition, text_of(tag), "the object");
  assert_string_equal(error == NULL ? "" : ubiq_error_message(error), words);
  if (error != NULL) assert_int_equal(ubiq_error_code(error), UBIQ_CONFLICT);
  ubiq_error_delete(error);
}

static void what_does_not_hold_is_a_conflict(void **state) {
  (void)state;
  const condition none = {0}, absent = {.if_absent = true}, match = {.match = TEXT("\"7\"")},
                  missing = {.none_match = TEXT("*")}, other = {.none_match = TEXT("\"7\"")};
  assert_checked(&none, "7", "");
  assert_checked(&none, "", "");
  assert_checked(&absent, "", "");
  assert_checked(&absent, "7", "the object is there");
  assert_checked(&match, "7", "");
  assert_checked(&match, "8", "the object has another etag than if-match says");
  assert_checked(&match, "", "the object is not there");
  assert_checked(&missing, "", "");
  assert_checked(&missing, "7", "the object is there");
  assert_checked(&other, "7", "the object is there");
  assert_checked(&other, "8", "");
}

static void assert_version(const condition *condition, bool if_absent, uint64_t version, const char *words) {
  bool absent = false;
  uint64_t found = 0;
  ubiq_error *error = condition_read_version(condition, &absent, &found);
  assert_string_equal(error == NULL ? "" : ubiq_error_message(error), words);
  if (error == NULL) assert_true(absent == if_absent && found == version);
  ubiq_error_delete(error);
}

static void a_version_is_a_single_tag(void **state) {
  (void)state;
  assert_version(&(condition){0}, false, 0, "");
  assert_version(&(condition){.if_absent = true}, true, 0, "");
  assert_version(&(condition){.match = TEXT(" \"7\" ")}, false, 7, "");
  assert_version(&(condition){.none_match = TEXT("*")}, true, 0, "");
  static const char *const wrong[] = {"7", "\"x\"", "*", "\"6\", \"7\"", "\"0\"", "W/\"7\"", "\"-7\""};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    bool absent;
    uint64_t version;
    const condition condition = {.match = text_of(wrong[i])};
    ubiq_error *error = condition_read_version(&condition, &absent, &version);
    if (ubiq_error_code(error) != UBIQ_INVALID_INPUT) fail_msg("%s", wrong[i]);
    ubiq_error_delete(error);
  }
  assert_version(&(condition){.none_match = TEXT("\"7\"")}, false, 0,
                 "if-none-match is \"\"7\"\"; expected *, so that only what is missing is put");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tag_is_found_in_a_list),
      cmocka_unit_test(nothing_has_no_tag),
      cmocka_unit_test(what_does_not_hold_is_a_conflict),
      cmocka_unit_test(a_version_is_a_single_tag),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
