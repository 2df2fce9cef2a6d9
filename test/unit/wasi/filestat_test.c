// What guests learn about files, and about nothing else.
#include "folders.h"

static uint64_t field(folders *self, uint32_t at) {
  return fake_u64(&self->guest, DATA + at);
}

static void a_file_is_described_as_the_host_has_it(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "12345");
  const struct timespec times[] = {{.tv_sec = 7, .tv_nsec = 8}, {.tv_sec = 1700000000, .tv_nsec = 123456789}};
  assert_int_equal(utimensat(AT_FDCWD, host_path(self, "inside/file"), times, 0), 0);
  struct stat status;
  assert_int_equal(stat(host_path(self, "inside/file"), &status), 0);
  memset(self->guest.memory + DATA, 0xff, WASI_FILESTAT_SIZE);
  assert_int_equal(stat_at(self, ROOT, true, "file"), WASI_SUCCESS);
  assert_int_equal(field(self, WASI_FILESTAT_DEVICE), status.st_dev);
  assert_int_equal(field(self, WASI_FILESTAT_INODE), status.st_ino);
  assert_int_equal(field(self, WASI_FILESTAT_FILETYPE), WASI_FILETYPE_REGULAR_FILE);
  assert_int_equal(field(self, WASI_FILESTAT_LINKS), 1);
  assert_int_equal(field(self, WASI_FILESTAT_BYTES), 5);
  assert_int_equal(field(self, WASI_FILESTAT_ATIM), 7000000008);
  assert_int_equal(field(self, WASI_FILESTAT_MTIM), 1700000000123456789);
  assert_true(field(self, WASI_FILESTAT_CTIM) > 1700000000000000000);
}

static void a_descriptor_and_a_path_say_the_same(void **state) {
  folders *self = *state;
  uint8_t by_path[WASI_FILESTAT_SIZE];
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, TO_READ);
  assert_int_equal(stat_at(self, ROOT, true, "file"), WASI_SUCCESS);
  memcpy(by_path, data_of(self), sizeof by_path);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_get", fd, DATA), WASI_SUCCESS);
  assert_memory_equal(by_path, data_of(self), sizeof by_path);
}

static void a_link_is_described_or_what_it_leads_to(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  host_link(self, "d", "inside/link");
  host_link(self, "absent", "inside/dangling");
  assert_int_equal(stat_at(self, ROOT, false, "link"), WASI_SUCCESS);
  assert_int_equal(field(self, WASI_FILESTAT_FILETYPE), WASI_FILETYPE_SYMBOLIC_LINK);
  assert_int_equal(field(self, WASI_FILESTAT_BYTES), 1);
  assert_int_equal(stat_at(self, ROOT, true, "link"), WASI_SUCCESS);
  assert_int_equal(field(self, WASI_FILESTAT_FILETYPE), WASI_FILETYPE_DIRECTORY);
  assert_int_equal(stat_at(self, ROOT, false, "dangling"), WASI_SUCCESS);
  assert_int_equal(stat_at(self, ROOT, true, "dangling"), WASI_ENOENT);
}

static void times_before_1970_are_none(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  const struct timespec times[] = {{.tv_sec = -5}, {.tv_sec = -5}};
  assert_int_equal(utimensat(AT_FDCWD, host_path(self, "inside/file"), times, 0), 0);
  assert_int_equal(stat_at(self, ROOT, true, "file"), WASI_SUCCESS);
  assert_int_equal(field(self, WASI_FILESTAT_MTIM), 0);
}

static void preopens_are_directories(void **state) {
  folders *self = *state;
  assert_int_equal(fake_call(&self->guest, "fd_filestat_get", ROOT, DATA), WASI_SUCCESS);
  assert_int_equal(field(self, WASI_FILESTAT_FILETYPE), WASI_FILETYPE_DIRECTORY);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_get", ROOT, FAKE_MEMORY_SIZE - 63), WASI_EFAULT);
  assert_int_equal(stat_at(self, ROOT, true, "absent"), WASI_ENOENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      folders_test(a_file_is_described_as_the_host_has_it),
      folders_test(a_descriptor_and_a_path_say_the_same),
      folders_test(a_link_is_described_or_what_it_leads_to),
      folders_test(times_before_1970_are_none),
      folders_test(preopens_are_directories),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
