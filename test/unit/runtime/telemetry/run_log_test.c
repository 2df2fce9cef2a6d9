// Lines of runs on their way to a file: whole, in order, and never waited for.
#include "runtime/telemetry/run_log.h"

#include "base/clock.h"
#include "runtime/telemetry/run_log_line.h"
#include "unit/runtime/runtime_testing.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <yyjson.h>

static const trace span = {.id = {1}, .span = {2}, .flags = 1};

static run_record record_of(const char *function) {
  return (run_record){.function = function,
                      .release = "1.0",
                      .trace = &span,
                      .outcome = UBIQ_TRAP,
                      .worker = 3,
                      .came_at_ns = UINT64_C(1600000000123456789),
                      .queue_ns = 1999,
                      .start_ns = 12345678,
                      .run_ns = UINT64_C(61000000999),
                      .cpu_ns = 0,
                      .memory_bytes = 65536,
                      .bytes_in = 5,
                      .bytes_out = 0};
}

static void a_line_is_json_with_all_that_is_known(void **state) {
  (void)state;
  char line[RUN_LOG_LINE_MAX];
  run_record record = record_of("hello");
  size_t size = run_log_line(&record, line);
  line[size] = '\0';
  assert_string_equal(line, "{\"time\":\"2020-09-13T12:26:40.123Z\",\"trace_id\":\"01000000000000000000000000000000\","
                            "\"span_id\":\"0200000000000000\",\"function\":\"hello\",\"release\":\"1.0\",\"worker\":3,"
                            "\"outcome\":\"trap\",\"queue_ms\":0.001,\"start_ms\":12.345,\"run_ms\":61000.000,"
                            "\"cpu_ms\":0.000,\"memory_bytes\":65536,\"bytes_in\":5,\"bytes_out\":0}\n");
  trace child = span;
  child.parent[7] = 9;
  record.trace = &child;
  size = run_log_line(&record, line);
  line[size] = '\0';
  assert_non_null(strstr(line, ",\"parent_id\":\"0000000000000009\","));
}

static void names_are_escaped_and_cut_between_characters(void **state) {
  (void)state;
  char line[RUN_LOG_LINE_MAX], name[1000] = "\"\\\n\x01\x7f";
  while (strlen(name) + 2 < sizeof name) strcat(name, "ä");
  run_record record = record_of(name);
  char release[1000];
  memset(release, 1, sizeof release - 1);
  release[sizeof release - 1] = '\0';
  record.release = release;
  record.queue_ns = record.start_ns = record.run_ns = record.cpu_ns = UINT64_MAX;
  record.memory_bytes = record.bytes_in = record.bytes_out = UINT64_MAX;
  size_t size = run_log_line(&record, line);
  assert_true(size < RUN_LOG_LINE_MAX);
  assert_int_equal(line[size - 1], '\n');
  yyjson_doc *document = yyjson_read(line, size, YYJSON_READ_NOFLAG);
  assert_non_null(document);
  const char *read = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(document), "function"));
  assert_memory_equal(read,
                      "\"\\\n\x01\x7f"
                      "ää",
                      9);
  assert_int_equal(strlen(read), 127); // 128 would be half a character
  yyjson_doc_free(document);
}

static void a_line_of_a_refusal_has_no_function(void **state) {
  (void)state;
  char line[RUN_LOG_LINE_MAX + 1];
  refusal_record record = {.status = 404,
                           .worker = 3,
                           .came_at_ns = UINT64_C(1600000000123456789),
                           .method = "GET",
                           .url = "/a\"\x01\xc3\xa4"};
  line[run_log_refusal_line(&record, line)] = '\0';
  assert_string_equal(line,
                      "{\"time\":\"2020-09-13T12:26:40.123Z\",\"worker\":3,\"refused\":\"not_found\",\"status\":404,"
                      "\"method\":\"GET\",\"path\":\"/a\\\"\\u0001%c3%a4\"}\n");
  trace child = span;
  child.parent[7] = 9;
  record = (refusal_record){.status = 400, .trace = &child};
  line[run_log_refusal_line(&record, line)] = '\0';
  assert_string_equal(line,
                      "{\"time\":\"1970-01-01T00:00:00.000Z\",\"trace_id\":\"01000000000000000000000000000000\","
                      "\"parent_id\":\"0000000000000009\",\"worker\":0,\"refused\":\"malformed\",\"status\":400}\n");
}

