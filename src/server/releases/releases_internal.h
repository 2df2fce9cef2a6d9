// What releases.c and releases_watch.c share; nobody else's.
#ifndef SERVER_RELEASES_RELEASES_INTERNAL_H
#define SERVER_RELEASES_RELEASES_INTERNAL_H

#include "server/releases/releases.h"

#include <pthread.h>

/// What is served.
typedef struct served {
  release_choice choice;
  release *current, *canary; ///< owned; `canary` may be NULL
} served;

struct releases {
  releases_settings settings;
  release_store *store;
  pthread_mutex_t changing;
  bool triggers_are_old; ///< not yet those of what is served; for who holds `changing`

  pthread_mutex_t state; // for all that follows
  pthread_cond_t news;   ///< there is a canary, or an end
  server *server;        ///< NULL before releases_serve and after releases_freeze
  bool is_frozen, is_closing, is_changing;
  served served;
  canary watched;

  pthread_t watcher;
  bool is_watching;
};

/// Only one changes what is served at a time. Errors: `busy`, `unavailable`.
ubiq_error *releases_begin_change(releases *self);
void releases_end_change(releases *self);

/// Lets the workers have `next`, whose releases it takes over. What was served is drained and freed by its last owner.
/// Within a change.
void releases_switch_to(releases *self, served next);

/// What is served without a canary: one more owner.
served releases_without_canary(const releases *self);

/// Ends the canary; `note` says why it was taken back. Within a change.
ubiq_error *releases_drop_canary(releases *self, const char *note);

/// There is a new canary. With `state` held.
void releases_watch_canary(releases *self);

/// Starts and ends the thread that watches canaries.
ubiq_error *releases_watch_start(releases *self);
void releases_watch_end(releases *self);

#endif
