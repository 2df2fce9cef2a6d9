// What a function may ask services for.
//
//     kv:write:user:*                  service:action:pattern
//     http:get:api.example.com/v1/*    an action is what the service calls it; of http, the method
//     events:publish:order.*
//     cache:*                          any action; no pattern: anything
//     *                                everything
//
// In a pattern `*` is any run of bytes; there is no other wildcard and no escape. Of http the part before the first slash is
// the host, with its port where that is not the scheme's, and the rest the path (none: any); a `*` of the host never reaches
// into the path. Nothing is allowed that is not listed, but the log always is.
//
// A set is made once and never changes but for what it counts: any thread. A check allocates nothing when it allows.
#ifndef SERVICES_PERMISSIONS_PERMISSIONS_H
#define SERVICES_PERMISSIONS_PERMISSIONS_H

#include "base/buffer.h"
#include "base/text.h"
#include "ubiq/error.h"

enum {
  PERMISSION_BYTES_MAX = 1024,
  PERMISSIONS_MAX = 256,      ///< of one set
  PERMISSIONS_SETS_MAX = 20,  ///< functions that call each other, more than may
  PERMISSIONS_DENIED_MAX = 8, ///< that a set remembers
};

typedef struct permission_set permission_set;

/// What is asked for.
typedef struct permission_ask {
  text service, action; ///< "kv", "write"
  text subject;         ///< normalised as the service says; compared byte for byte
  bool is_prefix;       ///< all subjects that begin with it
} permission_ask;

/// Who asks: a function and, when functions called it, those. All must be allowed.
typedef struct permissions {
  const permission_set *sets[PERMISSIONS_SETS_MAX];
  size_t count; ///< 0: nothing is allowed
} permissions;

/// Checks the form of one permission. Errors: `invalid_input`.
ubiq_error *permission_check_form(text permission);

/// Makes the set of a function's permissions; `owner` is its name, for messages. Everything is copied. `*out` is the caller's.
/// Errors: `invalid_input` for the first that has no such form, and when there are too many.
ubiq_error *permission_set_new(text owner, const text *list, size_t count, permission_set **out);
/// The same of a token of the admin API, whose permissions are lines. What it is denied is told in a token's words.
ubiq_error *permission_set_of_token(text owner, text lines, permission_set **out);
/// Lets one owner's share go; the last ends it. NULL is allowed.
void permission_set_delete(permission_set *self);

/// Whether somebody else has a share, too. Any thread; once it is not so, only a new share by the caller's changes that.
bool permission_set_is_shared(const permission_set *self);

/// The name in messages; lives as long as the set.
text permission_set_owner(const permission_set *self);
bool permission_set_is_token(const permission_set *self);
/// Whether it is a token's. Before anybody else has the set.
void permission_set_mark_token(permission_set *self, bool is_token);

/// Whether the set allows all that `permission`, whose form is good, would allow.
bool permission_set_covers(const permission_set *self, text permission);

/// Adds a set, unless it is there. False when there are too many.
bool permissions_join(permissions *self, const permission_set *set);

/// One more owner for each of the sets, so that they outlive who has them now; and one less, after which there are none.
void permissions_hold(const permissions *self);
void permissions_let_go(permissions *self);

/// Errors: `denied`, with the permission that is missing in words to be put into ubiq.toml.
ubiq_error *permissions_check(const permissions *self, const permission_ask *ask);

/// Whether each set allows it by a permission that says the whole host of `ask`, an outgoing request, without `*`.
bool permissions_name_host(const permissions *self, const permission_ask *ask);

/// Denies an outgoing request to a host that some set allows by a `*` alone: says what would name it. Returns the error `denied`; NULL when
/// all sets name it.
ubiq_error *permissions_deny_host(const permissions *self, const permission_ask *ask);

/// Denies what no set allows: counts it and logs it as permissions_check does. Returns the error `denied`.
ubiq_error *permission_set_deny(const permission_set *self, const permission_ask *ask);

/// What a set has seen, for people.
typedef struct permission_use {
  text permission;
  bool is_used; ///< something was allowed by it
} permission_use;
size_t permission_set_count(const permission_set *self);
permission_use permission_set_use(const permission_set *self, size_t index);
/// How often the set denied something.
uint64_t permission_set_denials(const permission_set *self);
/// Appends what it denied, one permission a line, without those that are there twice and the most but a few. False when memory
/// is out.
UBIQ_NODISCARD bool permission_set_denied(const permission_set *self, buffer *out);

/// Appends the subject of an outgoing request: the host in lower case without the dot at its end, the port where it is not
/// `default_port`, the path (which begins with a slash) without dot segments and needless escapes. False when memory is out.
UBIQ_NODISCARD bool permission_http_subject(buffer *out, text host, uint16_t port, uint16_t default_port, text path);

#endif
