// What is served, and what becomes of it, for who asks: with `state` held shortly, and never while anything is read from the disk.
#include "server/releases/releases_internal.h"

release_store *releases_store(releases *self) {
  return self->store;
}

compiler *releases_compiler(releases *self) {
  return self->settings.compiler;
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

bool releases_is_changing(releases *self) {
  pthread_mutex_lock(&self->state);
  bool is_changing = self->is_changing;
  pthread_mutex_unlock(&self->state);
  return is_changing;
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
