#include "server/sandbox/system_calls.h"

#include "server/sandbox/privileges.h"
#include "unit/server/sandbox/sandbox_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static void enter(void) {
  child_assert(privileges_accept_no_new() == NULL);
  child_assert(system_calls_restrict() == NULL);
  child_assert(status_value("Seccomp") == 2);
}

/// Each is asked with arguments that would make it fail otherwise, with another number.
static const long refused_calls[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_execve,
    SYS_execveat,
    SYS_unshare,
    SYS_setns,
    SYS_chroot,
    SYS_pivot_root,
    SYS_mount,
    SYS_umount2,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_bpf,
    SYS_keyctl,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_add_key,
    SYS_kexec_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_personality,
    SYS_setresuid,
    SYS_setgroups,
    SYS_capset,
    SYS_open_by_handle_at,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_sethostname,
    SYS_clock_settime,
    SYS_swapon,
    SYS_request_key,
    SYS_io_uring_enter,
    SYS_acct,
    SYS_syslog,
    SYS_process_madvise,
    SYS_fchmodat,
    SYS_fchownat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_truncate,
};

static void try_calls(void) {
  enter();
  for (size_t i = 0; i < sizeof refused_calls / sizeof refused_calls[0]; i++) {
    errno = 0;
    long result = syscall(refused_calls[i], -1L, -1L, -1L, -1L, -1L, -1L);
    if (result != -1 || errno != EPERM) fprintf(stderr, "call %ld\n", refused_calls[i]);
    child_assert(result == -1 && errno == EPERM);
  }
}

static void refused_calls_answer_eperm(void **state) {
  (void)state;
  in_child(try_calls);
}

static void give_back_memory(void) {
  const int ourselves = -10000; // PIDFD_SELF_THREAD_GROUP
  const uint64_t high = UINT64_C(1) << 32;
  char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  child_assert(page != MAP_FAILED);
  struct iovec where = {page, 4096};
  long before = syscall(SYS_process_madvise, ourselves, &where, 1L, MADV_DONTNEED, 0L);
  int number = errno;
  enter();
  errno = 0; // an older system says something else than 4096, but says the same
  child_assert(syscall(SYS_process_madvise, ourselves, &where, 1L, MADV_DONTNEED, 0L) == before);
  child_assert(before >= 0 || errno == number);
  for (int bit = 0; bit < 32; bit++) {
    errno = 0;
    child_assert(syscall(SYS_process_madvise, ourselves ^ (int)(1u << bit), &where, 1L, MADV_DONTNEED, 0L) < 0);
    child_assert(errno == EPERM);
  }
  child_assert(syscall(SYS_process_madvise, high | 7, &where, 1L, MADV_DONTNEED, 0L) < 0 && errno == EPERM);
}

static void memory_is_given_back_of_ourselves_alone(void **state) {
  (void)state;
  in_child(give_back_memory);
}

static void start_processes(void) {
  enter();
  char *arguments[] = {"true", NULL};
  child_assert(execv("/bin/true", arguments) != 0 && errno == EPERM);
  child_assert(fork() < 0 && errno == EPERM);
  child_assert(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM);
  child_assert(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM);
  uint64_t asked[11] = {CLONE_NEWUSER, [4] = SIGCHLD};
  child_assert(syscall(SYS_clone3, asked, sizeof asked) < 0 && errno == ENOSYS); // its flags cannot be looked at
  child_assert(popen("true", "r") == NULL);
}

static void no_process_is_started_in_any_way(void **state) {
  (void)state;
  in_child(start_processes);
}

static void look_into_the_parent(void) {
  enter();
  static int value;
  struct iovec here = {&value, sizeof value};
  child_assert(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 && errno == EPERM);
  child_assert(process_vm_readv(getppid(), &here, 1, &here, 1, 0) < 0 && errno == EPERM);
  child_assert(unshare(CLONE_NEWUSER) != 0 && mount("x", "/", "tmpfs", 0, NULL) != 0 && errno == EPERM);
  child_assert(personality(ADDR_NO_RANDOMIZE) == -1);
}

static void no_other_process_is_looked_into(void **state) {
  (void)state;
  in_child(look_into_the_parent);
}

