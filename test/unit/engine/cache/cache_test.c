// The module cache: hits, entries that were changed, keys, folders that are not to be trusted, several processes.
#include "unit/engine/engine_testing.h"

#include "base/buffer.h"
#include "base/file.h"
#include "engine/cache/cache.h"
#include "ubiq/log.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static engine *one_engine;
static char folder[256];

// -- An engine that counts --

static atomic_int compiled, loaded;
static engine_ops counting;

static ubiq_error *count_compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out) {
  compiled++;
  return test_ops()->compile(engine, wasm, size, out);
}

static ubiq_error *count_load(engine *engine, const uint8_t *bytes, size_t size, engine_module **out) {
  ubiq_error *error = test_ops()->deserialize(engine, bytes, size, out);
  if (!error) loaded++;
  return error;
}

static int warnings;

static void count_warnings(void *user, const ubiq_log_record *record) {
  (void)user;
  warnings += record->level == UBIQ_LOG_WARN;
}

// -- A module that is large enough to be kept, and a folder --

static uint8_t *module_bytes;
static size_t module_size;

static void make_module(void) {
  buffer text = {0};
  if (!buffer_append_string(&text, "(module (memory 1) (func (export \"f\") (result i32) (i32.const 7)) (data \""))
    abort();
  for (int i = 0; i < 5000; i++)
    if (!buffer_append_byte(&text, (uint8_t)('a' + i % 26))) abort();
  if (!buffer_append_string(&text, "\"))")) abort();
  ubiq_error *error = one_engine->ops->wat_to_wasm((const char *)text.data, text.size, &module_bytes, &module_size);
  if (error) abort();
  buffer_free(&text);
}

static int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/ubiq-cache-test-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  setenv("UBIQ_CACHE", folder, 1);
  compiled = loaded = warnings = 0;
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  chmod(folder, 0700);
  DIR *entries = opendir(folder);
  struct dirent *entry;
  while (entries && (entry = readdir(entries))) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    unlink(path);
  }
  if (entries) closedir(entries);
  return rmdir(folder);
}

static int count_files(char *last, size_t room) {
  int count = 0;
  DIR *entries = opendir(folder);
  struct dirent *entry;
  while (entries && (entry = readdir(entries))) {
    if (entry->d_name[0] == '.') continue;
    count++;
    if (last && strcmp(entry->d_name, "key") != 0) snprintf(last, room, "%s/%s", folder, entry->d_name);
  }
  if (entries) closedir(entries);
  return count;
}

static void compile_as(const char *settings) {
  engine_module *module = NULL;
  assert_success(cache_compile(one_engine, settings, NULL, module_bytes, module_size, &module));
  assert_non_null(module);
  engine_module_delete(module);
}

static void a_module_is_compiled_once(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) compile_as("settings");
  assert_int_equal(compiled, 1);
  assert_int_equal(loaded, 3);
  assert_int_equal(count_files(NULL, 0), 2);
}

