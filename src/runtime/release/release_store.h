// What a server keeps of the releases that it was sent: a folder of this user's alone.
//
//     DIR/state.db          which releases there are and which is served (SQLite), and the tokens (access_token.h)
//     DIR/bundles/DIGEST    each release's bundle, named by its SHA-256
//     DIR/incoming/         what is being received; emptied when a server starts
//     DIR/lock              held by the server
//
// A bundle's file is whole, and its name on the disk, before a row tells of it; what is served changes in one transaction.
// So a process that is killed at any point leaves what was served before or what is served after. A file of which no row
// tells is removed when the next server starts.
//
// Any thread, but for release_store_commit and release_store_receive: one at a time.
#ifndef RUNTIME_RELEASE_RELEASE_STORE_H
#define RUNTIME_RELEASE_RELEASE_STORE_H

#include "base/database.h"
#include "base/digest.h"
#include "base/signature.h"

#define RELEASE_STORE_BUNDLES "bundles"  ///< in the folder: bundles, by their digest
#define RELEASE_STORE_FILE    "state.db" ///< in the folder

enum {
  RELEASE_STORE_KEPT = 20,         ///< releases; older ones are forgotten, but never one that is served
  RELEASE_NAME_BYTES_MAX = 200,    ///< of a project's name and of a version, longer ones are refused
  RELEASE_DIGEST_SHOWN_BYTES = 12, ///< of a digest, where people read it
};

typedef struct release_store release_store;

/// A release that was received.
typedef struct release_record {
  char digest[DIGEST_SHA256_HEX_SIZE];
  char project[RELEASE_NAME_BYTES_MAX + 1];
  char version[RELEASE_NAME_BYTES_MAX + 1];
  uint64_t size;        ///< bytes of its bundle
  uint64_t received_ms; ///< wall clock
  bool is_signed;
  uint8_t signature[SIGNATURE_SIZE];
  char note[256]; ///< why it was taken back; "" when it was not
  const char
      *granted; ///< borrowed, where a release is added: lines, the permissions that it may ask for at most; NULL: all
                ///< that the operator grants. What is read has none: release_store_granted
} release_record;

/// What is served. Digests are empty strings where there is none.
typedef struct release_choice {
  char current[DIGEST_SHA256_HEX_SIZE];
  char previous[DIGEST_SHA256_HEX_SIZE]; ///< what was before `current`: where a rollback leads
  char canary[DIGEST_SHA256_HEX_SIZE];   ///< what gets some of the requests
  uint32_t canary_percent;               ///< how many, from 1 to 99
  uint32_t failures_permille_max;        ///< the canary is taken back when more of its requests fail; 0: never
  uint32_t requests_min;                 ///< how many are looked at before that
  uint32_t window_s;                     ///< over how long
} release_choice;

/// Opens the folder, and makes it where it is missing. With `serve` it is for this process alone until it is closed, and
/// what a killed process left behind is cleaned up. `*out` is the caller's. Errors: those of database_open and
/// file_make_private_directory; `unavailable` when another process serves from it.
ubiq_error *release_store_open(const char *directory, bool serve, release_store **out);

/// NULL is allowed.
void release_store_close(release_store *self);

/// The folder.
const char *release_store_directory(const release_store *self);
/// For the tokens.
database *release_store_database(release_store *self);

/// Opens a new file in incoming/ to receive a bundle. `*path` is the caller's (free).
ubiq_error *release_store_receive(release_store *self, int *descriptor, char **path);

/// Makes a received file the bundle of `digest`, which is its SHA-256: when it returns, file and name are on the disk.
ubiq_error *release_store_keep(release_store *self, const char *path, const char *digest);

/// Where the bundle of a digest lies. The caller's (free); NULL: out of memory.
UBIQ_NODISCARD char *release_store_bundle_path(const release_store *self, const char *digest);

/// What is served.
ubiq_error *release_store_choice(release_store *self, release_choice *out);

/// Changes what is served, in one transaction: `added`, when it is not NULL, is a release that has come (or has come
/// again); `taken_back` gets its note. Forgets the oldest releases when there are too many. Once this returns NULL it holds
/// whatever happens; after an error what was before holds.
ubiq_error *release_store_commit(release_store *self, const release_choice *choice, const release_record *added,
                                 const release_record *taken_back);

/// All releases, the newest first. `*out` is the caller's (free); `*count` may be 0.
ubiq_error *release_store_list(release_store *self, release_record **out, size_t *count);

/// The release whose digest begins with `prefix`. Errors: `not_found`; `invalid_input` when several do.
ubiq_error *release_store_find(release_store *self, text prefix, release_record *out);

/// What the token granted by which a release came: release_record.granted. `*out` is the caller's (free). Errors: `not_found`.
ubiq_error *release_store_granted(release_store *self, const char *digest, char **out);

/// Copies the database of a folder, which a server may be using, to a file that is not there yet. Errors: those of
/// database_open and database_copy.
ubiq_error *release_store_copy(const char *path, const char *target);

#endif
