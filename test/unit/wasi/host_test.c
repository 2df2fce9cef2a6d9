// Every way out of a directory that a guest could try. After each test the secret outside is looked at.
#include "folders.h"

#include <pthread.h>
#include <stdatomic.h>

// Tries to reach a file outside by `path` in every way that follows it.
static void assert_no_way_to_file(folders *self, const char *path) {
  assert_int_equal(try_open(self, ROOT, path, 0, TO_READ), WASI_EPERM);
  assert_int_equal(try_open(self, ROOT, path, 0, TO_WRITE), WASI_EPERM);
  assert_int_equal(try_open(self, ROOT, path, WASI_OFLAG_TRUNCATE, TO_WRITE), WASI_EPERM);
  assert_int_equal(try_open(self, ROOT, path, WASI_OFLAG_CREATE, TO_WRITE), WASI_EPERM);
  assert_int_equal(stat_at(self, ROOT, true, path), WASI_EPERM);
  assert_int_equal(set_times_at(self, ROOT, true, path), WASI_EPERM);
}

// Tries everything on names in a directory outside, where `way` leads.
static void assert_no_way_through(folders *self, const char *way) {
  char secret[256], new[256];
  snprintf(secret, sizeof secret, "%s/secret", way);
  snprintf(new, sizeof new, "%s/new", way);
  host_write(self, "inside/mine", "mine");
  assert_no_way_to_file(self, secret);
  assert_int_equal(stat_at(self, ROOT, false, secret), WASI_EPERM);
  assert_int_equal(set_times_at(self, ROOT, false, secret), WASI_EPERM);
  assert_int_equal(readlink_at(self, ROOT, secret), WASI_EPERM);
  assert_int_equal(try_open(self, ROOT, new, WASI_OFLAG_CREATE | WASI_OFLAG_EXCLUSIVE, TO_WRITE), WASI_EPERM);
  assert_int_equal(with_path(self, "path_create_directory", ROOT, new), WASI_EPERM);
  assert_int_equal(with_path(self, "path_remove_directory", ROOT, secret), WASI_EPERM);
  assert_int_equal(with_path(self, "path_unlink_file", ROOT, secret), WASI_EPERM);
  assert_int_equal(rename_at(self, ROOT, secret, ROOT, "stolen"), WASI_EPERM);
  assert_int_equal(rename_at(self, ROOT, "mine", ROOT, new), WASI_EPERM);
  assert_int_equal(link_at(self, ROOT, secret, ROOT, "stolen"), WASI_EPERM);
  assert_int_equal(link_at(self, ROOT, "mine", ROOT, new), WASI_EPERM);
  assert_int_equal(symlink_at(self, "mine", ROOT, new), WASI_EPERM);
  assert_host_file(self, "inside/mine", "mine");
  assert_false(host_exists(self, "inside/stolen"));
}

static void two_dots_do_not_lead_out(void **state) {
  folders *self = *state;
  assert_no_way_through(self, "../outside");
  assert_int_equal(try_open(self, ROOT, "..", 0, TO_READ), WASI_EPERM);
  assert_int_equal(try_open(self, ROOT, "../", WASI_OFLAG_DIRECTORY, ALL & ~WASI_RIGHT_FD_WRITE), WASI_EPERM);
  assert_int_equal(stat_at(self, ROOT, false, ".."), WASI_EPERM);
  assert_int_equal(stat_at(self, ROOT, true, "../."), WASI_EPERM);
}

static void two_dots_do_not_lead_out_and_in_again(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  assert_int_equal(try_open(self, ROOT, "../inside/file", 0, TO_READ), WASI_EPERM);
  assert_int_equal(with_path(self, "path_unlink_file", ROOT, "../inside/file"), WASI_EPERM);
}

static void two_dots_behind_a_directory_do_not_lead_out(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  assert_no_way_through(self, "d/../../outside");
}

static void two_dots_within_are_good(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  host_write(self, "inside/file", "within");
  assert_read(self, must_open(self, ROOT, "d/../d/.././file", 0, TO_READ), "within");
}

