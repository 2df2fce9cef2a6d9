// Which media types are JSON.
#include "base/media_type.h"

#include "unit/base/testing.h"

static void json_is_known_however_it_is_spelt(void **state) {
  static const struct {
    const char *type;
    bool is_json;
  } cases[] = {
      {"application/json", true},
      {"Application/JSON", true},
      {"application/json; charset=utf-8", true},
      {"application/json ;x", true},
      {"application/cloudevents+json", true},
      {"Application/CloudEvents+JSON; charset=utf-8", true},
      {"application/jsonl", false},
      {"text/plain; x=+json", false},
      {"+json", false},
      {"json", false},
      {";+json", false},
      {"", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (media_type_is_json(text_of(cases[i].type)) != cases[i].is_json) fail_msg("%s", cases[i].type);
}

static void the_name_is_without_parameters(void **state) {
  (void)state;
  assert_true(text_equal_string(media_type_name(TEXT(" text/plain ; charset=utf-8")), "text/plain"));
  assert_true(text_equal_string(media_type_name(TEXT("text/plain")), "text/plain"));
  assert_int_equal(media_type_name((text){NULL, 0}).size, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_is_known_however_it_is_spelt),
      cmocka_unit_test(the_name_is_without_parameters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
