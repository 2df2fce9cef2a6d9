// The standard streams: what is read, what is written, and what hostile lists of buffers get.
#include "fake_guest.h"

#include <unistd.h>

enum { LIST = 1024, TEXT = 2048, DONE = 4096 };

static void open_with_input(fake_guest *guest, const char *input) {
  *guest = (fake_guest){0};
  wasi_options options = fake_options(guest);
  options.input = (ubiq_bytes){(const uint8_t *)input, strlen(input)};
  fake_open_with(guest, &options);
}

static void fd_write_gathers_its_buffers(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  memcpy(guest.memory + TEXT, "hello world", 11);
  fake_put_iovec(&guest, LIST, TEXT, 5);
  fake_put_iovec(&guest, LIST + 8, TEXT + 5, 0);
  fake_put_iovec(&guest, LIST + 16, TEXT + 5, 6);
  assert_int_equal(fake_call(&guest, "fd_write", 2, LIST, 3, DONE), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, DONE), 11);
  assert_int_equal(guest.output_size[2], 11);
  assert_memory_equal(guest.output[2], "hello world", 11);
  assert_int_equal(guest.output_size[1], 0);
  fake_close(&guest);
}

static void output_without_a_callback_is_thrown_away(void **state) {
  (void)state;
  fake_guest guest = {0};
  wasi_options options = fake_options(&guest);
  options.write = NULL;
  fake_open_with(&guest, &options);
  fake_put_iovec(&guest, LIST, TEXT, 5);
  assert_int_equal(fake_call(&guest, "fd_write", 1, LIST, 1, DONE), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, DONE), 5);
  fake_close(&guest);
}

static void a_write_with_one_bad_buffer_writes_nothing(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  fake_put_iovec(&guest, LIST, TEXT, 5);
  fake_put_iovec(&guest, LIST + 8, FAKE_MEMORY_SIZE - 1, 2);
  assert_int_equal(fake_call(&guest, "fd_write", 1, LIST, 2, DONE), WASI_EFAULT);
  assert_int_equal(guest.output_size[1], 0);
  fake_close(&guest);
}

static void a_write_whose_answer_has_no_place_writes_nothing(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  fake_put_iovec(&guest, LIST, TEXT, 5);
  assert_int_equal(fake_call(&guest, "fd_write", 1, LIST, 1, FAKE_MEMORY_SIZE - 3), WASI_EFAULT);
  assert_int_equal(guest.output_size[1], 0);
  fake_close(&guest);
}

static void the_number_of_buffers_is_bounded(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "fd_write", 1, 0, 1024, DONE), WASI_SUCCESS);
  assert_int_equal(fake_call(&guest, "fd_write", 1, 0, 1025, DONE), WASI_EINVAL);
  assert_int_equal(fake_call(&guest, "fd_write", 1, 0, UINT32_MAX, DONE), WASI_EINVAL);
  fake_close(&guest);
}

static void fd_read_scatters_the_input_and_then_is_at_its_end(void **state) {
  (void)state;
  fake_guest guest;
  open_with_input(&guest, "abcdefgh");
  fake_put_iovec(&guest, LIST, TEXT, 3);
  fake_put_iovec(&guest, LIST + 8, TEXT + 100, 3);
  assert_int_equal(fake_call(&guest, "fd_read", 0, LIST, 2, DONE), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, DONE), 6);
  assert_memory_equal(guest.memory + TEXT, "abc\0", 4);
  assert_memory_equal(guest.memory + TEXT + 100, "def\0", 4);
  assert_int_equal(fake_call(&guest, "fd_read", 0, LIST, 2, DONE), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, DONE), 2);
  assert_int_equal(fake_call(&guest, "fd_read", 0, LIST, 2, DONE), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, DONE), 0);
  fake_close(&guest);
}

static void reset_rewinds_the_input(void **state) {
  (void)state;
  fake_guest guest;
  open_with_input(&guest, "abc");
  fake_put_iovec(&guest, LIST, TEXT, 3);
  assert_int_equal(fake_call(&guest, "fd_read", 0, LIST, 1, DONE), WASI_SUCCESS);
  wasi_context_reset(guest.context);
  assert_int_equal(fake_call(&guest, "fd_read", 0, LIST, 1, DONE), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, DONE), 3);
  fake_close(&guest);
}

