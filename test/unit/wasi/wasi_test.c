// The table of functions, a sweep of hostile arguments over all of them, and contexts that cannot be had.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "folders.h"
#include "unit/base/alloc_failure.h"

static void functions_are_ordered_by_name_and_found_by_it(void **state) {
  (void)state;
  size_t count;
  const wasi_function *functions = wasi_functions(&count);
  assert_int_equal(count, 46);
  for (size_t i = 0; i < count; i++) {
    assert_ptr_equal(wasi_function_find(functions[i].name), &functions[i]);
    if (i > 0) assert_true(strcmp(functions[i - 1].name, functions[i].name) < 0);
  }
  assert_null(wasi_function_find("fd_fly"));
  assert_null(wasi_function_find(""));
}

static void signatures_are_those_of_the_specification(void **state) {
  (void)state;
  static const struct {
    const char *name;
    const char *signature;
  } cases[] = {
      {"args_get", "(i32, i32) -> i32"},
      {"clock_time_get", "(i32, i64, i32) -> i32"},
      {"fd_advise", "(i32, i64, i64, i32) -> i32"},
      {"fd_allocate", "(i32, i64, i64) -> i32"},
      {"fd_fdstat_set_rights", "(i32, i64, i64) -> i32"},
      {"fd_filestat_set_size", "(i32, i64) -> i32"},
      {"fd_filestat_set_times", "(i32, i64, i64, i32) -> i32"},
      {"fd_pread", "(i32, i32, i32, i64, i32) -> i32"},
      {"fd_readdir", "(i32, i32, i32, i64, i32) -> i32"},
      {"fd_seek", "(i32, i64, i32, i32) -> i32"},
      {"fd_write", "(i32, i32, i32, i32) -> i32"},
      {"path_filestat_set_times", "(i32, i32, i32, i32, i64, i64, i32) -> i32"},
      {"path_link", "(i32, i32, i32, i32, i32, i32, i32) -> i32"},
      {"path_open", "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32"},
      {"poll_oneoff", "(i32, i32, i32, i32) -> i32"},
      {"proc_exit", "(i32) -> ()"},
      {"sched_yield", "() -> i32"},
      {"sock_recv", "(i32, i32, i32, i32, i32, i32) -> i32"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[128];
    wasm_signature_print(&wasi_function_find(cases[i].name)->signature, text, sizeof text);
    assert_string_equal(text, cases[i].signature);
  }
}

static void only_poll_oneoff_waits(void **state) {
  (void)state;
  size_t count;
  const wasi_function *functions = wasi_functions(&count);
  for (size_t i = 0; i < count; i++) {
    bool waits = strcmp(functions[i].name, "poll_oneoff") == 0;
    assert_int_equal(functions[i].ready != NULL, waits);
    assert_int_equal(functions[i].wait != NULL, waits);
  }
}

static void paths_and_sockets_name_what_their_descriptor_is_not(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "path_open", 3, 0, 0, 1, 0, 0, 0, 0, 8), WASI_EBADF);
  assert_int_equal(fake_call(&guest, "path_open", 1, 0, 0, 1, 0, 0, 0, 0, 8), WASI_ENOTDIR);
  assert_int_equal(fake_call(&guest, "path_symlink", 0, 1, 3, 0, 1), WASI_EBADF);
  assert_int_equal(fake_call(&guest, "path_symlink", 0, 1, 2, 0, 1), WASI_ENOTDIR);
  assert_int_equal(fake_call(&guest, "sock_shutdown", 0, 0), WASI_ENOTSOCK);
  assert_int_equal(fake_call(&guest, "sock_shutdown", 9, 0), WASI_EBADF);
  fake_close(&guest);
}

static const int64_t extremes[] = {
    0, 1, 2, 3, FAKE_MEMORY_SIZE - 1, FAKE_MEMORY_SIZE, FAKE_MEMORY_SIZE + 1, INT32_MAX, INT32_MIN, UINT32_MAX - 7, -1,
};
enum { EXTREMES = sizeof extremes / sizeof *extremes };

static void set_value(const wasi_function *function, fake_guest *guest, uint16_t index, int64_t value) {
  if (function->signature.params[index] == WASM_TYPE_I64)
    guest->values[index].i64 = value == -1 ? INT64_MIN : value;
  else
    guest->values[index].i32 = (int32_t)value;
}

