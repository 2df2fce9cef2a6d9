// wasi_unstable, what came before preview 1: the functions that it has in another form.
#include "folders.h"

#include "wasi/internal.h"

// Calls a function of wasi_unstable with the arguments in values.
static int call_old(folders *self, const char *name, const int64_t *arguments) {
  const wasi_function *function = wasi_function_of(WASI_OLD_MODULE, name);
  assert_non_null(function);
  for (uint16_t i = 0; i < function->signature.params_count; i++) self->guest.values[i].i64 = arguments[i];
  assert_null(fake_enter(&self->guest, function));
  return self->guest.values[0].i32;
}
#define CALL_OLD(self, name, ...) call_old(self, name, (const int64_t[]){__VA_ARGS__})

static void what_is_the_same_is_shared(void **state) {
  (void)state;
  assert_ptr_equal(wasi_function_of(WASI_OLD_MODULE, "fd_read"), wasi_function_find("fd_read"));
  assert_ptr_equal(wasi_function_of(WASI_MODULE, "fd_seek"), wasi_function_find("fd_seek"));
  assert_ptr_not_equal(wasi_function_of(WASI_OLD_MODULE, "fd_seek"), wasi_function_find("fd_seek"));
  assert_null(wasi_function_of(WASI_OLD_MODULE, "sock_accept"));
  assert_null(wasi_function_of("env", "fd_read"));
}

static void forms_differ_and_signatures_do_not(void **state) {
  (void)state;
  static const char *const names[] = {"fd_filestat_get", "fd_seek", "path_filestat_get", "poll_oneoff"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    assert_true(wasm_signature_equal(&wasi_function_of(WASI_OLD_MODULE, names[i])->signature,
                                     &wasi_function_find(names[i])->signature));
  assert_non_null(wasi_function_of(WASI_OLD_MODULE, "poll_oneoff")->ready);
}

static void whence_counts_in_another_order(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "0123456789");
  int fd = must_open(self, ROOT, "file", 0, TO_READ);
  assert_int_equal(CALL_OLD(self, "fd_seek", fd, -2, 1, OUT), WASI_SUCCESS); // from the end
  assert_int_equal(fake_u64(&self->guest, OUT), 8);
  assert_int_equal(CALL_OLD(self, "fd_seek", fd, -3, 0, OUT), WASI_SUCCESS); // from here
  assert_int_equal(fake_u64(&self->guest, OUT), 5);
  assert_int_equal(CALL_OLD(self, "fd_seek", fd, 1, 2, OUT), WASI_SUCCESS); // from the start
  assert_int_equal(fake_u64(&self->guest, OUT), 1);
  assert_int_equal(CALL_OLD(self, "fd_seek", fd, 1, 3, OUT), WASI_EINVAL);
}

static void a_filestat_has_fewer_bytes_for_links(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "12345");
  struct stat status;
  assert_int_equal(stat(host_path(self, "inside/file"), &status), 0);
  memset(self->guest.memory + DATA, 0xee, 64);
  uint32_t size = put_text(self, PATH, "file");
  assert_int_equal(CALL_OLD(self, "path_filestat_get", ROOT, 1, PATH, size, DATA), WASI_SUCCESS);
  assert_int_equal(fake_u64(&self->guest, DATA + 8), status.st_ino);
  assert_int_equal(self->guest.memory[DATA + 16], WASI_FILETYPE_REGULAR_FILE);
  assert_int_equal(fake_u32(&self->guest, DATA + 20), 1);
  assert_int_equal(fake_u64(&self->guest, DATA + 24), 5);
  assert_int_equal(fake_u64(&self->guest, DATA + 48),
                   (uint64_t)status.st_ctim.tv_sec * 1000000000 + (uint64_t)status.st_ctim.tv_nsec);
  assert_int_equal(self->guest.memory[DATA + 56], 0xee);
  assert_int_equal(CALL_OLD(self, "fd_filestat_get", 1, FAKE_MEMORY_SIZE - 56), WASI_SUCCESS);
  assert_int_equal(CALL_OLD(self, "fd_filestat_get", ROOT, FAKE_MEMORY_SIZE - 55), WASI_EFAULT);
}

static void clocks_of_a_subscription_come_later(void **state) {
  folders *self = *state;
  self->guest.clocks[WASI_CLOCK_MONOTONIC] = 1000;
  memset(self->guest.memory + 4096, 0, 112);
  for (uint32_t i = 0; i < 2; i++) {
    fake_put_u64(&self->guest, 4096 + i * 56, 100 + i);
    fake_put_u64(&self->guest, 4096 + i * 56 + 16, 0xffff); // the clock's identifier, which nobody reads
    fake_put_u32(&self->guest, 4096 + i * 56 + 24, WASI_CLOCK_MONOTONIC);
    fake_put_u64(&self->guest, 4096 + i * 56 + 32, i == 0 ? 500 : 200);
  }
  assert_int_equal(CALL_OLD(self, "poll_oneoff", 4096, 5120, 2, OUT), WASI_SUCCESS);
  assert_int_equal(self->guest.waited_for, 1200);
  assert_int_equal(fake_u32(&self->guest, OUT), 1);
  assert_int_equal(fake_u64(&self->guest, 5120), 101);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_the_same_is_shared),      cmocka_unit_test(forms_differ_and_signatures_do_not),
      folders_test(whence_counts_in_another_order),      folders_test(a_filestat_has_fewer_bytes_for_links),
      folders_test(clocks_of_a_subscription_come_later),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
