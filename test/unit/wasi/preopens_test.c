// Directories that are open from the start: how they are opened, and found by guests.
// link: -Wl,--wrap=syscall,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "folders.h"
#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <errno.h>
#include <sys/syscall.h>

static int refusal; ///< what openat2 fails with; 0: it is let through

long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d);

long __wrap_syscall(long number, long a, long b, long c, long d) {
  if (number != SYS_openat2 || refusal == 0) return __real_syscall(number, a, b, c, d);
  errno = refusal;
  return -1;
}

static void assert_refused(int number, const char *message) {
  wasi_preopens *preopens;
  wasi_directory directory = {.host = "/tmp", .guest = "/"};
  refusal = number;
  assert_fails(wasi_preopens_open(&directory, 1, &preopens), UBIQ_UNAVAILABLE, message);
  refusal = 0;
}

static void a_kernel_or_sandbox_without_openat2_is_told(void **state) {
  (void)state;
  assert_refused(ENOSYS, "/tmp: a guest cannot be kept inside: openat2 is refused here (ENOSYS); expected Linux 5.6 or "
                         "later and a sandbox or container that lets it pass");
  assert_refused(EPERM, "/tmp: a guest cannot be kept inside: openat2 is refused here (EPERM); expected Linux 5.6 or "
                        "later and a sandbox or container that lets it pass");
}

// Also when it goes away later there is no other way in.
static void a_path_is_opened_by_openat2_or_not_at_all(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  host_make_directory(self, "inside/d");
  refusal = ENOSYS;
  int opened = try_open(self, ROOT, "file", 0, TO_READ), told = stat_at(self, ROOT, true, "file");
  int made = with_path(self, "path_create_directory", ROOT, "d/e");
  refusal = 0;
  assert_int_equal(opened, WASI_ENOSYS);
  assert_int_equal(told, WASI_ENOSYS);
  assert_int_equal(made, WASI_ENOSYS);
}

// The kernel answers so when it cannot tell whether a path left the directory while something was moved.
static void an_answer_that_stays_unsure_ends(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  refusal = EAGAIN;
  int opened = try_open(self, ROOT, "file", 0, TO_READ);
  refusal = 0;
  assert_int_equal(opened, WASI_EAGAIN);
}

static void what_cannot_be_opened_is_named(void **state) {
  (void)state;
  wasi_preopens *preopens;
  wasi_directory directories[] = {{.host = "/tmp", .guest = "/"}, {.host = "/no/such/folder", .guest = "/x"}};
  assert_fails(wasi_preopens_open(directories, 2, &preopens), UBIQ_NOT_FOUND,
               "/no/such/folder: no such file or directory");
  directories[1].host = "/dev/null";
  assert_fails(wasi_preopens_open(directories, 2, &preopens), UBIQ_NOT_FOUND, "/dev/null: not a directory");
}

static void no_more_open_files_is_a_state_that_passes(void **state) {
  (void)state;
  wasi_preopens *preopens;
  wasi_directory directory = {.host = "/tmp", .guest = "/"};
  refusal = EMFILE;
  ubiq_error *error = wasi_preopens_open(&directory, 1, &preopens);
  refusal = 0;
  assert_fails(error, UBIQ_BUSY, "/tmp: too many files are open here; expected a higher limit (ulimit -n)");
}

static void directories_have_a_bound(void **state) {
  (void)state;
  wasi_preopens *preopens;
  static wasi_directory directories[257];
  assert_fails(wasi_preopens_open(directories, 257, &preopens), UBIQ_TOO_LARGE,
               "a guest was given 257 directories; expected at most 256");
}

static void a_guest_finds_each_by_its_name(void **state) {
  folders *self = *state;
  memset(self->guest.memory + DATA, 0xee, 64);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_get", READING, DATA), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, DATA), 0);
  assert_int_equal(fake_u32(&self->guest, DATA + WASI_PRESTAT_NAME_LENGTH), strlen("/reading"));
  assert_int_equal(fake_call(&self->guest, "fd_prestat_dir_name", READING, DATA, 8), WASI_SUCCESS);
  assert_memory_equal(data_of(self), "/reading\xee", 9);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_dir_name", READING, DATA, 20), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_dir_name", READING, DATA, 7), WASI_ENAMETOOLONG);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_get", READING + 1, DATA), WASI_EBADF);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_get", 1, DATA), WASI_EBADF);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_get", ROOT, FAKE_MEMORY_SIZE - 7), WASI_EFAULT);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_dir_name", ROOT, FAKE_MEMORY_SIZE - 1, 2), WASI_EFAULT);
}

static void a_directory_that_the_guest_opened_is_no_preopen(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, ".", WASI_OFLAG_DIRECTORY, 0);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_get", fd, DATA), WASI_EBADF);
}

static void a_preopen_that_was_closed_is_there_in_the_next_run(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  assert_int_equal(fake_call(&self->guest, "fd_close", ROOT), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_get", ROOT, DATA), WASI_EBADF);
  assert_int_equal(try_open(self, ROOT, "file", 0, TO_READ), WASI_EBADF);
  wasi_context_reset(self->guest.context);
  assert_int_equal(try_open(self, ROOT, "file", 0, TO_READ), WASI_SUCCESS);
}

static void a_preopen_can_be_written_over_and_moved(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  int fd = must_open(self, ROOT, "d", WASI_OFLAG_DIRECTORY, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(fake_call(&self->guest, "fd_renumber", fd, ROOT), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_get", ROOT, DATA), WASI_EBADF);
  assert_int_equal(with_path(self, "path_create_directory", ROOT, "e"), WASI_SUCCESS);
  assert_true(host_exists(self, "inside/d/e"));
  assert_int_equal(fake_call(&self->guest, "fd_renumber", READING, ROOT), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_prestat_get", ROOT, DATA), WASI_SUCCESS);
  assert_int_equal(with_path(self, "path_create_directory", ROOT, "e"), WASI_EPERM);
}

static bool attempt(void *user) {
  wasi_preopens *preopens;
  ubiq_error *error = wasi_preopens_open(user, 2, &preopens);
  bool good = error == NULL;
  if (good) wasi_preopens_close(preopens);
  ubiq_error_delete(error);
  return good;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  wasi_directory directories[] = {{.host = "/tmp", .guest = "/a"}, {.host = "/", .guest = "/b"}};
  assert_int_equal(alloc_failure_sweep(attempt, directories), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_kernel_or_sandbox_without_openat2_is_told),
      folders_test(a_path_is_opened_by_openat2_or_not_at_all),
      folders_test(an_answer_that_stays_unsure_ends),
      cmocka_unit_test(what_cannot_be_opened_is_named),
      cmocka_unit_test(no_more_open_files_is_a_state_that_passes),
      cmocka_unit_test(directories_have_a_bound),
      folders_test(a_guest_finds_each_by_its_name),
      folders_test(a_directory_that_the_guest_opened_is_no_preopen),
      folders_test(a_preopen_that_was_closed_is_there_in_the_next_run),
      folders_test(a_preopen_can_be_written_over_and_moved),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
