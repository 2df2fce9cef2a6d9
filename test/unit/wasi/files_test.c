// Regular files: reading, writing, positions, sizes, and what flags do to writes.
#include "folders.h"

#include "wasi/internal.h"

static void reading_goes_on_where_it_ended(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "0123456789");
  int fd = must_open(self, ROOT, "file", 0, TO_READ);
  assert_int_equal(read_fd(self, fd, 4), WASI_SUCCESS);
  assert_string_equal(data_of(self), "0123");
  assert_read(self, fd, "456789");
  assert_read(self, fd, "");
}

static void writing_goes_on_where_it_ended(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, TO_WRITE);
  assert_int_equal(write_fd(self, fd, "one "), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 4);
  assert_int_equal(write_fd(self, fd, "two"), WASI_SUCCESS);
  assert_host_file(self, "inside/file", "one two");
}

static void a_descriptor_does_only_what_it_was_opened_for(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "text");
  int reader = must_open(self, ROOT, "file", 0, TO_READ), writer = must_open(self, ROOT, "file", 0, TO_WRITE);
  int nothing = must_open(self, ROOT, "file", 0, 0);
  assert_int_equal(write_fd(self, reader, "x"), WASI_EBADF);
  assert_int_equal(read_fd(self, writer, 1), WASI_EBADF);
  assert_int_equal(read_fd(self, nothing, 1), WASI_EBADF);
  assert_int_equal(fake_call(&self->guest, "fd_pread", writer, IOVEC, 0, 0, OUT), WASI_EBADF);
  assert_int_equal(fake_call(&self->guest, "fd_pread", nothing, IOVEC, 0, 0, OUT), WASI_ENOTCAPABLE);
  assert_int_equal(seek_fd(self, nothing, 0, WASI_WHENCE_CURRENT), WASI_ENOTCAPABLE);
  assert_int_equal(fake_call(&self->guest, "fd_sync", nothing), WASI_ENOTCAPABLE);
  assert_int_equal(fake_call(&self->guest, "fd_advise", nothing, 0, 0, 0), WASI_ENOTCAPABLE);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_get", nothing, DATA), WASI_ENOTCAPABLE);
}

static void many_buffers_are_one_transfer(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "abcdef");
  int fd = must_open(self, ROOT, "file", 0, TO_READ);
  fake_put_iovec(&self->guest, IOVEC, DATA, 2);
  fake_put_iovec(&self->guest, IOVEC + 8, DATA + 100, 0);
  fake_put_iovec(&self->guest, IOVEC + 16, DATA + 10, 3);
  assert_int_equal(fake_call(&self->guest, "fd_read", fd, IOVEC, 3, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 5);
  assert_memory_equal(data_of(self), "ab", 2);
  assert_memory_equal(data_of(self) + 10, "cde", 3);
}

// More buffers than one call of the host takes, the first of them empty: there is progress all the same.
static void a_thousand_buffers_are_read_in_parts(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "0123456789");
  int fd = must_open(self, ROOT, "file", 0, TO_READ);
  for (uint32_t i = 0; i < WASI_IOVECS_MAX; i++) fake_put_iovec(&self->guest, 4096 + i * 8, DATA + i, i < 200 ? 0 : 1);
  assert_int_equal(fake_call(&self->guest, "fd_read", fd, 4096, WASI_IOVECS_MAX, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 10);
  assert_memory_equal(data_of(self) + 200, "0123456789", 10);
  assert_int_equal(fake_call(&self->guest, "fd_read", fd, 4096, WASI_IOVECS_MAX + 1, OUT), WASI_EINVAL);
}

static void no_buffers_move_nothing(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, TO_READ | TO_WRITE);
  fake_put_u32(&self->guest, OUT, 7);
  assert_int_equal(fake_call(&self->guest, "fd_write", fd, IOVEC, 0, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 0);
  assert_int_equal(read_fd(self, fd, 0), WASI_SUCCESS);
}

