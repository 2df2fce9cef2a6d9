// The descriptor table and what descriptors say about themselves.
#include "fake_guest.h"

static void a_closed_descriptor_is_a_bad_one(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "fd_close", 1), WASI_SUCCESS);
  assert_int_equal(fake_call(&guest, "fd_close", 1), WASI_EBADF);
  assert_int_equal(fake_call(&guest, "fd_write", 1, 0, 0, 0), WASI_EBADF);
  assert_int_equal(fake_call(&guest, "fd_fdstat_get", 1, 0), WASI_EBADF);
  fake_close(&guest);
}

static void reset_opens_the_standard_streams_again(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "fd_close", 1), WASI_SUCCESS);
  wasi_context_reset(guest.context);
  assert_int_equal(fake_call(&guest, "fd_write", 1, 0, 0, 0), WASI_SUCCESS);
  fake_close(&guest);
}

static void fd_renumber_moves_a_descriptor(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "fd_renumber", 2, 1), WASI_SUCCESS);
  guest.memory[16] = 'x';
  fake_put_iovec(&guest, 0, 16, 1);
  assert_int_equal(fake_call(&guest, "fd_write", 1, 0, 1, 32), WASI_SUCCESS);
  assert_int_equal(guest.output_size[2], 1);
  assert_int_equal(fake_call(&guest, "fd_write", 2, 0, 1, 32), WASI_EBADF);
  assert_int_equal(fake_call(&guest, "fd_renumber", 2, 1), WASI_EBADF);
  assert_int_equal(fake_call(&guest, "fd_renumber", 1, 1), WASI_SUCCESS);
  assert_int_equal(fake_call(&guest, "fd_renumber", 1, 700), WASI_EBADF);
  fake_close(&guest);
}

static void fd_fdstat_get_describes_a_character_device_with_one_way(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  memset(guest.memory, 0xff, 64);
  assert_int_equal(fake_call(&guest, "fd_fdstat_get", 1, 8), WASI_SUCCESS);
  assert_int_equal(guest.memory[8], WASI_FILETYPE_CHARACTER_DEVICE);
  assert_int_equal(fake_u32(&guest, 8) >> 16, 0);
  assert_int_equal(fake_u64(&guest, 16) & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE), WASI_RIGHT_FD_WRITE);
  assert_int_equal(fake_u64(&guest, 24), 0);
  assert_int_equal(fake_call(&guest, "fd_fdstat_get", 0, 8), WASI_SUCCESS);
  assert_int_equal(fake_u64(&guest, 16) & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE), WASI_RIGHT_FD_READ);
  fake_close(&guest);
}

static void flags_that_are_set_are_there(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "fd_fdstat_set_flags", 1, 4), WASI_SUCCESS);
  assert_int_equal(fake_call(&guest, "fd_fdstat_get", 1, 8), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, 8) >> 16, 4);
  assert_int_equal(fake_call(&guest, "fd_fdstat_set_flags", 1, 32), WASI_EINVAL);
  assert_int_equal(fake_call(&guest, "fd_fdstat_set_flags", 5, 0), WASI_EBADF);
  fake_close(&guest);
}

static void fd_filestat_get_describes_a_character_device(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  memset(guest.memory, 0xff, 128);
  assert_int_equal(fake_call(&guest, "fd_filestat_get", 1, 8), WASI_SUCCESS);
  assert_int_equal(guest.memory[8 + WASI_FILESTAT_FILETYPE], WASI_FILETYPE_CHARACTER_DEVICE);
  assert_int_equal(fake_u64(&guest, 8 + 32), 0);
  assert_int_equal(guest.memory[8 + WASI_FILESTAT_SIZE], 0xff);
  assert_int_equal(fake_call(&guest, "fd_filestat_get", 1, FAKE_MEMORY_SIZE - 63), WASI_EFAULT);
  fake_close(&guest);
}

static void streams_cannot_seek(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "fd_seek", 1, 0, 1, 8), WASI_ESPIPE);
  assert_int_equal(fake_call(&guest, "fd_seek", 1, 0, 3, 8), WASI_EINVAL);
  assert_int_equal(fake_call(&guest, "fd_seek", 4, 0, 1, 8), WASI_EBADF);
  assert_int_equal(fake_call(&guest, "fd_tell", 1, 8), WASI_ESPIPE);
  assert_int_equal(fake_call(&guest, "fd_pread", 0, 0, 0, 0, 8), WASI_ESPIPE);
  assert_int_equal(fake_call(&guest, "fd_pwrite", 1, 0, 0, 0, 8), WASI_ESPIPE);
  fake_close(&guest);
}

static void no_directory_is_open_from_the_start(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  for (int fd = 0; fd < 5; fd++) {
    assert_int_equal(fake_call(&guest, "fd_prestat_get", fd, 8), WASI_EBADF);
    assert_int_equal(fake_call(&guest, "fd_prestat_dir_name", fd, 8, 8), WASI_EBADF);
  }
  assert_int_equal(fake_call(&guest, "fd_readdir", 1, 0, 0, 0, 8), WASI_ENOTDIR);
  fake_close(&guest);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_closed_descriptor_is_a_bad_one),
      cmocka_unit_test(reset_opens_the_standard_streams_again),
      cmocka_unit_test(fd_renumber_moves_a_descriptor),
      cmocka_unit_test(fd_fdstat_get_describes_a_character_device_with_one_way),
      cmocka_unit_test(flags_that_are_set_are_there),
      cmocka_unit_test(fd_filestat_get_describes_a_character_device),
      cmocka_unit_test(streams_cannot_seek),
      cmocka_unit_test(no_directory_is_open_from_the_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
