// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/log.h"

#include "base/text.h"
#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/// What a sink has seen.
typedef struct seen {
  atomic_int count;
  ubiq_log_level level;
  char source[64];
  char message[128];
  size_t size; ///< of the last message, bytes
} seen;

static void take(void *user, const ubiq_log_record *record) {
  seen *all = user;
  if (atomic_fetch_add(&all->count, 1) > 0) return; // the first is looked at
  all->level = record->level;
  all->size = record->message_size;
  snprintf(all->source, sizeof all->source, "%s", record->source);
  snprintf(all->message, sizeof all->message, "%.*s", (int)record->message_size, record->message);
}

static int restore(void **state) {
  (void)state;
  ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
  return 0;
}

static void a_record_reaches_the_sink_with_its_parts(void **state) {
  (void)state;
  seen all = {0};
  ubiq_log_set(UBIQ_LOG_TRACE, take, &all);
  log_from(UBIQ_LOG_WARN, "greet", "%d of %s", 3, "four");
  assert_int_equal(all.count, 1);
  assert_int_equal(all.level, UBIQ_LOG_WARN);
  assert_string_equal(all.source, "greet");
  assert_string_equal(all.message, "3 of four");
}

static void take_traceparent(void *user, const ubiq_log_record *record) {
  *(const char **)user = record->traceparent;
}

static void a_listener_gets_what_the_sink_gets(void **state) {
  (void)state;
  seen all = {0};
  const char *traceparent = "none yet";
  ubiq_log_set(UBIQ_LOG_INFO, take, &all);
  log_set_listener(take_traceparent, &traceparent);
  log_debug("below the level");
  assert_string_equal(traceparent, "none yet");
  log_write_traced(UBIQ_LOG_WARN, "greet", "00-1-2-01", "x", 1);
  assert_string_equal(traceparent, "00-1-2-01");
  log_write(UBIQ_LOG_WARN, "greet", "x", 1);
  assert_null(traceparent);
  assert_int_equal(all.count, 2);
  log_set_listener(NULL, NULL);
  log_write_traced(UBIQ_LOG_WARN, "greet", "00-1-2-01", "x", 1);
  assert_null(traceparent);
  assert_int_equal(all.count, 3);
}

static int calls;
static int counted(void) {
  return ++calls;
}

static void a_record_below_the_level_costs_no_message(void **state) {
  (void)state;
  seen all = {0};
  ubiq_log_set(UBIQ_LOG_WARN, take, &all);
  assert_int_equal(ubiq_log_level_get(), UBIQ_LOG_WARN);
  log_info("%d", counted());
  log_write(UBIQ_LOG_INFO, "greet", "x", 1);
  assert_int_equal(calls, 0);
  assert_int_equal(all.count, 0);
  log_error("%d", counted());
  assert_int_equal(all.count, 1);
  assert_string_equal(all.source, "ubiq");
}

static void the_level_off_silences_everything(void **state) {
  (void)state;
  seen all = {0};
  ubiq_log_set(UBIQ_LOG_OFF, take, &all);
  log_error("not seen");
  assert_int_equal(all.count, 0);
}

static void long_messages_are_whole_and_endless_ones_are_cut(void **state) {
  (void)state;
  seen all = {0};
  ubiq_log_set(UBIQ_LOG_INFO, take, &all);
  log_info("%0*d", 5000, 1);
  assert_int_equal(all.size, 5000);
  atomic_store(&all.count, 0);
  log_info("%0*d", 1000000, 1);
  assert_int_equal(all.size, 65536);
}

static void without_memory_a_long_message_is_cut(void **state) {
  (void)state;
  seen all = {0};
  ubiq_log_set(UBIQ_LOG_INFO, take, &all);
  alloc_failure.armed = true;
  alloc_failure.passes = 0;
  log_info("%0*d", 5000, 1);
  assert_int_equal(all.size, 1023);
}

