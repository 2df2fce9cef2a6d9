// A thread that sleeps while there is no canary, and else looks at it a few times a second.
#include "server/releases/releases_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <stdio.h>
#include <string.h>

enum { LOOK_MS = 250 };

static uint64_t now_ms(void) {
  return clock_monotonic_ns() / CLOCK_NS_PER_MS;
}

void releases_watch_canary(releases *self) {
  const release_choice *choice = &self->served.choice;
  const canary_rule rule = {choice->failures_permille_max, choice->requests_min, choice->window_s};
  canary_begin(&self->watched, &rule, now_ms());
  pthread_cond_broadcast(&self->news);
}

/// Looks once; `watched` has what was found. With `state` held.
static bool is_failing(releases *self) {
  return self->served.canary != NULL &&
         canary_look(&self->watched, now_ms(), release_counts_sum(&self->served.canary->counts));
}

/// Takes the canary back. What cannot be written down holds in memory all the same: better than failing on.
static void take_back(releases *self, release_totals within) {
  release_record record = {0};
  memcpy(record.digest, self->served.choice.canary, sizeof record.digest);
  snprintf(record.note, sizeof record.note, "%llu of %llu requests failed", (unsigned long long)within.failures,
           (unsigned long long)within.requests);
  ubiq_error *error = releases_drop_canary(self, record.note);
  if (error != NULL) {
    log_error("taking the canary back is not written down: %s", ubiq_error_message(error));
    ubiq_error_delete(error);
    releases_switch_to(self, releases_without_canary(self));
  }
  log_warn("the canary %.12s is taken back: %s", record.digest, record.note);
}

/// While somebody changes what is served it is looked at again later, and then it may be another canary.
static void take_back_if_failing(releases *self) {
  ubiq_error *error = releases_begin_change(self);
  if (error != NULL) {
    ubiq_error_delete(error);
    return;
  }
  pthread_mutex_lock(&self->state);
  bool fails = is_failing(self);
  release_totals within = self->watched.within;
  pthread_mutex_unlock(&self->state);
  if (fails) take_back(self, within);
  releases_end_change(self);
}

static void wait_for_look(releases *self) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += LOOK_MS * (long)CLOCK_NS_PER_MS;
  until.tv_sec += until.tv_nsec / (long)CLOCK_NS_PER_SECOND;
  until.tv_nsec %= (long)CLOCK_NS_PER_SECOND;
  pthread_cond_timedwait(&self->news, &self->state, &until);
}

static void *watch(void *user) {
  releases *self = user;
  pthread_mutex_lock(&self->state);
  while (!self->is_closing) {
    if (self->served.canary == NULL)
      pthread_cond_wait(&self->news, &self->state);
    else
      wait_for_look(self);
    if (self->is_closing || !is_failing(self)) continue;
    pthread_mutex_unlock(&self->state);
    take_back_if_failing(self);
    pthread_mutex_lock(&self->state);
  }
  pthread_mutex_unlock(&self->state);
  return NULL;
}

ubiq_error *releases_watch_start(releases *self) {
  int number = thread_start(&self->watcher, NULL, watch, self);
  if (number != 0)
    return ubiq_error_new(UBIQ_INTERNAL, "the thread that watches canaries cannot be started: %s", strerror(number));
  self->is_watching = true;
  return NULL;
}

void releases_watch_end(releases *self) {
  pthread_mutex_lock(&self->state);
  self->is_closing = true;
  pthread_cond_broadcast(&self->news);
  pthread_mutex_unlock(&self->state);
  if (self->is_watching) pthread_join(self->watcher, NULL);
}
