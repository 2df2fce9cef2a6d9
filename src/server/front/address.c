// Sockets with SO_REUSEPORT. Because that option also lets a second server of the same user in unnoticed, the port is
// first taken without it.
#include "server/front/address.h"

#include "base/buffer.h"
#include "base/net_gate.h"
#include "base/text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOST_BYTES_MAX = 255 };

#define ADDRESS_FORM "HOST:PORT, for example 127.0.0.1:8080, [::1]:8080 or localhost:0 for a free port"

static ubiq_error *malformed(const char *option, const char *text) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "--%s is \"%s\"; expected " ADDRESS_FORM, option, text);
}

/// Splits off the port; the host comes without brackets.
static bool split(text value, text *host, uint64_t *port) {
  size_t colon = value.size;
  while (colon > 0 && value.data[colon - 1] != ':') colon--;
  if (colon < 2 || !text_to_u64((text){value.data + colon, value.size - colon}, port) || *port > 65535) return false;
  *host = (text){value.data, colon - 1};
  bool brackets = host->size >= 2 && host->data[0] == '[' && host->data[host->size - 1] == ']';
  if (brackets) *host = (text){host->data + 1, host->size - 2};
  bool colons = memchr(host->data, ':', host->size) != NULL;
  return brackets == colons && host->size > 0 && host->size <= HOST_BYTES_MAX;
}

static ubiq_error *look_up(const char *host, const char *shown, address *out) {
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  int number = getaddrinfo(host, NULL, &hints, &found);
  if (number != 0)
    return ubiq_error_new(UBIQ_NOT_FOUND, "--%s is \"%s\"; the host \"%s\" is not known: %s", out->option, shown, host,
                          gai_strerror(number));
  memcpy(&out->storage, found->ai_addr, found->ai_addrlen);
  out->size = found->ai_addrlen;
  freeaddrinfo(found);
  return NULL;
}

static void set_port(address *self, uint16_t port) {
  if (self->storage.ss_family == AF_INET6)
    ((struct sockaddr_in6 *)&self->storage)->sin6_port = htons(port);
  else
    ((struct sockaddr_in *)&self->storage)->sin_port = htons(port);
}

static uint16_t port_of(const address *self) {
  return ntohs(self->storage.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&self->storage)->sin6_port
                                                   : ((const struct sockaddr_in *)&self->storage)->sin_port);
}

ubiq_error *address_parse(const char *option, const char *value, address *out) {
  text host;
  uint64_t port;
  char name[HOST_BYTES_MAX + 1] = "";
  *out = (address){.option = option};
  if (!split(text_of(value), &host, &port)) return malformed(option, value);
  memcpy(name, host.data, host.size);
  ubiq_error *error = look_up(name, value, out);
  if (error == NULL) set_port(out, (uint16_t)port);
  return error;
}

static ubiq_error *listen_error(const address *address, int number) {
  char shown[NET_ADDRESS_TEXT_MAX];
  net_address_text((const struct sockaddr *)&address->storage, shown);
  if (number == EADDRINUSE)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "%s: is in use by another program; choose another port with --%s", shown,
                          address->option);
  if (number == EACCES)
    return ubiq_error_new(UBIQ_DENIED, "%s: this user may not listen there; choose a port from 1024 on", shown);
  return ubiq_error_new(UBIQ_INTERNAL, "%s: cannot listen: %s", shown, strerror(number));
}

/// A listening socket, or -1 with errno set.
static int open_socket(const address *address, bool shared) {
  const int on = 1;
  int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  bool good = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
              bind(fd, (const struct sockaddr *)&address->storage, address->size) == 0 && listen(fd, SOMAXCONN) == 0;
  if (good) return fd;
  int number = errno;
  close(fd);
  errno = number;
  return -1;
}

/// Fails when somebody listens at the port already.
static ubiq_error *check_free(const address *address) {
  if (port_of(address) == 0) return NULL;
  int fd = open_socket(address, false);
  if (fd < 0) return listen_error(address, errno);
  close(fd);
  return NULL;
}

static void learn_port(address *self, int fd) {
  struct sockaddr_storage bound;
  socklen_t size = sizeof bound;
  if (getsockname(fd, (struct sockaddr *)&bound, &size) == 0) memcpy(&self->storage, &bound, size);
}

ubiq_error *address_listen(address *address, unsigned count, int *sockets) {
  ubiq_error *error = check_free(address);
  unsigned opened = 0;
  for (; opened < count && error == NULL; opened++) {
    sockets[opened] = open_socket(address, true);
    if (sockets[opened] < 0) {
      error = listen_error(address, errno);
      break;
    }
    if (opened == 0) learn_port(address, sockets[0]);
  }
  while (error != NULL && opened > 0) close(sockets[--opened]);
  return error;
}

ubiq_error *listeners_open(const char *option, const char *text, unsigned count, listeners *out) {
  *out = (listeners){.sockets = calloc(count, sizeof *out->sockets)};
  if (out->sockets == NULL) return ubiq_error_no_memory();
  ubiq_error *error = address_parse(option, text, &out->address);
  if (error == NULL) error = address_listen(&out->address, count, out->sockets);
  if (error == NULL) out->count = count;
  return error;
}

void listeners_close(listeners *self) {
  while (self->count > 0) close(self->sockets[--self->count]);
  free(self->sockets);
  self->sockets = NULL;
}

bool address_is_loopback(const address *address) {
  return net_class_of((const struct sockaddr *)&address->storage) == NET_LOOPBACK;
}

char *address_url(const address *address, bool has_tls) {
  char shown[NET_ADDRESS_TEXT_MAX];
  buffer url = {0};
  net_address_text((const struct sockaddr *)&address->storage, shown);
  char *taken = buffer_printf(&url, "%s://%s", has_tls ? "https" : "http", shown) ? buffer_take_string(&url) : NULL;
  buffer_free(&url);
  return taken;
}
