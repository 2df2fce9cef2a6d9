// See file_limit.h. The signal goes to the thread that writes, so it is that thread's to block and to take.
#include "wasi/file_limit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

bool wasi_file_limit_is_set(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}

static sigset_t the_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGXFSZ);
  return set;
}

void wasi_file_limit_begin(const wasi_guest *self, wasi_file_limit *out) {
  out->holds = self->context->options.preopens->has_file_limit;
  sigset_t set = the_signal();
  if (out->holds) pthread_sigmask(SIG_BLOCK, &set, &out->before);
}

void wasi_file_limit_end(const wasi_file_limit *self) {
  static const struct timespec at_once = {0};
  if (!self->holds) return;
  int number = errno;
  sigset_t set = the_signal();
  while (sigtimedwait(&set, NULL, &at_once) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &self->before, NULL);
  errno = number;
}
