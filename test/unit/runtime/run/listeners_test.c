// What is told of runs, read from the lines of a run log: on a worker's loop, which the tests turn themselves.
#include "runtime/run/listeners.h"

#include "runtime/run/run_trace.h"

#include "unit/runtime/begin_testing.h"
#include "unit/runtime/runtime_testing.h"

#include <yyjson.h>

#define ID     "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static const char module[] =
    "(module"
    " (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
    " (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"
    " (import \"extism:host/env\" \"output_set\" (func $output_set (param i64 i64)))"
    " (memory (export \"memory\") 3)"
    " (func (export \"fine\") (result i32) (call $output_set (call $alloc (i64.const 7)) (i64.const 7)) (i32.const 0))"
    " (func (export \"fails\") (result i32) (i32.const 3))"
    " (func (export \"traps\") (result i32) unreachable)"
    " (func (export \"spins\") (result i32) (loop $l (br $l)) (i32.const 0))"
    // Waits 20 ms: a subscription to the monotonic clock.
    " (func (export \"waits\") (result i32)"
    "  (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 20000000))"
    "  (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200))))";

typedef struct fixture {
  char *folder;
  release *release;
  run_log *log;
  worker *worker;
  yyjson_doc *line;
} fixture;

static void make(fixture *self, uint32_t runs_max) {
  *self = (fixture){.folder = folder_make()};
  folder_write(self->folder, "m.wat", module);
  folder_write(self->folder, "ubiq.toml",
               "[project]\nname = 'test'\nversion = '1.2'\n"
               "[functions.fine]\nwasm = 'm.wat'\n[functions.fails]\nwasm = 'm.wat'\n"
               "[functions.traps]\nwasm = 'm.wat'\n[functions.spins]\nwasm = 'm.wat'\ncpu = 100\n"
               "[functions.kept]\nwasm = 'm.wat'\nexport = 'fine'\ninstance = 'reuse'\n"
               "[functions.waits]\nwasm = 'm.wat'\n");
  assert_success(release_read(self->folder, NULL, &self->release));
  assert_success(run_log_open(folder_path(self->folder, "runs.log"), &self->log));
  const worker_options options = {.index = 5, .runs_max = runs_max, .queue_max = 1, .run_log = self->log};
  assert_success(worker_new(&options, self->release, &self->worker));
}

/// Ends the worker, so that all is written, and reads the last line.
static yyjson_val *last_line(fixture *self) {
  char text[4096], last[4096] = "";
  worker_delete(self->worker);
  self->worker = NULL;
  FILE *file = fopen(folder_path(self->folder, "runs.log"), "r");
  while (fgets(text, sizeof text, file) != NULL) memcpy(last, text, sizeof last);
  fclose(file);
  self->line = yyjson_read(last, strlen(last), YYJSON_READ_NOFLAG);
  assert_non_null(self->line);
  return yyjson_doc_get_root(self->line);
}

static void end(fixture *self) {
  yyjson_doc_free(self->line);
  worker_delete(self->worker);
  run_log_close(self->log);
  release_delete(self->release);
  folder_remove(self->folder);
}

static int done;

static void count(run *run) {
  (void)run;
  done++;
}

static text parent(const run *run) {
  (void)run;
  return TEXT("00-" ID "-" PARENT "-01");
}

static bool start(fixture *self, run *run, const char *name) {
  run_init(run, self->worker);
  run->lease = self->worker->lease;
  run->done = count;
  run->input = (ubiq_bytes){(const uint8_t *)"abc", 3};
  for (size_t i = 0; i < self->release->project->functions_count; i++)
    if (strcmp(self->release->functions[i].name, name) == 0) run->function = &self->release->functions[i];
  return run_start(run);
}

static void run_to_end(fixture *self, const char *name) {
  run run;
  done = 0;
  if (!start(self, &run, name))
    while (done == 0) uv_run(&self->worker->loop, UV_RUN_ONCE);
  run_end(&run);
}

static void assert_text(yyjson_val *line, const char *key, const char *expected) {
  assert_string_equal(yyjson_get_str(yyjson_obj_get(line, key)), expected);
}

static double number(yyjson_val *line, const char *key) {
  yyjson_val *value = yyjson_obj_get(line, key);
  assert_true(yyjson_is_num(value));
  return yyjson_get_num(value);
}

static void a_run_that_succeeds_is_told_with_its_times_and_sizes(void **state) {
  (void)state;
  fixture self;
  make(&self, 10);
  run_to_end(&self, "fine");
  yyjson_val *line = last_line(&self);
  assert_text(line, "function", "fine");
  assert_text(line, "release", "1.2");
  assert_text(line, "outcome", "ok");
  assert_int_equal((int)number(line, "worker"), 5);
  assert_int_equal((int)number(line, "bytes_in"), 3);
  assert_int_equal((int)number(line, "bytes_out"), 7);
  assert_true(number(line, "memory_bytes") >= 3 * 65536);
  assert_true(number(line, "start_ms") > 0 && number(line, "start_ms") < 60000);
  assert_true(number(line, "cpu_ms") <= number(line, "run_ms"));
  assert_null(yyjson_obj_get(line, "parent_id"));
  end(&self);
}