static void an_opened_subdirectory_is_a_root_of_its_own(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  host_write(self, "inside/file", "");
  int fd = must_open(self, ROOT, "d", WASI_OFLAG_DIRECTORY, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(try_open(self, fd, "../file", 0, TO_READ), WASI_EPERM);
  assert_int_equal(try_open(self, fd, "../../outside/secret", 0, TO_READ), WASI_EPERM);
}

static void absolute_paths_do_not_lead_anywhere(void **state) {
  folders *self = *state;
  assert_no_way_through(self, host_path(self, "outside"));
  assert_no_way_to_file(self, "/etc/passwd");
  assert_int_equal(try_open(self, ROOT, "/", 0, TO_READ), WASI_EPERM);
  assert_int_equal(try_open(self, ROOT, "//", 0, TO_READ), WASI_EPERM);
}

static void a_link_of_the_hosts_to_a_directory_outside_is_not_followed(void **state) {
  folders *self = *state;
  host_link(self, "../outside", "inside/way");
  assert_no_way_through(self, "way");
  assert_int_equal(try_open(self, ROOT, "way", WASI_OFLAG_DIRECTORY, TO_READ), WASI_EPERM);
  assert_int_equal(try_open(self, ROOT, "way/", 0, TO_READ), WASI_EPERM);
  assert_int_equal(stat_at(self, ROOT, false, "way/"), WASI_EPERM);
}

static void a_link_of_the_hosts_to_an_absolute_path_is_not_followed(void **state) {
  folders *self = *state;
  host_link(self, host_path(self, "outside"), "inside/way");
  assert_no_way_through(self, "way");
}

static void an_absolute_link_is_not_followed_even_when_it_leads_inside(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  host_link(self, host_path(self, "inside/file"), "inside/way");
  assert_no_way_to_file(self, "way");
}

static void a_link_of_the_hosts_to_a_file_outside_is_not_followed(void **state) {
  folders *self = *state;
  host_link(self, "../outside/secret", "inside/way");
  assert_no_way_to_file(self, "way");
}

static void a_link_that_the_guest_made_is_not_followed_out(void **state) {
  folders *self = *state;
  assert_int_equal(symlink_at(self, "../outside", ROOT, "way"), WASI_SUCCESS);
  assert_no_way_through(self, "way");
  assert_int_equal(symlink_at(self, "../outside/secret", ROOT, "file"), WASI_SUCCESS);
  assert_no_way_to_file(self, "file");
}

static void the_guest_cannot_make_a_link_to_an_absolute_path(void **state) {
  folders *self = *state;
  assert_int_equal(symlink_at(self, "/etc/passwd", ROOT, "way"), WASI_EPERM);
  assert_int_equal(symlink_at(self, "/", ROOT, "way"), WASI_EPERM);
  assert_false(host_exists(self, "inside/way"));
}

static void a_link_to_a_link_is_not_followed_out(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  assert_int_equal(symlink_at(self, "../../outside", ROOT, "d/far"), WASI_SUCCESS);
  assert_int_equal(symlink_at(self, "d/far", ROOT, "near"), WASI_SUCCESS);
  assert_no_way_through(self, "near");
}

static void a_dangling_link_out_is_not_created_through(void **state) {
  folders *self = *state;
  host_link(self, "../outside/new", "inside/way");
  assert_int_equal(try_open(self, ROOT, "way", WASI_OFLAG_CREATE, TO_WRITE), WASI_EPERM);
  assert_false(host_exists(self, "outside/new"));
}

static void a_link_that_was_moved_leads_out_no_more_than_before(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  host_make_directory(self, "inside/d/outside");
  host_make_directory(self, "inside/d/e");
  assert_int_equal(symlink_at(self, "../outside", ROOT, "d/e/way"), WASI_SUCCESS); // good there
  assert_int_equal(try_open(self, ROOT, "d/e/way", 0, TO_READ), WASI_SUCCESS);
  assert_int_equal(rename_at(self, ROOT, "d/e/way", ROOT, "way"), WASI_SUCCESS); // leads out here
  assert_no_way_through(self, "way");
}

static void a_directory_that_was_moved_leads_out_no_more_than_before(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/a");
  host_make_directory(self, "inside/a/b");
  int fd = must_open(self, ROOT, "a/b", WASI_OFLAG_DIRECTORY, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(rename_at(self, ROOT, "a/b", ROOT, "c"), WASI_SUCCESS);
  assert_int_equal(try_open(self, fd, "../../outside/secret", 0, TO_READ), WASI_EPERM);
  assert_int_equal(try_open(self, fd, "../outside/secret", 0, TO_READ), WASI_EPERM);
}

static void a_directory_that_the_host_moved_out_is_a_root_still(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  int fd = must_open(self, ROOT, "d", WASI_OFLAG_DIRECTORY, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(rename(host_path(self, "inside/d"), host_path(self, "d")), 0);
  assert_int_equal(try_open(self, fd, "../outside/secret", 0, TO_READ), WASI_EPERM);
  assert_int_equal(try_open(self, fd, "..", 0, TO_READ), WASI_EPERM);
}

static void a_hard_link_to_what_a_link_leads_to_is_a_link_to_the_link(void **state) {
  folders *self = *state;
  host_link(self, "../outside/secret", "inside/way");
  assert_int_equal(link_at(self, ROOT, "way", ROOT, "other"), WASI_SUCCESS);
  assert_no_way_to_file(self, "other");
  uint32_t size = put_text(self, PATH, "way"), other = put_text(self, OTHER, "third");
  assert_int_equal(fake_call(&self->guest, "path_link", ROOT, 1, PATH, size, ROOT, OTHER, other), WASI_EINVAL);
}

// With a slash behind it the host's linkat would follow the link, and its answer would tell what is there.
static void linking_tells_nothing_of_what_is_outside(void **state) {
  folders *self = *state;
  host_link(self, "../outside", "inside/there");
  host_link(self, "../nowhere", "inside/nowhere");
  assert_int_equal(link_at(self, ROOT, "there/", ROOT, "new"), WASI_EPERM);
  assert_int_equal(link_at(self, ROOT, "nowhere/", ROOT, "new"), WASI_EPERM);
  assert_int_equal(link_at(self, ROOT, "..", ROOT, "new"), WASI_EPERM);
  assert_int_equal(link_at(self, ROOT, ".", ROOT, "new"), WASI_EPERM);
}

static void the_link_of_a_process_to_its_files_is_not_followed(void **state) {
  folders *self = *state;
  wasi_preopens *preopens;
  wasi_directory process = {.host = "/proc/self", .guest = "/p", .read_only = true};
  assert_null(wasi_preopens_open(&process, 1, &preopens));
  wasi_options options = fake_options(&self->guest);
  options.preopens = preopens;
  folders other = {0};
  fake_open_with(&other.guest, &options);
  assert_int_equal(try_open(&other, ROOT, "root", 0, TO_READ), WASI_ELOOP);
  assert_int_equal(try_open(&other, ROOT, "root/etc/passwd", 0, TO_READ), WASI_ELOOP);
  assert_int_equal(try_open(&other, ROOT, "cwd/CMakeLists.txt", 0, TO_READ), WASI_ELOOP);
  assert_int_equal(try_open(&other, ROOT, "fd/0", 0, TO_READ), WASI_ELOOP);
  fake_close(&other.guest);
  wasi_preopens_close(preopens);
}

typedef struct swapper {
  const char *a, *b;
  atomic_bool done;
} swapper;

// Exchanges a directory and a link to outside, again and again.
static void *swap(void *user) {
  swapper *self = user;
  while (!atomic_load(&self->done)) renameat2(AT_FDCWD, self->a, AT_FDCWD, self->b, RENAME_EXCHANGE);
  return NULL;
}

static void assert_steady(folders *self) {
  int fd;
  int error = open_at(self, ROOT, "d/secret", 0, TO_READ, &fd);
  if (error == WASI_SUCCESS) {
    assert_read(self, fd, "decoy");
    assert_int_equal(fake_call(&self->guest, "fd_close", fd), WASI_SUCCESS);
  } else {
    assert_int_equal(error, WASI_EPERM);
  }
  with_path(self, "path_unlink_file", ROOT, "d/new");
  try_open(self, ROOT, "d/new", WASI_OFLAG_CREATE, TO_WRITE);
  with_path(self, "path_create_directory", ROOT, "d/../d/made");
  with_path(self, "path_remove_directory", ROOT, "d/made");
  set_times_at(self, ROOT, true, "d/secret");
}

static void no_race_with_the_host_leads_out(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  host_write(self, "inside/d/secret", "decoy");
  host_link(self, "../outside", "inside/way");
  struct stat before, after;
  assert_int_equal(stat(host_path(self, "outside/secret"), &before), 0);
  swapper swapper = {.a = strdup(host_path(self, "inside/d")), .b = strdup(host_path(self, "inside/way"))};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, swap, &swapper), 0);
  for (int i = 0; i < 3000; i++) assert_steady(self);
  atomic_store(&swapper.done, true);
  pthread_join(thread, NULL);
  assert_int_equal(stat(host_path(self, "outside/secret"), &after), 0);
  assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim);
  free((char *)swapper.a);
  free((char *)swapper.b);
}

