#include "server/sandbox/privileges.h"

#include "unit/server/sandbox/sandbox_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { SOMEBODY = 54321, SOMEBODYS = 54322 };

static void names_that_are_no_user_are_refused_and_so_is_root(void **state) {
  (void)state;
  static const struct {
    const char *named;
    ubiq_code code;
  } cases[] = {
      {"", UBIQ_INVALID_INPUT},
      {":", UBIQ_INVALID_INPUT},
      {"nobody:", UBIQ_INVALID_INPUT},
      {"root", UBIQ_INVALID_INPUT},
      {"0", UBIQ_INVALID_INPUT},
      {"0:54321", UBIQ_INVALID_INPUT},
      {"54321:0", UBIQ_INVALID_INPUT},
      {"54321:root", UBIQ_INVALID_INPUT},
      {"who-is-this", UBIQ_NOT_FOUND},
      {"54321", UBIQ_NOT_FOUND},
      {"54321:who-is-this", UBIQ_NOT_FOUND},
      {"4294967296:1", UBIQ_NOT_FOUND},
      {"4294967295:1", UBIQ_NOT_FOUND},
      {"-1:1", UBIQ_NOT_FOUND},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    identity found;
    ubiq_error *error = identity_find(cases[i].named, &found);
    identity_free(&found);
    assert_non_null(error);
    if (ubiq_error_code(error) != cases[i].code) fail_msg("%s: %s", cases[i].named, ubiq_error_message(error));
    ubiq_error_delete(error);
  }
}

static void a_user_is_found_by_name_with_its_home(void **state) {
  (void)state;
  identity found;
  assert_success(identity_find("nobody", &found));
  assert_int_not_equal(found.user, 0);
  assert_true(found.groups_count > 0);
  assert_non_null(found.home);
  identity_free(&found);
}

static identity somebody(void) {
  identity who;
  child_assert(identity_find("54321:54322", &who) == NULL);
  child_assert(who.user == SOMEBODY && who.group == SOMEBODYS && who.groups_count == 1);
  return who;
}

static void become_and_try_to_come_back(void) {
  const identity who = somebody();
  child_assert(privileges_become(&who) == NULL);
  uid_t user[3];
  gid_t group[3], groups[8];
  child_assert(getresuid(&user[0], &user[1], &user[2]) == 0 && getresgid(&group[0], &group[1], &group[2]) == 0);
  for (size_t i = 0; i < 3; i++) child_assert(user[i] == SOMEBODY && group[i] == SOMEBODYS);
  child_assert(getgroups(8, groups) == 1 && groups[0] == SOMEBODYS);
  child_assert(setuid(0) != 0 && seteuid(0) != 0 && setresuid(0, 0, 0) != 0 && setreuid(0, 0) != 0);
  child_assert(setgid(0) != 0 && setegid(0) != 0 && setresgid(0, 0, 0) != 0);
  child_assert(setgroups(0, NULL) != 0);
  child_assert(status_value("CapEff") == 0 && status_value("CapPrm") == 0);
  child_assert(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES);
  child_assert(chroot("/") != 0);
  child_assert(privileges_become(&who) == NULL); // who is that already
}

static void what_root_gave_up_does_not_come_back(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  in_child(become_and_try_to_come_back);
}

static void become_without_root(void) {
  if (geteuid() == 0) child_assert(setresuid(SOMEBODYS, SOMEBODYS, SOMEBODYS) == 0);
  const identity who = somebody();
  ubiq_error *error = privileges_become(&who);
  child_assert(error != NULL && ubiq_error_code(error) == UBIQ_DENIED);
  ubiq_error_delete(error);
}

static void only_root_becomes_another(void **state) {
  (void)state;
  in_child(become_without_root);
}

