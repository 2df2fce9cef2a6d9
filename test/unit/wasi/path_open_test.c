// path_open: what is opened and made, with which rights, and what is refused.
#include "folders.h"

#include "wasi/internal.h"

#include <errno.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static uint64_t rights_of(folders *self, int fd, uint32_t at) {
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_get", fd, DATA), WASI_SUCCESS);
  return fake_u64(&self->guest, DATA + at);
}

static void a_file_is_made_and_opened_again(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "new", WASI_OFLAG_CREATE, TO_WRITE);
  assert_int_equal(write_fd(self, fd, "text"), WASI_SUCCESS);
  assert_host_file(self, "inside/new", "text");
  assert_read(self, must_open(self, ROOT, "new", WASI_OFLAG_CREATE, TO_READ), "text");
  assert_int_equal(try_open(self, ROOT, "new", WASI_OFLAG_CREATE | WASI_OFLAG_EXCLUSIVE, TO_READ), WASI_EEXIST);
  assert_int_equal(try_open(self, ROOT, "absent", 0, TO_READ), WASI_ENOENT);
  assert_int_equal(try_open(self, ROOT, "absent/new", WASI_OFLAG_CREATE, TO_WRITE), WASI_ENOENT);
}

static void a_file_is_cut_when_it_is_opened(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "text");
  assert_int_equal(try_open(self, ROOT, "file", WASI_OFLAG_TRUNCATE, 0), WASI_SUCCESS);
  assert_host_file(self, "inside/file", "");
}

static void descriptors_get_the_lowest_free_number(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  assert_int_equal(must_open(self, ROOT, "file", 0, TO_READ), 5);
  assert_int_equal(must_open(self, ROOT, "file", 0, TO_READ), 6);
  assert_int_equal(fake_call(&self->guest, "fd_close", 5), WASI_SUCCESS);
  assert_int_equal(fake_call(&self->guest, "fd_close", 0), WASI_SUCCESS);
  assert_int_equal(must_open(self, ROOT, "file", 0, TO_READ), 0);
  assert_int_equal(must_open(self, ROOT, "file", 0, TO_READ), 5);
}

static void a_directory_is_opened_and_files_are_none(void **state) {
  folders *self = *state;
  host_make_directory(self, "inside/d");
  host_write(self, "inside/d/file", "in d");
  int fd = must_open(self, ROOT, "d", WASI_OFLAG_DIRECTORY, WASI_RIGHT_PATH_OPEN);
  assert_read(self, must_open(self, fd, "file", 0, TO_READ), "in d");
  assert_int_equal(try_open(self, ROOT, "d/file", WASI_OFLAG_DIRECTORY, 0), WASI_ENOTDIR);
  assert_int_equal(try_open(self, ROOT, "d/file/", 0, TO_READ), WASI_ENOTDIR);
  assert_int_equal(try_open(self, ROOT, "d", 0, TO_READ | TO_WRITE), WASI_EISDIR);
  assert_int_equal(try_open(self, ROOT, "d", WASI_OFLAG_DIRECTORY | WASI_OFLAG_CREATE, 0), WASI_EINVAL);
}

static void a_descriptor_that_is_no_directory_opens_nothing(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  int fd = must_open(self, ROOT, "file", 0, TO_READ);
  assert_int_equal(try_open(self, fd, "file", 0, TO_READ), WASI_ENOTDIR);
  assert_int_equal(try_open(self, 1, "file", 0, TO_READ), WASI_ENOTDIR);
  assert_int_equal(try_open(self, 99, "file", 0, TO_READ), WASI_EBADF);
}

static void a_link_is_followed_when_that_is_asked_for(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "text");
  host_link(self, "file", "inside/link");
  assert_read(self, must_open(self, ROOT, "link", 0, TO_READ), "text");
  uint32_t size = put_text(self, PATH, "link");
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 0, PATH, size, 0, TO_READ, 0, 0, OUT), WASI_ELOOP);
  size = put_text(self, PATH, "link");
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 0, PATH, size, WASI_OFLAG_CREATE, TO_READ, 0, 0, OUT),
                   WASI_ELOOP);
  host_link(self, "loop", "inside/loop");
  assert_int_equal(try_open(self, ROOT, "loop", 0, TO_READ), WASI_ELOOP);
}

