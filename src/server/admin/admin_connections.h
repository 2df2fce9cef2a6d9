// The admin API's connections, and a thread that ends those which keep it waiting: there are few, and whoever holds them all,
// however slowly, must not keep others from going back to a release that works.
//
// LOCKS: one, around the list and what each is waited for.
#ifndef SERVER_ADMIN_ADMIN_CONNECTIONS_H
#define SERVER_ADMIN_ADMIN_CONNECTIONS_H

#include "ubiq/error.h"

#include <pthread.h>

typedef struct admin_connection {
  struct admin_connections *all;
  int socket;      ///< a copy of libmicrohttpd's, which closes its own before it says so
  uint64_t due_ms; ///< monotonic: what is waited for has to be there; UINT64_MAX: nothing is
  char *target;    ///< of its last request line, escapes as they were sent; owned; NULL: none, or memory was out
  struct admin_connection *previous, *next; ///< in the list
} admin_connection;

typedef struct admin_connections {
  void *user;              ///< whoever needs it: found from a connection
  uint64_t header_wait_ms; ///< from a connection's beginning, or an answer, to the end of the next headers
  uint64_t body_wait_ms;   ///< from there to the end of the body
  pthread_mutex_t lock;
  pthread_cond_t news; ///< a connection has come, or the end
  admin_connection *first;
  bool is_ending;
  pthread_t thread;
  bool is_started;
} admin_connections;

/// Makes an empty list and starts its thread. `self` must not move. Errors: `internal`.
ubiq_error *admin_connections_start(admin_connections *self, void *user, uint64_t header_wait_ms,
                                    uint64_t body_wait_ms);

/// After the last connection has gone. One that was never started, but zeroed, is allowed.
void admin_connections_end(admin_connections *self);

/// A connection has come: its headers are waited for. NULL when memory is out.
admin_connection *admin_connection_new(admin_connections *all, int socket);
/// A request line has come. Its thread.
void admin_connection_announce(admin_connection *self, const char *target);
/// The target of the request line that came last: path and query, escapes as they were sent.
const char *admin_connection_target(const admin_connection *self);
/// Its headers have come: its body is waited for.
void admin_connection_expect_body(admin_connection *self);
/// All has come: its answer takes as long as it takes.
void admin_connection_expect_nothing(admin_connection *self);
/// It was answered: the next headers are waited for.
void admin_connection_expect_headers(admin_connection *self);
/// It has gone. NULL is allowed.
void admin_connection_delete(admin_connection *self);

#endif
