// What the measurements of services share: callers as runs are, each of which asks, waits for the answer on its own thread, and asks again.
#ifndef BENCH_CALLERS_H
#define BENCH_CALLERS_H

#include "services/services.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALLERS = 1000 };

static const char *program; ///< its name, for messages; set by main

static inline void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", program, what);
  exit(1);
}

static inline void check(ubiq_error *error) {
  if (error != NULL) fail(ubiq_error_message(error));
}

static inline size_t resident_kib(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  size_t all = 0, resident = 0;
  if (file == NULL || fscanf(file, "%zu %zu", &all, &resident) != 2) fail("statm cannot be read");
  fclose(file);
  return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

typedef struct caller {
  service_call call;
  yyjson_doc *body; ///< NULL: it is no JSON
  struct caller *next;
  char key[16]; ///< where the call needs one
} caller;

static caller callers[CALLERS];
static services opened;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static caller *answered;

static inline void note(service_call *call) {
  caller *self = (caller *)call;
  pthread_mutex_lock(&lock);
  bool was_empty = answered == NULL;
  self->next = answered;
  answered = self;
  pthread_mutex_unlock(&lock);
  if (was_empty) pthread_cond_signal(&changed);
}

/// Waits for some; they are a list.
static inline caller *take_answered(void) {
  pthread_mutex_lock(&lock);
  while (answered == NULL) pthread_cond_wait(&changed, &lock);
  caller *list = answered;
  answered = NULL;
  pthread_mutex_unlock(&lock);
  return list;
}

static inline void begin(caller *self) {
  self->call = (service_call){.services = &opened, .done = note};
  self->call.caller.project = TEXT("bench");
  self->call.caller.function = TEXT("bench");
  self->body = NULL;
  arena_init(&self->call.arena);
}

static inline void end(caller *self) {
  check(self->call.error);
  buffer_free(&self->call.bytes);
  arena_free(&self->call.arena);
  yyjson_doc_free(self->body);
}

#endif
