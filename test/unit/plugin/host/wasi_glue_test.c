// A plugin's directories: from the manifest's allowed_paths to the guest.
#include "unit/plugin/plugin_testing.h"

#include <fcntl.h>
#include <sys/stat.h>

typedef struct fixture {
  char folder[64];
  char manifest[1024];
} fixture;

static int setup(void **state) {
  fixture *self = calloc(1, sizeof *self);
  assert_non_null(self);
  snprintf(self->folder, sizeof self->folder, "/tmp/ubiq-plugin-XXXXXX");
  assert_non_null(mkdtemp(self->folder));
  *state = self;
  return 0;
}

static int teardown(void **state) {
  fixture *self = *state;
  char path[128];
  snprintf(path, sizeof path, "%s/file", self->folder);
  unlink(path);
  assert_int_equal(rmdir(self->folder), 0);
  free(self);
  return 0;
}

/// Compiles a guest with the folder at `/d`; `prefix` stands before the folder's name, `suffix` behind it.
static ubiq_compiled *compile(fixture *self, const char *guest, const char *prefix, const char *suffix, bool wasi) {
  buffer bytes = guest_read(guest); // skips where it was not built
  buffer_free(&bytes);
  snprintf(self->manifest, sizeof self->manifest,
           "{\"wasm\":[{\"path\":\"%s/%s.wasm\"}],\"allowed_paths\":{\"%s%s%s\":\"/d\"}}", UBIQ_GUESTS_DIR, guest,
           prefix, self->folder, suffix);
  const ubiq_compile_options options = {.name = guest, .wasi = wasi};
  ubiq_compiled *compiled = NULL;
  assert_success(ubiq_compiled_new((const uint8_t *)self->manifest, strlen(self->manifest), &options, &compiled));
  return compiled;
}

static ubiq_plugin *make(ubiq_compiled *compiled) {
  ubiq_plugin *plugin = NULL;
  assert_success(ubiq_plugin_new(compiled, &plugin));
  return plugin;
}

static ubiq_error *call(ubiq_plugin *plugin, const char *function, const char *input, ubiq_bytes *output) {
  return ubiq_plugin_call(plugin, function, (ubiq_bytes){(const uint8_t *)input, strlen(input)}, output);
}

static void assert_answers(ubiq_plugin *plugin, const char *function, const char *input, const char *expected) {
  ubiq_bytes output;
  assert_success(call(plugin, function, input, &output));
  assert_int_equal(output.size, strlen(expected));
  assert_memory_equal(output.data, expected, output.size);
}

static void a_guest_reads_and_writes_in_its_directory(void **state) {
  ubiq_compiled *compiled = compile(*state, "wasi_files", "", "", true);
  ubiq_plugin *writer = make(compiled), *reader = make(compiled);
  assert_answers(writer, "write_file", "/d/file\nby the one", "");
  assert_answers(reader, "read_file", "/d/file", "by the one");
  assert_answers(reader, "remove_file", "/d/file", "");
  ubiq_plugin_delete(writer);
  ubiq_plugin_delete(reader);
  ubiq_compiled_delete(compiled);
}

static void the_prefix_ro_makes_it_read_only(void **state) {
  ubiq_compiled *compiled = compile(*state, "wasi_files", "ro:", "", true);
  ubiq_plugin *plugin = make(compiled);
  ubiq_bytes output;
  assert_error_with(call(plugin, "write_file", "/d/file\nx", &output), UBIQ_GUEST_ERROR, "Operation not permitted");
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

static void a_relative_directory_starts_where_the_modules_do(void **state) {
  fixture *self = *state;
  char directory[64];
  snprintf(directory, sizeof directory, "%s/..", self->folder);
  buffer bytes = guest_read("wasi_files");
  buffer_free(&bytes);
  snprintf(self->manifest, sizeof self->manifest,
           "{\"wasm\":[{\"path\":\"%s/wasi_files.wasm\"}],\"allowed_paths\":{\"%s\":\"/d\"}}", UBIQ_GUESTS_DIR,
           strrchr(self->folder, '/') + 1);
  const ubiq_compile_options options = {.directory = directory, .wasi = true};
  ubiq_compiled *compiled = NULL;
  assert_success(ubiq_compiled_new((const uint8_t *)self->manifest, strlen(self->manifest), &options, &compiled));
  memset(directory, 'x', sizeof directory - 1); // it was borrowed for the compilation alone
  ubiq_plugin *plugin = make(compiled);
  assert_answers(plugin, "write_file", "/d/file\nx", "");
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

// As libextism has it: what cannot be opened is known when a plugin is made, not at its first call.
static void a_directory_that_is_not_there_is_told_when_the_plugin_is_made(void **state) {
  ubiq_compiled *compiled = compile(*state, "wasi_files", "", "/absent", true);
  ubiq_plugin *plugin = NULL;
  assert_error_with(ubiq_plugin_new(compiled, &plugin), UBIQ_NOT_FOUND, "allowed_paths: /tmp/ubiq-plugin-");
  assert_null(plugin);
  ubiq_compiled_delete(compiled);
}

static void without_wasi_directories_do_not_matter(void **state) {
  ubiq_compiled *compiled = compile(*state, "hello", "", "/absent", false);
  ubiq_plugin_delete(make(compiled));
  ubiq_compiled_delete(compiled);
}

static int open_host_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void a_plugin_that_is_deleted_leaves_nothing_open(void **state) {
  ubiq_compiled *compiled = compile(*state, "wasi_files", "", "", true);
  int before = open_host_descriptors();
  ubiq_plugin *plugin = make(compiled);
  ubiq_bytes output;
  assert_success(call(plugin, "list", "/d", &output));
  assert_true(open_host_descriptors() > before);
  ubiq_plugin_delete(plugin);
  assert_int_equal(open_host_descriptors(), before);
  ubiq_compiled_delete(compiled);
}

static void a_command_that_runs_again_leaves_nothing_open(void **state) {
  ubiq_compiled *compiled = compile(*state, "wasi_tree", "", "", true);
  ubiq_plugin *plugin = make(compiled);
  int before = 0;
  for (int run = 0; run < 3; run++) {
    ubiq_bytes output;
    assert_success(call(plugin, "_start", "", &output));
    if (run == 0) before = open_host_descriptors();
  }
  assert_int_equal(open_host_descriptors(), before);
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      test(a_guest_reads_and_writes_in_its_directory),
      test(the_prefix_ro_makes_it_read_only),
      test(a_relative_directory_starts_where_the_modules_do),
      test(a_directory_that_is_not_there_is_told_when_the_plugin_is_made),
      test(without_wasi_directories_do_not_matter),
      test(a_plugin_that_is_deleted_leaves_nothing_open),
      test(a_command_that_runs_again_leaves_nothing_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