static void the_class_of_a_failure_is_told(void **state) {
  (void)state;
  static const char *const functions[][2] = {{"fails", "guest_error"}, {"traps", "trap"}, {"spins", "cpu_limit"}};
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    fixture self;
    make(&self, 10);
    traps_restore();
    run_to_end(&self, functions[i][0]);
    yyjson_val *line = last_line(&self);
    assert_text(line, "function", functions[i][0]);
    assert_text(line, "outcome", functions[i][1]);
    assert_int_equal((int)number(line, "bytes_out"), 0);
    end(&self);
  }
}

static void waiting_is_no_cpu_time(void **state) {
  (void)state;
  fixture self;
  make(&self, 10);
  run_to_end(&self, "waits");
  yyjson_val *line = last_line(&self);
  assert_true(number(line, "run_ms") >= 19);
  assert_true(number(line, "cpu_ms") < number(line, "run_ms") - 10);
  end(&self);
}

static void a_run_that_is_dropped_is_told_as_cancelled(void **state) {
  (void)state;
  fixture self;
  run run;
  make(&self, 10);
  assert_false(start(&self, &run, "waits"));
  run_end(&run);
  yyjson_val *line = last_line(&self);
  assert_text(line, "function", "waits");
  assert_text(line, "outcome", "cancelled");
  end(&self);
}

static void a_run_that_found_no_room_is_told_as_busy(void **state) {
  (void)state;
  fixture self;
  run first, second, third;
  make(&self, 1);
  assert_false(start(&self, &first, "waits"));
  assert_false(start(&self, &second, "fine"));
  assert_true(start(&self, &third, "traps"));
  run_end(&third);
  run_end(&second);
  run_end(&first);
  yyjson_val *line = last_line(&self);
  assert_text(line, "function", "waits"); // the last; the others before it are counted in the file
  char path[512], text[8192] = "";
  snprintf(path, sizeof path, "%s", folder_path(self.folder, "runs.log"));
  FILE *file = fopen(path, "r");
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = '\0';
  const char *busy = strstr(text, "\"function\":\"traps\"");
  assert_non_null(busy);
  assert_non_null(strstr(busy, "\"outcome\":\"busy\",\"busy\":\"server_full\",\"queue_ms\":"));
  const char *queued = strstr(text, "\"function\":\"fine\"");
  assert_non_null(strstr(queued, "\"outcome\":\"cancelled\",\"queue_ms\":"));
  assert_non_null(strstr(queued, "\"start_ms\":0.000,\"run_ms\":0.000,\"cpu_ms\":0.000,\"memory_bytes\":0,"));
  end(&self);
}

static void what_an_instance_had_in_the_run_before_is_not_told_again(void **state) {
  (void)state;
  fixture self;
  make(&self, 10);
  run_to_end(&self, "kept");
  run_to_end(&self, "kept");
  yyjson_val *line = last_line(&self);
  assert_text(line, "function", "kept");
  assert_text(line, "outcome", "ok");
  assert_true(number(line, "start_ms") < 60000 && number(line, "run_ms") < 60000);
  assert_true(number(line, "cpu_ms") <= number(line, "run_ms"));
  end(&self);
}

static void a_run_is_told_as_part_of_the_trace_that_it_came_with(void **state) {
  (void)state;
  fixture self;
  run run;
  make(&self, 10);
  run_init(&run, self.worker);
  run.lease = self.worker->lease;
  run.function = &self.release->functions[0];
  run.parent = parent;
  assert_true(run_start(&run));
  char span[TRACE_PARENT_SIZE];
  memcpy(span, run_traceparent(&run), sizeof span);
  run_end(&run);
  yyjson_val *line = last_line(&self);
  assert_text(line, "trace_id", ID);
  assert_text(line, "parent_id", PARENT);
  span[52] = '\0';
  assert_text(line, "span_id", span + 36);
  end(&self);
}

int main(void) {
  begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_that_succeeds_is_told_with_its_times_and_sizes),
      cmocka_unit_test(the_class_of_a_failure_is_told),
      cmocka_unit_test(waiting_is_no_cpu_time),
      cmocka_unit_test(a_run_that_is_dropped_is_told_as_cancelled),
      cmocka_unit_test(a_run_that_found_no_room_is_told_as_busy),
      cmocka_unit_test(what_an_instance_had_in_the_run_before_is_not_told_again),
      cmocka_unit_test(a_run_is_told_as_part_of_the_trace_that_it_came_with),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
