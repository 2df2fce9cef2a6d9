/// Threads of ours in somebody else's process.
#ifndef UBIQ_BASE_THREAD_H
#define UBIQ_BASE_THREAD_H

#include <pthread.h>

/// pthread_create for a thread that takes no signals but its own faults: those of the process are for its own threads,
/// which expect them.
/// Returns 0 or an errno. Any thread; callable in a child of fork().
int thread_start(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *), void *user);

#endif