static void a_pipe_is_refused_and_nobody_waits(void **state) {
  folders *self = *state;
  assert_int_equal(mkfifo(host_path(self, "inside/pipe"), 0644), 0);
  assert_int_equal(try_open(self, ROOT, "pipe", 0, TO_READ), WASI_ENOTSUP);
  assert_int_equal(try_open(self, ROOT, "pipe", 0, TO_WRITE), WASI_ENOTSUP);
  assert_int_equal(try_open(self, ROOT, "pipe", WASI_OFLAG_CREATE | WASI_OFLAG_TRUNCATE, TO_WRITE), WASI_ENOTSUP);
  assert_int_equal(stat_at(self, ROOT, true, "pipe"), WASI_SUCCESS);
  assert_int_equal(self->guest.memory[DATA + WASI_FILESTAT_FILETYPE], WASI_FILETYPE_UNKNOWN);
}

// Opening alone would have released whoever waits at the other end.
static void a_pipe_that_is_refused_was_not_opened(void **state) {
  folders *self = *state;
  assert_int_equal(mkfifo(host_path(self, "inside/pipe"), 0644), 0);
  int watch = inotify_init1(IN_NONBLOCK);
  assert_true(inotify_add_watch(watch, host_path(self, "inside/pipe"), IN_OPEN) >= 0);
  assert_int_equal(try_open(self, ROOT, "pipe", 0, TO_READ), WASI_ENOTSUP);
  assert_int_equal(try_open(self, ROOT, "pipe", WASI_OFLAG_CREATE, TO_READ | TO_WRITE), WASI_ENOTSUP);
  struct inotify_event event;
  assert_int_equal(read(watch, &event, sizeof event), -1);
  assert_int_equal(errno, EAGAIN);
  close(watch);
}

static void a_socket_is_refused(void **state) {
  folders *self = *state;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s/inside/socket", self->base);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(try_open(self, ROOT, "socket", 0, TO_READ), WASI_ENOTSUP);
  close(listener);
}

static void a_device_is_refused(void **state) {
  folders *self = *state;
  wasi_preopens *preopens;
  wasi_directory devices = {.host = "/dev", .guest = "/dev"};
  assert_null(wasi_preopens_open(&devices, 1, &preopens));
  wasi_options options = fake_options(&self->guest);
  options.preopens = preopens;
  folders other = {0};
  fake_open_with(&other.guest, &options);
  assert_int_equal(try_open(&other, ROOT, "null", 0, TO_READ), WASI_ENOTSUP);
  assert_int_equal(try_open(&other, ROOT, "zero", WASI_OFLAG_CREATE, TO_WRITE), WASI_ENOTSUP);
  assert_int_equal(stat_at(&other, ROOT, true, "null"), WASI_SUCCESS);
  assert_int_equal(other.guest.memory[DATA + WASI_FILESTAT_FILETYPE], WASI_FILETYPE_CHARACTER_DEVICE);
  fake_close(&other.guest);
  wasi_preopens_close(preopens);
}

static void rights_are_the_directorys_and_fit_what_is_opened(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  host_make_directory(self, "inside/d");
  int file = must_open(self, ROOT, "file", 0, ALL);
  assert_int_equal(rights_of(self, file, WASI_FDSTAT_RIGHTS) & (WASI_RIGHT_PATH_OPEN | WASI_RIGHT_FD_READDIR), 0);
  assert_int_equal(rights_of(self, file, WASI_FDSTAT_RIGHTS_INHERITING), 0);
  int directory = must_open(self, ROOT, "d", 0, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(rights_of(self, directory, WASI_FDSTAT_RIGHTS) & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK), 0);
  assert_int_equal(rights_of(self, directory, WASI_FDSTAT_RIGHTS_INHERITING),
                   rights_of(self, ROOT, WASI_FDSTAT_RIGHTS_INHERITING));
}

