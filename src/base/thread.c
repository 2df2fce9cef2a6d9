// See thread.h.
#include "base/thread.h"

#include <signal.h>

int thread_start(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *), void *user) {
  static const int own[] = {SIGSEGV, SIGBUS,  SIGILL,
                            SIGFPE,  SIGTRAP, SIGSYS}; // what a thread does itself; engines trap so
  sigset_t others, before;
  sigfillset(&others);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&others, own[i]);
  pthread_sigmask(SIG_SETMASK, &others, &before); // a thread begins with the mask of the one that makes it
  int number = pthread_create(out, attributes, run, user);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return number;
}
