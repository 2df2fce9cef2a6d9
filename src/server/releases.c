// Every change goes the same way: prepare what is to be served next, write it down, switch.
#include "server/releases.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "server/release_load.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOK_MS = 250 }; ///< how often a canary is looked at

/// What is served.
typedef struct served {
  release_choice choice;
  release *current, *canary; ///< owned; `canary` may be NULL
} served;

struct releases {
  releases_settings settings;
  release_store *store;
  pthread_mutex_t changing;

  pthread_mutex_t state; // for all that follows
  pthread_cond_t news;   ///< there is a canary, or an end
  server *server;        ///< NULL before releases_serve and after releases_freeze
  bool is_frozen, is_closing, is_changing;
  served served;
  canary watched;

  pthread_t watcher;
  bool is_watching;
};

static uint64_t now_ms(void) {
  return clock_monotonic_ns() / CLOCK_NS_PER_MS;
}

// --------------------------------------------------------------------------------------------------------- changing

/// Loads a release that is kept.
static ubiq_error *load_kept(const releases *self, const char *digest, release **out) {
  release_record record;
  ubiq_error *error = release_store_find(self->store, text_of(digest), &record);
  if (error != NULL) return error;
  char *path = release_store_bundle_path(self->store, digest);
  if (path == NULL) return ubiq_error_no_memory();
  error = ubiq_error_wrap(release_load(&self->settings, path, &record, out), "%s", path);
  free(path);
  return error;
}

/// Only one changes what is served at a time.
static ubiq_error *begin_change(releases *self) {
  if (pthread_mutex_trylock(&self->changing) != 0)
    return ubiq_error_new(UBIQ_BUSY, "another release is being deployed; try again later");
  pthread_mutex_lock(&self->state);
  bool is_frozen = self->is_frozen;
  self->is_changing = !is_frozen;
  pthread_mutex_unlock(&self->state);
  if (!is_frozen) return NULL;
  pthread_mutex_unlock(&self->changing);
  return ubiq_error_new(UBIQ_UNAVAILABLE, "the server is stopping; try again when it is back");
}

static void end_change(releases *self) {
  pthread_mutex_lock(&self->state);
  self->is_changing = false;
  pthread_mutex_unlock(&self->state);
  pthread_mutex_unlock(&self->changing);
}

static void watch_canary(releases *self) {
  const release_choice *choice = &self->served.choice;
  const canary_rule rule = {choice->failures_permille_max, choice->requests_min, choice->window_s};
  canary_begin(&self->watched, &rule, now_ms());
  pthread_cond_broadcast(&self->news);
}

/// Lets the workers have `next`, whose releases it takes over. What was served is drained and freed by its last owner.
static void switch_to(releases *self, served next) {
  pthread_mutex_lock(&self->state);
  served before = self->served;
  self->served = next;
  if (self->server != NULL) server_share(self->server, next.current, next.canary, next.choice.canary_percent);
  if (next.canary != NULL && next.canary != before.canary) watch_canary(self);
  pthread_mutex_unlock(&self->state);
  release_delete(before.current);
  release_delete(before.canary);
}

/// Writes down that `next` is served, then serves it. Takes its releases over, also on failure.
static ubiq_error *change_to(releases *self, served next, const release_record *added,
                             const release_record *taken_back) {
  ubiq_error *error = release_store_commit(self->store, &next.choice, added, taken_back);
  if (error == NULL) {
    switch_to(self, next);
  } else {
    release_delete(next.current);
    release_delete(next.canary);
  }
  return error;
}

static void copy_digest(char out[DIGEST_SHA256_HEX_SIZE], const char *digest) {
  memcpy(out, digest, DIGEST_SHA256_HEX_SIZE);
}

static void forget_canary(release_choice *choice) {
  release_choice kept = {0};
  copy_digest(kept.current, choice->current);
  copy_digest(kept.previous, choice->previous);
  *choice = kept;
}

/// What is served once `digest` is all that is. Takes `release` over.
static served only(const releases *self, const char *digest, release *release) {
  served next = {.choice = self->served.choice, .current = release};
  forget_canary(&next.choice);
  if (strcmp(next.choice.current, digest) != 0) copy_digest(next.choice.previous, next.choice.current);
  copy_digest(next.choice.current, digest);
  return next;
}

// --------------------------------------------------------------------------------------------------------- a deploy

static ubiq_error *check_project(const releases *self, const release *loaded) {
  const char *served = self->served.current->project->name;
  if (self->served.choice.current[0] == '\0' || strcmp(served, loaded->project->name) == 0) return NULL;
  return ubiq_error_new(
      UBIQ_INVALID_INPUT,
      "the bundle is of the project \"%s\"; expected one of \"%s\", which this server serves (another "
      "project needs a server with a --state of its own)",
      loaded->project->name, served);
}

static served with_canary(const releases *self, const release_offer *offer, release *loaded) {
  served next = {.choice = self->served.choice, .current = release_retain(self->served.current), .canary = loaded};
  copy_digest(next.choice.canary, offer->digest);
  next.choice.canary_percent = offer->canary_percent;
  next.choice.failures_permille_max = offer->rule.failures_permille_max;
  next.choice.requests_min = offer->rule.requests_min;
  next.choice.window_s = offer->rule.window_s;
  return next;
}