static void a_long_url_is_cut(void **state) {
  (void)state;
  char line[RUN_LOG_LINE_MAX + 1], url[5000];
  memset(url, 1, sizeof url - 1);
  url[sizeof url - 1] = '\0';
  const refusal_record record = {
      .status = UINT32_MAX, .worker = UINT32_MAX, .came_at_ns = UINT64_MAX, .method = url, .url = url, .trace = &span};
  size_t size = run_log_refusal_line(&record, line);
  assert_true(size < RUN_LOG_LINE_MAX);
  yyjson_doc *document = yyjson_read(line, size, YYJSON_READ_NOFLAG);
  assert_int_equal(yyjson_get_len(yyjson_obj_get(yyjson_doc_get_root(document), "path")), 256);
  yyjson_doc_free(document);
}

typedef struct fixture {
  char *folder;
  const char *path;
  uv_loop_t loop;
  run_log *log;
  run_log_writer *writer;
} fixture;

static void open_log(fixture *self, const char *path) {
  *self = (fixture){.folder = folder_make()};
  self->path = path == NULL ? folder_path(self->folder, "runs.log") : path;
  assert_int_equal(uv_loop_init(&self->loop), 0);
  assert_success(run_log_open(self->path, &self->log));
  self->writer = run_log_writer_new(self->log, &self->loop);
  assert_non_null(self->writer);
}

static void end_writer(fixture *self) {
  run_log_writer_close(self->writer);
  self->writer = NULL;
  assert_int_equal(uv_run(&self->loop, UV_RUN_DEFAULT), 0);
}

static void close_log(fixture *self) {
  end_writer(self);
  run_log_close(self->log);
  assert_int_equal(uv_loop_close(&self->loop), 0);
  folder_remove(self->folder);
}

static void add(fixture *self, const char *function) {
  const run_record record = record_of(function);
  run_log_add(self->writer, &record);
}

/// How many lines a file has; each has to be one of ours.
static int count_lines(const char *path) {
  char line[RUN_LOG_LINE_MAX + 1];
  int count = 0;
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  for (; fgets(line, sizeof line, file) != NULL; count++) {
    assert_memory_equal(line, "{\"time\":", 8);
    assert_string_equal(line + strlen(line) - 2, "}\n");
  }
  fclose(file);
  return count;
}

static void nothing(uv_timer_t *timer) {
  uv_close((uv_handle_t *)timer, NULL);
}

/// Turns the loop for longer than a writer keeps a line.
static void wait_for_writer(fixture *self) {
  uv_timer_t timer;
  uv_timer_init(&self->loop, &timer);
  uv_timer_start(&timer, nothing, 2 * RUN_LOG_DELAY_MS, 0);
  uv_run(&self->loop, UV_RUN_DEFAULT);
}

static void lines_are_written_together_and_soon(void **state) {
  (void)state;
  fixture self;
  open_log(&self, NULL);
  add(&self, "a");
  add(&self, "b");
  assert_int_equal(count_lines(self.path), 0);
  wait_for_writer(&self);
  assert_int_equal(count_lines(self.path), 2);
  close_log(&self);
}

static void what_is_left_is_written_at_the_end(void **state) {
  (void)state;
  fixture self;
  open_log(&self, NULL);
  add(&self, "a");
  end_writer(&self);
  assert_int_equal(count_lines(self.path), 1);
  assert_int_equal(run_log_dropped(self.log), 0);
  close_log(&self);
}

static void refusals_are_among_the_lines(void **state) {
  (void)state;
  fixture self;
  open_log(&self, NULL);
  const refusal_record record = {.status = 404};
  add(&self, "a");
  run_log_add_refusal(self.writer, &record);
  end_writer(&self);
  assert_int_equal(count_lines(self.path), 2);
  close_log(&self);
}

static void much_is_written_before_its_time(void **state) {
  (void)state;
  fixture self;
  open_log(&self, NULL);
  for (int i = 0; i < 2000; i++) add(&self, "a");
  assert_true(count_lines(self.path) > 1500);
  end_writer(&self);
  assert_int_equal(count_lines(self.path), 2000);
  close_log(&self);
}

static void what_is_there_already_stays(void **state) {
  (void)state;
  fixture self;
  open_log(&self, NULL);
  add(&self, "a");
  end_writer(&self);
  run_log_close(self.log);
  assert_success(run_log_open(self.path, &self.log));
  self.writer = run_log_writer_new(self.log, &self.loop);
  add(&self, "b");
  end_writer(&self);
  assert_int_equal(count_lines(self.path), 2);
  close_log(&self);
}

static void a_file_that_was_moved_is_left_when_it_is_opened_anew(void **state) {
  (void)state;
  fixture self;
  open_log(&self, NULL);
  const char *moved = folder_path(self.folder, "runs.log.1");
  add(&self, "a");
  assert_int_equal(rename(self.path, moved), 0);
  wait_for_writer(&self);
  assert_success(run_log_reopen(self.log));
  add(&self, "b");
  add(&self, "c");
  wait_for_writer(&self);
  assert_int_equal(count_lines(moved), 1);
  assert_int_equal(count_lines(self.path), 2);
  close_log(&self);
}