// The first buffer is the place of the second one's entry in the list.
static void input_that_overwrites_the_list_of_buffers_stays_inside_the_memory(void **state) {
  (void)state;
  fake_guest guest;
  open_with_input(&guest, "\xff\xff\xff\xff\xff\xff\xff\xffrest of the input");
  fake_put_iovec(&guest, LIST, LIST + 8, 8);
  fake_put_iovec(&guest, LIST + 8, TEXT, 8);
  assert_int_equal(fake_call(&guest, "fd_read", 0, LIST, 2, DONE), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, DONE), 8);
  fake_close(&guest);
}

static void input_comes_from_a_host_descriptor_when_one_is_given(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "piped", 5), 5);
  close(ends[1]);
  fake_guest guest = {0};
  wasi_options options = fake_options(&guest);
  options.input_fd = ends[0];
  fake_open_with(&guest, &options);
  fake_put_iovec(&guest, LIST, TEXT, 3);
  fake_put_iovec(&guest, LIST + 8, TEXT + 3, 100);
  assert_int_equal(fake_call(&guest, "fd_read", 0, LIST, 2, DONE), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, DONE), 5);
  assert_memory_equal(guest.memory + TEXT, "piped", 5);
  assert_int_equal(fake_call(&guest, "fd_read", 0, LIST, 2, DONE), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, DONE), 0);
  close(ends[0]);
  assert_int_equal(fake_call(&guest, "fd_read", 0, LIST, 2, DONE), WASI_EBADF);
  fake_close(&guest);
}

static ubiq_error *interrupted(void *user) {
  (void)user;
  return ubiq_error_new(UBIQ_CANCELLED, "the call was cancelled");
}

static void a_read_that_waits_for_the_host_ends_with_the_call(void **state) {
  (void)state;
  int ends[2];
  fake_guest guest = {0};
  wasi_options options = fake_options(&guest);
  assert_int_equal(pipe(ends), 0);
  options.input_fd = ends[0];
  options.interrupted = interrupted;
  fake_open_with(&guest, &options);
  fake_put_iovec(&guest, LIST, TEXT, 16);
  guest.values[0].i32 = 0;
  guest.values[1].i32 = LIST;
  guest.values[2].i32 = 1;
  guest.values[3].i32 = DONE;
  ubiq_error *error = fake_enter(&guest, wasi_function_find("fd_read"));
  assert_int_equal(ubiq_error_code(error), UBIQ_CANCELLED);
  ubiq_error_delete(error);
  fake_close(&guest);
  close(ends[0]);
  close(ends[1]);
}

static void streams_go_one_way(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "fd_read", 1, LIST, 0, DONE), WASI_EBADF);
  assert_int_equal(fake_call(&guest, "fd_write", 0, LIST, 0, DONE), WASI_EBADF);
  assert_int_equal(fake_call(&guest, "fd_write", 3, LIST, 0, DONE), WASI_EBADF);
  fake_close(&guest);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fd_write_gathers_its_buffers),
      cmocka_unit_test(output_without_a_callback_is_thrown_away),
      cmocka_unit_test(a_write_with_one_bad_buffer_writes_nothing),
      cmocka_unit_test(a_write_whose_answer_has_no_place_writes_nothing),
      cmocka_unit_test(the_number_of_buffers_is_bounded),
      cmocka_unit_test(fd_read_scatters_the_input_and_then_is_at_its_end),
      cmocka_unit_test(reset_rewinds_the_input),
      cmocka_unit_test(input_that_overwrites_the_list_of_buffers_stays_inside_the_memory),
      cmocka_unit_test(input_comes_from_a_host_descriptor_when_one_is_given),
      cmocka_unit_test(a_read_that_waits_for_the_host_ends_with_the_call),
      cmocka_unit_test(streams_go_one_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
