// Flags and rights of descriptors.
#include "folders.h"

static uint64_t rights(folders *self, int fd) {
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_get", fd, DATA), WASI_SUCCESS);
  return fake_u64(&self->guest, DATA + WASI_FDSTAT_RIGHTS);
}

static void a_preopen_has_the_rights_that_libraries_look_for(void **state) {
  folders *self = *state;
  const uint64_t expected = WASI_RIGHT_PATH_OPEN | WASI_RIGHT_PATH_CREATE_FILE | WASI_RIGHT_PATH_CREATE_DIRECTORY |
                            WASI_RIGHT_FD_READDIR | WASI_RIGHT_PATH_FILESTAT_SET_SIZE;
  assert_int_equal(rights(self, ROOT) & expected, expected);
  assert_int_equal(rights(self, ROOT) & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK), 0);
  uint64_t inheriting = fake_u64(&self->guest, DATA + WASI_FDSTAT_RIGHTS_INHERITING);
  assert_int_equal(inheriting & WASI_RIGHT_FD_WRITE, WASI_RIGHT_FD_WRITE);
  assert_int_equal(self->guest.memory[DATA + WASI_FDSTAT_FILETYPE], WASI_FILETYPE_DIRECTORY);
}

// So that a program that opens a file to write is told so when it opens it: libraries leave out what is not there.
static void a_read_only_preopen_shows_the_same_rights(void **state) {
  folders *self = *state;
  assert_int_equal(rights(self, READING), rights(self, ROOT));
}

static void rights_are_given_up_for_good(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, TO_READ | TO_WRITE);
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_set_rights", fd, WASI_RIGHT_FD_READ, 0), WASI_SUCCESS);
  assert_int_equal(rights(self, fd), WASI_RIGHT_FD_READ);
  assert_int_equal(write_fd(self, fd, "x"), WASI_EBADF);
  assert_int_equal(seek_fd(self, fd, 1, WASI_WHENCE_SET), WASI_ENOTCAPABLE);
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_set_rights", fd, TO_READ, 0), WASI_ENOTCAPABLE);
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_set_rights", fd, 0, WASI_RIGHT_FD_READ), WASI_ENOTCAPABLE);
  assert_int_equal(rights(self, fd), WASI_RIGHT_FD_READ);
}

static void rights_go_with_a_descriptor_that_gets_another_number(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, TO_READ);
  uint64_t before = rights(self, fd);
  assert_int_equal(fake_call(&self->guest, "fd_renumber", fd, 1), WASI_SUCCESS);
  assert_int_equal(rights(self, 1), before);
  assert_int_equal(write_fd(self, 1, "x"), WASI_EBADF);
}

static void setting_flags_is_a_right(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, TO_WRITE);
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_set_flags", fd, WASI_FDFLAG_APPEND), WASI_ENOTCAPABLE);
}

static void streams_give_up_rights_too(void **state) {
  folders *self = *state;
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_set_rights", 1, 0, 0), WASI_SUCCESS);
  assert_int_equal(write_fd(self, 1, "x"), WASI_EBADF);
  assert_int_equal(self->guest.output_size[1], 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      folders_test(a_preopen_has_the_rights_that_libraries_look_for),
      folders_test(a_read_only_preopen_shows_the_same_rights),
      folders_test(rights_are_given_up_for_good),
      folders_test(rights_go_with_a_descriptor_that_gets_another_number),
      folders_test(setting_flags_is_a_right),
      folders_test(streams_give_up_rights_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