static ubiq_log_record last_warning;
static int warnings;

static void note_warning(void *user, const ubiq_log_record *record) {
  (void)user;
  last_warning = *record;
  warnings++;
}

static void a_full_disk_loses_lines_that_are_counted_and_one_warning_says_so(void **state) {
  (void)state;
  fixture self;
  warnings = 0;
  ubiq_log_set(UBIQ_LOG_INFO, note_warning, NULL);
  open_log(&self, "/dev/full");
  for (int i = 0; i < 5000; i++) add(&self, "a");
  uint64_t dropped = run_log_dropped(self.log);
  assert_true(dropped > 3000 && dropped < 5000);
  end_writer(&self);
  assert_int_equal(run_log_dropped(self.log), 5000);
  assert_int_equal(warnings, 1);
  assert_int_equal(last_warning.level, UBIQ_LOG_WARN);
  ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
  close_log(&self);
}

static void a_reader_that_does_not_read_is_not_waited_for_and_finds_whole_lines(void **state) {
  (void)state;
  fixture self;
  char *folder = folder_make();
  const char *fifo = folder_path(folder, "fifo");
  char line[RUN_LOG_LINE_MAX + 1];
  assert_int_equal(mkfifo(fifo, 0600), 0);
  int reader = open(fifo, O_RDONLY | O_NONBLOCK);
  assert_true(reader >= 0);
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  open_log(&self, fifo);
  for (int i = 0; i < 5000; i++) add(&self, "a");
  uint64_t dropped = run_log_dropped(self.log);
  assert_true(dropped > 0);
  FILE *file = fdopen(reader, "r");
  uint64_t read = 0;
  for (int i = 0; i < 100 && read + dropped < 5000; i++) {
    while (fgets(line, sizeof line, file) != NULL) {
      assert_string_equal(line + strlen(line) - 2, "}\n");
      read++;
    }
    clearerr(file);
    wait_for_writer(&self);
  }
  assert_int_equal(read + dropped, 5000);
  fclose(file);
  close_log(&self);
  ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
  folder_remove(folder);
}

/// The largest file that this process may make: writes beyond it fail, the last one in the middle.
static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_line_that_was_half_written_is_finished_before_others_write(void **state) {
  (void)state;
  fixture self;
  signal(SIGXFSZ, SIG_IGN);
  open_log(&self, NULL);
  run_log_writer *other = run_log_writer_new(self.log, &self.loop);
  limit_files(1000);
  for (int i = 0; i < 5; i++) add(&self, "a");
  wait_for_writer(&self);
  const run_record record = record_of("b");
  run_log_add(other, &record);
  limit_files(RLIM_INFINITY);
  run_log_writer *first = self.writer;
  self.writer = other; // writes at its end only
  run_log_add(other, &record);
  wait_for_writer(&self);
  run_log_writer_close(first);
  end_writer(&self);
  assert_int_equal(count_lines(self.path), 7);
  assert_int_equal(run_log_dropped(self.log), 0);
  close_log(&self);
}

enum { CLOSING_THREADS = 2, CLOSING_ROUNDS = 300, CLOSING_LINES = 150 };

typedef struct closing {
  run_log *log;
  pthread_barrier_t *barrier;
} closing;

/// A worker, as far as its log sees it: a loop, lines, and an end at the same time as the others'.
static void *write_and_close(void *user) {
  const closing *self = user;
  const run_record record = record_of("a");
  uv_loop_t loop;
  assert_int_equal(uv_loop_init(&loop), 0);
  run_log_writer *writer = run_log_writer_new(self->log, &loop);
  assert_non_null(writer);
  for (int i = 0; i < CLOSING_LINES; i++) run_log_add(writer, &record);
  pthread_barrier_wait(self->barrier);
  run_log_writer_close(writer);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  return NULL;
}

static void close_together(closing *self) {
  pthread_t threads[CLOSING_THREADS];
  for (int i = 0; i < CLOSING_THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, write_and_close, self), 0);
  for (int i = 0; i < CLOSING_THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void writers_that_end_together_lose_nothing(void **state) {
  (void)state;
  char *folder = folder_make();
  const char *path = folder_path(folder, "runs.log");
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, CLOSING_THREADS);
  closing self = {.barrier = &barrier};
  assert_success(run_log_open(path, &self.log));
  for (int i = 0; i < CLOSING_ROUNDS; i++) close_together(&self);
  assert_int_equal(run_log_dropped(self.log), 0);
  assert_int_equal(count_lines(path), CLOSING_ROUNDS * CLOSING_THREADS * CLOSING_LINES);
  run_log_close(self.log);
  pthread_barrier_destroy(&barrier);
  folder_remove(folder);
}

enum { UNREAD_WRITERS = 20 };

