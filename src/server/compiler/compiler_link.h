// How a server reaches those that compile for it: a socket to them, and one to the process that starts them, which is asked for
// others when they have ended.
//
// Whoever killed them may have been what they compiled. So a request that one of them has taken is not sent again; one that
// nobody has taken is, once: the system tells the two apart.
#ifndef SERVER_COMPILER_COMPILER_LINK_H
#define SERVER_COMPILER_COMPILER_LINK_H

#include "server/compiler/compiler_protocol.h"

#include <stdatomic.h>
#include <sys/types.h>

typedef struct compiler_link {
  pid_t starter; ///< 0: it was buried
  int control;   ///< to the starter; until the end
  int channel;   ///< to the helpers; -1: none that are known to be there
  bool is_asked; ///< for a channel, and nothing was heard yet
  atomic_uint_least64_t starts;
} compiler_link;

/// Starts this program anew, with `arguments`, as what starts helpers (compiler_starter.h), and asks it for the first. Does not wait
/// for it. `out` is closed by the caller. Errors: `internal`.
ubiq_error *compiler_link_open(const char *const *arguments, compiler_link *out);

/// Ends all of them, and waits for that.
void compiler_link_close(compiler_link *self);

/// Sends a request and waits for its reply: somewhat longer than `request->time_ms`, of which waiting for a helper takes away. One
/// thread at a time. Errors: `unavailable`, in words of what is to be done.
ubiq_error *compiler_link_ask(compiler_link *self, compiler_request *request, const int files[COMPILER_FILES],
                              compiler_reply *reply);

/// Whether the process is there that starts them. Any thread.
bool compiler_link_has_starter(const compiler_link *self);

/// Whether helpers are there, as far as anybody knows. As compiler_link_ask.
bool compiler_link_has_helpers(const compiler_link *self);

#endif
