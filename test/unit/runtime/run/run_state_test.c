#include "runtime/run/run_state.h"

#include "ubiq/log.h"
#include "unit/base/testing.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void every_state_has_a_name_of_its_own(void **state) {
  (void)state;
  for (run_state a = 0; a < RUN_STATES; a++)
    for (run_state b = 0; b < a; b++) assert_string_not_equal(run_state_name(a), run_state_name(b));
}

static void the_moves_are_those_of_the_picture(void **state) {
  (void)state;
  static const char *const moves[] = {
      "idle queued",       "queued starting",    "queued failed",   "queued cancelled",  "starting running",
      "starting failed",   "starting cancelled", "running waiting", "running done",      "running failed",
      "running cancelled", "waiting running",    "waiting failed",  "waiting cancelled", "done idle",
      "failed idle",       "cancelled idle",
  };
  size_t found = 0;
  for (run_state from = 0; from < RUN_STATES; from++)
    for (run_state to = 0; to < RUN_STATES; to++) {
      char move[40];
      snprintf(move, sizeof move, "%s %s", run_state_name(from), run_state_name(to));
      bool listed = false;
      for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) listed |= strcmp(moves[i], move) == 0;
      if (run_state_can_move(from, to) != listed) fail_msg("%s: %s", move, listed ? "is refused" : "is taken");
      found += listed;
    }
  assert_int_equal(found, sizeof moves / sizeof moves[0]);
}

static void a_run_is_over_with_a_result_only(void **state) {
  (void)state;
  for (run_state at = 0; at < RUN_STATES; at++)
    assert_int_equal(run_state_is_over(at), at == RUN_DONE || at == RUN_FAILED || at == RUN_CANCELLED);
}

static void a_move_changes_the_state(void **state) {
  (void)state;
  run_state at = RUN_IDLE;
  run_state_move(&at, RUN_QUEUED, "f", 1);
  assert_int_equal(at, RUN_QUEUED);
  run_state_move(&at, RUN_CANCELLED, "f", 1);
  run_state_move(&at, RUN_IDLE, "f", 1);
  assert_int_equal(at, RUN_IDLE);
}

static void write_record(void *user, const ubiq_log_record *record) {
  ssize_t written = write(*(int *)user, record->message, record->message_size);
  (void)written;
}

/// In a child: makes a move that is none, and says the state after it.
static _Noreturn void move_wrongly(int output) {
  const struct rlimit none = {0};
  setrlimit(RLIMIT_CORE, &none);
  signal(SIGABRT, SIG_DFL);
  ubiq_log_set(UBIQ_LOG_ERROR, write_record, &output);
  run_state at = RUN_DONE;
  run_state_move(&at, RUN_RUNNING, "greet", 0x2a);
  _exit(at);
}

static void a_move_that_is_none_is_logged_and_ends_the_process_where_asserts_are_on(void **state) {
  (void)state;
  int ends[2], status;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) move_wrongly(ends[1]);
  close(ends[1]);
  char said[256] = {0};
  assert_true(read(ends[0], said, sizeof said - 1) > 0);
  close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_string_equal(said,
                      "internal: run 2a of greet goes from done to running, which it may not: this is a fault of ours");
#ifdef NDEBUG
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), RUN_RUNNING);
#else
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
#endif
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_state_has_a_name_of_its_own),
      cmocka_unit_test(the_moves_are_those_of_the_picture),
      cmocka_unit_test(a_run_is_over_with_a_result_only),
      cmocka_unit_test(a_move_changes_the_state),
      cmocka_unit_test(a_move_that_is_none_is_logged_and_ends_the_process_where_asserts_are_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
