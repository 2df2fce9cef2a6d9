#include "runtime/bundle/source_tree.h"

#include "unit/runtime/runtime_testing.h"

static void count_folder(void *user, const char *directory) {
  (void)directory;
  ++*(int *)user;
}

static uint64_t fingerprint(const char *folder) {
  source_tree tree;
  assert_success(source_tree_scan(folder, NULL, NULL, &tree));
  return tree.fingerprint;
}

static void changes_of_files_are_seen(void **state) {
  (void)state;
  char *folder = folder_make();
  folder_write(folder, "a.c", "a");
  uint64_t before = fingerprint(folder);
  assert_int_equal(fingerprint(folder), before);
  folder_touch(folder, "a.c", -5);
  uint64_t touched = fingerprint(folder);
  assert_int_not_equal(touched, before);
  folder_write(folder, "b.h", "b");
  uint64_t more = fingerprint(folder);
  assert_int_not_equal(more, touched);
  unlink(folder_path(folder, "b.h"));
  assert_int_equal(fingerprint(folder), touched);
  folder_remove(folder);
}

static void folders_that_come_and_go_are_seen(void **state) {
  (void)state;
  char *folder = folder_make();
  uint64_t before = fingerprint(folder);
  mkdir(folder_path(folder, "src"), 0755);
  assert_int_not_equal(fingerprint(folder), before);
  rmdir(folder_path(folder, "src"));
  assert_int_equal(fingerprint(folder), before);
  folder_remove(folder);
}

static void what_editors_keep_beside_a_file_is_left_out(void **state) {
  (void)state;
  char *folder = folder_make();
  folder_write(folder, "a.c", "a");
  uint64_t before = fingerprint(folder);
  folder_write(folder, "a.c~", "new"); // or it is new, and takes the file's place when it is whole
  assert_int_equal(fingerprint(folder), before);
  assert_int_equal(rename(folder_path(folder, "a.c~"), folder_path(folder, "a.c")), 0);
  assert_int_not_equal(fingerprint(folder), before);
  folder_remove(folder);
}

static void what_builds_make_is_left_out(void **state) {
  (void)state;
  char *folder = folder_make();
  folder_write(folder, "a.c", "a");
  mkdir(folder_path(folder, "src"), 0755);
  mkdir(folder_path(folder, "target"), 0755);
  mkdir(folder_path(folder, ".git"), 0755);
  uint64_t before = fingerprint(folder);
  folder_write(folder, "a.wasm", "w");
  folder_write(folder, "a-1.0.ubiq", "u");
  folder_write(folder, "target/b.c", "b");
  folder_write(folder, ".git/c.c", "c");
  folder_write(folder, ".hidden", "d");
  assert_int_equal(fingerprint(folder), before);
  int folders = 0;
  source_tree tree;
  assert_success(source_tree_scan(folder, count_folder, &folders, &tree));
  assert_int_equal(folders, 2);
  folder_remove(folder);
}

static void the_newest_file_is_found(void **state) {
  (void)state;
  char *folder = folder_make();
  mkdir(folder_path(folder, "src"), 0755);
  folder_write(folder, "a.c", "a");
  folder_write(folder, "src/b.c", "b");
  folder_touch(folder, "src/b.c", 50);
  source_tree tree;
  assert_success(source_tree_scan(folder, NULL, NULL, &tree));
  assert_int_equal(tree.newest_ns, source_file_changed_ns(folder_path(folder, "src/b.c")));
  folder_remove(folder);
}

static void a_folder_that_is_not_there_is_an_error(void **state) {
  (void)state;
  source_tree tree;
  ubiq_error *error = source_tree_scan("/nowhere/at/all", NULL, NULL, &tree);
  assert_int_equal(ubiq_error_code(error), UBIQ_NOT_FOUND);
  ubiq_error_delete(error);
  assert_int_equal(source_file_changed_ns("/nowhere/at/all"), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(changes_of_files_are_seen),
      cmocka_unit_test(folders_that_come_and_go_are_seen),
      cmocka_unit_test(what_editors_keep_beside_a_file_is_left_out),
      cmocka_unit_test(what_builds_make_is_left_out),
      cmocka_unit_test(the_newest_file_is_found),
      cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
