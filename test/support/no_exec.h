/// Takes from this process, for good, the right to make memory executable.
///
/// A filter of system calls (seccomp) as hardened hosts have it: mapping or protecting memory with PROT_EXEC and
/// attaching it with SHM_EXEC answer EACCES. What is mapped already stays.
#ifndef TEST_SUPPORT_NO_EXEC_H
#define TEST_SUPPORT_NO_EXEC_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NO_EXEC_LOAD(field)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define NO_EXEC_ANSWER(action) BPF_STMT(BPF_RET | BPF_K, action)

/// False where filters are not to be had. All threads of the process must be the caller's.
static inline bool no_exec_begin(void) {
  // The third argument of each is what it asks for. A jump counts the instructions that it leaves out.
  struct sock_filter filter[] = {
      NO_EXEC_LOAD(nr),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pkey_mprotect, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_shmat, 3, 0),
      NO_EXEC_ANSWER(SECCOMP_RET_ALLOW),
      NO_EXEC_LOAD(args[2]),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 2, 3),
      NO_EXEC_LOAD(args[2]),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SHM_EXEC, 0, 1),
      NO_EXEC_ANSWER(SECCOMP_RET_ERRNO | EACCES),
      NO_EXEC_ANSWER(SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Whether memory can be made executable: false after no_exec_begin.
static inline bool no_exec_is_off(void) {
  void *place = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return false;
  munmap(place, 4096);
  return true;
}

#endif
