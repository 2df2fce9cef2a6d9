#include "cli/serve_guard.h"

#include "base/page_file.h"
#include "server/sandbox/landlock.h"
#include "unit/server/sandbox/sandbox_testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

/// As a server with a state and a certificate does before it takes a bundle.
static void enclose(void) {
  static const char *const folders[] = {"state", "tls", "logs", "other", "cache"};
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) child_assert(mkdir(at(folders[i]), 0700) == 0);
  write_file("tls/key", 0700);
  write_file("other/secret", 0700);
  child_assert(setenv("XDG_CACHE_HOME", at("cache"), 1) == 0 && unsetenv("UBIQ_CACHE") == 0);
  char state[128], key[128], log[128];
  strcpy(state, at("state"));
  strcpy(key, at("tls/key"));
  strcpy(log, at("logs/runs"));
  serve_guard guard = {.sandbox = "on"};
  const serve_needs needs = {.state = state, .certificate = key, .key = key, .run_log = log};
  ubiq_error *error = serve_guard_enclose(&guard, &needs);
  if (error != NULL) fprintf(stderr, "%s\n", ubiq_error_message(error));
  child_assert(error == NULL);
}

static void reach_for_files(void) {
  char parent[64];
  snprintf(parent, sizeof parent, "/proc/%d/environ", getppid());
  enclose();
  const char *const closed[] = {
      "/",        "/root",           "/home",          "/tmp",        "/var",        "/usr/bin/env", "/usr/bin",
      "/dev/mem", "/proc/1/environ", "/proc/kallsyms", "/sys/kernel", "/etc/shadow", "/run",         "/boot"};
  for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
    if (access(closed[i], F_OK) == 0)
      child_assert(open(closed[i], O_RDONLY) < 0 && (errno == EACCES || errno == EPERM));
  child_assert(is_denied(parent, O_RDONLY));
  child_assert(is_denied(at("other/secret"), O_RDONLY) && is_denied(at("state/../other/secret"), O_RDONLY));
  child_assert(is_denied(at("new"), O_WRONLY | O_CREAT));
  child_assert(is_denied(at("tls/key"), O_WRONLY) && is_denied("/usr/share/new", O_WRONLY | O_CREAT));
  child_assert(is_denied("/proc/self/mem", O_RDWR) && is_denied("/proc/sys/vm/max_map_count", O_WRONLY));
  child_assert(symlink(at("other/secret"), at("state/link")) == 0 && is_denied(at("state/link"), O_RDONLY));
}

static void reach_for_the_rest(void) {
  enclose();
  char *arguments[] = {"true", NULL};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(1)};
  child_assert(execv("/bin/true", arguments) != 0 && fork() < 0);
  child_assert(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 && errno == EPERM);
  child_assert(chroot(at("state")) != 0 && setuid(1) != 0);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  child_assert(connect(client, (struct sockaddr *)&address, sizeof address) != 0 && errno == ECONNREFUSED);
  child_assert(status_value("NoNewPrivs") == 1 && status_value("Seccomp") == 2);
}

static void use_what_is_needed(void) {
  enclose();
  struct addrinfo *found = NULL;
  child_assert(open(at("tls/key"), O_RDONLY) >= 0);
  child_assert(open(at("state/new"), O_RDWR | O_CREAT | O_EXCL, 0600) >= 0 && unlink(at("state/new")) == 0);
  child_assert(open(at("logs/runs"), O_WRONLY | O_CREAT | O_APPEND, 0640) >= 0);
  child_assert(open(at("cache/ubiq/modules/new"), O_WRONLY | O_CREAT, 0600) >= 0);
  child_assert(open("/dev/urandom", O_RDONLY) >= 0 && open("/dev/null", O_WRONLY) >= 0);
  child_assert(open("/proc/self/status", O_RDONLY) >= 0 && open("/proc/sys/vm/max_map_count", O_RDONLY) >= 0);
  child_assert(getaddrinfo("localhost", "80", NULL, &found) == 0);
  freeaddrinfo(found);
}

/// Whatever user it becomes: it is root's file once the memory is hidden.
static void ask_for_touched_pages(void) {
  serve_guard guard = {.sandbox = "off"};
  if (geteuid() == 0) guard.user = "54321:54321";
  const serve_needs needs = {0};
  child_assert(serve_guard_prepare(&guard) == NULL && serve_guard_become(&guard) == NULL);
  child_assert(geteuid() != 0 && serve_guard_enclose(&guard, &needs) == NULL);
  child_assert(is_denied("/proc/self/pagemap", O_RDONLY));
  child_assert(page_file_open() >= 0);
}

static void the_system_tells_a_server_which_pages_were_touched(void **state) {
  (void)state;
  in_child(ask_for_touched_pages);
}

static void attempt(void (*body)(void)) {
  if (landlock_level() < LANDLOCK_LEVEL_MIN || status_value("Threads") > 1) skip(); // a sanitizer's thread
  in_sandbox(&body, 1);
}

static void files_that_a_server_does_not_need_are_out_of_reach(void **state) {
  (void)state;
  attempt(reach_for_files);
}

static void programs_processes_and_users_are_out_of_reach(void **state) {
  (void)state;
  attempt(reach_for_the_rest);
}

static void what_a_server_needs_is_within_reach(void **state) {
  (void)state;
  attempt(use_what_is_needed);
}

int main(void) {
  const char *sanitizers = getenv("UBIQ_SANITIZE");
  if (sanitizers != NULL && strstr(sanitizers, "thread") != NULL) {
    puts("skipped: ThreadSanitizer has a thread of its own, which Landlock would not hold");
    return 77;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_that_a_server_does_not_need_are_out_of_reach),
      cmocka_unit_test(programs_processes_and_users_are_out_of_reach),
      cmocka_unit_test(what_a_server_needs_is_within_reach),
      cmocka_unit_test(the_system_tells_a_server_which_pages_were_touched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
