// Extism's C ABI: logs to a file and to a callback, levels and filters, which plugin spoke; dumps of memory; WASI output.
#include "unit/plugin/extism_testing.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

static buffer drained;

static void take(const char *line, ExtismSize size) {
  assert_true(buffer_append(&drained, line, size));
}

static const char *drain(void) {
  buffer_clear(&drained);
  extism_log_drain(take);
  return buffer_string(&drained);
}

// The id as Extism writes it in a line: plugin="...".
static const char *speaker_of(ExtismPlugin *plugin) {
  static char text[64];
  const uint8_t *id = extism_plugin_id(plugin);
  char *end = text + sprintf(text, "plugin=\"");
  for (int i = 0; i < 16; i++) end += sprintf(end, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
  sprintf(end, "\"\n");
  return text;
}

static void a_callback_gets_lines_that_say_which_plugin_spoke(void **state) {
  (void)state;
  ExtismCompiledPlugin *compiled = extism_compiled_of("log", NULL);
  ExtismPlugin *one = extism_plugin_new_from_compiled(compiled, NULL);
  ExtismPlugin *two = extism_plugin_new_from_compiled(compiled, NULL);
  assert_true(extism_log_custom("info"));
  assert_answers(one, "info", "first words", "");
  const char *lines = drain();
  assert_non_null(strstr(lines, "Z  INFO extism::pdk: first words plugin=\""));
  assert_non_null(strstr(lines, speaker_of(one)));
  assert_answers(two, "warn", "second words", "");
  lines = drain();
  assert_non_null(strstr(lines, "Z  WARN extism::pdk: second words plugin=\""));
  assert_non_null(strstr(lines, speaker_of(two)));
  assert_string_equal(drain(), "");
  extism_plugin_free(one);
  extism_plugin_free(two);
  extism_compiled_plugin_free(compiled);
}

static size_t count_lines(const char *text) {
  size_t count = 0;
  for (; (text = strchr(text, '\n')); text++) count++;
  return count;
}

static void levels_and_filters_say_what_is_kept(void **state) {
  (void)state;
  static const struct {
    const char *filter;
    size_t lines; ///< of the five that the guest logs
    const char *level;
  } cases[] = {
      {"trace", 5, "0"},
      {"debug", 4, "1"},
      {"info", 3, "2"},
      {"warn", 2, "3"},
      {"error", 1, "4"},
      {NULL, 1, "4"},
      {"off", 0, "2147483647"},
      {"INFO", 3, "2"},
      {"extism=warn", 2, "3"},
      {"cranelift=trace,extism=info", 3, "2"},
      {"cranelift=trace,error", 1, "4"},
      {"error,extism=debug", 4, "1"},
      {"extism=debug,error", 4, "1"},
      {"cranelift=trace", 0, "2147483647"},
      {"extism", 5, "0"},
      {"loud", 0, "2147483647"},
      {"1", 1, "4"},
      {"2", 2, "3"},
      {"3", 3, "2"},
      {"4", 4, "1"},
      {"extism=5", 5, "0"},
      {"0", 0, "2147483647"},
      {"6", 0, "2147483647"},
  };
  ExtismPlugin *plugin = extism_of("log", NULL);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_true(extism_log_custom(cases[i].filter));
    assert_answers(plugin, "all", "", "");
    size_t lines = count_lines(drain());
    if (lines != cases[i].lines) fail_msg("%s: %zu lines; expected %zu", cases[i].filter, lines, cases[i].lines);
    assert_answers(plugin, "level", "", cases[i].level);
  }
  extism_plugin_free(plugin);
}

static void failed_calls_are_logged_as_extism_logs_them(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("error", NULL);
  assert_true(extism_log_custom("error"));
  extism_call(plugin, "fail", "");
  const char *lines = drain();
  assert_non_null(
      strstr(lines, "ERROR extism::plugin: call to fail returned with error message: this function fails on purpose"));
  assert_non_null(strstr(lines, "ERROR extism::plugin: call to fail encountered an error: this function fails"));
  extism_call(plugin, "fail_silently", "");
  assert_string_equal(drain(), "");
  extism_plugin_free(plugin);
}

static void lines_that_nobody_takes_do_not_pile_up(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("log", NULL);
  assert_true(extism_log_custom("info"));
  for (int i = 0; i < 25; i++) assert_int_equal(extism_call(plugin, "thousand", ""), 0);
  assert_int_equal(count_lines(drain()), 10000);
  extism_plugin_free(plugin);
}

