// A signal handler that cancels. A call that just begins forgets a cancellation from before it (ubiq_plugin_cancel), so
// the handler says it once a second until the program has ended. Everything here is safe in signal handlers.
#include "cli/call_interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

// A handler has no argument of ours: the one plugin that is called is the process's.
static _Atomic(ubiq_plugin *) called;
static atomic_bool interrupted;

static void cancel(int number) {
  (void)number;
  ubiq_plugin *plugin = atomic_load(&called);
  if (plugin == NULL) return;
  atomic_store(&interrupted, true);
  ubiq_plugin_cancel(plugin);
  alarm(1);
}

static void handle(int number, void (*handler)(int number), int flags) {
  struct sigaction action = {.sa_flags = flags};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

/// A program in the background, or under nohup, was told not to listen.
static bool is_ignored(int number) {
  struct sigaction action;
  return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void call_interrupt_begin(ubiq_plugin *plugin) {
  atomic_store(&interrupted, false);
  if (is_ignored(SIGINT)) return;
  atomic_store(&called, plugin);
  handle(SIGALRM, cancel, SA_RESTART);
  handle(SIGINT, cancel, SA_RESTART | (int)SA_RESETHAND);
}

void call_interrupt_end(void) {
  if (atomic_load(&called) == NULL) return;
  alarm(0);
  handle(SIGINT, SIG_DFL, 0);
  handle(SIGALRM, SIG_DFL, 0);
  atomic_store(&called, NULL);
}

bool call_interrupted(void) {
  return atomic_load(&interrupted);
}
