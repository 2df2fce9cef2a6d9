// For root the file also tells where in the machine's memory the pages are. That is of no use here, and of some to who breaks into
// the process: so that right is set aside while the file is opened, which is when Linux looks.
#include "base/page_file.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct __user_cap_data_struct capabilities[_LINUX_CAPABILITY_U32S_3];

// What the file tells is of the process that opened it, and not of a child's.
static struct {
  int file;
  pid_t process; ///< 0: nothing is kept
} kept;

static bool put(const capabilities data) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  return syscall(SYS_capset, &header, data) == 0;
}

static bool take(capabilities data) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  return syscall(SYS_capget, &header, data) == 0;
}

static int open_file(void) {
  return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

static int open_without_places(void) {
  capabilities all, less;
  if (!take(all) || !take(less)) return -1;
  less[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &= ~CAP_TO_MASK(CAP_SYS_ADMIN);
  if (!put(less)) return -1;
  int file = open_file();
  if (put(all) || file < 0) return file;
  close(file);
  return -1;
}

void page_file_keep(void) {
  if (kept.process == getpid()) return;
  int file = open_without_places();
  if (file >= 0) kept.file = file;
  kept.process = file >= 0 ? getpid() : 0;
}

int page_file_open(void) {
  bool is_kept = kept.process != 0 && kept.process == getpid();
  return is_kept ? fcntl(kept.file, F_DUPFD_CLOEXEC, 0) : open_file();
}