static void buffers_that_are_not_the_guests_are_a_fault(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "text");
  int fd = must_open(self, ROOT, "file", 0, TO_READ | TO_WRITE);
  fake_put_iovec(&self->guest, IOVEC, FAKE_MEMORY_SIZE - 1, 2);
  assert_int_equal(fake_call(&self->guest, "fd_read", fd, IOVEC, 1, OUT), WASI_EFAULT);
  assert_int_equal(fake_call(&self->guest, "fd_pwrite", fd, IOVEC, 1, 0, OUT), WASI_EFAULT);
  assert_int_equal(fake_call(&self->guest, "fd_write", fd, IOVEC, 1, OUT), WASI_EFAULT);
  assert_host_file(self, "inside/file", "text");
}

static void positions_are_told_and_set(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "0123456789");
  int fd = must_open(self, ROOT, "file", 0, TO_READ);
  assert_int_equal(seek_fd(self, fd, -3, WASI_WHENCE_END), WASI_SUCCESS);
  assert_int_equal(fake_u64(&self->guest, OUT), 7);
  assert_int_equal(seek_fd(self, fd, 1, WASI_WHENCE_CURRENT), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_tell", fd, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u64(&self->guest, OUT), 8);
  assert_read(self, fd, "89");
  assert_int_equal(seek_fd(self, fd, -1, WASI_WHENCE_SET), WASI_EINVAL);
  assert_int_equal(seek_fd(self, fd, -100, WASI_WHENCE_CURRENT), WASI_EINVAL);
  assert_int_equal(seek_fd(self, fd, 0, 3), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_seek", fd, 0, 0, FAKE_MEMORY_SIZE - 7), WASI_EFAULT);
}

static void telling_needs_the_right_to_tell_or_to_seek(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  int teller = must_open(self, ROOT, "file", 0, WASI_RIGHT_FD_TELL);
  assert_int_equal(fake_call(&self->guest, "fd_tell", teller, OUT), WASI_SUCCESS);
  assert_int_equal(seek_fd(self, teller, 0, WASI_WHENCE_CURRENT), WASI_SUCCESS);
  assert_int_equal(seek_fd(self, teller, 1, WASI_WHENCE_CURRENT), WASI_ENOTCAPABLE);
  int seeker = must_open(self, ROOT, "file", 0, WASI_RIGHT_FD_SEEK);
  assert_int_equal(fake_call(&self->guest, "fd_tell", seeker, OUT), WASI_SUCCESS);
}

static void a_place_in_the_file_leaves_the_position_alone(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "0123456789");
  int fd = must_open(self, ROOT, "file", 0, TO_READ | TO_WRITE);
  fake_put_iovec(&self->guest, IOVEC, DATA, 3);
  assert_int_equal(fake_call(&self->guest, "fd_pread", fd, IOVEC, 1, 4, OUT), WASI_SUCCESS);
  assert_memory_equal(data_of(self), "456", 3);
  memcpy(self->guest.memory + DATA, "xyz", 3);
  assert_int_equal(fake_call(&self->guest, "fd_pwrite", fd, IOVEC, 1, 8, OUT), WASI_SUCCESS);
  assert_read(self, fd, "01234567xyz");
  assert_int_equal(fake_call(&self->guest, "fd_pread", fd, IOVEC, 1, 100, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 0);
}

// -1 is the host's word for the position, and not the guest's to say.
static void places_past_all_files_are_refused(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, TO_READ | TO_WRITE);
  fake_put_iovec(&self->guest, IOVEC, DATA, 3);
  assert_int_equal(fake_call(&self->guest, "fd_pread", fd, IOVEC, 1, -1, OUT), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_pwrite", fd, IOVEC, 1, -1, OUT), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_pwrite", fd, IOVEC, 1, INT64_MIN, OUT), WASI_EINVAL);
  assert_host_file(self, "inside/file", "");
}