static void level_names_are_read_in_any_case(void **state) {
  (void)state;
  ubiq_log_level level = UBIQ_LOG_OFF;
  for (int i = UBIQ_LOG_TRACE; i <= UBIQ_LOG_OFF; i++) {
    assert_true(ubiq_log_level_parse(ubiq_log_level_name((ubiq_log_level)i), &level));
    assert_int_equal(level, i);
  }
  assert_true(ubiq_log_level_parse("DEBUG", &level));
  assert_int_equal(level, UBIQ_LOG_DEBUG);
  assert_false(ubiq_log_level_parse("loud", &level));
  assert_false(ubiq_log_level_parse("", &level));
  assert_false(ubiq_log_level_parse(NULL, &level));
}

static const ubiq_log_record record = {
    .level = UBIQ_LOG_INFO,
    .time_ns = UINT64_C(1795255200123000000),
    .source = "ubiq",
    .message = "ready\n\x1b[2J",
    .message_size = 10,
};

static void a_line_has_time_level_source_and_an_escaped_message(void **state) {
  (void)state;
  size_t size = 0;
  char *line = log_format(&record, false, &size);
  assert_string_equal(line, "2026-11-21T10:00:00.123Z INFO  ubiq: ready\\n\\x1b[2J\n");
  assert_int_equal(size, strlen(line));
  free(line);

  line = log_format(&record, true, &size);
  assert_string_equal(line, "2026-11-21T10:00:00.123Z \x1b[32mINFO \x1b[0m ubiq: ready\\n\\x1b[2J\n");
  free(line);
}

static void a_line_of_json_has_the_same_and_the_trace(void **state) {
  (void)state;
  size_t size = 0;
  char *line = log_format_json(&record, &size);
  assert_string_equal(line, "{\"time\":\"2026-11-21T10:00:00.123Z\",\"level\":\"info\",\"source\":\"ubiq\","
                            "\"message\":\"ready\\n\\u001b[2J\"}\n");
  assert_int_equal(size, strlen(line));
  free(line);

  ubiq_log_record traced = record;
  traced.traceparent = "00-1-2-01";
  line = log_format_json(&traced, &size);
  assert_non_null(strstr(line, "\"message\":\"ready\\n\\u001b[2J\",\"traceparent\":\"00-1-2-01\"}\n"));
  free(line);
}

static bool format_json(void *user) {
  (void)user;
  size_t size;
  char *line = log_format_json(&record, &size);
  free(line);
  return line != NULL;
}

static bool format(void *user) {
  (void)user;
  size_t size;
  char *line = log_format(&record, true, &size);
  free(line);
  return line != NULL;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(format, NULL) >= 1);
  assert_true(alloc_failure_sweep(format_json, NULL) >= 1);
}

enum { THREADS = 4, LINES = 200 };

static void *write_lines(void *user) {
  for (int i = 0; i < LINES; i++) log_from(UBIQ_LOG_INFO, user, "a line of some length, number %d", i);
  return NULL;
}

static void lines_of_several_threads_never_mix(void **state) {
  (void)state;
  FILE *file = tmpfile();
  assert_non_null(file);
  int saved = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_lines, "thread"), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  dup2(saved, STDERR_FILENO);
  close(saved);

  rewind(file);
  char line[256];
  int count = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    count++;
    assert_non_null(strstr(line, "Z INFO  thread: a line of some length, number "));
    assert_int_equal(line[24 - 1], 'Z');
  }
  assert_int_equal(count, THREADS * LINES);
  fclose(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(a_record_reaches_the_sink_with_its_parts, restore),
      cmocka_unit_test_teardown(a_listener_gets_what_the_sink_gets, restore),
      cmocka_unit_test_teardown(a_record_below_the_level_costs_no_message, restore),
      cmocka_unit_test_teardown(the_level_off_silences_everything, restore),
      cmocka_unit_test_teardown(long_messages_are_whole_and_endless_ones_are_cut, restore),
      cmocka_unit_test_teardown(without_memory_a_long_message_is_cut, restore),
      cmocka_unit_test(level_names_are_read_in_any_case),
      cmocka_unit_test(a_line_of_json_has_the_same_and_the_trace),
      cmocka_unit_test(a_line_has_time_level_source_and_an_escaped_message),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
      cmocka_unit_test(lines_of_several_threads_never_mix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
