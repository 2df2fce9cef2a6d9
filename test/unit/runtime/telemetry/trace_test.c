// What is taken for a traceparent, and what is made of it.
#include "runtime/telemetry/trace.h"

#include "unit/base/testing.h"

#define ID     "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define GOOD   "00-" ID "-" PARENT "-01"

static const uint8_t id[] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                             0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
static const uint8_t parent[] = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7};

static void a_traceparent_is_read(void **state) {
  (void)state;
  trace found;
  assert_true(trace_read(TEXT(GOOD), &found));
  assert_memory_equal(found.id, id, sizeof id);
  assert_memory_equal(found.parent, parent, sizeof parent);
  assert_int_equal(found.flags, TRACE_SAMPLED);
  assert_true(trace_read(TEXT("00-" ID "-" PARENT "-00"), &found));
  assert_int_equal(found.flags, 0);
}

static void flags_that_mean_nothing_yet_are_dropped(void **state) {
  (void)state;
  trace found;
  assert_true(trace_read(TEXT("00-" ID "-" PARENT "-ff"), &found));
  assert_int_equal(found.flags, TRACE_SAMPLED);
  assert_true(trace_read(TEXT("00-" ID "-" PARENT "-02"), &found));
  assert_int_equal(found.flags, 0);
}

static void what_is_no_traceparent_to_the_letter_is_refused_and_writes_nothing(void **state) {
  (void)state;
  static const char *const malformed[] = {
      "",
      "00",
      "-",
      GOOD "-",
      GOOD "0",
      GOOD " ",
      " " GOOD,
      "00-" ID "-" PARENT "-1",
      "00-" ID "-" PARENT "-",
      "00-" ID "-" PARENT "-0g",
      "00-" ID "-" PARENT "-0\n",
      "01-" ID "-" PARENT "-01",
      "ff-" ID "-" PARENT "-01",
      "0x-" ID "-" PARENT "-01",
      "00_" ID "-" PARENT "-01",
      "00-" ID "_" PARENT "-01",
      "00-" ID "-" PARENT "_01",
      "00-00000000000000000000000000000000-" PARENT "-01",
      "00-" ID "-0000000000000000-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
      "00-" ID "-00F067AA0BA902B7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01",
      "00-" ID "-00f067aa0ba902b\xff-01",
      "00-" PARENT "-" ID "-01",
  };
  for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
    trace found, before;
    memset(&found, 0x5a, sizeof found);
    memcpy(&before, &found, sizeof found);
    if (trace_read(text_of(malformed[i]), &found)) fail_msg("\"%s\" was taken", malformed[i]);
    assert_memory_equal(&found, &before, sizeof found);
  }
  trace found;
  assert_false(trace_read((text){NULL, 0}, &found));
  assert_false(trace_read(TEXT("00-" ID "-" PARENT "-0\0"), &found));
}

static trace_ids seeded(void) {
  trace_ids ids;
  trace_ids_seed(&ids);
  return ids;
}

static void a_span_goes_on_with_the_trace_that_it_is_part_of(void **state) {
  (void)state;
  trace_ids ids = seeded();
  trace first, second;
  trace_begin(&ids, TEXT(GOOD), false, &first);
  trace_begin(&ids, TEXT(GOOD), false, &second);
  assert_memory_equal(first.id, id, sizeof id);
  assert_memory_equal(first.parent, parent, sizeof parent);
  assert_true(trace_has_parent(&first));
  assert_int_equal(first.flags, TRACE_SAMPLED);
  assert_memory_not_equal(first.span, parent, sizeof parent);
  assert_memory_not_equal(first.span, second.span, sizeof first.span);
}

static void a_span_without_a_parent_begins_a_trace(void **state) {
  (void)state;
  trace_ids ids = seeded();
  trace first, second;
  memset(&first, 0xff, sizeof first);
  trace_begin(&ids, (text){NULL, 0}, false, &first);
  trace_begin(&ids, TEXT("00-" ID "-" PARENT), true, &second);
  assert_false(trace_has_parent(&first));
  assert_false(trace_has_parent(&second));
  assert_memory_not_equal(first.id, second.id, sizeof first.id);
  assert_memory_not_equal(second.id, id, sizeof id);
  assert_int_equal(first.flags, 0);
  assert_int_equal(second.flags, TRACE_SAMPLED);
}

static void what_is_written_is_read_as_the_parent_of_what_follows(void **state) {
  (void)state;
  trace_ids ids = seeded();
  trace span, child;
  char header[TRACE_PARENT_SIZE];
  for (int i = 0; i < 1000; i++) {
    trace_begin(&ids, (text){NULL, 0}, i % 2 == 0, &span);
    trace_write(&span, header);
    assert_int_equal(strlen(header), TRACE_PARENT_SIZE - 1);
    assert_true(trace_read(text_of(header), &child));
    assert_memory_equal(child.id, span.id, sizeof span.id);
    assert_memory_equal(child.parent, span.span, sizeof span.span);
    assert_int_equal(child.flags, span.flags);
  }
  trace_begin(&ids, TEXT(GOOD), false, &span);
  memcpy(span.span, parent, sizeof parent);
  trace_write(&span, header);
  assert_string_equal(header, GOOD);
}

static void workers_make_different_ids(void **state) {
  (void)state;
  trace_ids one = seeded(), other = seeded();
  trace a, b;
  trace_begin(&one, (text){NULL, 0}, false, &a);
  trace_begin(&other, (text){NULL, 0}, false, &b);
  assert_memory_not_equal(a.id, b.id, sizeof a.id);
}

static void children_have_ids_of_their_own_that_stay(void **state) {
  (void)state;
  const trace span = {.span = {1}}, other = {.span = {2}};
  uint8_t first[TRACE_SPAN_SIZE], again[TRACE_SPAN_SIZE], second[TRACE_SPAN_SIZE], of_other[TRACE_SPAN_SIZE];
  trace_child(&span, 1, first);
  trace_child(&span, 1, again);
  trace_child(&span, 2, second);
  trace_child(&other, 1, of_other);
  assert_memory_equal(first, again, sizeof first);
  assert_memory_not_equal(first, second, sizeof first);
  assert_memory_not_equal(first, of_other, sizeof first);
  assert_memory_not_equal(first, span.span, sizeof first);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_traceparent_is_read),
      cmocka_unit_test(children_have_ids_of_their_own_that_stay),
      cmocka_unit_test(flags_that_mean_nothing_yet_are_dropped),
      cmocka_unit_test(what_is_no_traceparent_to_the_letter_is_refused_and_writes_nothing),
      cmocka_unit_test(a_span_goes_on_with_the_trace_that_it_is_part_of),
      cmocka_unit_test(a_span_without_a_parent_begins_a_trace),
      cmocka_unit_test(what_is_written_is_read_as_the_parent_of_what_follows),
      cmocka_unit_test(workers_make_different_ids),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
