// Every change goes the same way: prepare what is to be served next, write it down, switch.
#include "server/releases/releases_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "runtime/release/release_ceiling.h"
#include "server/releases/release_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PREPARE_MS = 10 * 1000 }; ///< how long a switch waits for pools

// --------------------------------------------------------------------------------------------------------- changing

/// What is kept was compiled within the limit once. Without the cache, on a busy machine, it may take longer, and a server that
/// does not come back for that is worse than one that is slow to.
enum { KEPT_TIMES = 10 };

/// Loads a release that is kept.
static ubiq_error *load_kept(const releases *self, const char *digest, release **out) {
  release_record record;
  ubiq_error *error = release_store_find(self->store, text_of(digest), &record);
  if (error != NULL) return error;
  char *granted = NULL, *path = release_store_bundle_path(self->store, digest);
  if (path == NULL) return ubiq_error_no_memory();
  error = release_store_granted(self->store, digest, &granted);
  record.granted = granted;
  if (error == NULL) error = ubiq_error_wrap(release_load(&self->settings, path, KEPT_TIMES, &record, out), "%s", path);
  free(granted);
  free(path);
  return error;
}

ubiq_error *releases_begin_change(releases *self) {
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

void releases_end_change(releases *self) {
  pthread_mutex_lock(&self->state);
  self->is_changing = false;
  pthread_mutex_unlock(&self->state);
  pthread_mutex_unlock(&self->changing);
}

void releases_switch_to(releases *self, served next) {
  pthread_mutex_lock(&self->state);
  served before = self->served;
  self->served = next;
  if (next.current != before.current) self->triggers_are_old = true;
  if (self->server != NULL) server_share(self->server, next.current, next.canary, next.choice.canary_percent);
  if (next.canary != NULL && next.canary != before.canary) releases_watch_canary(self);
  pthread_mutex_unlock(&self->state);
  release_delete(before.current);
  release_delete(before.canary);
}

/// Schedules and subscriptions follow what is served, and only then the change is over, so that those of the last one stay. They are
/// on the disk when this returns, which nobody waits for who looks, or stops the server: `state` is not held. Had it ended before,
/// the next start does it. On a thread of the admin API, which ends before the server does.
static void apply_triggers(releases *self) {
  pthread_mutex_lock(&self->state);
  const server *server = self->server;
  pthread_mutex_unlock(&self->state);
  if (server != NULL && self->triggers_are_old)
    self->triggers_are_old = !server_apply_triggers(server, self->served.current);
}

/// The release of `next` that is to have requests, or more of them; NULL: none.
static release *newcomer(const releases *self, const served *next) {
  if (next->canary != NULL && next->canary != self->served.canary) return next->canary;
  return next->current != self->served.current ? next->current : NULL;
}

/// Fills the pools of what is to be served next, while what is served goes on. Whoever stops the server does not wait for that.
static void prepare(releases *self, const served *next) {
  release *fresh = newcomer(self, next);
  pthread_mutex_lock(&self->state);
  server *server = fresh == NULL ? NULL : self->server;
  if (server != NULL) server_prepare(server, fresh);
  pthread_mutex_unlock(&self->state);
  if (server == NULL || server_await(server, fresh, PREPARE_MS)) return;
  log_warn("%s: its pools are not full yet; it gets requests all the same", fresh->project->name);
}

/// What was prepared is not served after all.
static void share_as_before(releases *self) {
  const served *served = &self->served;
  pthread_mutex_lock(&self->state);
  if (self->server != NULL) server_share(self->server, served->current, served->canary, served->choice.canary_percent);
  pthread_mutex_unlock(&self->state);
}

/// Prepares `next`, writes down that it is served, then serves it. Takes its releases over, also on failure.
static ubiq_error *change_to(releases *self, served next, const release_record *added,
                             const release_record *taken_back) {
  prepare(self, &next);
  ubiq_error *error = release_store_commit(self->store, &next.choice, added, taken_back);
  if (error == NULL) {
    releases_switch_to(self, next);
  } else {
    share_as_before(self);
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
  *out = (release_record){
      .is_signed = offer->is_signed, .granted = offer->granted, .received_ms = clock_realtime_ns() / CLOCK_NS_PER_MS};
  copy_digest(out->digest, offer->digest);
  memcpy(out->signature, offer->signature, SIGNATURE_SIZE);
  ubiq_error *error = release_load(&self->settings, offer->path, 1, out, &loaded);
  if (error == NULL) error = serve_loaded(self, offer, out, loaded);
  if (error == NULL) log_info("%s %s (%.12s) is deployed", out->project, out->version, out->digest);
  return error;
}

ubiq_error *releases_deploy(releases *self, const release_offer *offer, release_record *out) {
  ubiq_error *error = releases_begin_change(self);
  if (error == NULL) {
    error = deploy(self, offer, out);
    apply_triggers(self);
    releases_end_change(self);
  }
  unlink(offer->path); // when it was kept it has another name by now
  return error;
}

// ----------------------------------------------------------------------------------------- going back, and going on

served releases_without_canary(const releases *self) {
  served next = {.choice = self->served.choice, .current = release_retain(self->served.current)};
  forget_canary(&next.choice);
  return next;
}

ubiq_error *releases_drop_canary(releases *self, const char *note) {
  release_record record = {0};
  copy_digest(record.digest, self->served.choice.canary);
  snprintf(record.note, sizeof record.note, "%s", note);
  return change_to(self, releases_without_canary(self), NULL, &record);
}

/// Whether a token may have a release served that somebody else deployed: it gives no more that way than by a bundle of its own.
/// `granted` are lines; NULL: all.
static ubiq_error *permit(const release *next, const char *granted) {
  permission_set *set = NULL;
  if (granted == NULL) return NULL;
  ubiq_error *error = permission_set_of_token(TEXT("--grant"), text_of(granted), &set);
  if (error == NULL) error = release_check_project(next->project, set);
  permission_set_delete(set);
  return error;
}

static ubiq_error *go_to(releases *self, const char *digest, const char *granted) {
  release *loaded = NULL;
  if (strcmp(digest, self->served.choice.current) == 0)
    return change_to(self, only(self, digest, release_retain(self->served.current)), NULL, NULL);
  ubiq_error *error = load_kept(self, digest, &loaded);
  if (error != NULL) return error;
  error = permit(loaded, granted);
  if (error == NULL) return change_to(self, only(self, digest, loaded), NULL, NULL);
  release_delete(loaded);
  return error;
}

static ubiq_error *roll_back(releases *self, text to, const char *granted) {
  release_record record;
  const release_choice *choice = &self->served.choice;
  if (to.size > 0) {
    ubiq_error *error = release_store_find(self->store, to, &record);
    return error != NULL ? error : go_to(self, record.digest, granted);
  }
  if (choice->canary[0] != '\0') return releases_drop_canary(self, "rolled back");
  if (choice->previous[0] == '\0')
    return ubiq_error_new(UBIQ_NOT_FOUND, "nothing was served before; see `ubiq releases`");
  copy_digest(record.digest, choice->previous);
  return go_to(self, record.digest, granted);
}

/// What is current, for the answer.
static ubiq_error *find_current(releases *self, release_record *out) {
  return release_store_find(self->store, text_of(self->served.choice.current), out);
}

ubiq_error *releases_roll_back(releases *self, text to, const char *granted, release_record *out) {
  ubiq_error *error = releases_begin_change(self);
  if (error != NULL) return error;
  error = roll_back(self, to, granted);
  apply_triggers(self);
  if (error == NULL) error = find_current(self, out);
  if (error == NULL) log_info("rolled back to %s %s (%.12s)", out->project, out->version, out->digest);
  releases_end_change(self);
  return error;
}

static ubiq_error *promote(releases *self, const char *granted) {
  if (self->served.canary == NULL) return ubiq_error_new(UBIQ_NOT_FOUND, "there is no canary to promote");
  ubiq_error *error = permit(self->served.canary, granted);
  if (error != NULL) return error;
  return change_to(self, only(self, self->served.choice.canary, release_retain(self->served.canary)), NULL, NULL);
}

ubiq_error *releases_promote(releases *self, const char *granted, release_record *out) {
  ubiq_error *error = releases_begin_change(self);
  if (error != NULL) return error;
  error = promote(self, granted);
  apply_triggers(self);
  if (error == NULL) error = find_current(self, out);
  if (error == NULL) log_info("%s %s (%.12s) is promoted", out->project, out->version, out->digest);
  releases_end_change(self);
  return error;
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
  ubiq_error *error = releases_watch_start(self);
  if (error != NULL) return error;
  pthread_mutex_lock(&self->state);
  self->server = server;
  served *served = &self->served;
  if (served->canary != NULL) {
    server_share(server, served->current, served->canary, served->choice.canary_percent);
    releases_watch_canary(self);
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

void releases_close(releases *self) {
  if (self == NULL) return;
  releases_freeze(self);
  releases_watch_end(self);
  release_delete(self->served.current);
  release_delete(self->served.canary);
  release_store_close(self->store);
  pthread_cond_destroy(&self->news);
  pthread_mutex_destroy(&self->state);
  pthread_mutex_destroy(&self->changing);
  free(self);
}