static void open_sockets(void) {
  enter();
  for (int family = 0; family < AF_MAX + 10; family++) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    errno = 0;
    child_assert(socket(family, SOCK_DGRAM, 0) < 0 && errno == EPERM);
  }
  child_assert(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT) < 0 && errno == EPERM);
  child_assert(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) < 0 && errno == EPERM);
  child_assert(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) >= 0);
  child_assert(socket(AF_INET, SOCK_STREAM, 0) >= 0 && socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
  const uint64_t high = UINT64_C(1) << 32; // the kernel does not look at it
  child_assert(syscall(SYS_socket, high | AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM);
  child_assert(syscall(SYS_socket, high | AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) < 0 && errno == EPERM);
  child_assert(syscall(SYS_socket, AF_NETLINK, SOCK_RAW, high | NETLINK_NETFILTER) < 0 && errno == EPERM);
  char byte = 'x';
  child_assert(ioctl(STDIN_FILENO, TIOCSTI, &byte) != 0 && errno == EPERM);
  child_assert(syscall(SYS_ioctl, STDIN_FILENO, UINT64_C(0xffffffff00000000) | TIOCSTI, &byte) != 0 && errno == EPERM);
}

static void only_sockets_of_the_internet_and_the_machine_are_opened(void **state) {
  (void)state;
  in_child(open_sockets);
}

#ifdef __x86_64__
static void listen_and_signal(void) {
  const pid_t parent = getppid();
  const uint64_t high = UINT64_C(1) << 32; // the kernel does not look at it
  enter();
  child_assert(listen(socket(AF_INET, SOCK_STREAM, 0), 1) != 0 && errno == EPERM); // it has no port yet
  child_assert(kill(parent, 0) != 0 && errno == EPERM && kill(0, 0) != 0 && kill(-1, 0) != 0);
  child_assert(syscall(SYS_kill, high | (uint64_t)parent, 0) != 0 && errno == EPERM);
  child_assert(syscall(SYS_tgkill, parent, parent, 0) != 0 && errno == EPERM);
  child_assert(syscall(SYS_tkill, parent, 0) != 0 && errno == EPERM);
  child_assert(kill(getpid(), 0) == 0 && pthread_kill(pthread_self(), 0) == 0);
  signal(SIGUSR1, SIG_IGN);
  child_assert(raise(SIGUSR1) == 0);
}

static void nobody_listens_and_no_other_process_is_signalled(void **state) {
  (void)state;
  in_child(listen_and_signal);
}

static void use_other_tables(void) {
  enter();
  const long x32 = 0x40000000;
  child_assert(syscall(x32 | SYS_getpid) == -1 && errno == EPERM);
  child_assert(syscall(x32 | SYS_ptrace, 0, 0, 0, 0) == -1 && errno == EPERM);
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory"); // getpid of 32-bit programs
  child_assert(result == -EPERM || result == -ENOSYS);
}

static void calls_of_other_machines_are_refused(void **state) {
  (void)state;
  in_child(use_other_tables);
}
#endif

static int in_a_thread;

static void *try_ptrace(void *user) {
  (void)user;
  in_a_thread = syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM ? 1 : -1;
  return NULL;
}

static void *wait_and_try(void *user) {
  char byte;
  return read(*(int *)user, &byte, 1) == 1 ? try_ptrace(NULL) : NULL;
}

static void in_threads(void) {
  pthread_t before, after;
  int told[2];
  child_assert(pipe(told) == 0 && pthread_create(&before, NULL, wait_and_try, &told[0]) == 0);
  enter();
  child_assert(write(told[1], "x", 1) == 1 && pthread_join(before, NULL) == 0 && in_a_thread == 1);
  in_a_thread = 0;
  child_assert(pthread_create(&after, NULL, try_ptrace, NULL) == 0 && pthread_join(after, NULL) == 0);
  child_assert(in_a_thread == 1);
}

static void threads_of_before_and_after_are_held_as_well(void **state) {
  (void)state;
  in_child(in_threads);
}

static void work_as_a_server(void) {
  enter();
  void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  child_assert(code != MAP_FAILED && mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
  child_assert(memfd_create("image", MFD_CLOEXEC) >= 0);
  struct addrinfo *found = NULL;
  child_assert(getaddrinfo("localhost", "80", NULL, &found) == 0);
  freeaddrinfo(found);
  child_assert(open("/dev/null", O_RDWR) >= 0);
}

static void what_a_server_needs_is_left(void **state) {
  (void)state;
  in_child(work_as_a_server);
}

static void start_only_processes(void) {
  int ends[2];
  char *arguments[] = {"true", NULL};
  child_assert(privileges_accept_no_new() == NULL);
  child_assert(system_calls_keep_starting() == NULL);
  for (int family = 0; family <= AF_NETLINK; family++)
    child_assert(socket(family, SOCK_STREAM, 0) < 0 && errno == EPERM);
  child_assert(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
  child_assert(execv("/bin/true", arguments) != 0 && errno == EPERM);
  child_assert(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 && errno == EPERM);
  child_assert(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM);
  pid_t child = fork();
  child_assert(child >= 0);
  if (child == 0) _exit(system_calls_keep_computing() == NULL && fork() < 0 ? 7 : 1);
  int status = 0;
  child_assert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void who_starts_processes_has_no_network_and_no_other_program(void **state) {
  (void)state;
  in_child(start_only_processes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refused_calls_answer_eperm),
      cmocka_unit_test(memory_is_given_back_of_ourselves_alone),
      cmocka_unit_test(no_process_is_started_in_any_way),
      cmocka_unit_test(no_other_process_is_looked_into),
      cmocka_unit_test(only_sockets_of_the_internet_and_the_machine_are_opened),
#ifdef __x86_64__
      cmocka_unit_test(nobody_listens_and_no_other_process_is_signalled),
      cmocka_unit_test(calls_of_other_machines_are_refused),
#endif
      cmocka_unit_test(threads_of_before_and_after_are_held_as_well),
      cmocka_unit_test(what_a_server_needs_is_left),
      cmocka_unit_test(who_starts_processes_has_no_network_and_no_other_program),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