static void rights_that_were_given_up_do_not_come_back_below(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  uint64_t base = rights_of(self, ROOT, WASI_FDSTAT_RIGHTS);
  uint64_t inheriting = rights_of(self, ROOT, WASI_FDSTAT_RIGHTS_INHERITING);
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_set_rights", ROOT, (int64_t)base,
                             (int64_t)(inheriting & ~(uint64_t)WASI_RIGHT_FD_WRITE)),
                   WASI_SUCCESS);
  assert_int_equal(try_open(self, ROOT, "file", 0, TO_WRITE), WASI_ENOTCAPABLE);
  int again = must_open(self, ROOT, ".", 0, ALL & ~WASI_RIGHT_FD_WRITE);
  assert_int_equal(try_open(self, again, "file", 0, TO_WRITE), WASI_ENOTCAPABLE);
  assert_int_equal(try_open(self, again, "file", 0, TO_READ), WASI_SUCCESS);
}

static void rights_that_the_directory_does_not_pass_on_are_left_out(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  uint64_t base = rights_of(self, ROOT, WASI_FDSTAT_RIGHTS);
  uint64_t inheriting = rights_of(self, ROOT, WASI_FDSTAT_RIGHTS_INHERITING);
  assert_int_equal(fake_call(&self->guest, "fd_fdstat_set_rights", ROOT, (int64_t)base,
                             (int64_t)(inheriting & ~(uint64_t)WASI_RIGHT_FD_SEEK)),
                   WASI_SUCCESS);
  int fd = must_open(self, ROOT, "file", 0, ALL);
  assert_int_equal(rights_of(self, fd, WASI_FDSTAT_RIGHTS) & WASI_RIGHT_FD_SEEK, 0);
  assert_int_equal(seek_fd(self, fd, 1, WASI_WHENCE_SET), WASI_ENOTCAPABLE);
}

static void opening_making_and_cutting_are_rights_of_their_own(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "text");
  int maker = must_open(self, ROOT, ".", 0, WASI_RIGHT_PATH_OPEN | WASI_RIGHT_PATH_CREATE_FILE);
  assert_int_equal(try_open(self, maker, "new", WASI_OFLAG_CREATE, TO_WRITE), WASI_SUCCESS);
  assert_int_equal(try_open(self, maker, "file", WASI_OFLAG_TRUNCATE, TO_WRITE), WASI_ENOTCAPABLE);
  int opener = must_open(self, ROOT, ".", 0, WASI_RIGHT_PATH_OPEN);
  assert_int_equal(try_open(self, opener, "new", WASI_OFLAG_CREATE, TO_WRITE), WASI_ENOTCAPABLE);
  int nothing = must_open(self, ROOT, ".", 0, 0);
  assert_int_equal(try_open(self, nothing, "file", 0, TO_READ), WASI_ENOTCAPABLE);
  assert_int_equal(with_path(self, "path_unlink_file", nothing, "file"), WASI_ENOTCAPABLE);
  assert_int_equal(fake_call(&self->guest, "fd_readdir", nothing, DATA, 100, 0, OUT), WASI_ENOTCAPABLE);
}

static void paths_have_a_bound(void **state) {
  folders *self = *state;
  char *path = (char *)self->guest.memory + PATH;
  memset(path, '/', 5000);
  path[0] = '.';
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, WASI_PATH_BYTES_MAX + 1, 0, 0, 0, 0, OUT),
                   WASI_ENAMETOOLONG);
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, WASI_PATH_BYTES_MAX, 0, 0, 0, 0, OUT),
                   WASI_SUCCESS);
  memset(path, 'x', 300);
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, 300, 0, 0, 0, 0, OUT), WASI_ENAMETOOLONG);
}

