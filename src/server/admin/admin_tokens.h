// What the tokens of the admin API may ask the platform for.
//
// A token's `--allow` says it. Without: all, or, of one that may only look, what GET answers. Sets are made when
// they are first needed and kept until the end, because runs that somebody began and left alone still point to them.
#ifndef SERVER_ADMIN_ADMIN_TOKENS_H
#define SERVER_ADMIN_ADMIN_TOKENS_H

#include "runtime/auth/access_token.h"
#include "services/permissions/permissions.h"

typedef struct admin_tokens admin_tokens;

/// `*out` is the caller's.
ubiq_error *admin_tokens_new(admin_tokens **out);
/// After all workers have ended. NULL is allowed.
void admin_tokens_delete(admin_tokens *self);

/// What the bearer of a token may; NULL: everything. With `is_nothing`: a set of its that allows nothing. Borrowed until the end.
/// Any thread. Errors: `invalid_input` for what is no permission.
ubiq_error *admin_tokens_permissions(admin_tokens *self, const access_token *who, bool is_nothing,
                                     const permission_set **out);

/// One more that no set has counted. Any thread.
void admin_tokens_count_denial(admin_tokens *self);

/// What was denied to bearers of all tokens. Any thread.
uint64_t admin_tokens_denials(const admin_tokens *self);

#endif
