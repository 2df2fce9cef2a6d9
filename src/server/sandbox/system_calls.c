// libseccomp knows each machine's numbers, and refuses those of others (x86's 32-bit calls, x32) by itself.
#include "server/sandbox/system_calls.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/// By name, because some are younger than the library and some are not on every machine: those are left out there.
static const char *const refused[] = {
    // other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_mrelease", "kcmp", "pidfd_getfd",
    // new processes and programs
    "fork", "vfork", "execve", "execveat", "uselib", "personality",
    // other files of this user by their names, which Landlock lets pass: who may use them, and on its older levels their end
    "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "setxattr", "lsetxattr", "setxattrat",
    "removexattr", "lremovexattr", "removexattrat", "truncate", "truncate64",
    // listening: a socket that is bound to no port is given a free one, which Landlock lets pass
    "listen",
    // signals, but for those of refuse_signals
    "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal",
    // namespaces and mounts
    "unshare", "setns", "chroot", "pivot_root", "mount", "umount", "umount2", "mount_setattr", "move_mount",
    "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "swapon", "swapoff", "open_by_handle_at", "quotactl",
    "quotactl_fd", "acct",
    // other users
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset",
    // the kernel and the machine
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl",
    "add_key", "request_key", "init_module", "finit_module", "delete_module", "create_module", "query_module",
    "get_kernel_syms", "kexec_load", "kexec_file_load", "reboot", "syslog", "iopl", "ioperm", "modify_ldt",
    "lookup_dcookie", "nfsservctl", "vhangup", "sethostname", "setdomainname", "settimeofday", "clock_settime",
    "clock_adjtime", "adjtimex", "stime", "fanotify_init", "move_pages", "migrate_pages", "vmsplice", "_sysctl",
    "ustat", "sysfs", "afs_syscall", "vserver", "security", "bdflush", "idle"};

/// The kinds of socket that are left: those of the machine, IPv4, IPv6, and what the resolver asks for addresses.
static bool is_kept(int family) {
  return family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
}

/// A call is refused when what it is asked for meets the condition; NULL: always.
static int refuse(scmp_filter_ctx filter, int call, const struct scmp_arg_cmp *condition) {
  return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), call, condition != NULL, condition);
}

static int refuse_names(scmp_filter_ctx filter) {
  int number = 0;
  for (size_t i = 0; number == 0 && i < sizeof refused / sizeof refused[0]; i++) {
    int call = seccomp_syscall_resolve_name(refused[i]);
    if (call != __NR_SCMP_ERROR) number = refuse(filter, call, NULL);
  }
  return number;
}

/// The whole argument is compared: more than the 32 bits that the kernel looks at is no family that is kept.
static int refuse_sockets(scmp_filter_ctx filter) {
  const struct scmp_arg_cmp others = {.arg = 0, .op = SCMP_CMP_GT, .datum_a = AF_NETLINK};
  const struct scmp_arg_cmp netlink[] = {{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_NETLINK},
                                         {.arg = 2, .op = SCMP_CMP_NE, .datum_a = NETLINK_ROUTE}};
  int number = refuse(filter, SCMP_SYS(socket), &others);
  for (unsigned family = 0; number == 0 && family <= AF_NETLINK; family++) {
    const struct scmp_arg_cmp this = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = family};
    if (!is_kept((int)family)) number = refuse(filter, SCMP_SYS(socket), &this);
  }
  return number != 0 ? number : seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 2, netlink);
}

/// Keys that another program on the same terminal would take for its user's. The kernel looks at 32 bits of the request, so
/// that what stands in the others must not make it another.
static int refuse_typing(scmp_filter_ctx filter) {
  static const unsigned requests[] = {TIOCSTI, TIOCLINUX};
  int number = 0;
  for (size_t i = 0; number == 0 && i < sizeof requests / sizeof requests[0]; i++) {
    const struct scmp_arg_cmp this = {
        .arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = requests[i]};
    number = refuse(filter, SCMP_SYS(ioctl), &this);
  }
  return number;
}

/// What clone3 is asked for lies in memory, where no filter looks: with ENOSYS the C library asks clone instead.
static int refuse_namespaces(scmp_filter_ctx filter) {
  static const unsigned namespaces[] = {CLONE_NEWNS,  CLONE_NEWUSER, CLONE_NEWPID,   CLONE_NEWNET,
                                        CLONE_NEWUTS, CLONE_NEWIPC,  CLONE_NEWCGROUP};
  int number = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
  for (size_t i = 0; number == 0 && i < sizeof namespaces / sizeof namespaces[0]; i++) {
    const struct scmp_arg_cmp this = {
        .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = namespaces[i], .datum_b = namespaces[i]};
    number = refuse(filter, SCMP_SYS(clone), &this);
  }
  return number;
}

/// Threads are left.
static int refuse_processes(scmp_filter_ctx filter) {
  const struct scmp_arg_cmp no_thread = {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD, .datum_b = 0};
  return refuse(filter, SCMP_SYS(clone), &no_thread);
}