/// What was loaded is kept and served. Takes `loaded` over.
static ubiq_error *serve_loaded(releases *self, const release_offer *offer, const release_record *record,
                                release *loaded) {
  bool is_first = self->served.choice.current[0] == '\0';
  bool is_current = strcmp(self->served.choice.current, offer->digest) == 0;
  ubiq_error *error = check_project(self, loaded);
  if (error == NULL && is_current && offer->canary_percent > 0)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "the release is what is served already; expected another for a canary");
  if (error == NULL) error = release_store_keep(self->store, offer->path, offer->digest);
  if (error != NULL) {
    release_delete(loaded);
    return error;
  }
  served next =
      offer->canary_percent > 0 && !is_first ? with_canary(self, offer, loaded) : only(self, offer->digest, loaded);
  return change_to(self, next, record, NULL);
}

static ubiq_error *deploy(releases *self, const release_offer *offer, release_record *out) {
  release *loaded = NULL;
  *out = (release_record){.is_signed = offer->is_signed, .received_ms = clock_realtime_ns() / CLOCK_NS_PER_MS};
  copy_digest(out->digest, offer->digest);
  memcpy(out->signature, offer->signature, SIGNATURE_SIZE);
  ubiq_error *error = release_load(&self->settings, offer->path, out, &loaded);
  if (error == NULL) error = serve_loaded(self, offer, out, loaded);
  if (error == NULL) log_info("%s %s (%.12s) is deployed", out->project, out->version, out->digest);
  return error;
}

ubiq_error *releases_deploy(releases *self, const release_offer *offer, release_record *out) {
  ubiq_error *error = begin_change(self);
  if (error == NULL) {
    error = deploy(self, offer, out);
    end_change(self);
  }
  unlink(offer->path); // when it was kept it has another name by now
  return error;
}

// ----------------------------------------------------------------------------------------- going back, and going on

static served without_canary(const releases *self) {
  served next = {.choice = self->served.choice, .current = release_retain(self->served.current)};
  forget_canary(&next.choice);
  return next;
}

/// Ends the canary; `note` says why it was taken back.
static ubiq_error *drop_canary(releases *self, const char *note) {
  release_record record = {0};
  copy_digest(record.digest, self->served.choice.canary);
  snprintf(record.note, sizeof record.note, "%s", note);
  return change_to(self, without_canary(self), NULL, &record);
}

static ubiq_error *go_to(releases *self, const char *digest) {
  release *loaded = NULL;
  if (strcmp(digest, self->served.choice.current) == 0)
    return change_to(self, only(self, digest, release_retain(self->served.current)), NULL, NULL);
  ubiq_error *error = load_kept(self, digest, &loaded);
  return error != NULL ? error : change_to(self, only(self, digest, loaded), NULL, NULL);
}

static ubiq_error *roll_back(releases *self, text to) {
  release_record record;
  const release_choice *choice = &self->served.choice;
  if (to.size > 0) {
    ubiq_error *error = release_store_find(self->store, to, &record);
    return error != NULL ? error : go_to(self, record.digest);
  }
  if (choice->canary[0] != '\0') return drop_canary(self, "rolled back");
  if (choice->previous[0] == '\0')
    return ubiq_error_new(UBIQ_NOT_FOUND, "nothing was served before; see `ubiq releases`");
  copy_digest(record.digest, choice->previous);
  return go_to(self, record.digest);
}

/// What is current, for the answer.
static ubiq_error *find_current(releases *self, release_record *out) {
  return release_store_find(self->store, text_of(self->served.choice.current), out);
}

ubiq_error *releases_roll_back(releases *self, text to, release_record *out) {
  ubiq_error *error = begin_change(self);
  if (error != NULL) return error;
  error = roll_back(self, to);
  if (error == NULL) error = find_current(self, out);
  if (error == NULL) log_info("rolled back to %s %s (%.12s)", out->project, out->version, out->digest);
  end_change(self);
  return error;
}

static ubiq_error *promote(releases *self) {
  if (self->served.canary == NULL) return ubiq_error_new(UBIQ_NOT_FOUND, "there is no canary to promote");
  return change_to(self, only(self, self->served.choice.canary, release_retain(self->served.canary)), NULL, NULL);
}

ubiq_error *releases_promote(releases *self, release_record *out) {
  ubiq_error *error = begin_change(self);
  if (error != NULL) return error;
  error = promote(self);
  if (error == NULL) error = find_current(self, out);
  if (error == NULL) log_info("%s %s (%.12s) is promoted", out->project, out->version, out->digest);
  end_change(self);
  return error;
}

// --------------------------------------------------------------------------------------------- watching the canary

/// Looks once; `watched` has what was found. With `state` held.
static bool is_failing(releases *self) {
  return self->served.canary != NULL &&
         canary_look(&self->watched, now_ms(), release_counts_sum(&self->served.canary->counts));
}

