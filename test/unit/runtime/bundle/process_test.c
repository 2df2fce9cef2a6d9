#include "runtime/bundle/process.h"

#include "unit/runtime/runtime_testing.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void output_and_exit_code_are_taken(void **state) {
  (void)state;
  const char *arguments[] = {"sh", "-c", "echo out; echo err >&2; pwd; exit 7", NULL};
  buffer output = {0};
  int status = 0;
  assert_success(process_run(arguments, "/", NULL, &output, &status));
  assert_int_equal(status, 7);
  assert_string_equal(buffer_string(&output), "out\nerr\n/\n");
  buffer_free(&output);
}

static void a_signal_is_a_status_from_128_on(void **state) {
  (void)state;
  const char *arguments[] = {"sh", "-c", "kill -KILL $$", NULL};
  buffer output = {0};
  int status = 0;
  assert_success(process_run(arguments, NULL, NULL, &output, &status));
  assert_int_equal(status, 128 + 9);
  buffer_free(&output);
}

static void a_program_that_is_not_there_is_an_error(void **state) {
  (void)state;
  const char *arguments[] = {"ubiq-no-such-program", NULL};
  int status = 0;
  buffer output = {0};
  assert_fails(process_run(arguments, NULL, NULL, &output, &status), UBIQ_NOT_FOUND,
               "ubiq-no-such-program: no such program");
  buffer_free(&output);
}

static void standard_input_is_empty(void **state) {
  (void)state;
  const char *arguments[] = {"cat", NULL};
  buffer output = {0};
  int status = 1;
  assert_success(process_run(arguments, NULL, NULL, &output, &status));
  assert_int_equal(status, 0);
  assert_int_equal(output.size, 0);
  buffer_free(&output);
}

static void output_without_end_is_cut(void **state) {
  (void)state;
  const char *arguments[] = {"sh", "-c", "yes | head -c 1000000", NULL};
  buffer output = {0};
  int status = 1;
  assert_success(process_run(arguments, NULL, NULL, &output, &status));
  assert_int_equal(status, 0);
  assert_true(output.size >= PROCESS_OUTPUT_BYTES_MAX && output.size < PROCESS_OUTPUT_BYTES_MAX + 8192);
  buffer_free(&output);
}

// ------------------------------------------------------------------------------------------------------------ stops

/// A program on a thread of its own, and a FIFO that it has open for writing for as long as any of it is there.
typedef struct running {
  char *folder;
  char fifo[PATH_MAX];
  char script[2 * PATH_MAX];
  build_stop stop;
  pthread_t thread;
  int reading;
  int status;
  ubiq_error *error;
} running;

static void *run(void *user) {
  running *self = user;
  const char *arguments[] = {"sh", "-c", self->script, NULL};
  self->error = process_run(arguments, NULL, &self->stop, NULL, &self->status);
  return NULL;
}

static bool reads(running *self) {
  char byte;
  return read(self->reading, &byte, 1) == 1;
}

/// `script` begins when the FIFO is open and says a byte when it is ready.
static void start(running *self, const char *script) {
  *self = (running){.folder = folder_make()};
  build_stop_init(&self->stop);
  snprintf(self->fifo, sizeof self->fifo, "%s/fifo", self->folder);
  snprintf(self->script, sizeof self->script, "exec 3>'%s'; %s", self->fifo, script);
  assert_int_equal(mkfifo(self->fifo, 0600), 0);
  assert_int_equal(pthread_create(&self->thread, NULL, run, self), 0);
  self->reading = open(self->fifo, O_RDONLY | O_CLOEXEC);
  assert_true(reads(self));
}

/// Nothing of the program is left when this returns, or the test hangs.
static void is_stopped(running *self) {
  pthread_join(self->thread, NULL);
  while (reads(self)) {
  }
  assert_fails(self->error, UBIQ_CANCELLED, "the build was stopped");
  close(self->reading);
  folder_remove(self->folder);
  build_stop_free(&self->stop);
}

static void a_stop_ends_a_program_and_what_it_started(void **state) {
  (void)state;
  running self;
  start(&self, "sleep 1000 & printf r >&3; sleep 1000; exit 3");
  build_stop_ask(&self.stop);
  is_stopped(&self);
}

static void a_program_that_is_stopped_may_clean_up(void **state) {
  (void)state;
  running self;
  start(&self, "trap 'printf c >&3; exit 1' TERM; sleep 1000 & printf r >&3; wait");
  build_stop_ask(&self.stop);
  assert_true(reads(&self));
  is_stopped(&self);
}

static void what_a_stopped_program_started_may_clean_up(void **state) {
  (void)state;
  running self;
  start(&self, "sh -c 'trap \"sleep 0.1; printf c >&3; exit 1\" TERM; sleep 1000 & printf r >&3; wait'; exit 3");
  build_stop_ask(&self.stop);
  assert_true(reads(&self));
  is_stopped(&self);
}

static void a_program_that_does_not_listen_is_killed_by_force(void **state) {
  (void)state;
  running self;
  start(&self, "trap '' INT TERM; (printf r >&3; exec sleep 1000) & sleep 1000; sleep 1000");
  build_stop_ask(&self.stop);
  build_stop_force(&self.stop);
  is_stopped(&self);
}

static void nothing_begins_after_a_stop(void **state) {
  (void)state;
  const char *arguments[] = {"ubiq-no-such-program", NULL};
  build_stop stop;
  build_stop_init(&stop);
  assert_false(build_stop_is_asked(&stop));
  build_stop_ask(&stop);
  assert_true(build_stop_is_asked(&stop));
  int status = 0;
  assert_fails(process_run(arguments, NULL, &stop, NULL, &status), UBIQ_CANCELLED, "the build was stopped");
  build_stop_free(&stop);
}

static void a_program_that_nobody_stops_ends_as_ever(void **state) {
  (void)state;
  const char *arguments[] = {"sh", "-c", "exit 5", NULL};
  build_stop stop;
  build_stop_init(&stop);
  int status = 0;
  assert_success(process_run(arguments, NULL, &stop, NULL, &status));
  assert_int_equal(status, 5);
  assert_int_equal(stop.group, 0);
  build_stop_free(&stop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(output_and_exit_code_are_taken),
      cmocka_unit_test(a_signal_is_a_status_from_128_on),
      cmocka_unit_test(a_program_that_is_not_there_is_an_error),
      cmocka_unit_test(standard_input_is_empty),
      cmocka_unit_test(output_without_end_is_cut),
      cmocka_unit_test(a_stop_ends_a_program_and_what_it_started),
      cmocka_unit_test(a_program_that_is_stopped_may_clean_up),
      cmocka_unit_test(what_a_stopped_program_started_may_clean_up),
      cmocka_unit_test(a_program_that_does_not_listen_is_killed_by_force),
      cmocka_unit_test(nothing_begins_after_a_stop),
      cmocka_unit_test(a_program_that_nobody_stops_ends_as_ever),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
