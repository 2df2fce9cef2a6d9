/// The gate for outgoing connections: what kind of address a socket is about to be connected to, and may it
/// be.
///
/// A name is not checked here, because what it resolves to may change between a check and its use:
/// `net_gate_check` is asked about the very address that a socket will be connected to, and again about the
/// one that a pooled connection already has. Addresses that carry an IPv4 address inside an IPv6 one count as
/// what they carry.
#ifndef UBIQ_BASE_NET_GATE_H
#define UBIQ_BASE_NET_GATE_H

#include "ubiq/error.h"

#include <stddef.h>
#include <sys/socket.h>

/// The kinds of addresses: X(identifier, the words of a message). Those from METADATA on are never allowed.
#define NET_CLASSES(X)                                                                                                 \
  X(PUBLIC, "a public address")                                                                                        \
  X(UNSPECIFIED, "the unspecified address")                                                                            \
  X(LOOPBACK, "a loopback address")                                                                                    \
  X(LINK_LOCAL, "a link-local address")                                                                                \
  X(PRIVATE, "a private address")                                                                                      \
  X(UNIQUE_LOCAL, "a unique-local address")                                                                            \
  X(SHARED, "an address of a provider's shared range")                                                                 \
  X(RESERVED, "a reserved address")                                                                                    \
  X(METADATA, "an address of a cloud's metadata service")                                                              \
  X(MULTICAST, "a multicast address")                                                                                  \
  X(BROADCAST, "the broadcast address")                                                                                \
  X(NOT_INTERNET, "not an internet address")

typedef enum net_class {
#define NET_CLASS_ENUM(identifier, text) NET_##identifier,
  NET_CLASSES(NET_CLASS_ENUM)
#undef NET_CLASS_ENUM
} net_class;

/// The kind of `address`; NET_NOT_INTERNET for NULL and for every family but IPv4 and IPv6. Any thread.
net_class net_class_of(const struct sockaddr *address);

/// A kind in the words of a message (`"a loopback address"`). A constant.
const char *net_class_text(net_class kind);

/// The longest text that `net_address_text` writes, with its NUL.
enum { NET_ADDRESS_TEXT_MAX = 72 };

/// Writes `address` as `192.0.2.1:80` or `[2001:db8::1]:80` into `text` and returns it.
const char *net_address_text(const struct sockaddr *address, char text[NET_ADDRESS_TEXT_MAX]);

/// Reads a numeric IPv4 or IPv6 address (no name, no brackets) and a port into `address`; false when it is
/// none.
bool net_address_parse(const char *text, int port, struct sockaddr_storage *address);

/// What a gate lets through. All zeroes is the strictest: public addresses alone.
typedef struct net_gate {
  /// Also loopback, link-local, private, unique-local, shared, reserved and unspecified addresses. Metadata,
  /// multicast and broadcast addresses are refused always.
  bool allow_private;
  /// Addresses that this process listens on itself, refused always; a wildcard one (`0.0.0.0`, `::`) stands
  /// for every loopback and unspecified address with its port. Borrowed for as long as the gate is in use;
  /// may be NULL.
  const struct sockaddr_storage *own;
  size_t own_count;
  bool *was_private; ///< set when an address is refused that `allow_private` would let through; NULL: nobody asks
} net_gate;

/// The gate that functions get unless their permissions say otherwise: public addresses alone. A constant.
extern const net_gate net_gate_default;

/// The gate for hosts that a caller's list names already (Extism's `allowed_hosts`): everything but metadata,
/// multicast and broadcast addresses. A constant.
extern const net_gate net_gate_private;

/// Whether a connection to `address` may be made; else an error of class `denied` that names the address and
/// its kind. Any thread.
ubiq_error *net_gate_check(const net_gate *gate, const struct sockaddr *address);

#endif
