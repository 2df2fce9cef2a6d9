#include "server/sandbox/landlock.h"

#include "server/sandbox/privileges.h"
#include "unit/server/sandbox/sandbox_testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void lay_out(void) {
  child_assert(mkdir(at("read"), 0700) == 0 && mkdir(at("write"), 0700) == 0 && mkdir(at("secret"), 0700) == 0);
  write_file("read/page", 0600);
  write_file("read/program", 0700);
  write_file("write/state", 0600);
  write_file("secret/key", 0600);
  child_assert(symlink("../secret/key", at("read/link")) == 0);
  child_assert(symlink("../secret", at("write/link")) == 0);
}

static void enter(void) {
  landlock rules;
  child_assert(privileges_accept_no_new() == NULL);
  child_assert(landlock_open(&rules) == NULL);
  child_assert(landlock_allow(&rules, at("read"), LANDLOCK_READ) == NULL);
  child_assert(landlock_allow(&rules, at("write"), LANDLOCK_WRITE) == NULL);
  child_assert(landlock_allow(&rules, at("absent"), LANDLOCK_READ) == NULL);
  child_assert(landlock_enforce(&rules) == NULL);
  landlock_close(&rules);
}

static void read_what_is_not_listed(void) {
  int before = open(at("secret"), O_RDONLY | O_DIRECTORY);
  enter();
  child_assert(is_denied(at("secret/key"), O_RDONLY));
  child_assert(is_denied(at("secret"), O_RDONLY | O_DIRECTORY));
  child_assert(is_denied(at("read/../secret/key"), O_RDONLY));
  child_assert(is_denied(at("read/link"), O_RDONLY));
  child_assert(is_denied(at("write/link/key"), O_RDONLY));
  child_assert(openat(before, "key", O_RDONLY) < 0 && errno == EACCES); // a folder opened before is no way round
  child_assert(is_denied("/etc/passwd", O_RDONLY));
  child_assert(is_denied("/proc/self/environ", O_RDONLY));
  child_assert(is_denied("/proc/self/root/etc/passwd", O_RDONLY));
  child_assert(open(at("read/page"), O_RDONLY) >= 0);
  child_assert(open(at("write/state"), O_RDWR) >= 0);
}

static void write_what_is_to_be_read(void) {
  enter();
  child_assert(is_denied(at("read/page"), O_WRONLY));
  child_assert(is_denied(at("read/new"), O_WRONLY | O_CREAT));
  child_assert(is_denied(at("new"), O_WRONLY | O_CREAT));
  child_assert(unlink(at("read/page")) != 0 && mkdir(at("read/folder"), 0700) != 0);
  child_assert(rename(at("write/state"), at("read/state")) != 0);
  child_assert(rename(at("read/page"), at("write/page")) != 0);
  child_assert(link(at("read/page"), at("write/page")) != 0);
  if (landlock_level() >= 3) child_assert(truncate(at("read/page"), 0) != 0 && errno == EACCES);
}

static void write_what_is_to_be_written(void) {
  enter();
  child_assert(mkdir(at("write/a"), 0700) == 0 && mkdir(at("write/b"), 0700) == 0);
  int descriptor = open(at("write/a/new"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  child_assert(descriptor >= 0 && ftruncate(descriptor, 10) == 0);
  child_assert(rename(at("write/a/new"), at("write/b/new")) == 0);
  child_assert(unlink(at("write/b/new")) == 0 && rmdir(at("write/b")) == 0);
  child_assert(mknod(at("write/device"), S_IFCHR | 0600, 0x103) != 0);
  child_assert(mkfifo(at("write/pipe"), 0600) != 0);
}

static void do_more_than_add(void) {
  landlock rules;
  child_assert(privileges_accept_no_new() == NULL && landlock_open(&rules) == NULL);
  child_assert(landlock_allow(&rules, at("write"), LANDLOCK_ADD) == NULL && landlock_enforce(&rules) == NULL);
  child_assert(open(at("write/log"), O_WRONLY | O_APPEND | O_CREAT, 0600) >= 0);
  child_assert(open(at("write/state"), O_WRONLY | O_APPEND) >= 0);
  child_assert(is_denied(at("write/state"), O_RDONLY));
  child_assert(is_denied(at("write"), O_RDONLY | O_DIRECTORY));
  child_assert(unlink(at("write/state")) != 0 && rename(at("write/log"), at("write/moved")) != 0);
}

static void execute_anything(void) {
  enter();
  const char *const programs[] = {"/bin/true", at("read/program"), at("write/state"), "/proc/self/exe"};
  char *arguments[] = {"program", NULL};
  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
    chmod(programs[i], 0700);
    child_assert(execv(programs[i], arguments) != 0 && errno == EACCES);
  }
}

static void loosen_it_again(void) {
  enter();
  landlock rules;
  child_assert(landlock_open(&rules) == NULL);
  child_assert(landlock_allow(&rules, "/", LANDLOCK_WRITE) == NULL);
  child_assert(landlock_enforce(&rules) == NULL);
  child_assert(is_denied(at("secret/key"), O_RDONLY));
  child_assert(is_denied("/etc/passwd", O_RDONLY));
}

static void bind_and_signal(void) {
  pid_t parent = getppid();
  enter();
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(48123)};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (landlock_level() >= 4)
    child_assert(bind(listener, (struct sockaddr *)&address, sizeof address) != 0 && errno == EACCES);
  if (landlock_level() >= 6) child_assert(kill(parent, 0) != 0 && errno == EPERM);
  child_assert(kill(getpid(), 0) == 0);
}

static void attempt(void (*escape)(void)) {
  if (landlock_level() < LANDLOCK_LEVEL_MIN) skip();
  in_sandbox((void (*const[])(void)){lay_out, escape}, 2);
}

static void what_is_not_listed_is_not_read_by_any_path(void **state) {
  (void)state;
  attempt(read_what_is_not_listed);
}

static void what_is_to_be_read_is_not_changed(void **state) {
  (void)state;
  attempt(write_what_is_to_be_read);
}

static void what_is_to_be_written_is_but_takes_no_devices(void **state) {
  (void)state;
  attempt(write_what_is_to_be_written);
}

static void where_files_are_added_nothing_is_read_or_removed(void **state) {
  (void)state;
  attempt(do_more_than_add);
}

static void nothing_is_executed(void **state) {
  (void)state;
  attempt(execute_anything);
}

static void a_second_list_gives_nothing_back(void **state) {
  (void)state;
  attempt(loosen_it_again);
}

static void no_further_port_is_bound_and_no_other_process_signalled(void **state) {
  (void)state;
  attempt(bind_and_signal);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_listed_is_not_read_by_any_path),
      cmocka_unit_test(what_is_to_be_read_is_not_changed),
      cmocka_unit_test(what_is_to_be_written_is_but_takes_no_devices),
      cmocka_unit_test(where_files_are_added_nothing_is_read_or_removed),
      cmocka_unit_test(nothing_is_executed),
      cmocka_unit_test(a_second_list_gives_nothing_back),
      cmocka_unit_test(no_further_port_is_bound_and_no_other_process_signalled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
