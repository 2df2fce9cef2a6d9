// Lets an engine's signal handlers work under cmocka, which puts its own in their place before each test.
//
// In main: traps_save() after an engine was made (Wasmtime installs its handlers then, once). In each test that lets a
// guest trap: traps_restore() before the call.
#ifndef TEST_SUPPORT_TRAPS_H
#define TEST_SUPPORT_TRAPS_H

#include <signal.h>

enum { TRAPS_SIGNALS = 4 };

static const int traps_signals[TRAPS_SIGNALS] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS};
static struct sigaction traps_saved[TRAPS_SIGNALS];

static inline void traps_save(void) {
  for (int i = 0; i < TRAPS_SIGNALS; i++) sigaction(traps_signals[i], NULL, &traps_saved[i]);
}

static inline void traps_restore(void) {
  for (int i = 0; i < TRAPS_SIGNALS; i++) sigaction(traps_signals[i], &traps_saved[i], NULL);
}

#endif
