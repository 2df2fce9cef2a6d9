/// The classification is two tables of prefixes, the first match wins: one for IPv4, one for IPv6. An entry of the
/// IPv6 table may say that an IPv4 address is carried inside and where; such an address is then looked up in the IPv4
/// table. Sources: the IANA special-purpose address registries (RFC 6890 and successors), RFC 6052 and RFC 8215
/// (NAT64), RFC 3056 (6to4), RFC 4291 (mapped and compatible), and the clouds' manuals for their metadata services.
#include "base/net_gate.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct prefix4 {
  uint8_t bytes[4];
  int bits;
  net_class kind;
} prefix4;

static const prefix4 table4[] = {
    {{169, 254, 169, 254}, 32, NET_METADATA}, // AWS, GCP, Azure, DigitalOcean, OpenStack, ...
    {{169, 254, 170, 2}, 32, NET_METADATA},   // AWS: credentials of ECS tasks
    {{169, 254, 170, 23}, 32, NET_METADATA},  // AWS: credentials of EKS pods
    {{168, 63, 129, 16}, 32, NET_METADATA},   // Azure: WireServer, a public address
    {{100, 100, 100, 200}, 32, NET_METADATA}, // Alibaba
    {{192, 0, 0, 192}, 32, NET_METADATA},     // Oracle
    {{0, 0, 0, 0}, 8, NET_UNSPECIFIED},       // "this network": Linux connects 0.0.0.0 to itself
    {{10, 0, 0, 0}, 8, NET_PRIVATE},          {{100, 64, 0, 0}, 10, NET_SHARED},
    {{127, 0, 0, 0}, 8, NET_LOOPBACK},        {{169, 254, 0, 0}, 16, NET_LINK_LOCAL},
    {{172, 16, 0, 0}, 12, NET_PRIVATE},       {{192, 0, 0, 0}, 24, NET_RESERVED},
    {{192, 0, 2, 0}, 24, NET_RESERVED},                                            // documentation
    {{192, 88, 99, 0}, 24, NET_RESERVED},                                          // 6to4 relays, deprecated
    {{192, 168, 0, 0}, 16, NET_PRIVATE},      {{198, 18, 0, 0}, 15, NET_RESERVED}, // benchmarks
    {{198, 51, 100, 0}, 24, NET_RESERVED},                                         // documentation
    {{203, 0, 113, 0}, 24, NET_RESERVED},                                          // documentation
    {{224, 0, 0, 0}, 4, NET_MULTICAST},       {{255, 255, 255, 255}, 32, NET_BROADCAST},
    {{240, 0, 0, 0}, 4, NET_RESERVED},        {{0, 0, 0, 0}, 0, NET_PUBLIC},
};

typedef struct prefix6 {
  uint8_t bytes[16];
  int bits;
  net_class kind;
  int carried; ///< where the IPv4 address is carried, as a byte's index; 0 when none is
} prefix6;

