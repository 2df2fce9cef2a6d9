#include "runtime/bundle/build.h"

#include "engine/wasm/wasm.h"
#include "runtime/bundle/source_tree.h"
#include "unit/runtime/runtime_testing.h"

#include <sys/stat.h>

static const char source[] = "#include \"value.h\"\n"
                             "__attribute__((export_name(\"f\"))) int f(void) { return VALUE; }\n";

/// Builds and answers when the module was made.
static uint64_t build(const char *folder, char **wasm) {
  assert_success(build_source(folder_path(folder, "a b.c"), 0, NULL, wasm));
  return source_file_changed_ns(*wasm);
}

static char *make_project(void) {
  char *folder = folder_make();
  setenv("UBIQ_PDK", UBIQ_SOURCE_DIR "/pdk/c", 1);
  folder_write(folder, "a b.c", source);
  folder_write(folder, "value.h", "#define VALUE 1\n");
  folder_touch(folder, "a b.c", -100);
  folder_touch(folder, "value.h", -100);
  return folder;
}

static void a_module_is_made_once(void **state) {
  (void)state;
  char *folder = make_project(), *first, *second;
  uint64_t made = build(folder, &first);
  assert_int_not_equal(made, 0);
  assert_int_equal(build(folder, &second), made);
  assert_string_equal(first, second);
  free(first);
  free(second);
  folder_remove(folder);
}

static void a_module_is_made_again_when_what_it_includes_has_changed(void **state) {
  (void)state;
  char *folder = make_project(), *wasm, *again;
  uint64_t made = build(folder, &wasm);
  folder_write(folder, "value.h", "#define VALUE 2\n");
  folder_touch(folder, "value.h", 1);
  assert_int_not_equal(build(folder, &again), made);
  free(wasm);
  free(again);
  folder_remove(folder);
}

static void a_source_that_does_not_compile_shows_the_compilers_messages(void **state) {
  (void)state;
  char *folder = make_project(), *wasm = NULL;
  folder_write(folder, "value.h", "#define VALUE nothing\n");
  ubiq_error *error = build_source(folder_path(folder, "a b.c"), 0, NULL, &wasm);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_non_null(strstr(ubiq_error_message(error), "a b.c: does not compile:\n"));
  assert_non_null(strstr(ubiq_error_message(error), "undeclared identifier 'nothing'"));
  assert_null(wasm);
  ubiq_error_delete(error);
  folder_remove(folder);
}

/// How many pages of memory the module begins with.
static uint64_t pages_of(const char *path) {
  buffer bytes = {0};
  wasm_module *module;
  assert_success(file_read_all(path, SIZE_MAX, &bytes));
  assert_success(wasm_module_read(bytes.data, bytes.size, &module));
  uint64_t pages = module->memory_pages_min;
  wasm_module_free(module);
  buffer_free(&bytes);
  return pages;
}

static void a_stack_is_small_unless_a_frame_is_large_or_it_is_said(void **state) {
  (void)state;
  char *folder = make_project(), *wasm;
  build(folder, &wasm);
  assert_int_equal(pages_of(wasm), 1);
  free(wasm);
  folder_write(
      folder, "a b.c",
      "__attribute__((noinline)) void use(volatile char *a, int n) { while (n > 0) a[--n] = 1; }\n"
      "__attribute__((export_name(\"f\"))) int f(void) { volatile char a[5000]; use(a, 5000); return a[8]; }\n");
  folder_touch(folder, "a b.c", 1);
  build(folder, &wasm);
  assert_int_equal(pages_of(wasm), 4);
  free(wasm);
  assert_success(build_source(folder_path(folder, "a b.c"), 512 << 10, NULL, &wasm));
  assert_int_equal(pages_of(wasm), 8);
  free(wasm);
  folder_remove(folder);
}

/// Programs are looked for in `programs` alone: what is not installed is not there, and what is said of it is `expected`.
static void build_without(const char *folder, const char *programs, const char *expected) {
  char *wasm = NULL;
  const char *before = getenv("PATH");
  char *path = strdup(before == NULL ? "" : before);
  setenv("PATH", programs, 1);
  ubiq_error *error = build_source(folder_path(folder, "a b.c"), 0, NULL, &wasm);
  setenv("PATH", path, 1);
  assert_int_equal(ubiq_error_code(error), UBIQ_UNAVAILABLE);
  assert_non_null(strstr(ubiq_error_message(error), expected));
  assert_null(wasm);
  ubiq_error_delete(error);
  free(path);
}

static void without_clang_the_package_is_named(void **state) {
  (void)state;
  char *folder = make_project();
  build_without(folder, "/nowhere", "install the packages clang and lld");
  folder_remove(folder);
}

static void a_compiler_that_is_killed_is_not_taken_for_one_that_found_a_fault(void **state) {
  (void)state;
  char *folder = make_project();
  folder_write(folder, "clang", "#!/bin/sh\nkill -9 $$\n");
  assert_int_equal(chmod(folder_path(folder, "clang"), 0700), 0);
  build_without(folder, folder, "clang was ended by signal 9");
  folder_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_module_is_made_once),
      cmocka_unit_test(a_module_is_made_again_when_what_it_includes_has_changed),
      cmocka_unit_test(a_source_that_does_not_compile_shows_the_compilers_messages),
      cmocka_unit_test(a_stack_is_small_unless_a_frame_is_large_or_it_is_said),
      cmocka_unit_test(without_clang_the_package_is_named),
      cmocka_unit_test(a_compiler_that_is_killed_is_not_taken_for_one_that_found_a_fault),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
