// The admin API: HTTP on a port of its own, for who has a token. docs/admin.md says what it answers.
//
// It shares nothing with the workers but what releases.h hands them: each of its few connections has a thread, where
// receiving a bundle and compiling it may take their time. Its routes are a table and a router of their own: no function is
// ever reached by them, nor they by a function.
#ifndef SERVER_ADMIN_ADMIN_H
#define SERVER_ADMIN_ADMIN_H

#include "server/releases/releases.h"

typedef struct admin admin;

/// Borrowed as long as the admin API lives.
typedef struct admin_settings {
  const char *listen;       ///< HOST:PORT; port 0: a free one
  const char *const *hosts; ///< names that requests may give as their Host, beside numeric addresses and localhost
  size_t hosts_count;
  struct log_ring *logs;   ///< what is told of logs
  uint64_t header_wait_ms; ///< how long a connection may take to send its headers
} admin_settings;

/// Binds the address, so that functions can be kept from it; answers nobody yet. `*out` is the caller's. Errors: those of
/// address_parse and address_listen.
ubiq_error *admin_new(const admin_settings *settings, admin **out);

/// Where it listens. Lives as long as the admin API.
const struct sockaddr_storage *admin_address(const admin *self);

/// Begins to answer. All are borrowed; `tls` NULL: without TLS. Errors: `internal`.
ubiq_error *admin_start(admin *self, releases *releases, server *server, struct tls *tls);

/// `http://HOST:PORT`, or https. Lives as long as the admin API, once it is started.
const char *admin_url(const admin *self);

/// Ends its connections, waits for what they are doing, and ends it. NULL is allowed.
void admin_delete(admin *self);

#endif