static void a_file_takes_lines_after_those_that_it_has(void **state) {
  (void)state;
  char folder[] = "/tmp/ubiq-log-test-XXXXXX", path[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/log", folder);
  assert_success(file_write_atomic(path, 0600, "before\n", 7));
  ExtismPlugin *plugin = extism_of("log", NULL);
  assert_true(extism_log_file(path, "warn"));
  assert_answers(plugin, "all", "", "");
  assert_false(extism_log_file("/nowhere/at/all", "info"));
  buffer text = {0};
  assert_success(file_read_all(path, SIZE_MAX, &text));
  const char *lines = buffer_string(&text);
  assert_int_equal(count_lines(lines), 3);
  assert_ptr_equal(strstr(lines, "before\n"), lines);
  assert_non_null(strstr(lines, " WARN extism::pdk: a warn message plugin="));
  assert_non_null(strstr(lines, "ERROR extism::pdk: an error message plugin="));
  buffer_free(&text);
  extism_plugin_free(plugin);
  assert_true(extism_log_custom("off")); // lets go of the file
  unlink(path);
  rmdir(folder);
}

// -- What the environment asks for --

static bool has_dump(const char *path, const char *part) {
  buffer bytes = {0};
  bool has = false;
  if (file_exists(path)) {
    assert_success(file_read_all(path, SIZE_MAX, &bytes));
    has = memmem(bytes.data, bytes.size, part, strlen(part)) != NULL;
    unlink(path);
  }
  buffer_free(&bytes);
  return has;
}

static void memory_is_dumped_when_a_call_fails(void **state) {
  (void)state;
  char folder[] = "/tmp/ubiq-dump-test-XXXXXX", path[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/dump", folder);
  setenv("EXTISM_MEMDUMP", path, 1);
  ExtismPlugin *plugin = extism_of("error", NULL);
  extism_call(plugin, "fail", "");
  assert_true(has_dump(path, "this function fails on purpose"));
  extism_call(plugin, "error_then_trap", "");
  assert_true(has_dump(path, "last words"));
  extism_call(plugin, "trap_unreachable", "");
  assert_true(has_dump(path, ""));
  extism_call(plugin, "fail_silently", "");
  extism_call(plugin, "no_such", "");
  extism_call(plugin, "error_cleared", "");
  assert_false(file_exists(path));
  setenv("EXTISM_MEMDUMP", "/nowhere/at/all", 1);
  assert_call_fails(plugin, "fail", "", 1, "this function fails on purpose");
  extism_plugin_free(plugin);
  unsetenv("EXTISM_MEMDUMP");
  rmdir(folder);
}

static void wasi_output_goes_to_the_process_where_it_is_asked_for(void **state) {
  (void)state;
  int ends[2], output = dup(STDOUT_FILENO);
  char text[64] = "";
  assert_int_equal(pipe(ends), 0);
  setenv("EXTISM_ENABLE_WASI_OUTPUT", "1", 1);
  ExtismPlugin *plugin = extism_of("wasi_plugin_command", &(extism_setup){.wasi = true});
  unsetenv("EXTISM_ENABLE_WASI_OUTPUT");
  fflush(stdout);
  dup2(ends[1], STDOUT_FILENO);
  int32_t code = extism_call(plugin, "_start", "words");
  dup2(output, STDOUT_FILENO);
  close(ends[1]);
  assert_int_equal(code, 0);
  assert_true(read(ends[0], text, sizeof text - 1) > 0);
  assert_string_equal(text, "the input has 5 bytes\n");
  extism_plugin_free(plugin);
  close(ends[0]);
  close(output);
}

/// Reads all of a pipe, while the thread that writes to it is interrupted at every read.
typedef struct reader {
  pthread_t thread, writer;
  int input;
  size_t bytes;
} reader;

static void *read_and_interrupt(void *user) {
  reader *self = user;
  char bytes[4096];
  ssize_t size;
  do {
    pthread_kill(self->writer, SIGUSR1);
    size = read(self->input, bytes, sizeof bytes);
    self->bytes += size > 0 ? (size_t)size : 0;
  } while (size > 0);
  return NULL;
}

static void interrupted(int signal) {
  (void)signal;
}

// Calls `go` with its standard output in a pipe; answers how many bytes came out.
static size_t count_output(ExtismPlugin *plugin, int flags) {
  int ends[2], output = dup(STDOUT_FILENO);
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(fcntl(ends[1], F_SETFL, flags), 0);
  reader reader = {.writer = pthread_self(), .input = ends[0]};
  fflush(stdout);
  dup2(ends[1], STDOUT_FILENO);
  pthread_create(&reader.thread, NULL, read_and_interrupt, &reader);
  int32_t code = extism_call(plugin, "go", "");
  dup2(output, STDOUT_FILENO);
  close(ends[1]);
  pthread_join(reader.thread, NULL);
  close(ends[0]);
  close(output);
  assert_int_equal(code, 0);
  return reader.bytes;
}

static void wasi_output_is_whole_though_signals_come_and_readers_are_slow(void **state) {
  (void)state;
  static const char module[] =
      "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
      " (memory (export \"memory\") 20)"
      " (func (export \"go\") (result i32)"
      "  (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 1000000))"
      "  (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))";
  struct sigaction former, action = {.sa_handler = interrupted}; // without SA_RESTART
  sigaction(SIGUSR1, &action, &former);
  setenv("EXTISM_ENABLE_WASI_OUTPUT", "1", 1);
  ExtismPlugin *plugin = extism_of_text(module, &(extism_setup){.wasi = true});
  unsetenv("EXTISM_ENABLE_WASI_OUTPUT");
  assert_int_equal(count_output(plugin, 0), 1000000);
  assert_int_equal(count_output(plugin, O_NONBLOCK), 1000000);
  extism_plugin_free(plugin);
  sigaction(SIGUSR1, &former, NULL);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_callback_gets_lines_that_say_which_plugin_spoke),
      cmocka_unit_test(levels_and_filters_say_what_is_kept),
      cmocka_unit_test(failed_calls_are_logged_as_extism_logs_them),
      cmocka_unit_test(lines_that_nobody_takes_do_not_pile_up),
      cmocka_unit_test(a_file_takes_lines_after_those_that_it_has),
      cmocka_unit_test(memory_is_dumped_when_a_call_fails),
      cmocka_unit_test(wasi_output_goes_to_the_process_where_it_is_asked_for),
      cmocka_unit_test(wasi_output_is_whole_though_signals_come_and_readers_are_slow),
  };
  int result = cmocka_run_group_tests(tests, NULL, NULL);
  buffer_free(&drained);
  return result;
}
