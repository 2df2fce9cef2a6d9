// Names in directories: making, moving, linking and removing them. What leads out is in host_test.c.
#include "folders.h"

static void directories_are_made_and_removed(void **state) {
  folders *self = *state;
  assert_int_equal(with_path(self, "path_create_directory", ROOT, "d"), WASI_SUCCESS);
  assert_int_equal(with_path(self, "path_create_directory", ROOT, "d/e/"), WASI_SUCCESS);
  assert_int_equal(with_path(self, "path_create_directory", ROOT, "d"), WASI_EEXIST);
  assert_int_equal(with_path(self, "path_create_directory", ROOT, "x/y"), WASI_ENOENT);
  assert_int_equal(with_path(self, "path_remove_directory", ROOT, "d"), WASI_ENOTEMPTY);
  assert_int_equal(with_path(self, "path_unlink_file", ROOT, "d"), WASI_EISDIR);
  assert_int_equal(with_path(self, "path_remove_directory", ROOT, "d/e"), WASI_SUCCESS);
  assert_int_equal(with_path(self, "path_remove_directory", ROOT, "./d"), WASI_SUCCESS);
  assert_int_equal(with_path(self, "path_remove_directory", ROOT, "d"), WASI_ENOENT);
}

static void files_are_unlinked(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  assert_int_equal(with_path(self, "path_remove_directory", ROOT, "file"), WASI_ENOTDIR);
  assert_int_equal(with_path(self, "path_unlink_file", ROOT, "file/"), WASI_ENOTDIR);
  assert_int_equal(with_path(self, "path_unlink_file", ROOT, "file"), WASI_SUCCESS);
  assert_int_equal(with_path(self, "path_unlink_file", ROOT, "file"), WASI_ENOENT);
}

static void the_directory_itself_is_not_a_name_in_it(void **state) {
  folders *self = *state;
  assert_int_equal(with_path(self, "path_create_directory", ROOT, "."), WASI_EEXIST);
  assert_int_equal(with_path(self, "path_remove_directory", ROOT, "."), WASI_EINVAL);
  assert_int_equal(with_path(self, "path_remove_directory", ROOT, ".."), WASI_ENOTEMPTY);
  assert_int_equal(with_path(self, "path_unlink_file", ROOT, "./"), WASI_EISDIR);
  assert_int_equal(rename_at(self, ROOT, ".", ROOT, "d"), WASI_EBUSY);
  assert_int_equal(rename_at(self, ROOT, "..", ROOT, "d"), WASI_EBUSY);
  assert_int_equal(with_path(self, "path_create_directory", ROOT, ""), WASI_ENOENT);
}

static void names_are_moved(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "moved");
  host_make_directory(self, "inside/d");
  assert_int_equal(rename_at(self, ROOT, "file", ROOT, "d/other"), WASI_SUCCESS);
  assert_host_file(self, "inside/d/other", "moved");
  assert_false(host_exists(self, "inside/file"));
  assert_int_equal(rename_at(self, ROOT, "d", ROOT, "d/below"), WASI_EINVAL);
  assert_int_equal(rename_at(self, ROOT, "absent", ROOT, "x"), WASI_ENOENT);
  int d = must_open(self, ROOT, "d", WASI_OFLAG_DIRECTORY, WASI_RIGHT_PATH_RENAME_SOURCE);
  assert_int_equal(rename_at(self, d, "other", ROOT, "file"), WASI_SUCCESS);
  assert_int_equal(rename_at(self, ROOT, "file", d, "other"), WASI_ENOTCAPABLE);
  assert_int_equal(rename_at(self, ROOT, "file", 1, "other"), WASI_ENOTDIR);
  assert_int_equal(rename_at(self, 99, "file", ROOT, "other"), WASI_EBADF);
}

static void a_file_has_two_names(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "both");
  host_make_directory(self, "inside/d");
  assert_int_equal(link_at(self, ROOT, "file", ROOT, "d/other"), WASI_SUCCESS);
  assert_host_file(self, "inside/d/other", "both");
  assert_int_equal(stat_at(self, ROOT, false, "file"), WASI_SUCCESS);
  assert_int_equal(fake_u64(&self->guest, DATA + WASI_FILESTAT_LINKS), 2);
  assert_int_equal(link_at(self, ROOT, "file", ROOT, "d/other"), WASI_EEXIST);
  assert_int_equal(link_at(self, ROOT, "d", ROOT, "e"), WASI_EPERM);
  assert_int_equal(link_at(self, ROOT, "absent", ROOT, "e"), WASI_ENOENT);
}

static void symbolic_links_are_made_and_read(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "text");
  assert_int_equal(symlink_at(self, "file", ROOT, "link"), WASI_SUCCESS);
  assert_read(self, must_open(self, ROOT, "link", 0, TO_READ), "text");
  assert_int_equal(readlink_at(self, ROOT, "link"), WASI_SUCCESS);
  assert_string_equal(data_of(self), "file");
  assert_int_equal(readlink_at(self, ROOT, "file"), WASI_EINVAL);
  assert_int_equal(readlink_at(self, ROOT, "absent"), WASI_ENOENT);
  assert_int_equal(symlink_at(self, "file", ROOT, "link"), WASI_EEXIST);
  assert_int_equal(symlink_at(self, "", ROOT, "empty"), WASI_ENOENT);
}

static void a_target_is_cut_to_the_room_for_it(void **state) {
  folders *self = *state;
  host_link(self, "target", "inside/link");
  memset(self->guest.memory + DATA, '-', 8);
  uint32_t size = put_text(self, PATH, "link");
  assert_int_equal(fake_call(&self->guest, "path_readlink", ROOT, PATH, size, DATA, 3, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 3);
  assert_memory_equal(data_of(self), "tar-----", 8);
  assert_int_equal(fake_call(&self->guest, "path_readlink", ROOT, PATH, size, DATA, 0, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 0);
}

static void where_the_hosts_absolute_links_lead_is_not_told(void **state) {
  folders *self = *state;
  host_link(self, "/etc/passwd", "inside/link");
  assert_int_equal(readlink_at(self, ROOT, "link"), WASI_EPERM);
}

static void the_host_decides_for_its_own_directories(void **state) {
  folders *self = *state;
  if (geteuid() == 0) skip(); // who may do everything is refused nothing
  host_make_directory(self, "inside/d");
  assert_int_equal(chmod(host_path(self, "inside/d"), 0500), 0);
  assert_int_equal(with_path(self, "path_create_directory", ROOT, "d/e"), WASI_EACCES);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      folders_test(directories_are_made_and_removed),
      folders_test(files_are_unlinked),
      folders_test(the_directory_itself_is_not_a_name_in_it),
      folders_test(names_are_moved),
      folders_test(a_file_has_two_names),
      folders_test(symbolic_links_are_made_and_read),
      folders_test(a_target_is_cut_to_the_room_for_it),
      folders_test(where_the_hosts_absolute_links_lead_is_not_told),
      folders_test(the_host_decides_for_its_own_directories),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