static void appending_is_a_flag_that_comes_and_goes(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "start");
  uint32_t size = put_text(self, PATH, "file");
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, size, 0,
                             TO_READ | TO_WRITE | WASI_RIGHT_FD_SET_FLAGS, 0, WASI_FDFLAG_APPEND, OUT),
                   WASI_SUCCESS);
  int fd = (int)fake_u32(&self->guest, OUT);
  assert_int_equal(write_fd(self, fd, "+end"), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_tell", fd, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u64(&self->guest, OUT), 9);
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_set_flags", fd, WASI_FDFLAG_SYNC | WASI_FDFLAG_DSYNC),
                   WASI_SUCCESS);
  assert_int_equal(seek_fd(self, fd, 0, WASI_WHENCE_SET), WASI_SUCCESS);
  assert_int_equal(write_fd(self, fd, "S"), WASI_SUCCESS);
  assert_host_file(self, "inside/file", "Start+end");
}

// As POSIX has it, and not as Linux does where it is told by a flag of the file.
static void a_write_to_a_place_does_not_append(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "0123456789");
  uint32_t size = put_text(self, PATH, "file");
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, size, 0, TO_WRITE, 0, WASI_FDFLAG_APPEND, OUT),
                   WASI_SUCCESS);
  int fd = (int)fake_u32(&self->guest, OUT);
  fake_put_iovec(&self->guest, IOVEC, DATA, put_text(self, DATA, "AB"));
  assert_int_equal(fake_call(&self->guest, "fd_pwrite", fd, IOVEC, 1, 3, OUT), WASI_SUCCESS);
  assert_host_file(self, "inside/file", "012AB56789");
}

static void sizes_are_set(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "text");
  int fd = must_open(self, ROOT, "file", 0, ALL);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_size", fd, 2), WASI_SUCCESS);
  assert_host_file(self, "inside/file", "te");
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_size", fd, -1), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_allocate", fd, 0, 0), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_allocate", fd, -1, 1), WASI_EINVAL);
  int error = fake_call(&self->guest, "fd_allocate", fd, 1, 9);
  struct stat status;
  assert_int_equal(stat(host_path(self, "inside/file"), &status), 0);
  assert_true(error == WASI_SUCCESS ? status.st_size == 10 : error == WASI_ENOTSUP);
}

// Opened for reading alone, a file's size is not the guest's to set, whatever rights it asked for.
static void sizes_need_a_descriptor_for_writing(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "text");
  int fd = must_open(self, ROOT, "file", 0, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_size", fd, 0), WASI_ENOTCAPABLE);
  assert_int_equal(fake_call(&self->guest, "fd_allocate", fd, 0, 1), WASI_ENOTCAPABLE);
}

static void advice_is_taken(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, ALL);
  for (int advice = 0; advice < WASI_ADVICES; advice++)
    assert_int_equal(fake_call(&self->guest, "fd_advise", fd, 0, 10, advice), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_advise", fd, 0, 10, WASI_ADVICES), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_advise", fd, -1, 10, 0), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_advise", 1, 0, 10, 0), WASI_ESPIPE);
}

static void files_and_directories_are_synced_and_streams_are_not(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, ALL);
  assert_int_equal(fake_call(&self->guest, "fd_sync", fd), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_datasync", fd), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_sync", ROOT), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_datasync", ROOT), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_sync", 1), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "fd_datasync", 77), WASI_EBADF);
}

static void directories_are_not_read_as_files(void **state) {
  folders *self = *state;
  assert_int_equal(read_fd(self, ROOT, 1), WASI_EISDIR);
  assert_int_equal(write_fd(self, ROOT, "x"), WASI_EISDIR);
  assert_int_equal(fake_call(&self->guest, "fd_pread", ROOT, IOVEC, 0, 0, OUT), WASI_EISDIR);
  assert_int_equal(seek_fd(self, ROOT, 0, WASI_WHENCE_SET), WASI_EISDIR);
  assert_int_equal(fake_call(&self->guest, "fd_tell", ROOT, OUT), WASI_EISDIR);
  assert_int_equal(fake_call(&self->guest, "fd_allocate", ROOT, 0, 1), WASI_EISDIR);
  assert_int_equal(fake_call(&self->guest, "fd_filestat_set_size", ROOT, 0), WASI_EISDIR);
  assert_int_equal(fake_call(&self->guest, "fd_advise", ROOT, 0, 0, 0), WASI_EISDIR);
}

