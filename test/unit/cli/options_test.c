#include "cli/options.h"

#include "unit/base/testing.h"

#include <stdlib.h>
#include <string.h>

typedef struct values {
  bool flag;
  const char *text;
  uint64_t number, duration, size;
  option_list list;
  const char *positionals[2];
  size_t positionals_count;
} values;

/// Parses up to eight arguments.
static ubiq_error *parse(values *self, const char *const *arguments, size_t count) {
  const option list[] = {
      {"flag", 'f', OPTION_FLAG, NULL, "a flag", &self->flag, 0, 0},
      {"text", 't', OPTION_TEXT, "TEXT", "some text", &self->text, 0, 0},
      {"number", 'n', OPTION_NUMBER, "N", "a number", &self->number, 1, 10},
      {"duration", 0, OPTION_DURATION, "TIME", "a time", &self->duration, 0, 60000},
      {"size", 0, OPTION_SIZE, "SIZE", "a size", &self->size, 0, 0},
      {"item", 'i', OPTION_LIST, "ITEM", "an item", &self->list, 0, 0},
  };
  char *copies[8];
  *self = (values){0};
  options options = {.list = list, .count = 6, .positionals = self->positionals, .positionals_max = 2};
  for (size_t i = 0; i < count; i++) copies[i] = (char *)(uintptr_t)arguments[i];
  ubiq_error *error = options_parse(&options, (int)count, copies);
  self->positionals_count = options.positionals_count;
  return error;
}

#define PARSE(self, ...)                                                                                               \
  parse(self, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void every_form_of_an_option_is_read(void **state) {
  (void)state;
  values self;
  assert_success(PARSE(&self, "--flag", "--text", "a", "--number=3", "--duration", "2s", "--size=1KiB"));
  assert_true(self.flag);
  assert_string_equal(self.text, "a");
  assert_int_equal(self.number, 3);
  assert_int_equal(self.duration, 2000);
  assert_int_equal(self.size, 1024);
  assert_success(PARSE(&self, "-f", "-tb", "-n", "4", "--text="));
  assert_true(self.flag);
  assert_string_equal(self.text, "");
  assert_int_equal(self.number, 4);
}

static void an_option_may_be_given_several_times(void **state) {
  (void)state;
  values self;
  assert_success(PARSE(&self, "-i", "a", "--item=b", "--item", "c"));
  assert_int_equal(self.list.count, 3);
  assert_string_equal(self.list.values[2], "c");
  free(self.list.values);
}

static void positionals_stand_before_between_and_behind(void **state) {
  (void)state;
  values self;
  assert_success(PARSE(&self, "one", "-f", "two"));
  assert_int_equal(self.positionals_count, 2);
  assert_success(PARSE(&self, "--", "--flag", "-"));
  assert_false(self.flag);
  assert_string_equal(self.positionals[0], "--flag");
  assert_string_equal(self.positionals[1], "-");
}

static void what_is_wrong_is_named(void **state) {
  (void)state;
  values self;
  assert_fails(PARSE(&self, "--flg"), UBIQ_INVALID_INPUT, "unknown option --flg; did you mean --flag?");
  assert_fails(PARSE(&self, "--zzzzzz"), UBIQ_INVALID_INPUT, "unknown option --zzzzzz; see --help");
  assert_fails(PARSE(&self, "-z"), UBIQ_INVALID_INPUT, "unknown option -z; see --help");
  assert_fails(PARSE(&self, "--flag=1"), UBIQ_INVALID_INPUT, "--flag takes no value");
  assert_fails(PARSE(&self, "--text"), UBIQ_INVALID_INPUT, "--text needs a value: --text TEXT");
  assert_fails(PARSE(&self, "-n", "11"), UBIQ_INVALID_INPUT, "--number is \"11\"; expected a number from 1 to 10");
  assert_fails(PARSE(&self, "-n", "x"), UBIQ_INVALID_INPUT, "--number is \"x\"; expected a whole number");
  assert_fails(PARSE(&self, "--duration", "2m"), UBIQ_INVALID_INPUT, "--duration is \"2m\"; expected at most 60000 ms");
  assert_fails(PARSE(&self, "a", "b", "c"), UBIQ_INVALID_INPUT, "unexpected argument \"c\"; see --help");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_form_of_an_option_is_read),
      cmocka_unit_test(an_option_may_be_given_several_times),
      cmocka_unit_test(positionals_stand_before_between_and_behind),
      cmocka_unit_test(what_is_wrong_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