// What `..` means changes while the guest asks for it.
static void no_race_of_directories_that_are_moved_leads_out(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/a");
  host_make_directory(self, "inside/a/b");
  host_make_directory(self, "inside/a/b/c");
  host_make_directory(self, "inside/d");
  swapper swapper = {.a = strdup(host_path(self, "inside/a/b/c")), .b = strdup(host_path(self, "inside/d"))};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, swap, &swapper), 0);
  for (int i = 0; i < 3000; i++) {
    int error = try_open(self, ROOT, "a/b/c/../../../../outside/secret", 0, TO_READ);
    assert_true(error == WASI_EPERM || error == WASI_EAGAIN);
    error = try_open(self, ROOT, "d/../../outside/secret", 0, TO_READ);
    assert_true(error == WASI_EPERM || error == WASI_EAGAIN);
  }
  atomic_store(&swapper.done, true);
  pthread_join(thread, NULL);
  free((char *)swapper.a);
  free((char *)swapper.b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      folders_test(two_dots_do_not_lead_out),
      folders_test(two_dots_do_not_lead_out_and_in_again),
      folders_test(two_dots_behind_a_directory_do_not_lead_out),
      folders_test(two_dots_within_are_good),
      folders_test(an_opened_subdirectory_is_a_root_of_its_own),
      folders_test(absolute_paths_do_not_lead_anywhere),
      folders_test(a_link_of_the_hosts_to_a_directory_outside_is_not_followed),
      folders_test(a_link_of_the_hosts_to_an_absolute_path_is_not_followed),
      folders_test(an_absolute_link_is_not_followed_even_when_it_leads_inside),
      folders_test(a_link_of_the_hosts_to_a_file_outside_is_not_followed),
      folders_test(a_link_that_the_guest_made_is_not_followed_out),
      folders_test(the_guest_cannot_make_a_link_to_an_absolute_path),
      folders_test(a_link_to_a_link_is_not_followed_out),
      folders_test(a_dangling_link_out_is_not_created_through),
      folders_test(a_link_that_was_moved_leads_out_no_more_than_before),
      folders_test(a_directory_that_was_moved_leads_out_no_more_than_before),
      folders_test(a_directory_that_the_host_moved_out_is_a_root_still),
      folders_test(a_hard_link_to_what_a_link_leads_to_is_a_link_to_the_link),
      folders_test(linking_tells_nothing_of_what_is_outside),
      folders_test(the_link_of_a_process_to_its_files_is_not_followed),
      folders_test(no_race_with_the_host_leads_out),
      folders_test(no_race_of_directories_that_are_moved_leads_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