static void paths_with_a_nul_and_empty_ones_are_none(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  memcpy(self->guest.memory + PATH, "file\0x", 6);
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, 6, 0, 0, 0, 0, OUT), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, 5, 0, 0, 0, 0, OUT), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, 0, 0, 0, 0, 0, OUT), WASI_ENOENT);
}

static void what_is_not_the_guests_memory_is_a_fault(void **state) {
  folders *self = *state;
  host_write(self, "inside/file", "");
  uint32_t size = put_text(self, PATH, "new");
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, FAKE_MEMORY_SIZE - 2, 3, 0, 0, 0, 0, OUT),
                   WASI_EFAULT);
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, size, WASI_OFLAG_CREATE, TO_WRITE, 0, 0,
                             FAKE_MEMORY_SIZE - 3),
                   WASI_EFAULT);
  assert_false(host_exists(self, "inside/new"));
}

static void unknown_flags_are_refused(void **state) {
  folders *self = *state;
  uint32_t size = put_text(self, PATH, ".");
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, size, 16, 0, 0, 0, OUT), WASI_EINVAL);
  assert_int_equal(fake_call(&self->guest, "path_open", ROOT, 1, PATH, size, 0, 0, 0, 32, OUT), WASI_EINVAL);
}

// Nothing is made that the guest could not have a descriptor for.
static void a_guest_has_so_many_descriptors_and_no_more(void **state) {
  folders *self = *state;
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max < WASI_DESCRIPTORS_MAX + 100) skip();
  limit.rlim_cur = limit.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  for (int fd = READING + 1; fd < WASI_DESCRIPTORS_MAX; fd++) assert_int_equal(must_open(self, ROOT, ".", 0, 0), fd);
  assert_int_equal(try_open(self, ROOT, "new", WASI_OFLAG_CREATE, TO_WRITE), WASI_EMFILE);
  assert_false(host_exists(self, "inside/new"));
  assert_int_equal(fake_call(&self->guest, "fd_close", 700), WASI_SUCCESS);
  assert_int_equal(must_open(self, ROOT, "new", WASI_OFLAG_CREATE, TO_WRITE), 700);
}

static int open_host_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 2048; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void a_reset_closes_what_the_guest_opened(void **state) {
  folders *self = *state;
  int before = open_host_descriptors();
  for (int i = 0; i < 20; i++) must_open(self, ROOT, ".", 0, 0);
  assert_int_equal(open_host_descriptors(), before + 20);
  wasi_context_reset(self->guest.context);
  assert_int_equal(open_host_descriptors(), before);
  assert_int_equal(must_open(self, ROOT, ".", 0, 0), READING + 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      folders_test(a_file_is_made_and_opened_again),
      folders_test(a_file_is_cut_when_it_is_opened),
      folders_test(descriptors_get_the_lowest_free_number),
      folders_test(a_directory_is_opened_and_files_are_none),
      folders_test(a_descriptor_that_is_no_directory_opens_nothing),
      folders_test(a_link_is_followed_when_that_is_asked_for),
      folders_test(a_pipe_is_refused_and_nobody_waits),
      folders_test(a_pipe_that_is_refused_was_not_opened),
      folders_test(a_socket_is_refused),
      folders_test(a_device_is_refused),
      folders_test(rights_are_the_directorys_and_fit_what_is_opened),
      folders_test(rights_that_were_given_up_do_not_come_back_below),
      folders_test(rights_that_the_directory_does_not_pass_on_are_left_out),
      folders_test(opening_making_and_cutting_are_rights_of_their_own),
      folders_test(paths_have_a_bound),
      folders_test(paths_with_a_nul_and_empty_ones_are_none),
      folders_test(what_is_not_the_guests_memory_is_a_fault),
      folders_test(unknown_flags_are_refused),
      folders_test(a_guest_has_so_many_descriptors_and_no_more),
      folders_test(a_reset_closes_what_the_guest_opened),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
