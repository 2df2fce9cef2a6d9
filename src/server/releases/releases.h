// The releases of a server that is sent them: received, checked, loaded, served, taken back.
//
// A release is loaded and warmed before anything changes; then it is written down that it is served (release_store.h), and
// then the workers get it. Whatever fails before leaves what was served as it is.
//
// THREADS: any, for all that is told so below: those of the admin API. What is changed is changed by one at a time, and
// whoever comes meanwhile is told that it is busy. LOCKS: `changing` while something is being changed, compilers included;
// `state`, shortly, for what is in memory; never the first inside the second.
#ifndef SERVER_RELEASES_RELEASES_H
#define SERVER_RELEASES_RELEASES_H

#include "runtime/bundle/bundle_signature.h"
#include "runtime/release/canary.h"
#include "runtime/release/release.h"
#include "runtime/release/release_store.h"
#include "server/compiler/compiler.h"
#include "server/front/server.h"

typedef struct releases releases;

/// Borrowed as long as the releases live.
typedef struct releases_settings {
  const char *directory;  ///< of the state
  release_grant grant;    ///< what functions may do
  const public_key *keys; ///< whose signatures are asked for
  size_t keys_count;      ///< 0: none is
  compiler *compiler;     ///< of bundles' modules; NULL: the threads that take them
} releases_settings;

/// What somebody wants to be served.
typedef struct release_offer {
  const char *path;   ///< of the received file, in release_store_receive's place; removed or taken over in any case
  const char *digest; ///< what its SHA-256 has to be, in lower-case hex digits
  bool is_signed;
  uint8_t signature[SIGNATURE_SIZE];
  const char *granted;     ///< release_record.granted
  uint32_t canary_percent; ///< of the requests for a start; 0: all at once
  canary_rule rule;        ///< for a canary
} release_offer;

/// What is served, and what became of it so far.
typedef struct releases_status {
  release_choice choice;
  release_record current, canary;               ///< zeroes where there is none
  release_totals current_totals, canary_totals; ///< since each was loaded
  release_totals canary_within;                 ///< within the window
  bool is_changing;                             ///< something is being changed
} releases_status;

/// Opens the state's folder and loads what is served. `*out` is the caller's. Errors: those of release_store_open; what is
/// wrong with a bundle that it has.
ubiq_error *releases_open(const releases_settings *settings, releases **out);

/// From now on the server gets what changes; it was made with what releases_hold answered. Errors: `internal`.
ubiq_error *releases_serve(releases *self, server *server);

/// The server is about to stop: nothing reaches it any more. Does not wait. Any thread; twice is allowed.
void releases_freeze(releases *self);

/// Ends them, after all who use them. NULL is allowed.
void releases_close(releases *self);

/// For receiving bundles, for tokens, for lists. Any thread.
release_store *releases_store(releases *self);

/// What compiles bundles' modules; NULL: the threads that take them. Any thread.
compiler *releases_compiler(releases *self);

/// Serves what was received. Serving it already is a success, too. Any thread. Errors: `busy` while something else is being
/// changed; `invalid_input`, `denied`, `too_large` for what is wrong with it; `quota` when the disk is full; `unavailable`
/// when the server stops.
ubiq_error *releases_deploy(releases *self, const release_offer *offer, release_record *out);

/// Goes back: to the release whose digest begins with `to`; when that is empty, from a canary to what is served beside it,
/// else to what was served before. `granted`: lines, what the token of who asks may grant at most; NULL: all that the
/// operator does. Any thread. Errors: as releases_deploy; `denied`; `not_found`.
ubiq_error *releases_roll_back(releases *self, text to, const char *granted, release_record *out);

/// Gives all requests to the canary; `granted` as above. Any thread. Errors: as releases_deploy; `denied`; `not_found`
/// when there is none.
ubiq_error *releases_promote(releases *self, const char *granted, release_record *out);

/// Any thread.
ubiq_error *releases_describe(releases *self, releases_status *out);

/// Whether something is being changed. Any thread.
bool releases_is_changing(releases *self);

/// What is served now, but for a canary; an empty release when there is none yet. One more owner: the caller. Any thread.
release *releases_hold(releases *self);

#endif