static void writers_that_end_share_one_second_for_a_reader_that_does_not_read(void **state) {
  (void)state;
  fixture self;
  char *folder = folder_make();
  const char *fifo = folder_path(folder, "fifo");
  assert_int_equal(mkfifo(fifo, 0600), 0);
  int reader = open(fifo, O_RDONLY | O_NONBLOCK);
  assert_true(reader >= 0);
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  open_log(&self, fifo);
  for (int i = 0; i < 2000; i++) add(&self, "a");
  run_log_writer *others[UNREAD_WRITERS];
  const run_record record = record_of("b");
  for (int i = 0; i < UNREAD_WRITERS; i++) {
    others[i] = run_log_writer_new(self.log, &self.loop);
    run_log_add(others[i], &record);
  }
  uint64_t dropped = run_log_dropped(self.log), began_ns = clock_monotonic_ns();
  for (int i = 0; i < UNREAD_WRITERS; i++) run_log_writer_close(others[i]);
  assert_true(clock_monotonic_ns() - began_ns < UNREAD_WRITERS / 2 * CLOCK_NS_PER_SECOND);
  assert_int_equal(run_log_dropped(self.log), dropped + UNREAD_WRITERS);
  close_log(&self);
  close(reader);
  ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
  folder_remove(folder);
}

/// Another worker's thread: the file takes its line again.
static void *lift_limit(void *user) {
  limit_files(RLIM_INFINITY);
  end_writer(user);
  return NULL;
}

static void a_writer_that_ends_waits_for_the_rest_of_a_line_of_another(void **state) {
  (void)state;
  fixture self;
  uv_loop_t loop;
  pthread_t thread;
  signal(SIGXFSZ, SIG_IGN);
  open_log(&self, NULL);
  assert_int_equal(uv_loop_init(&loop), 0);
  run_log_writer *other = run_log_writer_new(self.log, &loop);
  const run_record record = record_of("b");
  run_log_add(other, &record);
  limit_files(1000);
  for (int i = 0; i < 5; i++) add(&self, "a");
  wait_for_writer(&self);
  assert_int_equal(pthread_create(&thread, NULL, lift_limit, &self), 0);
  run_log_writer_close(other);
  assert_int_equal(pthread_join(thread, NULL), 0);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  assert_int_equal(run_log_dropped(self.log), 0);
  assert_int_equal(count_lines(self.path), 6);
  close_log(&self);
}

static void half_a_line_is_not_continued_in_another_file(void **state) {
  (void)state;
  fixture self;
  signal(SIGXFSZ, SIG_IGN);
  open_log(&self, NULL);
  limit_files(1000);
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  for (int i = 0; i < 5; i++) add(&self, "a");
  wait_for_writer(&self);
  assert_int_equal(rename(self.path, folder_path(self.folder, "moved")), 0);
  limit_files(RLIM_INFINITY);
  assert_success(run_log_reopen(self.log));
  wait_for_writer(&self);
  assert_int_equal(count_lines(self.path), 1); // the moved one has three, and half of the fourth
  assert_int_equal(run_log_dropped(self.log), 1);
  close_log(&self);
  ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
}

static void a_file_that_cannot_be_opened_is_an_error(void **state) {
  (void)state;
  run_log *log = NULL;
  ubiq_error *error = run_log_open("/nowhere/runs.log", &log);
  assert_int_equal(ubiq_error_code(error), UBIQ_NOT_FOUND);
  ubiq_error_delete(error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_is_json_with_all_that_is_known),
      cmocka_unit_test(names_are_escaped_and_cut_between_characters),
      cmocka_unit_test(a_line_of_a_refusal_has_no_function),
      cmocka_unit_test(a_long_url_is_cut),
      cmocka_unit_test(refusals_are_among_the_lines),
      cmocka_unit_test(lines_are_written_together_and_soon),
      cmocka_unit_test(what_is_left_is_written_at_the_end),
      cmocka_unit_test(much_is_written_before_its_time),
      cmocka_unit_test(what_is_there_already_stays),
      cmocka_unit_test(a_file_that_was_moved_is_left_when_it_is_opened_anew),
      cmocka_unit_test(a_full_disk_loses_lines_that_are_counted_and_one_warning_says_so),
      cmocka_unit_test(a_reader_that_does_not_read_is_not_waited_for_and_finds_whole_lines),
      cmocka_unit_test(a_line_that_was_half_written_is_finished_before_others_write),
      cmocka_unit_test(writers_that_end_together_lose_nothing),
      cmocka_unit_test(writers_that_end_share_one_second_for_a_reader_that_does_not_read),
      cmocka_unit_test(a_writer_that_ends_waits_for_the_rest_of_a_line_of_another),
      cmocka_unit_test(half_a_line_is_not_continued_in_another_file),
      cmocka_unit_test(a_file_that_cannot_be_opened_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
