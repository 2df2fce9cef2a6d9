// Tokens of the admin API: random, shown once, kept as hashes in a state folder's database.
//
// A token is `ubiq_` and its id (8 hex digits, to look it up and to name it by), `_` and 64 hex digits of secret. What is
// stored is a SHA-256 of the whole: it has 256 random bits, so that nothing slower is needed.
#ifndef RUNTIME_AUTH_ACCESS_TOKEN_H
#define RUNTIME_AUTH_ACCESS_TOKEN_H

#include "base/database.h"

enum {
  ACCESS_TOKEN_ID_SIZE = 9,    ///< bytes of an id, NUL included
  ACCESS_TOKEN_SIZE = 79,      ///< bytes of a token's text, NUL included
  ACCESS_TOKEN_NAME_MAX = 100, ///< bytes of the name that people give one
  ACCESS_TOKENS_MAX = 1000,
};

typedef struct access_token {
  char id[ACCESS_TOKEN_ID_SIZE];
  char name[ACCESS_TOKEN_NAME_MAX + 1]; ///< what it is for
  bool may_change;                      ///< else it may only look
  uint64_t created_ms;                  ///< wall clock, as `expires_ms`
  uint64_t expires_ms;                  ///< 0: never
  // Permissions (services/permissions/permissions.h), a line each. Owned, but for access_token_new.
  char *allowed; ///< what it may ask the platform's API for; NULL: what `may_change` says
  char *granted; ///< what bundles that it deploys may ask for at most; NULL: what the operator grants
} access_token;

/// Whether it may deploy and go back. One that is for some of the platform's API deploys only when it says what it
/// grants: else its bearer would get further by a bundle.
bool access_token_may_deploy(const access_token *self);

/// Frees what a token holds that was found.
void access_token_clear(access_token *self);

/// Makes a token. Of `token`, all but the id and `created_ms` is read; those are filled in. `out` is to be shown
/// or written, once. Errors: those of database_query; `quota` when there are too many.
ubiq_error *access_token_new(database *database, access_token *token, char out[ACCESS_TOKEN_SIZE]);

/// Where there is no token at all, makes one that may change and never expires, in the file `path` that only this user may
/// read. Errors: those of access_token_new and file_write_atomic.
ubiq_error *access_token_first(database *database, const char *path);

/// Finds who presents `presented`. `*out` is the caller's (access_token_clear). Takes the same time for every wrong
/// secret. Errors: `denied` for one that is not known, was revoked or has expired.
ubiq_error *access_token_check(database *database, text presented, uint64_t now_ms, access_token *out);

/// All tokens, in the order of their making. `*out` is the caller's (access_token_list_delete).
ubiq_error *access_token_list(database *database, access_token **out, size_t *count);

void access_token_list_delete(access_token *tokens, size_t count);

/// Takes a token away. Errors: `not_found`.
ubiq_error *access_token_revoke(database *database, const char *id);

#endif
