// Threads that take no signals but their own faults.
#include "base/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

static const int signals[] = {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1};
static const int faults[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS};

static void *look(void *user) {
  pthread_sigmask(SIG_SETMASK, NULL, user);
  return user;
}

static void a_thread_takes_only_its_own_faults_and_its_maker_goes_on_taking_them(void **state) {
  (void)state;
  sigset_t inside, before, after;
  pthread_t thread;
  void *result;
  sigemptyset(&inside);
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  assert_int_equal(thread_start(&thread, NULL, look, &inside), 0);
  pthread_join(thread, &result);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  assert_ptr_equal(result, &inside);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    assert_true(sigismember(&inside, signals[i]));
    assert_int_equal(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
  }
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) assert_false(sigismember(&inside, faults[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_thread_takes_only_its_own_faults_and_its_maker_goes_on_taking_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