/// Capabilities that are kept over the change of user are root by another name.
static void become_with_kept_capabilities(void) {
  const identity who = somebody();
  child_assert(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
  ubiq_error *error = privileges_become(&who);
  child_assert(error != NULL && ubiq_error_code(error) == UBIQ_INTERNAL);
  ubiq_error_delete(error);
}

static void capabilities_that_were_kept_are_noticed(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  in_child(become_with_kept_capabilities);
}

/// As systemd starts a service with AmbientCapabilities.
static void drop_what_was_given(void) {
  enum { BIND = 10 }; // CAP_NET_BIND_SERVICE
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{1 << BIND, 1 << BIND, 1 << BIND}};
  child_assert(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
  child_assert(syscall(SYS_capset, &header, data) == 0);
  child_assert(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, BIND, 0, 0) == 0);
  child_assert(status_value("CapEff") == 1 << BIND && status_value("CapAmb") == 1 << BIND);
  child_assert(privileges_drop_capabilities() == NULL);
  child_assert(status_value("CapEff") == 0 && status_value("CapPrm") == 0);
  child_assert(status_value("CapInh") == 0 && status_value("CapAmb") == 0);
  child_assert(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, BIND, 0, 0) != 0);
  child_assert(syscall(SYS_capset, &header, data) != 0 && errno == EPERM);
}

static void capabilities_that_were_given_are_given_up(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  in_child(drop_what_was_given);
}

static void accept_no_new(void) {
  child_assert(privileges_accept_no_new() == NULL);
  child_assert(status_value("NoNewPrivs") == 1);
  child_assert(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0);
}

static void no_new_privileges_cannot_be_taken_back(void **state) {
  (void)state;
  in_child(accept_no_new);
}

static int secret = 42;

/// A process of the same user, without root, tries to read from one that hides its memory.
static void hide_and_be_looked_into(void) {
  if (geteuid() == 0) child_assert(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
  int ready[2];
  child_assert(pipe(ready) == 0);
  child_assert(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0); // changing the user hid it as well
  pid_t hidden = fork();
  if (hidden == 0) {
    child_assert(privileges_hide_memory() == NULL);
    child_assert(write(ready[1], "x", 1) == 1);
    for (;;) pause();
  }
  char byte;
  child_assert(read(ready[0], &byte, 1) == 1);
  int found = 0;
  struct iovec here = {&found, sizeof found}, there = {&secret, sizeof secret};
  child_assert(process_vm_readv(hidden, &here, 1, &there, 1, 0) < 0 && errno == EPERM);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", hidden);
  child_assert(open(path, O_RDONLY) < 0);
  child_assert(kill(hidden, SIGKILL) == 0 && waitpid(hidden, NULL, 0) == hidden);
}

static void hidden_memory_is_not_read_by_the_same_user(void **state) {
  (void)state;
  in_child(hide_and_be_looked_into);
}

static void close_all(void) {
  int high = fcntl(STDERR_FILENO, F_DUPFD, 900);
  int low = dup(STDERR_FILENO);
  child_assert(high >= 900 && low > STDERR_FILENO);
  close(STDIN_FILENO);
  privileges_close_inherited();
  child_assert(fcntl(high, F_GETFD) < 0 && fcntl(low, F_GETFD) < 0);
  struct stat status;
  child_assert(fstat(STDIN_FILENO, &status) == 0 && S_ISCHR(status.st_mode)); // no file of ours will be standard input
  child_assert(fcntl(STDOUT_FILENO, F_GETFD) >= 0 && fcntl(STDERR_FILENO, F_GETFD) >= 0);
}

static void what_a_parent_left_open_is_closed(void **state) {
  (void)state;
  in_child(close_all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_that_are_no_user_are_refused_and_so_is_root),
      cmocka_unit_test(a_user_is_found_by_name_with_its_home),
      cmocka_unit_test(what_root_gave_up_does_not_come_back),
      cmocka_unit_test(only_root_becomes_another),
      cmocka_unit_test(capabilities_that_were_kept_are_noticed),
      cmocka_unit_test(capabilities_that_were_given_are_given_up),
      cmocka_unit_test(no_new_privileges_cannot_be_taken_back),
      cmocka_unit_test(hidden_memory_is_not_read_by_the_same_user),
      cmocka_unit_test(what_a_parent_left_open_is_closed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
