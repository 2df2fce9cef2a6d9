// Setting the times of files, directories and symbolic links.
#include "folders.h"

enum { BOTH = WASI_TIMES_ATIM | WASI_TIMES_MTIM };

static struct stat host_stat(const folders *self, const char *name) {
  struct stat status;
  assert_int_equal(lstat(host_path(self, name), &status), 0);
  return status;
}

static void times_are_set_by_path(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  uint32_t size = put_text(self, PATH, "file");
  assert_int_equal(
      fake_call(&self->guest, "path_filestat_set_times", ROOT, 0, PATH, size, 5000000006, 1700000000123456789, BOTH),
      WASI_SUCCESS);
  struct stat status = host_stat(self, "inside/file");
  assert_int_equal(status.st_atim.tv_sec, 5);
  assert_int_equal(status.st_atim.tv_nsec, 6);
  assert_int_equal(status.st_mtim.tv_sec, 1700000000);
  assert_int_equal(status.st_mtim.tv_nsec, 123456789);
}

static void only_the_times_that_are_named_are_set(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, WASI_RIGHT_FD_FILESTAT_SET_TIMES);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", fd, 1000000000, 2000000000, BOTH), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", fd, 9, 3000000000, WASI_TIMES_MTIM), WASI_SUCCESS);
  assert_int_equal(host_stat(self, "inside/file").st_atim.tv_sec, 1);
  assert_int_equal(host_stat(self, "inside/file").st_mtim.tv_sec, 3);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", fd, 9, 9, WASI_TIMES_ATIM_NOW), WASI_SUCCESS);
  assert_true(host_stat(self, "inside/file").st_atim.tv_sec > 1700000000);
  assert_int_equal(host_stat(self, "inside/file").st_mtim.tv_sec, 3);
}

static void a_links_own_times_are_set_or_those_of_what_it_leads_to(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  host_link(self, "file", "inside/link");
  time_t before = host_stat(self, "inside/file").st_mtim.tv_sec;
  assert_int_equal(set_times_at(self, ROOT, false, "link"), WASI_SUCCESS);
  assert_int_equal(host_stat(self, "inside/link").st_mtim.tv_nsec, 2000);
  assert_int_equal(host_stat(self, "inside/file").st_mtim.tv_sec, before);
  assert_int_equal(set_times_at(self, ROOT, true, "link"), WASI_SUCCESS);
  assert_int_equal(host_stat(self, "inside/file").st_mtim.tv_nsec, 2000);
}

static void directories_have_times(void **state) {
  folders *self = *state;
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", ROOT, 1000000000, 2000000000, BOTH), WASI_SUCCESS);
  assert_int_equal(host_stat(self, "inside").st_mtim.tv_sec, 2);
}

static void contradictions_are_refused(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, ALL);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", fd, 1, 1, WASI_TIMES_ATIM | WASI_TIMES_ATIM_NOW),
                   WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", fd, 1, 1, WASI_TIMES_MTIM | WASI_TIMES_MTIM_NOW),
                   WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", fd, 1, 1, 16), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", 1, 1, 1, BOTH), WASI_ENOTSUP);
  int without = must_open(self, ROOT, "file", 0, TO_READ);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", without, 1, 1, BOTH), WASI_ENOTCAPABLE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      folders_test(times_are_set_by_path),
      folders_test(only_the_times_that_are_named_are_set),
      folders_test(a_links_own_times_are_set_or_those_of_what_it_leads_to),
      folders_test(directories_have_times),
      folders_test(contradictions_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
