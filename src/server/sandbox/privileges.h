// What a server gives up for good: root, new privileges, what its parent left open, being looked into.
#ifndef SERVER_SANDBOX_PRIVILEGES_H
#define SERVER_SANDBOX_PRIVILEGES_H

#include "ubiq/error.h"

#include <stdbool.h>
#include <sys/types.h>

enum { IDENTITY_GROUPS_MAX = 64 };

/// Whom a server that root started becomes.
typedef struct identity {
  uid_t user;
  gid_t group;
  gid_t groups[IDENTITY_GROUPS_MAX]; ///< supplementary
  size_t groups_count;
  char *home; ///< owned; NULL: unknown
} identity;

/// Finds `NAME` or `NAME:GROUP`; either may be a number. With a group it is the only one, else the user's own count. Free it
/// with identity_free, also on failure. Errors: `invalid_input` for root, `not_found`.
ubiq_error *identity_find(const char *named, identity *out);
void identity_free(identity *self);

/// Becomes that, for good, in all threads; sets HOME. Who is that already stays so. Errors: `denied` when this process is not
/// root's, `internal` when any of it did not take effect, after which the process must end.
ubiq_error *privileges_become(const identity *who);

/// Gives up the capabilities that a process without root was given, by systemd perhaps, to listen at a port below 1024. This
/// thread's, before there are others. For root: nothing. Errors: `internal`.
ubiq_error *privileges_drop_capabilities(void);

/// Whether this process is root's.
bool privileges_are_root(void);

/// From now on no program that this one starts gets more rights than it has.
ubiq_error *privileges_accept_no_new(void);

/// From now on processes of the same user can neither look into this one's memory nor get it as a core file.
ubiq_error *privileges_hide_memory(void);

/// Closes every descriptor but the standard three, which are opened on /dev/null where they are closed. Before anything of
/// ours is open.
void privileges_close_inherited(void);

#endif
