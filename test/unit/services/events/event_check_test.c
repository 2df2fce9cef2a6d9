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
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (event_topic_has(text_of(cases[i].topic), text_of(cases[i].type)) != cases[i].has)
      fail_msg("%s, %s", cases[i].topic, cases[i].type);
}

int main(void) {
#define TEST(name) cmocka_unit_test(name)
  const struct CMUnitTest tests[] = {
      TEST(a_star_is_any_run_of_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