/// The engine gives memory back by a call that names a process: of all numbers ours alone is left. The kernel looks at 32 bits
/// of it, and a rule for "another than this" looks at 64, so there is a rule for each bit that may differ.
static int refuse_memory_of_others(scmp_filter_ctx filter) {
  const int32_t ourselves = -10000; // PIDFD_SELF_THREAD_GROUP, which the system's headers do not have yet
  int number = 0;
  for (unsigned bit = 0; number == 0 && bit < 32; bit++) {
    const uint64_t mask = UINT64_C(1) << bit;
    const struct scmp_arg_cmp other = {
        .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = ~(uint64_t)ourselves & mask};
    number = refuse(filter, SCMP_SYS(process_madvise), &other);
  }
  return number;
}

/// Signals to this process are left, for abort(). Landlock's older levels know nothing of signals.
static int refuse_signals(scmp_filter_ctx filter) {
  const struct scmp_arg_cmp other = {.arg = 0, .op = SCMP_CMP_NE, .datum_a = (scmp_datum_t)getpid()};
  int number = refuse(filter, SCMP_SYS(kill), &other);
  return number == 0 ? refuse(filter, SCMP_SYS(tgkill), &other) : number;
}

/// What every filter of ours says.
static int configure(scmp_filter_ctx filter) {
  int number = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
  if (number == 0) number = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
  return number == 0 ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) : number; // a tree: many calls pass it
}

static int fill(scmp_filter_ctx filter) {
  int number = configure(filter);
  if (number == 0) number = refuse_names(filter);
  if (number == 0) number = refuse_sockets(filter);
  if (number == 0) number = refuse_typing(filter);
  if (number == 0) number = refuse_memory_of_others(filter);
  if (number == 0) number = refuse_signals(filter);
  if (number == 0) number = refuse_namespaces(filter);
  return number == 0 ? refuse_processes(filter) : number;
}

// -- Starting --

static int fill_for_starting(scmp_filter_ctx filter) {
  int number = configure(filter);
  if (number == 0) number = refuse_names(filter);
  if (number == 0) number = refuse(filter, SCMP_SYS(socket), NULL);
  if (number == 0) number = refuse_typing(filter);
  if (number == 0) number = refuse_memory_of_others(filter);
  return number == 0 ? refuse_namespaces(filter) : number;
}

// -- Computing --

static const char *const computing[] = {
    // files that are open
    "read", "write", "pread64", "pwrite64", "readv", "writev", "lseek", "ftruncate", "close",
    // memory
    "mmap", "mmap2", "munmap", "mprotect", "mremap", "madvise", "brk", "membarrier",
    // threads and waiting
    "futex", "futex_time64", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "gettid", "getpid",
    "nanosleep", "clock_nanosleep", "clock_nanosleep_time64", "clock_gettime", "clock_gettime64", "gettimeofday",
    "restart_syscall", "getrandom",
    // signals to itself, and the end
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "exit", "exit_group"};

static int allow(scmp_filter_ctx filter, int call, const struct scmp_arg_cmp *condition) {
  return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, condition != NULL, condition);
}

/// A thread in the namespaces that there are; and, for abort(), a signal to this process.
static int allow_threads(scmp_filter_ctx filter) {
  const scmp_datum_t mask = CLONE_THREAD | CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS |
                            CLONE_NEWIPC | CLONE_NEWCGROUP;
  const struct scmp_arg_cmp thread = {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = CLONE_THREAD};
  const struct scmp_arg_cmp self = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()};
  int number = allow(filter, SCMP_SYS(clone), &thread);
  if (number == 0) number = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
  return number == 0 ? allow(filter, SCMP_SYS(tgkill), &self) : number;
}

static int fill_for_computing(scmp_filter_ctx filter) {
  int number = configure(filter);
  for (size_t i = 0; number == 0 && i < sizeof computing / sizeof computing[0]; i++) {
    int call = seccomp_syscall_resolve_name(computing[i]);
    if (call != __NR_SCMP_ERROR) number = allow(filter, call, NULL);
  }
  return number == 0 ? allow_threads(filter) : number;
}

// -- Loading --

static ubiq_error *enforce(uint32_t otherwise, int (*fill_filter)(scmp_filter_ctx)) {
  scmp_filter_ctx filter = seccomp_init(otherwise);
  if (filter == NULL) return ubiq_error_no_memory();
  int number = fill_filter(filter);
  if (number == 0) number = seccomp_load(filter);
  seccomp_release(filter);
  if (number == 0) return NULL;
  return ubiq_error_new(UBIQ_UNAVAILABLE, "this kernel takes no filter of system calls (seccomp): %s",
                        strerrordesc_np(-number));
}

ubiq_error *system_calls_restrict(void) {
  return enforce(SCMP_ACT_ALLOW, fill);
}

ubiq_error *system_calls_keep_starting(void) {
  return enforce(SCMP_ACT_ALLOW, fill_for_starting);
}

ubiq_error *system_calls_keep_computing(void) {
  return enforce(SCMP_ACT_ERRNO(EPERM), fill_for_computing);
}
