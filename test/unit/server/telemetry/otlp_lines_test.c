// Log lines on their way to a collector.
#include "server/telemetry/otlp_lines.h"

#include "base/log.h"
#include "unit/base/testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void put(otlp_lines *self, const char *message, size_t size, const char *traceparent) {
  const ubiq_log_record record = {.level = UBIQ_LOG_WARN,
                                  .time_ns = 7,
                                  .source = "a",
                                  .message = message,
                                  .message_size = size,
                                  .traceparent = traceparent};
  otlp_lines_put(self, &record);
}

static void lines_come_out_as_copies_in_order(void **state) {
  (void)state;
  otlp_lines *self = otlp_lines_new();
  otlp_line line;
  char message[] = "one";
  assert_false(otlp_lines_take(self, &line));
  put(self, message, 3, NULL);
  message[0] = 'x';
  put(self, "two", 2, NULL); // a part of what is there
  assert_true(otlp_lines_take(self, &line));
  assert_string_equal(line.source, "a");
  assert_string_equal(line.message, "one");
  assert_int_equal(line.level, UBIQ_LOG_WARN);
  assert_int_equal(line.time_ns, 7);
  assert_false(line.has_trace);
  otlp_line_free(&line);
  assert_true(otlp_lines_take(self, &line));
  assert_string_equal(line.message, "tw");
  otlp_line_free(&line);
  assert_false(otlp_lines_take(self, &line));
  otlp_lines_delete(self);
  otlp_lines_delete(NULL);
}

static void a_line_says_the_span_of_its_run(void **state) {
  (void)state;
  otlp_lines *self = otlp_lines_new();
  otlp_line line;
  put(self, "one", 3, PARENT);
  assert_true(otlp_lines_take(self, &line));
  assert_true(line.has_trace);
  assert_int_equal(line.trace.id[0], 0x4b);
  assert_int_equal(line.trace.span[7], 0xb7);
  assert_int_equal(line.trace.flags, TRACE_SAMPLED);
  otlp_line_free(&line);
  otlp_lines_delete(self);
}

static void a_long_line_is_cut_between_characters_and_what_is_no_text_is_escaped(void **state) {
  (void)state;
  otlp_lines *self = otlp_lines_new();
  otlp_line line;
  char *message = malloc(2 * OTLP_LINE_BYTES_MAX);
  for (size_t i = 0; i < 2 * OTLP_LINE_BYTES_MAX; i += 2) memcpy(message + i, "ä", 2);
  message[0] = 'x';
  message[1] = 'x';
  put(self, message + 1, 2 * OTLP_LINE_BYTES_MAX - 1, NULL);
  put(self, "\xff", 1, NULL);
  assert_true(otlp_lines_take(self, &line));
  assert_int_equal(strlen(line.message), OTLP_LINE_BYTES_MAX - 1); // all of it would end within a character
  otlp_line_free(&line);
  assert_true(otlp_lines_take(self, &line));
  assert_string_equal(line.message, "\\xff");
  otlp_line_free(&line);
  free(message);
  otlp_lines_delete(self);
}

static void what_finds_no_room_is_dropped_and_counted(void **state) {
  (void)state;
  otlp_lines *self = otlp_lines_new();
  otlp_line line;
  for (int i = 0; i < OTLP_LINES_MAX + 3; i++) put(self, "m", 1, NULL);
  assert_int_equal(otlp_lines_dropped(self), 3);
  assert_true(otlp_lines_take(self, &line));
  otlp_line_free(&line);
  put(self, "m", 1, NULL);
  assert_int_equal(otlp_lines_dropped(self), 3);
  otlp_lines_delete(self);
}

static void large_lines_are_bounded_by_their_bytes(void **state) {
  (void)state;
  otlp_lines *self = otlp_lines_new();
  char *message = malloc(OTLP_LINE_BYTES_MAX);
  memset(message, 'm', OTLP_LINE_BYTES_MAX);
  enum { FIT = OTLP_LINES_BYTES_MAX / OTLP_LINE_BYTES_MAX };
  for (int i = 0; i < FIT + 5; i++) put(self, message, OTLP_LINE_BYTES_MAX, NULL);
  assert_int_equal(otlp_lines_dropped(self), 5);
  free(message);
  otlp_lines_delete(self);
}

enum { THREADS = 4, LINES_EACH = 3000 };

static void *put_many(void *user) {
  for (int i = 0; i < LINES_EACH; i++) put(user, "m", 1, NULL);
  return NULL;
}

static void threads_put_while_another_takes(void **state) {
  (void)state;
  otlp_lines *self = otlp_lines_new();
  pthread_t threads[THREADS];
  otlp_line line;
  uint64_t taken = 0;
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, put_many, self), 0);
  for (int i = 0; i < THREADS; i++) {
    while (otlp_lines_take(self, &line)) {
      otlp_line_free(&line);
      taken++;
    }
    pthread_join(threads[i], NULL);
  }
  for (; otlp_lines_take(self, &line); taken++) otlp_line_free(&line);
  assert_int_equal(taken + otlp_lines_dropped(self), THREADS * LINES_EACH);
  otlp_lines_delete(self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_come_out_as_copies_in_order),
      cmocka_unit_test(a_line_says_the_span_of_its_run),
      cmocka_unit_test(a_long_line_is_cut_between_characters_and_what_is_no_text_is_escaped),
      cmocka_unit_test(what_finds_no_room_is_dropped_and_counted),
      cmocka_unit_test(large_lines_are_bounded_by_their_bytes),
      cmocka_unit_test(threads_put_while_another_takes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
