// A limit for the size of files is the guest's to meet, and not the process's end.
#include "folders.h"

#include <signal.h>
#include <sys/resource.h>

static const rlim_t bytes_max = 1000;

// The limit is the process's, so that each test has it from before its directories are opened.
static int setup(void **state) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes_max;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  return folders_setup(state);
}

static int teardown(void **state) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  return folders_teardown(state);
}

static void a_write_past_it_fails(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, ALL);
  assert_int_equal(seek_fd(self, fd, bytes_max, WASI_WHENCE_SET), WASI_SUCCESS);
  assert_int_equal(write_fd(self, fd, "x"), WASI_EFBIG);
  fake_put_iovec(&self->guest, IOVEC, DATA, 10);
  assert_int_equal(fake_call(&self->guest, "fd_pwrite", fd, IOVEC, 1, 5000, OUT), WASI_EFBIG);
}

static void a_size_past_it_fails(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, ALL);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_size", fd, 5000), WASI_EFBIG);
  int error = fake_call(&self->guest, "fd_allocate", fd, 0, 5000);
  assert_true(error == WASI_EFBIG || error == WASI_ENOTSUP);
}

static void what_is_below_it_is_written(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, ALL);
  assert_int_equal(write_fd(self, fd, "text"), WASI_SUCCESS);
  assert_host_file(self, "inside/file", "text");
}

static void the_threads_signals_are_as_they_were(void **state) {
  folders *self = *state;
  sigset_t mask, pending;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, ALL);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_size", fd, 5000), WASI_EFBIG);
  assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
  assert_false(sigismember(&mask, SIGXFSZ));
  assert_int_equal(sigpending(&pending), 0);
  assert_false(sigismember(&pending, SIGXFSZ));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(a_write_past_it_fails),
      test(a_size_past_it_fails),
      test(what_is_below_it_is_written),
      test(the_threads_signals_are_as_they_were),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
