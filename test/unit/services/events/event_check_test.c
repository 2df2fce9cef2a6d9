// Which types are of a topic.
#include "services/events/event_check.h"

#include "unit/base/testing.h"

static void a_star_is_any_run_of_bytes(void **state) {
  static const struct {
    const char *topic, *type;
    bool has;
  } cases[] = {
      {"order.created", "order.created", true},
      {"order.created", "order.create", false},
      {"order.created", "order.createdx", false},
      {"order.*", "order.created", true},
      {"order.*", "order.", true},
      {"order.*", "order.a.b", true},
      {"order.*", "order", false},
      {"order.*", "orders.a", false},
      {"*", "a", true},
      {"*.created", "order.created", true},
      {"*.created", "order.created.created", true},
      {"*.created", "order.createdx", false},
      {"a*b*c", "abc", true},
      {"a*b*c", "axbxbxc", true},
      {"a*b*c", "axbxbx", false},
      {"a*bb*c", "abxbbxc", true},
      {"a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaa", false},
      {"a*a", "a", false},
      {"*a*", "a", true},
      {"*a*a*", "a", false},
      {"", "a", false},
      {"*", "*", true},
      {"order.*", "order.*", true},
      {"*..*", "a..b", true},
      {"*..*", "a.b", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (event_topic_has(text_of(cases[i].topic), text_of(cases[i].type)) != cases[i].has)
      fail_msg("%s, %s", cases[i].topic, cases[i].type);
}

/// By the meaning of the words.
static bool has(const char *topic, const char *type) {
  if (*topic == '\0') return *type == '\0';
  if (*topic != '*') return *topic == *type && has(topic + 1, type + 1);
  return has(topic + 1, type) || (*type != '\0' && has(topic, type + 1));
}

static void make(char *out, size_t size, const char *letters, uint64_t *random) {
  for (size_t i = 0; i < size; i++) {
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    out[i] = letters[(*random >> 33) % strlen(letters)];
  }
  out[size] = '\0';
}

static void whatever_stands_in_a_topic_it_means_the_same(void **state) {
  uint64_t random = 1;
  size_t matched = 0;
  char topic[16], type[16];
  (void)state;
  for (size_t i = 0; i < 200000; i++) {
    make(topic, i % 9, "ab*", &random);
    make(type, i / 9 % 11, "ab", &random);
    bool expected = has(topic, type);
    matched += expected;
    if (event_topic_has(text_of(topic), text_of(type)) != expected) fail_msg("%s, %s", topic, type);
  }
  assert_true(matched > 1000);
}

int main(void) {
#define TEST(name) cmocka_unit_test(name)
  const struct CMUnitTest tests[] = {
      TEST(a_star_is_any_run_of_bytes),
      TEST(whatever_stands_in_a_topic_it_means_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
