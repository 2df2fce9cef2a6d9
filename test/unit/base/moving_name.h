/// A name whose address changes from one look-up to the next, and a network that ends at this machine, for the tests of
/// outgoing HTTP.
///
/// libc's functions are defined anew here, so that libcurl's calls of them come here too, those of its own threads
/// included. At most one source of a program includes this. No name is asked of anybody else, and no packet
/// leaves the machine: what is connected to MOVING_NAME_PUBLIC reaches the same port of loopback (and says that it did
/// not), a connection to what is neither that nor loopback fails and is counted.
#ifndef TEST_UNIT_BASE_MOVING_NAME_H
#define TEST_UNIT_BASE_MOVING_NAME_H

#include <arpa/inet.h>
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MOVING_NAME        "moving.example.com"
#define MOVING_NAME_PUBLIC "8.8.4.4" ///< a public address that is loopback here

enum {
  MOVING_NAME_DESCRIPTORS_MAX = 1024,
  MOVING_NAME_STEP_S = 3600, ///< longer than libcurl remembers an address
};

/// What the test says is said before a request and read by threads that the request makes.
static struct {
  const char *first;        ///< what the first look-up finds: addresses with a blank between them; constant
  const char *next;         ///< what each further one finds
  atomic_bool is_forgotten; ///< time leaps at each look at the clock: libcurl forgets at once what it has looked up
  atomic_long leapt_s;      ///< by how much, so far
  atomic_int look_ups;      ///< of the name, so far
  atomic_int connections;   ///< to this machine that were begun, so far
  atomic_int strays;        ///< to other machines that were tried, so far
  atomic_bool is_public[MOVING_NAME_DESCRIPTORS_MAX]; ///< sockets that believe to be connected to MOVING_NAME_PUBLIC
} moving_name;

/// Begins anew: the next look-up finds `first`, all further ones `next`.
static inline void moving_name_begin(const char *first, const char *next) {
  moving_name.first = first;
  moving_name.next = next;
  atomic_store(&moving_name.is_forgotten, false);
  atomic_store(&moving_name.look_ups, 0);
  atomic_store(&moving_name.connections, 0);
  atomic_store(&moving_name.strays, 0);
}

#define MOVING_NAME_REAL(function, name) *(void **)&(function) = dlsym(RTLD_NEXT, (name))

typedef int (*moving_name_finder)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/// Puts what libc makes of each address of `list` into one list, which is one of libc's too: it frees them one by one.
static int moving_name_find(moving_name_finder find, const char *list, const char *service,
                            const struct addrinfo *hints, struct addrinfo **result) {
  char words[256];
  char *rest = NULL;
  int written = snprintf(words, sizeof words, "%s", list);
  assert(written > 0 && (size_t)written < sizeof words);
  (void)written;
  *result = NULL;
  for (const char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
    int failed = find(word, service, hints, result);
    if (failed) return failed;
    while (*result != NULL) result = &(*result)->ai_next;
  }
  return 0;
}

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *asked, struct addrinfo **result) {
  moving_name_finder find = NULL;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  MOVING_NAME_REAL(find, "getaddrinfo");
  if (asked != NULL) hints = *asked;
  hints.ai_flags |= AI_NUMERICHOST;
  if (strcmp(name, MOVING_NAME) != 0) return find(name, service, &hints, result);
  hints.ai_family = AF_UNSPEC; // on a machine without IPv6, too
  bool is_first = atomic_fetch_add(&moving_name.look_ups, 1) == 0;
  return moving_name_find(find, is_first ? moving_name.first : moving_name.next, service, &hints, result);
}

__attribute__((visibility("default"))) time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  long step = atomic_load(&moving_name.is_forgotten) ? MOVING_NAME_STEP_S : 0;
  time_t seconds = now.tv_sec + step + atomic_fetch_add(&moving_name.leapt_s, step);
  if (out != NULL) *out = seconds;
  return seconds;
}

static inline void moving_name_mark(int fd, bool is_public) {
  if (fd >= 0 && fd < MOVING_NAME_DESCRIPTORS_MAX) atomic_store(&moving_name.is_public[fd], is_public);
}

static inline bool moving_name_is_local(const struct sockaddr_in *address) {
  return ntohl(address->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/// The types of addresses are glibc's own.
__attribute__((visibility("default"))) int connect(int fd, __CONST_SOCKADDR_ARG asked, socklen_t size) {
  int (*real)(int, const struct sockaddr *, socklen_t) = NULL;
  const struct sockaddr *address = asked.__sockaddr__;
  struct sockaddr_in internet = {0};
  MOVING_NAME_REAL(real, "connect");
  moving_name_mark(fd, false);
  if (address->sa_family != AF_INET && address->sa_family != AF_INET6) return real(fd, address, size);
  if (address->sa_family == AF_INET) memcpy(&internet, address, sizeof internet);
  if (internet.sin_addr.s_addr == inet_addr(MOVING_NAME_PUBLIC)) {
    moving_name_mark(fd, true);
    internet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  bool is_local = moving_name_is_local(&internet);
  atomic_fetch_add(is_local ? &moving_name.connections : &moving_name.strays, 1);
  if (is_local) return real(fd, (const struct sockaddr *)&internet, sizeof internet);
  errno = ENETUNREACH;
  return -1;
}

__attribute__((visibility("default"))) int getpeername(int fd, __SOCKADDR_ARG out, socklen_t *size) {
  int (*real)(int, struct sockaddr *, socklen_t *) = NULL;
  struct sockaddr *address = out.__sockaddr__;
  struct sockaddr_in internet;
  MOVING_NAME_REAL(real, "getpeername");
  int failed = real(fd, address, size);
  if (failed || fd >= MOVING_NAME_DESCRIPTORS_MAX || !atomic_load(&moving_name.is_public[fd])) return failed;
  memcpy(&internet, address, sizeof internet);
  internet.sin_addr.s_addr = inet_addr(MOVING_NAME_PUBLIC);
  memcpy(address, &internet, sizeof internet);
  return 0;
}

#endif