static void what_was_loaded_runs(void **state) {
  (void)state;
  compile_as("settings");
  engine_link_module hub = {0};
  assert_success(cache_compile(one_engine, "settings", NULL, module_bytes, module_size, &hub.module));
  assert_int_equal(loaded, 1);
  engine_link link = {.modules = &hub, .modules_count = 1};
  engine_image *image = NULL;
  assert_success(engine_link_modules(one_engine, &link, &image));
  engine_module_delete(hub.module);
  engine_store *store = new_store(image, NULL);
  engine_function f = find_function(store, "f");
  engine_value values[1] = {{0}};
  assert_success(engine_call_now(store, &f, values, 1));
  assert_int_equal(values[0].i32, 7);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void other_settings_are_another_entry(void **state) {
  (void)state;
  compile_as("one");
  compile_as("two");
  assert_int_equal(compiled, 2);
  compile_as("one");
  assert_int_equal(loaded, 1);
  assert_int_equal(count_files(NULL, 0), 3);
}

static void what_another_build_compiled_is_compiled_again(void **state) {
  (void)state;
  const char *const builds[] = {counting.build, "another", counting.build};
  assert_int_equal(strlen(counting.build), 16);
  for (size_t i = 0; i < 3; i++) {
    counting.build = builds[i];
    compile_as("settings");
  }
  assert_int_equal(compiled, 2);
  assert_int_equal(loaded, 1);
  assert_int_equal(count_files(NULL, 0), 3);
}

static void small_modules_are_not_kept(void **state) {
  (void)state;
  static const uint8_t smallest[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  for (int i = 0; i < 2; i++) {
    engine_module *module = NULL;
    assert_success(cache_compile(one_engine, "settings", NULL, smallest, sizeof smallest, &module));
    engine_module_delete(module);
  }
  assert_int_equal(compiled, 2);
  assert_int_equal(count_files(NULL, 0), 0);
}

static void malformed_modules_are_an_error_and_not_kept(void **state) {
  (void)state;
  uint8_t *bytes = malloc(module_size);
  memcpy(bytes, module_bytes, module_size);
  bytes[8] = 77;
  engine_module *module = NULL;
  assert_error_code(cache_compile(one_engine, "settings", NULL, bytes, module_size, &module), UBIQ_INVALID_INPUT);
  assert_null(module);
  free(bytes);
  char entry[600] = "";
  count_files(entry, sizeof entry);
  assert_string_equal(entry, "");
}

static void change_entry(size_t from_end, bool cut) {
  char path[600] = "";
  buffer bytes = {0};
  count_files(path, sizeof path);
  assert_success(file_read_all(path, SIZE_MAX, &bytes));
  if (cut)
    bytes.size = from_end;
  else
    bytes.data[bytes.size - 1 - from_end] ^= 1;
  assert_success(file_write_atomic(path, 0600, bytes.data, bytes.size));
  buffer_free(&bytes);
}

static void assert_compiles_again(void) {
  int before = compiled;
  warnings = 0;
  compile_as("settings");
  assert_int_equal(compiled, before + 1);
  assert_int_equal(warnings, 1);
  compile_as("settings"); // the entry was written anew
  assert_int_equal(compiled, before + 1);
}

static void changed_entries_are_told_and_compiled_again(void **state) {
  (void)state;
  compile_as("settings");
  change_entry(0, false);
  assert_compiles_again();
  change_entry(1000, false);
  assert_compiles_again();
  static const size_t sizes[] = {0, 1, 31, 32, 33, 1000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    change_entry(sizes[i], true);
    assert_compiles_again();
  }
}

static void an_entry_under_another_name_does_not_verify(void **state) {
  (void)state;
  char first[600] = "", second[600] = "";
  buffer bytes = {0};
  compile_as("one");
  count_files(first, sizeof first);
  assert_success(file_read_all(first, SIZE_MAX, &bytes));
  unlink(first);
  compile_as("two");
  count_files(second, sizeof second);
  assert_success(file_write_atomic(second, 0600, bytes.data, bytes.size));
  buffer_free(&bytes);
  warnings = 0;
  compile_as("two");
  assert_int_equal(compiled, 3);
  assert_int_equal(warnings, 1);
}

static void entries_of_another_key_do_not_verify(void **state) {
  (void)state;
  char key[600];
  snprintf(key, sizeof key, "%s/key", folder);
  compile_as("settings");
  unlink(key);
  assert_compiles_again();
}

static void keys_of_a_wrong_size_are_made_again(void **state) {
  (void)state;
  char key[600];
  snprintf(key, sizeof key, "%s/key", folder);
  compile_as("settings");
  static const size_t sizes[] = {0, 31, 33};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    assert_success(file_write_atomic(key, 0600, "0123456789012345678901234567890123456789", sizes[i]));
    warnings = 0;
    compile_as("settings");
    assert_int_equal(warnings, 2); // of the key and of the entry
    compile_as("settings");
    assert_int_equal(warnings, 2);
  }
}

static void files_are_the_users_alone(void **state) {
  (void)state;
  struct stat status;
  char entry[600] = "", key[600];
  umask(0);
  compile_as("settings");
  umask(022);
  count_files(entry, sizeof entry);
  snprintf(key, sizeof key, "%s/key", folder);
  assert_int_equal(stat(entry, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
  assert_int_equal(stat(key, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_folder_that_others_may_use_is_not_used(void **state) {
  (void)state;
  static const mode_t modes[] = {0770, 0720, 0707, 0711, 0777};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    chmod(folder, modes[i]);
    compile_as("settings");
    assert_int_equal(count_files(NULL, 0), 0);
  }
}

static void a_folder_of_somebody_else_is_not_used(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  assert_int_equal(chown(folder, 12345, 12345), 0);
  compile_as("settings");
  assert_int_equal(count_files(NULL, 0), 0);
  assert_int_equal(chown(folder, 0, 0), 0);
}

static void a_link_instead_of_a_folder_is_not_used(void **state) {
  (void)state;
  char link[300];
  snprintf(link, sizeof link, "%s-link", folder);
  assert_int_equal(symlink(folder, link), 0);
  setenv("UBIQ_CACHE", link, 1);
  compile_as("settings");
  assert_int_equal(count_files(NULL, 0), 0);
  unlink(link);
}

static void an_empty_name_turns_it_off(void **state) {
  (void)state;
  setenv("UBIQ_CACHE", "", 1);
  for (int i = 0; i < 2; i++) compile_as("settings");
  assert_int_equal(compiled, 2);
  assert_int_equal(count_files(NULL, 0), 0);
}

static void a_place_that_cannot_be_made_is_no_error(void **state) {
  (void)state;
  setenv("UBIQ_CACHE", "/proc/no/such/place", 1);
  compile_as("settings");
  setenv("UBIQ_CACHE", "/dev/null", 1);
  compile_as("settings");
  assert_int_equal(compiled, 2);
}

static void the_default_place_is_in_the_users_cache(void **state) {
  (void)state;
  char path[600];
  unsetenv("UBIQ_CACHE");
  setenv("XDG_CACHE_HOME", folder, 1);
  compile_as("settings");
  snprintf(path, sizeof path, "%s/ubiq/modules/key", folder);
  assert_true(file_exists(path));
  snprintf(path, sizeof path, "rm -rf %s/ubiq", folder);
  assert_int_equal(system(path), 0);
  unsetenv("XDG_CACHE_HOME");
}

// -- Several at once --

static void *compile_on_a_thread(void *user) {
  engine_module *module = NULL;
  ubiq_error *error = cache_compile(one_engine, user, NULL, module_bytes, module_size, &module);
  engine_module_delete(module);
  return error;
}

static void many_threads_at_once_are_fine(void **state) {
  (void)state;
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, compile_on_a_thread, i % 2 ? (void *)"one" : (void *)"two");
  for (int i = 0; i < THREADS; i++) {
    void *error;
    pthread_join(threads[i], &error);
    assert_null(error);
  }
  assert_int_equal(count_files(NULL, 0), 3);
  assert_int_equal(warnings, 0);
  compile_as("one");
  compile_as("two");
  assert_int_equal(warnings, 0);
}

// Each process opens its own engine: Wasmtime's threads do not survive a fork.
static int in_another_process(const char *program) {
  pid_t child = fork();
  if (child == 0) {
    execl(program, program, "--compile-once", (char *)NULL);
    _exit(127);
  }
  return child;
}

static void several_processes_at_once_are_fine(void **state) {
  (void)state;
  enum { PROCESSES = 4 };
  int children[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) children[i] = in_another_process("/proc/self/exe");
  for (int i = 0; i < PROCESSES; i++) {
    int status = -1;
    waitpid(children[i], &status, 0);
    assert_int_equal(status, 0);
  }
  assert_int_equal(count_files(NULL, 0), 2);
  compile_as("settings");
  assert_int_equal(compiled, 0);
  assert_int_equal(loaded, 1);
  assert_int_equal(warnings, 0);
}

static int open_engine(void) {
  engine_options options = {0};
  if (engine_open(test_ops(), &options, &one_engine)) return 1;
  counting = *test_ops();
  counting.compile = count_compile;
  counting.deserialize = count_load;
  one_engine->ops = &counting;
  traps_save();
  make_module();
  return 0;
}

static int compile_once(void) {
  engine_module *module = NULL;
  ubiq_error *error = cache_compile(one_engine, "settings", NULL, module_bytes, module_size, &module);
  engine_module_delete(module);
  free(module_bytes);
  engine_close(one_engine);
  return error != NULL;
}

#define cached(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(int argc, char **argv) {
  if (open_engine()) return 1;
  if (argc > 1 && strcmp(argv[1], "--compile-once") == 0) return compile_once();
  ubiq_log_set(UBIQ_LOG_WARN, count_warnings, NULL);
  const struct CMUnitTest tests[] = {
      cached(a_module_is_compiled_once),
      cached(what_was_loaded_runs),
      cached(other_settings_are_another_entry),
      cached(what_another_build_compiled_is_compiled_again),
      cached(small_modules_are_not_kept),
      cached(malformed_modules_are_an_error_and_not_kept),
      cached(changed_entries_are_told_and_compiled_again),
      cached(an_entry_under_another_name_does_not_verify),
      cached(entries_of_another_key_do_not_verify),
      cached(keys_of_a_wrong_size_are_made_again),
      cached(files_are_the_users_alone),
      cached(a_folder_that_others_may_use_is_not_used),
      cached(a_folder_of_somebody_else_is_not_used),
      cached(a_link_instead_of_a_folder_is_not_used),
      cached(an_empty_name_turns_it_off),
      cached(a_place_that_cannot_be_made_is_no_error),
      cached(the_default_place_is_in_the_users_cache),
      cached(many_threads_at_once_are_fine),
      cached(several_processes_at_once_are_fine),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free(module_bytes);
  one_engine->ops = test_ops();
  engine_close(one_engine);
  return failed;
}
