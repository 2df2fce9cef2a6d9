#include "server/telemetry/log_ring.h"

#include "base/log.h"
#include "base/thread.h"
#include "unit/base/testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static log_ring *ring;

static int make_ring(void **state) {
  (void)state;
  ubiq_log_set(UBIQ_LOG_DEBUG, NULL, NULL);
  ring = log_ring_new();
  return ring == NULL ? -1 : 0;
}

static int delete_ring(void **state) {
  (void)state;
  log_ring_delete(ring);
  return 0;
}

/// What a wish gives, as `source:message ` for each.
static const char *read_all(const log_wish *wish, uint64_t *last) {
  static char told[4096];
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *list = yyjson_mut_arr(document), *record;
  size_t index, max;
  told[0] = '\0';
  assert_true(log_ring_read(ring, wish, document, list, last));
  yyjson_mut_arr_foreach(list, index, max, record) {
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s:%s ", yyjson_mut_get_str(yyjson_mut_obj_get(record, "source")),
             yyjson_mut_get_str(yyjson_mut_obj_get(record, "message")));
  }
  yyjson_mut_doc_free(document);
  return told;
}

static void the_newest_that_are_wished_for_are_told(void **state) {
  (void)state;
  uint64_t last = 0;
  log_from(UBIQ_LOG_INFO, "a", "1");
  log_from(UBIQ_LOG_WARN, "b", "2");
  log_from(UBIQ_LOG_TRACE, "a", "not taken");
  log_from(UBIQ_LOG_DEBUG, "a", "3");
  assert_string_equal(read_all(&(log_wish){.count_max = 10}, &last), "a:1 b:2 a:3 ");
  assert_string_equal(read_all(&(log_wish){.count_max = 2}, &last), "b:2 a:3 ");
  assert_string_equal(read_all(&(log_wish){.count_max = 1, .source = "a"}, &last), "a:3 ");
  assert_string_equal(read_all(&(log_wish){.count_max = 10, .from = UBIQ_LOG_INFO}, &last), "a:1 b:2 ");
  assert_string_equal(read_all(&(log_wish){.count_max = 10, .after = last - 1}, &last), "a:3 ");
  assert_string_equal(read_all(&(log_wish){.count_max = 10, .after = last}, &last), "");
  assert_string_equal(read_all(&(log_wish){.count_max = 10, .after = UINT64_MAX}, &last), "");
}

/// Records go to standard error as well; megabytes of them need not.
static int silence(void) {
  int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  dup2(nowhere, STDERR_FILENO);
  close(nowhere);
  return kept;
}

static void the_oldest_make_room(void **state) {
  (void)state;
  uint64_t last = 0;
  int kept = silence();
  for (int i = 0; i < LOG_RING_RECORDS_MAX + 10; i++) log_from(UBIQ_LOG_INFO, "many", "%d", i);
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *list = yyjson_mut_arr(document);
  assert_true(log_ring_read(ring, &(log_wish){.count_max = UINT32_MAX}, document, list, &last));
  assert_int_equal(yyjson_mut_arr_size(list), LOG_RING_RECORDS_MAX);
  assert_string_equal(yyjson_mut_get_str(yyjson_mut_obj_get(yyjson_mut_arr_get_first(list), "message")), "10");
  yyjson_mut_doc_free(document);
  char *large = malloc(60000);
  memset(large, 'x', 60000);
  for (int i = 0; i < 100; i++) log_write(UBIQ_LOG_INFO, "large", large, 60000);
  dup2(kept, STDERR_FILENO);
  close(kept);
  document = yyjson_mut_doc_new(NULL);
  list = yyjson_mut_arr(document);
  assert_true(log_ring_read(ring, &(log_wish){.count_max = UINT32_MAX}, document, list, &last));
  assert_true(yyjson_mut_arr_size(list) <= LOG_RING_BYTES_MAX / 60000);
  yyjson_mut_doc_free(document);
  free(large);
}

static void what_is_no_text_is_escaped(void **state) {
  (void)state;
  uint64_t last = 0;
  log_write(UBIQ_LOG_INFO, "bytes", "a\xff\n", 3);
  assert_string_equal(read_all(&(log_wish){.count_max = 1}, &last), "bytes:a\\xff\\n ");
}

static void *log_soon(void *user) {
  (void)user;
  log_from(UBIQ_LOG_INFO, "late", "came");
  return NULL;
}

static void who_waits_gets_what_comes(void **state) {
  (void)state;
  uint64_t last = 0;
  pthread_t thread;
  read_all(&(log_wish){.count_max = 1}, &last);
  assert_int_equal(thread_start(&thread, NULL, log_soon, NULL), 0);
  assert_string_equal(
      read_all(&(log_wish){.count_max = 9, .after = last, .source = "late", .wait_ms = LOG_RING_WAIT_MS_MAX}, &last),
      "late:came ");
  pthread_join(thread, NULL);
}

static void *close_soon(void *user) {
  (void)user;
  log_ring_close(ring);
  return NULL;
}

static void nobody_waits_for_a_ring_that_is_closed(void **state) {
  (void)state;
  uint64_t last = 0;
  pthread_t thread;
  read_all(&(log_wish){.count_max = 1}, &last);
  assert_int_equal(thread_start(&thread, NULL, close_soon, NULL), 0);
  assert_string_equal(read_all(&(log_wish){.count_max = 9, .after = last, .wait_ms = LOG_RING_WAIT_MS_MAX}, &last), "");
  pthread_join(thread, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_newest_that_are_wished_for_are_told),
      cmocka_unit_test(the_oldest_make_room),
      cmocka_unit_test(what_is_no_text_is_escaped),
      cmocka_unit_test(who_waits_gets_what_comes),
      cmocka_unit_test(nobody_waits_for_a_ring_that_is_closed),
  };
  return cmocka_run_group_tests(tests, make_ring, delete_ring);
}