/// Takes the canary back. What cannot be written down holds in memory all the same: better than failing on.
static void take_back(releases *self, release_totals within) {
  release_record record = {0};
  copy_digest(record.digest, self->served.choice.canary);
  snprintf(record.note, sizeof record.note, "%llu of %llu requests failed", (unsigned long long)within.failures,
           (unsigned long long)within.requests);
  ubiq_error *error = drop_canary(self, record.note);
  if (error != NULL) {
    log_error("taking the canary back is not written down: %s", ubiq_error_message(error));
    ubiq_error_delete(error);
    switch_to(self, without_canary(self));
  }
  log_warn("the canary %.12s is taken back: %s", record.digest, record.note);
}

/// While somebody changes what is served it is looked at again later, and then it may be another canary.
static void take_back_if_failing(releases *self) {
  ubiq_error *error = begin_change(self);
  if (error != NULL) {
    ubiq_error_delete(error);
    return;
  }
  pthread_mutex_lock(&self->state);
  bool fails = is_failing(self);
  release_totals within = self->watched.within;
  pthread_mutex_unlock(&self->state);
  if (fails) take_back(self, within);
  end_change(self);
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

// ---------------------------------------------------------------------------------------------- beginning and end

static ubiq_error *load_served(releases *self) {
  release_choice *choice = &self->served.choice;
  ubiq_error *error = release_store_choice(self->store, choice);
  if (error != NULL) return error;
  error = choice->current[0] == '\0' ? release_empty(&self->served.current)
                                     : load_kept(self, choice->current, &self->served.current);
  if (error != NULL || choice->canary[0] == '\0') return error;
  error = load_kept(self, choice->canary, &self->served.canary);
  if (error == NULL) return NULL;
  log_error("the canary cannot be loaded and gets no requests: %s", ubiq_error_message(error));
  ubiq_error_delete(error);
  forget_canary(choice);
  return NULL;
}

static void init_locks(releases *self) {
  pthread_condattr_t attributes;
  pthread_mutex_init(&self->changing, NULL);
  pthread_mutex_init(&self->state, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&self->news, &attributes);
  pthread_condattr_destroy(&attributes);
}

ubiq_error *releases_open(const releases_settings *settings, releases **out) {
  releases *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->settings = *settings;
  init_locks(self);
  ubiq_error *error = release_store_open(settings->directory, true, &self->store);
  if (error == NULL) error = load_served(self);
  if (error == NULL)
    *out = self;
  else
    releases_close(self);
  return error;
}

ubiq_error *releases_serve(releases *self, server *server) {
  int number = thread_start(&self->watcher, NULL, watch, self);
  if (number != 0)
    return ubiq_error_new(UBIQ_INTERNAL, "the thread that watches canaries cannot be started: %s", strerror(number));
  self->is_watching = true;
  pthread_mutex_lock(&self->state);
  self->server = server;
  served *served = &self->served;
  if (served->canary != NULL) {
    server_share(server, served->current, served->canary, served->choice.canary_percent);
    watch_canary(self);
  }
  pthread_mutex_unlock(&self->state);
  return NULL;
}

void releases_freeze(releases *self) {
  pthread_mutex_lock(&self->state);
  self->is_frozen = true;
  self->server = NULL;
  pthread_mutex_unlock(&self->state);
}

static void end_watching(releases *self) {
  pthread_mutex_lock(&self->state);
  self->is_closing = true;
  pthread_cond_broadcast(&self->news);
  pthread_mutex_unlock(&self->state);
  if (self->is_watching) pthread_join(self->watcher, NULL);
}

void releases_close(releases *self) {
  if (self == NULL) return;
  releases_freeze(self);
  end_watching(self);
  release_delete(self->served.current);
  release_delete(self->served.canary);
  release_store_close(self->store);
  pthread_cond_destroy(&self->news);
  pthread_mutex_destroy(&self->state);
  pthread_mutex_destroy(&self->changing);
  free(self);
}

// --------------------------------------------------------------------------------------------------------- looking

release_store *releases_store(releases *self) {
  return self->store;
}

release *releases_hold(releases *self) {
  pthread_mutex_lock(&self->state);
  release *held = release_retain(self->served.current);
  pthread_mutex_unlock(&self->state);
  return held;
}

static ubiq_error *find_record(releases *self, const char *digest, release_record *out) {
  *out = (release_record){0};
  return digest[0] == '\0' ? NULL : release_store_find(self->store, text_of(digest), out);
}

ubiq_error *releases_describe(releases *self, releases_status *out) {
  *out = (releases_status){0};
  pthread_mutex_lock(&self->state);
  out->choice = self->served.choice;
  out->is_changing = self->is_changing;
  out->current_totals = release_counts_sum(&self->served.current->counts);
  if (self->served.canary != NULL) {
    out->canary_totals = release_counts_sum(&self->served.canary->counts);
    out->canary_within = self->watched.within;
  }
  pthread_mutex_unlock(&self->state);
  ubiq_error *error = find_record(self, out->choice.current, &out->current);
  return error != NULL ? error : find_record(self, out->choice.canary, &out->canary);
}