// Every pair of parameters at every pair of extremes, the others at a small good value.
static void sweep_pair(const wasi_function *function, fake_guest *guest, uint16_t a, uint16_t b) {
  for (int i = 0; i < EXTREMES * EXTREMES; i++) {
    memset(guest->values, 0, sizeof guest->values);
    for (uint16_t other = 0; other < function->signature.params_count; other++) set_value(function, guest, other, 1);
    set_value(function, guest, a, extremes[i / EXTREMES]);
    set_value(function, guest, b, extremes[i % EXTREMES]);
    ubiq_error_delete(fake_enter(guest, function));
    wasi_context_reset(guest->context);
    guest->output_size[1] = guest->output_size[2] = 0;
  }
}

// Fills the memory with a byte, so that lists in it hold extremes too.
static void sweep_all(fake_guest *guest, int byte) {
  size_t count;
  const wasi_function *functions = wasi_functions(&count);
  for (size_t i = 0; i < count; i++) {
    if (guest->memory_size > 0) memset(guest->memory, byte, guest->memory_size);
    for (uint16_t a = 0; a < functions[i].signature.params_count; a++)
      for (uint16_t b = a; b < functions[i].signature.params_count; b++) sweep_pair(&functions[i], guest, a, b);
  }
}

static void no_argument_makes_a_function_touch_what_is_not_the_guests(void **state) {
  (void)state;
  fake_guest guest = {0};
  wasi_options options = fake_options(&guest);
  options.input = (ubiq_bytes){(const uint8_t *)"some input", 10};
  options.arguments = (const char *const[]){"a", "b"};
  options.arguments_count = 2;
  fake_open_with(&guest, &options);
  sweep_all(&guest, 0x00);
  sweep_all(&guest, 0x01);
  sweep_all(&guest, 0xff);
  fake_close(&guest);
}

// Paths are whatever the memory is full of.
static void no_argument_makes_a_function_touch_what_is_outside_of_a_directory(void **state) {
  folders *self = *state;
  sweep_all(&self->guest, 'a');
  sweep_all(&self->guest, '.');
  sweep_all(&self->guest, '/');
  sweep_all(&self->guest, 3);
}

static void a_memory_of_a_few_bytes_is_no_less_safe(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 7, 31, 48, 64};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    fake_guest guest;
    fake_open(&guest);
    free(guest.memory);
    guest.memory = malloc(sizes[i]);
    guest.memory_size = sizes[i];
    sweep_all(&guest, 0x02);
    fake_close(&guest);
  }
}

static void a_guest_without_memory_gets_faults(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  guest.has_memory = false;
  assert_int_equal(fake_call(&guest, "fd_write", 1, 0, 0, 0), WASI_EFAULT);
  assert_int_equal(fake_call(&guest, "clock_time_get", 0, 0, 0), WASI_EFAULT);
  sweep_all(&guest, 0);
  fake_close(&guest);
}

static void a_context_that_cannot_be_had_ends_the_call(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  wasi_context *kept = guest.context;
  guest.context = NULL;
  assert_non_null(fake_enter(&guest, wasi_function_find("sched_yield")));
  guest.context = kept;
  fake_close(&guest);
}

static bool attempt_context(void *user) {
  wasi_context *context = NULL;
  ubiq_error *error = wasi_context_new(user, &context);
  bool ok = error == NULL;
  if (ok) wasi_context_delete(context);
  ubiq_error_delete(error);
  return ok;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  static const char *const strings[] = {"one", "two"};
  wasi_options options = {
      .arguments = strings, .arguments_count = 2, .environment = strings, .environment_count = 2, .input_fd = -1};
  assert_int_equal(alloc_failure_sweep(attempt_context, &options), 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_are_ordered_by_name_and_found_by_it),
      cmocka_unit_test(signatures_are_those_of_the_specification),
      cmocka_unit_test(only_poll_oneoff_waits),
      cmocka_unit_test(paths_and_sockets_name_what_their_descriptor_is_not),
      cmocka_unit_test(no_argument_makes_a_function_touch_what_is_not_the_guests),
      folders_test(no_argument_makes_a_function_touch_what_is_outside_of_a_directory),
      cmocka_unit_test(a_memory_of_a_few_bytes_is_no_less_safe),
      cmocka_unit_test(a_guest_without_memory_gets_faults),
      cmocka_unit_test(a_context_that_cannot_be_had_ends_the_call),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