static void a_file_that_was_removed_can_be_read_to_its_end(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "still here");
  int fd = must_open(self, ROOT, "file", 0, TO_READ);
  assert_int_equal(with_path(self, "path_unlink_file", ROOT, "file"), WASI_SUCCESS);
  assert_read(self, fd, "still here");
}

static void polling_says_how_much_there_is(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "0123456789");
  int fd = must_open(self, ROOT, "file", 0, TO_READ | WASI_RIGHT_POLL);
  assert_int_equal(seek_fd(self, fd, 4, WASI_WHENCE_SET), WASI_SUCCESS);
  memset(self->guest.memory + 4096, 0, 2 * WASI_SUBSCRIPTION_SIZE);
  self->guest.memory[4096 + WASI_SUBSCRIPTION_TYPE] = WASI_EVENTTYPE_FD_READ;
  fake_put_u32(&self->guest, 4096 + WASI_SUBSCRIPTION_FD, (uint32_t)fd);
  self->guest.memory[4096 + WASI_SUBSCRIPTION_SIZE + WASI_SUBSCRIPTION_TYPE] = WASI_EVENTTYPE_FD_WRITE;
  fake_put_u32(&self->guest, 4096 + WASI_SUBSCRIPTION_SIZE + WASI_SUBSCRIPTION_FD, (uint32_t)fd);
  assert_int_equal(fake_call(&self->guest, "poll_oneoff", 4096, 5120, 2, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 2);
  assert_int_equal(fake_u64(&self->guest, 5120 + WASI_EVENT_BYTES), 6);
  assert_int_equal(self->guest.memory[5120 + WASI_EVENT_FLAGS], 0);
  assert_int_equal(self->guest.memory[5120 + WASI_EVENT_SIZE + WASI_EVENT_ERROR], WASI_EBADF);
}

static void polling_is_a_right(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "0123456789");
  int fd = must_open(self, ROOT, "file", 0, TO_READ);
  memset(self->guest.memory + 4096, 0, WASI_SUBSCRIPTION_SIZE);
  self->guest.memory[4096 + WASI_SUBSCRIPTION_TYPE] = WASI_EVENTTYPE_FD_READ;
  fake_put_u32(&self->guest, 4096 + WASI_SUBSCRIPTION_FD, (uint32_t)fd);
  assert_int_equal(fake_call(&self->guest, "poll_oneoff", 4096, 5120, 1, OUT), WASI_SUCCESS);
  assert_int_equal(self->guest.memory[5120 + WASI_EVENT_ERROR], WASI_ENOTCAPABLE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      folders_test(reading_goes_on_where_it_ended),
      folders_test(writing_goes_on_where_it_ended),
      folders_test(a_descriptor_does_only_what_it_was_opened_for),
      folders_test(many_buffers_are_one_transfer),
      folders_test(a_thousand_buffers_are_read_in_parts),
      folders_test(no_buffers_move_nothing),
      folders_test(buffers_that_are_not_the_guests_are_a_fault),
      folders_test(positions_are_told_and_set),
      folders_test(telling_needs_the_right_to_tell_or_to_seek),
      folders_test(a_place_in_the_file_leaves_the_position_alone),
      folders_test(places_past_all_files_are_refused),
      folders_test(appending_is_a_flag_that_comes_and_goes),
      folders_test(a_write_to_a_place_does_not_append),
      folders_test(sizes_are_set),
      folders_test(sizes_need_a_descriptor_for_writing),
      folders_test(advice_is_taken),
      folders_test(files_and_directories_are_synced_and_streams_are_not),
      folders_test(directories_are_not_read_as_files),
      folders_test(a_file_that_was_removed_can_be_read_to_its_end),
      folders_test(polling_says_how_much_there_is),
      folders_test(polling_is_a_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