static const prefix6 table6[] = {
    {{0xfd, 0, 0x0e, 0xc2, [15] = 0x23}, 128, NET_METADATA, 0},              // AWS: credentials of EKS pods
    {{0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128, NET_METADATA, 0}, // AWS
    {{0xfd, 0x20, 0, 0xce, [14] = 0x02, [15] = 0x54}, 128, NET_METADATA, 0}, // GCP
    {{0}, 128, NET_UNSPECIFIED, 0},
    {{[15] = 1}, 128, NET_LOOPBACK, 0},
    {{[10] = 0xff, 0xff}, 96, NET_PUBLIC, 12},         // ::ffff:a.b.c.d, IPv4-mapped
    {{[8] = 0xff, 0xff}, 96, NET_PUBLIC, 12},          // ::ffff:0:a.b.c.d, IPv4-translated
    {{0}, 96, NET_PUBLIC, 12},                         // ::a.b.c.d, IPv4-compatible, deprecated
    {{0, 0x64, 0xff, 0x9b}, 96, NET_PUBLIC, 12},       // 64:ff9b::a.b.c.d, NAT64
    {{0, 0x64, 0xff, 0x9b, 0, 1}, 48, NET_PRIVATE, 0}, // a network's own NAT64: where it leads is its secret
    {{0x20, 0x02}, 16, NET_PUBLIC, 2},                 // 6to4
    {{0x01, 0x00}, 64, NET_RESERVED, 0},               // discard only
    {{0x20, 0x01}, 23, NET_RESERVED, 0},               // Teredo, ORCHID, benchmarks, ...
    {{0x20, 0x01, 0x0d, 0xb8}, 32, NET_RESERVED, 0},   // documentation
    {{0x3f, 0xff}, 20, NET_RESERVED, 0},               // documentation
    {{0x5f, 0x00}, 16, NET_RESERVED, 0},               // segment routing
    {{0xfc, 0}, 7, NET_UNIQUE_LOCAL, 0},
    {{0xfe, 0x80}, 10, NET_LINK_LOCAL, 0},
    {{0xfe, 0xc0}, 10, NET_PRIVATE, 0}, // site-local, deprecated
    {{0xff, 0}, 8, NET_MULTICAST, 0},
    {{0x20, 0}, 3, NET_PUBLIC, 0}, // all that IANA has given out as global unicast
    {{0}, 0, NET_RESERVED, 0},
};

const net_gate net_gate_default = {.allow_private = false, .own = NULL, .own_count = 0};
const net_gate net_gate_private = {.allow_private = true, .own = NULL, .own_count = 0};

static bool prefix_matches(const uint8_t *address, const uint8_t *prefix, int bits) {
  size_t whole = (size_t)bits / 8;
  int rest = bits % 8;
  if (memcmp(address, prefix, whole) != 0) return false;
  return rest == 0 || (address[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

static net_class class_of_4(const uint8_t bytes[4]) {
  for (size_t i = 0; i < sizeof table4 / sizeof *table4; i++) {
    if (prefix_matches(bytes, table4[i].bytes, table4[i].bits)) return table4[i].kind;
  }
  assert(!"the IPv4 table ends with a prefix that matches everything");
  return NET_RESERVED;
}

static net_class class_of_6(const uint8_t bytes[16]) {
  for (size_t i = 0; i < sizeof table6 / sizeof *table6; i++) {
    const prefix6 *entry = &table6[i];
    if (!prefix_matches(bytes, entry->bytes, entry->bits)) continue;
    return entry->carried ? class_of_4(bytes + entry->carried) : entry->kind;
  }
  assert(!"the IPv6 table ends with a prefix that matches everything");
  return NET_RESERVED;
}

net_class net_class_of(const struct sockaddr *address) {
  if (address && address->sa_family == AF_INET) {
    return class_of_4((const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr);
  }
  if (address && address->sa_family == AF_INET6) {
    return class_of_6(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
  }
  return NET_NOT_INTERNET;
}

const char *net_class_text(net_class kind) {
  static const char *const texts[] = {
#define NET_CLASS_TEXT(identifier, text) [NET_##identifier] = (text),
      NET_CLASSES(NET_CLASS_TEXT)
#undef NET_CLASS_TEXT
  };
  return texts[kind];
}

static int port_of(const struct sockaddr *address) {
  if (address->sa_family == AF_INET) return ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
  if (address->sa_family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
  return 0;
}

const char *net_address_text(const struct sockaddr *address, char text[NET_ADDRESS_TEXT_MAX]) {
  char host[INET6_ADDRSTRLEN] = "?";
  if (address && address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, host, sizeof host);
    snprintf(text, NET_ADDRESS_TEXT_MAX, "%s:%d", host, port_of(address));
  } else if (address && address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, host, sizeof host);
    snprintf(text, NET_ADDRESS_TEXT_MAX, "[%s]:%d", host, port_of(address));
  } else {
    snprintf(text, NET_ADDRESS_TEXT_MAX, "a socket of family %d", address ? address->sa_family : -1);
  }
  return text;
}

bool net_address_parse(const char *text, int port, struct sockaddr_storage *address) {
  struct sockaddr_in *four = (struct sockaddr_in *)address;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)port);
    return true;
  }
  if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    return true;
  }
  return false;
}

/// The 16 bytes of an address, an IPv4 one in its mapped form, so that the two forms of one address are equal.
static void address_bytes(const struct sockaddr *address, uint8_t bytes[16]) {
  static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
  if (address->sa_family == AF_INET) {
    memcpy(bytes, mapped, sizeof mapped);
    memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
  } else {
    memcpy(bytes, ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr, 16);
  }
}

/// Whether `address` belongs to this machine: a socket can be bound to it. Only asked when the port is one of ours.
static bool is_local(const struct sockaddr *address) {
  struct sockaddr_storage copy = {0};
  socklen_t size = address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  memcpy(&copy, address, size);
  if (address->sa_family == AF_INET)
    ((struct sockaddr_in *)&copy)->sin_port = 0;
  else
    ((struct sockaddr_in6 *)&copy)->sin6_port = 0;
  int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true; // out of descriptors: the safe answer
  bool local = bind(fd, (const struct sockaddr *)&copy, size) == 0 || errno != EADDRNOTAVAIL;
  close(fd);
  return local;
}

/// Whether a listener on `own` would be reached at `address`. A connection to an unspecified address reaches loopback.
static bool is_own(const struct sockaddr *own, const struct sockaddr *address) {
  net_class own_kind = net_class_of(own);
  if (own_kind == NET_NOT_INTERNET || port_of(own) != port_of(address)) return false;
  if (own_kind == NET_UNSPECIFIED) return is_local(address);
  if (own_kind == NET_LOOPBACK && net_class_of(address) == NET_UNSPECIFIED) return true;
  uint8_t left[16];
  uint8_t right[16];
  address_bytes(own, left);
  address_bytes(address, right);
  return memcmp(left, right, sizeof left) == 0;
}

static bool class_is_allowed(const net_gate *gate, net_class kind) {
  if (kind == NET_PUBLIC) return true;
  return gate->allow_private && kind < NET_METADATA;
}

static ubiq_error *refuse_class(const net_gate *gate, net_class kind, const struct sockaddr *address) {
  char text[NET_ADDRESS_TEXT_MAX];
  if (kind < NET_METADATA && gate->was_private != NULL) *gate->was_private = true;
  return ubiq_error_new(UBIQ_DENIED, "%s is %s; connections to it are not allowed", net_address_text(address, text),
                        net_class_text(kind));
}

ubiq_error *net_gate_check(const net_gate *gate, const struct sockaddr *address) {
  net_class kind = net_class_of(address);
  char text[NET_ADDRESS_TEXT_MAX];
  for (size_t i = 0; i < gate->own_count; i++) {
    if (is_own((const struct sockaddr *)&gate->own[i], address)) {
      return ubiq_error_new(UBIQ_DENIED, "%s is this server's own listener; connections to it are not allowed",
                            net_address_text(address, text));
    }
  }
  return class_is_allowed(gate, kind) ? NULL : refuse_class(gate, kind, address);
}
