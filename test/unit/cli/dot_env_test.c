#include "cli/dot_env.h"

#include "unit/base/testing.h"

#include <stdio.h>

/// What is read, as lines `NAME=[VALUE]`.
static void assert_reads(const char *content, const char *expected) {
  dot_env file;
  char got[256] = "";
  assert_success(dot_env_parse(".env", text_of(content), &file));
  for (size_t i = 0; i < file.count; i++) {
    const size_t used = strlen(got);
    snprintf(got + used, sizeof got - used, "%s=[%s]\n", file.settings[i].name, file.settings[i].value);
  }
  assert_string_equal(got, expected);
  dot_env_free(&file);
}

static void assert_refuses(const char *content, const char *message) {
  dot_env file;
  assert_fails(dot_env_parse(".env", text_of(content), &file), UBIQ_INVALID_INPUT, message);
  dot_env_free(&file);
}

static void a_line_is_a_name_and_a_value(void **state) {
  (void)state;
  assert_reads("A=1\nb_2=x y\n", "A=[1]\nb_2=[x y]\n");
  assert_reads("A=1", "A=[1]\n");
  assert_reads("  A\t=  b=c \n\n \n", "A=[b=c]\n");
  assert_reads("A=\nB=  \nC=''\n", "A=[]\nB=[]\nC=[]\n");
  assert_reads("A=1\nA=2\n", "A=[1]\nA=[2]\n");
  assert_reads("A=$HOME/${X}\n", "A=[$HOME/${X}]\n");
}

static void what_editors_of_other_systems_add_is_left_out(void **state) {
  (void)state;
  assert_reads("\xef\xbb\xbf"
               "A=1\r\nB=\"x\"\r\nC='1\r\n2'\r\n",
               "A=[1]\nB=[x]\nC=[1\n2]\n");
}

static void the_word_export_is_left_out(void **state) {
  (void)state;
  assert_reads("export A=1\nexport\tB='2'\nexport=3\nexported=4\n", "A=[1]\nB=[2]\nexport=[3]\nexported=[4]\n");
}

static void comments_begin_a_line_or_stand_behind_a_blank(void **state) {
  (void)state;
  assert_reads("# one\n  #A=1\nB=2 # two\nC=x#y\nD=\"x # y\" # z\nE='1'#\nF=#7\nG= # none\n",
               "B=[2]\nC=[x#y]\nD=[x # y]\nE=[1]\nF=[#7]\nG=[]\n");
}

static void quotes_keep_blanks_and_lines(void **state) {
  (void)state;
  assert_reads("A=' x '\nB=\"a\nb\"\nC='say \"hi\"'\nD=it's\n", "A=[ x ]\nB=[a\nb]\nC=[say \"hi\"]\nD=[it's]\n");
}

static void only_double_quotes_know_escapes(void **state) {
  (void)state;
  assert_reads("A=\"1\\n2\\t\\\"3\\\" \\\\n \\$x\"\nB='1\\n2'\nC=1\\n2\n",
               "A=[1\n2\t\"3\" \\n $x]\nB=[1\\n2]\nC=[1\\n2]\n");
}

static void what_is_wrong_is_told_with_its_line_and_without_values(void **state) {
  (void)state;
  static const char name[] = "expected NAME=VALUE, where NAME has letters, digits and _";
  char message[128];
  const char *const nameless[] = {"A=1\nhunter2\n",     "A='1\n'hunter2\n",    "A=1\n=hunter2\n", "A=1\n7A=hunter2\n",
                                  "A=1\nA-B=hunter2\n", "A=1\nexport hunter2", "A=1\nexport"};
  snprintf(message, sizeof message, ".env:2: %s", name);
  for (size_t i = 0; i < sizeof nameless / sizeof nameless[0]; i++)
    if (i != 1) assert_refuses(nameless[i], message);
  assert_refuses(nameless[1], ".env:1: expected nothing but a comment behind the closing quote");
  assert_refuses("A=1\nB=\"hunter2\nC=3\n", ".env:2: the quote is not closed; expected another of its kind");
  assert_refuses("A='a\nb\nc'\n\nB='hunter", ".env:5: the quote is not closed; expected another of its kind");
}

static void a_value_has_no_nul(void **state) {
  (void)state;
  dot_env file;
  assert_fails(dot_env_parse(".env", (text){"A=\0x", 4}, &file), UBIQ_INVALID_INPUT,
               ".env:1: has a NUL in it; expected NAME=VALUE");
  dot_env_free(&file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_is_a_name_and_a_value),
      cmocka_unit_test(what_editors_of_other_systems_add_is_left_out),
      cmocka_unit_test(the_word_export_is_left_out),
      cmocka_unit_test(comments_begin_a_line_or_stand_behind_a_blank),
      cmocka_unit_test(quotes_keep_blanks_and_lines),
      cmocka_unit_test(only_double_quotes_know_escapes),
      cmocka_unit_test(what_is_wrong_is_told_with_its_line_and_without_values),
      cmocka_unit_test(a_value_has_no_nul),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
