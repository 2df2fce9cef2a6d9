// Where a server listens: `HOST:PORT` to sockets that share one port.
#ifndef SERVER_FRONT_ADDRESS_H
#define SERVER_FRONT_ADDRESS_H

#include "ubiq/error.h"

#include <sys/socket.h>

typedef struct address {
  struct sockaddr_storage storage;
  socklen_t size;
  const char *option; ///< of the command line, for messages; borrowed
} address;

/// Reads `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`; a name is looked up and its first address taken.
/// `option` is what says so, "listen", and is borrowed as long as the address. Errors: `invalid_input`, `not_found` for a
/// name that nobody knows.
ubiq_error *address_parse(const char *option, const char *text, address *out);

/// Whether only this machine can reach it.
bool address_is_loopback(const address *address);

/// Opens `count` listening sockets on one address, so that the kernel spreads connections over them. When the port is 0
/// a free one is taken and written to `address`. `sockets` are the caller's to close. Errors: `unavailable` when the
/// port is in use, `denied`, `internal`.
ubiq_error *address_listen(address *address, unsigned count, int *sockets);

/// Sockets that a server will take over: opened by who may, perhaps root, before it becomes who may not.
typedef struct listeners {
  address address;
  int *sockets; ///< owned
  unsigned count;
} listeners;

/// Reads an address and opens `count` sockets on it. Connections wait until a server takes them. Close it, also on failure.
/// Errors: those of address_parse and address_listen.
ubiq_error *listeners_open(const char *option, const char *text, unsigned count, listeners *out);

/// Closes what was not taken over.
void listeners_close(listeners *self);

/// The address's URL, `http://127.0.0.1:8080`, or https; the caller's (free), NULL when memory is out.
char *address_url(const address *address, bool has_tls);

#endif
