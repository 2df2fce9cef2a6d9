// A read-only directory: reading works, every kind of change is refused, by every way to it. What is in it is compared
// with what was there, times of change included, after each test.
#include "folders.h"

static struct stat was[3];

static const char *const things[] = {"reading", "reading/file", "reading/d"};

static int setup(void **state) {
  folders_setup(state);
  folders *self = *state;
  host_write(self, "reading/file", "content");
  host_make_directory(self, "reading/d");
  host_link(self, "file", "reading/link");
  host_write(self, "inside/mine", "mine");
  for (int i = 0; i < 3; i++) assert_int_equal(stat(host_path(self, things[i]), &was[i]), 0);
  return 0;
}

static int teardown(void **state) {
  folders *self = *state;
  assert_host_file(self, "reading/file", "content");
  for (int i = 0; i < 3; i++) {
    struct stat is;
    assert_int_equal(stat(host_path(self, things[i]), &is), 0);
    assert_memory_equal(&is.st_ctim, &was[i].st_ctim, sizeof is.st_ctim);
    assert_int_equal(is.st_nlink, was[i].st_nlink);
  }
  return folders_teardown(state);
}

static void reading_works(void **state) {
  folders *self = *state;
  assert_read(self, must_open(self, READING, "file", 0, TO_READ), "content");
  assert_int_equal(try_open(self, READING, "d", WASI_OFLAG_DIRECTORY, WASI_RIGHT_FD_READDIR), WASI_SUCCESS);
  assert_int_equal(stat_at(self, READING, true, "link"), WASI_SUCCESS);
  assert_int_equal(readlink_at(self, READING, "link"), WASI_SUCCESS);
  assert_string_equal(data_of(self), "file");
  assert_int_equal(fake_call(&self->guest, "fd_readdir", READING, DATA, 1024, 0, OUT), WASI_SUCCESS);
}

static void files_do_not_open_for_writing(void **state) {
  folders *self = *state;
  assert_int_equal(try_open(self, READING, "file", 0, TO_WRITE), WASI_EPERM);
  assert_int_equal(try_open(self, READING, "file", 0, TO_READ | TO_WRITE), WASI_EPERM);
  assert_int_equal(try_open(self, READING, "link", 0, TO_WRITE), WASI_EPERM);
}

static void files_are_not_made(void **state) {
  folders *self = *state;
  assert_int_equal(try_open(self, READING, "new", WASI_OFLAG_CREATE, TO_READ), WASI_EPERM);
  assert_int_equal(try_open(self, READING, "new", WASI_OFLAG_CREATE | WASI_OFLAG_EXCLUSIVE, TO_WRITE), WASI_EPERM);
  assert_int_equal(try_open(self, READING, "file", WASI_OFLAG_CREATE, TO_READ), WASI_EPERM);
  assert_false(host_exists(self, "reading/new"));
}

static void files_are_not_cut(void **state) {
  folders *self = *state;
  assert_int_equal(try_open(self, READING, "file", WASI_OFLAG_TRUNCATE, 0), WASI_EPERM);
  int fd = must_open(self, READING, "file", 0, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_size", fd, 0), WASI_ENOTCAPABLE);
  assert_int_equal(fake_call(&self->guest, "fd_allocate", fd, 0, 100), WASI_ENOTCAPABLE);
  assert_int_equal(write_fd(self, fd, "x"), WASI_EBADF);
  assert_int_equal(fake_call(&self->guest, "fd_pwrite", fd, IOVEC, 0, 0, OUT), WASI_EBADF);
}

static void times_are_not_set(void **state) {
  folders *self = *state;
  int fd = must_open(self, READING, "file", 0, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", fd, 0, 0, WASI_TIMES_MTIM_NOW), WASI_EPERM);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_times", READING, 0, 0, WASI_TIMES_MTIM_NOW), WASI_EPERM);
  assert_int_equal(set_times_at(self, READING, true, "file"), WASI_EPERM);
  assert_int_equal(set_times_at(self, READING, false, "link"), WASI_EPERM);
  assert_int_equal(set_times_at(self, READING, true, "."), WASI_EPERM);
}

static void names_are_not_made(void **state) {
  folders *self = *state;
  assert_int_equal(with_path(self, "path_create_directory", READING, "new"), WASI_EPERM);
  assert_int_equal(symlink_at(self, "file", READING, "new"), WASI_EPERM);
  assert_int_equal(link_at(self, READING, "file", READING, "new"), WASI_EPERM);
  assert_int_equal(link_at(self, ROOT, "mine", READING, "new"), WASI_EPERM);
}

static void names_are_not_removed(void **state) {
  folders *self = *state;
  assert_int_equal(with_path(self, "path_unlink_file", READING, "file"), WASI_EPERM);
  assert_int_equal(with_path(self, "path_unlink_file", READING, "link"), WASI_EPERM);
  assert_int_equal(with_path(self, "path_remove_directory", READING, "d"), WASI_EPERM);
}

static void nothing_is_moved_in_or_out(void **state) {
  folders *self = *state;
  assert_int_equal(rename_at(self, READING, "file", READING, "new"), WASI_EPERM);
  assert_int_equal(rename_at(self, READING, "file", ROOT, "new"), WASI_EPERM);
  assert_int_equal(rename_at(self, ROOT, "mine", READING, "new"), WASI_EPERM);
  assert_int_equal(rename_at(self, ROOT, "mine", READING, "file"), WASI_EPERM);
  assert_host_file(self, "inside/mine", "mine");
}

// Else the file could be written to by its other name.
static void a_file_is_not_linked_to_where_it_could_be_written(void **state) {
  folders *self = *state;
  assert_int_equal(link_at(self, READING, "file", ROOT, "mine_now"), WASI_EPERM);
  assert_false(host_exists(self, "inside/mine_now"));
}

static void what_is_opened_through_it_is_read_only_too(void **state) {
  folders *self = *state;
  int self_again = must_open(self, READING, ".", WASI_OFLAG_DIRECTORY, ALL & ~WASI_RIGHT_FD_WRITE);
  int below = must_open(self, self_again, "d", WASI_OFLAG_DIRECTORY, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(with_path(self, "path_create_directory", self_again, "new"), WASI_EPERM);
  assert_int_equal(try_open(self, below, "new", WASI_OFLAG_CREATE, TO_WRITE), WASI_EPERM);
  assert_int_equal(fake_call(&self->guest, "fd_renumber", below, 1), WASI_SUCCESS);
  assert_int_equal(with_path(self, "path_create_directory", 1, "new"), WASI_EPERM);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(reading_works),
      test(files_do_not_open_for_writing),
      test(files_are_not_made),
      test(files_are_not_cut),
      test(times_are_not_set),
      test(names_are_not_made),
      test(names_are_not_removed),
      test(nothing_is_moved_in_or_out),
      test(a_file_is_not_linked_to_where_it_could_be_written),
      test(what_is_opened_through_it_is_read_only_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
