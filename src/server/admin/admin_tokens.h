// What the tokens of the admin API may ask the platform for.
//
// A token's `--allow` says it. Without: all, or, of one that may only look, what GET answers. A token's set is made when it is first
// needed, and counts what was denied to its bearers. When one is made, those are let go whose tokens were revoked or have
// expired; each ends with the last that has a share of it, which may be a run that somebody began and left alone.
#ifndef SERVER_ADMIN_ADMIN_TOKENS_H
#define SERVER_ADMIN_ADMIN_TOKENS_H

#include "runtime/auth/access_token.h"
#include "services/permissions/permissions.h"

typedef struct admin_tokens admin_tokens;

/// `*out` is the caller's.
ubiq_error *admin_tokens_new(admin_tokens **out);
/// NULL is allowed.
void admin_tokens_delete(admin_tokens *self);

/// What the bearer of a token may, in `out`, which is empty: a share of its set, for permissions_let_go; none: everything. With
/// `is_nothing`: a set of its that allows nothing. `database` has the tokens. Any thread. Errors: `invalid_input` for what is no
/// permission.
ubiq_error *admin_tokens_permissions(admin_tokens *self, database *database, const access_token *who, bool is_nothing,
                                     permissions *out);

/// One more that no set has counted. Any thread.
void admin_tokens_count_denial(admin_tokens *self);

/// What was denied to bearers of all tokens, also of those that are no more. Any thread.
uint64_t admin_tokens_denials(const admin_tokens *self);

/// How many sets it has a share of. Any thread.
size_t admin_tokens_sets(const admin_tokens *self);

#endif
