/// A small HTTP server for the tests of outgoing HTTP: plain sockets on 127.0.0.1, a free port, a thread for each
/// connection, and paths that behave well or badly on purpose (see `fetch_server_answer`).
#ifndef TEST_UNIT_BASE_FETCH_SERVER_H
#define TEST_UNIT_BASE_FETCH_SERVER_H

#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FETCH_SERVER_CONNECTIONS_MAX = 512, FETCH_SERVER_REQUEST_MAX = 1 << 20 };

typedef struct fetch_server fetch_server;

typedef struct fetch_server_connection {
  fetch_server *server;
  pthread_t thread;
  int fd;
} fetch_server_connection;

struct fetch_server {
  int fd;
  int port;
  pthread_t thread;
  atomic_int connections; ///< accepted so far
  atomic_int requests;    ///< received so far
  int received_fd;        ///< an eventfd that counts requests as they are received; owned
  char url[1024];         ///< of the last `fetch_server_url`
  fetch_server_connection connection[FETCH_SERVER_CONNECTIONS_MAX];
};

/// `http://127.0.0.1:PORT` and a path. Borrowed until the next call.
static inline const char *fetch_server_url(fetch_server *self, const char *path) {
  snprintf(self->url, sizeof self->url, "http://127.0.0.1:%d%s", self->port, path);
  return self->url;
}

static inline bool fetch_server_send(int fd, const void *data, size_t size) {
  for (const char *at = data; size > 0;) {
    ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    at += sent;
    size -= (size_t)sent;
  }
  return true;
}

static inline bool fetch_server_say(int fd, const char *text) {
  return fetch_server_send(fd, text, strlen(text));
}

/// Waits until the client has gone.
static inline bool fetch_server_hang(int fd) {
  char byte;
  while (recv(fd, &byte, 1, 0) > 0) {
  }
  return false;
}

static inline bool fetch_server_reply(int fd, const char *headers, const void *body, size_t size) {
  char head[1024];
  snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", size, headers);
  return fetch_server_say(fd, head) && fetch_server_send(fd, body, size);
}

static inline bool fetch_server_send_filler(int fd, unsigned long long count) {
  char piece[4096];
  memset(piece, 'x', sizeof piece);
  while (count > 0) {
    size_t size = count < sizeof piece ? (size_t)count : sizeof piece;
    if (!fetch_server_send(fd, piece, size)) return false;
    count -= size;
  }
  return true;
}

static inline bool fetch_server_send_chunks(int fd, int count) {
  if (!fetch_server_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-late\r\n\r\n")) return false;
  for (int i = 0; i < count; i++) {
    if (!fetch_server_say(fd, "10\r\n0123456789abcdef\r\n")) return false;
  }
  return fetch_server_say(fd, "0\r\nX-Late: trailer\r\n\r\n");
}

/// `/to/STATUS/LOCATION`; `headers` are further ones.
static inline bool fetch_server_redirect(int fd, const char *arguments, const char *headers, size_t body_size) {
  char head[1024];
  int status = atoi(arguments);
  const char *location = strchr(arguments, '/') + 1;
  snprintf(head, sizeof head, "HTTP/1.1 %d Elsewhere\r\nLocation: %s\r\n%sContent-Length: %zu\r\n\r\n", status,
           location, headers, body_size);
  return fetch_server_say(fd, head) && fetch_server_send_filler(fd, body_size);
}

static inline bool fetch_server_many_headers(int fd, int count) {
  if (!fetch_server_say(fd, "HTTP/1.1 200 OK\r\n")) return false;
  for (int i = 0; i < count; i++) {
    if (!fetch_server_say(fd, "X-Header: 0123456789\r\n")) return false;
  }
  return fetch_server_say(fd, "Content-Length: 0\r\n\r\n");
}

static inline bool fetch_server_long_header(int fd, unsigned long long size) {
  return fetch_server_say(fd, "HTTP/1.1 200 OK\r\nX-Long: ") && fetch_server_send_filler(fd, size) &&
         fetch_server_say(fd, "\r\nContent-Length: 0\r\n\r\n");
}

static inline bool fetch_server_gzip(int fd) {
  static const uint8_t packed[] = {
      0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9,
      0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00, 0x80, 0x88, 0xf9, 0xe5, 0x11, 0x00, 0x00, 0x00,
  };
  return fetch_server_reply(fd, "Content-Encoding: gzip\r\n", packed, sizeof packed);
}

static inline bool fetch_server_odd_headers(int fd) {
  return fetch_server_say(fd, "HTTP/1.1 103 Early Hints\r\nX-Early: hint\r\n\r\n"
                              "HTTP/1.1 201 Created\r\nX-One: first\r\nx-ONE:   second  \r\nX-One: th\xc3\xafrd\r\n"
                              "X-Folded: a\r\n  b\r\nX-Empty:\r\nContent-Length: 2\r\n\r\nok");
}

/// Answers one request; false when the connection is to be closed. `request` is the head and the body as they came.
///
/// - `/echo...`: the whole request as the body     - `/bytes/N`: N bytes, announced by their length
/// - `/chunks/N`: N chunks of 16 bytes, a trailer  - `/endless`: a body without end
/// - `/to/STATUS/LOCATION`: a redirect             - `/heavy-to/STATUS/LOCATION`: one with a body of 1 MiB
/// - `/last`: an answer that ends the connection   - `/last-to/STATUS/LOCATION`: a redirect that does
/// - `/hang`: no answer                            - `/half`: the beginning of an answer
/// - `/gzip`, `/odd-headers`, `/headers/N`, `/long-header/N`, `/nonsense`, `/close`
static inline bool fetch_server_answer(int fd, const char *request, size_t size) {
  char path[512] = "";
  sscanf(request, "%*s %511s", path);
#define FETCH_SERVER_AT(prefix)    (strncmp(path, (prefix), strlen(prefix)) == 0)
#define FETCH_SERVER_AFTER(prefix) (path + strlen(prefix))
  if (FETCH_SERVER_AT("/bytes/")) {
    unsigned long long count = strtoull(FETCH_SERVER_AFTER("/bytes/"), NULL, 10);
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n", count);
    return fetch_server_say(fd, head) && (strncmp(request, "HEAD", 4) == 0 || fetch_server_send_filler(fd, count));
  }
  if (FETCH_SERVER_AT("/chunks/")) return fetch_server_send_chunks(fd, atoi(FETCH_SERVER_AFTER("/chunks/")));
  if (FETCH_SERVER_AT("/endless"))
    return fetch_server_say(fd, "HTTP/1.1 200 OK\r\n\r\n") && fetch_server_send_filler(fd, UINT64_MAX);
  if (FETCH_SERVER_AT("/to/")) return fetch_server_redirect(fd, FETCH_SERVER_AFTER("/to/"), "", 0);
  if (FETCH_SERVER_AT("/heavy-to/")) return fetch_server_redirect(fd, FETCH_SERVER_AFTER("/heavy-to/"), "", 1 << 20);
  if (FETCH_SERVER_AT("/last-to/"))
    return fetch_server_redirect(fd, FETCH_SERVER_AFTER("/last-to/"), "Connection: close\r\n", 0) && false;
  if (FETCH_SERVER_AT("/last")) return fetch_server_reply(fd, "Connection: close\r\n", "", 0) && false;
  if (FETCH_SERVER_AT("/hang")) return fetch_server_hang(fd);
  if (FETCH_SERVER_AT("/half"))
    return fetch_server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") && fetch_server_hang(fd);
  if (FETCH_SERVER_AT("/gzip")) return fetch_server_gzip(fd);
  if (FETCH_SERVER_AT("/odd-headers")) return fetch_server_odd_headers(fd);
  if (FETCH_SERVER_AT("/headers/")) return fetch_server_many_headers(fd, atoi(FETCH_SERVER_AFTER("/headers/")));
  if (FETCH_SERVER_AT("/long-header/"))
    return fetch_server_long_header(fd, strtoull(FETCH_SERVER_AFTER("/long-header/"), NULL, 10));
  if (FETCH_SERVER_AT("/nonsense")) return fetch_server_say(fd, "this is no HTTP\r\n\r\n") && false;
  if (FETCH_SERVER_AT("/close")) return false;
  return fetch_server_reply(fd, "Content-Type: text/plain\r\n", request, size);
#undef FETCH_SERVER_AT
#undef FETCH_SERVER_AFTER
}

/// Reads one request into `request`, which has room for FETCH_SERVER_REQUEST_MAX bytes; 0 when there is none.
static inline size_t fetch_server_read(int fd, char *request) {
  size_t size = 0;
  size_t whole = SIZE_MAX;
  while (size < whole && size < FETCH_SERVER_REQUEST_MAX - 1) {
    ssize_t got = recv(fd, request + size, FETCH_SERVER_REQUEST_MAX - 1 - size, 0);
    if (got <= 0 || request[0] == 0x16) return 0; // gone, or a TLS hello
    size += (size_t)got;
    request[size] = '\0';
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strcasestr(request, "\r\ncontent-length:");
    if (end) whole = (size_t)(end - request) + 4 + (length && length < end ? strtoull(length + 17, NULL, 10) : 0);
  }
  return size;
}

static inline void *fetch_server_serve(void *user) {
  fetch_server_connection *self = user;
  // No malloc here: tests make allocations of the code under test fail one by one.
  char *request = mmap(NULL, FETCH_SERVER_REQUEST_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool open = request != MAP_FAILED;
  while (open) {
    size_t size = fetch_server_read(self->fd, request);
    if (size == 0) break;
    atomic_fetch_add(&self->server->requests, 1);
    uint64_t one = 1;
    if (write(self->server->received_fd, &one, sizeof one) < 0) break;
    open = fetch_server_answer(self->fd, request, size);
  }
  if (request != MAP_FAILED) munmap(request, FETCH_SERVER_REQUEST_MAX);
  shutdown(self->fd, SHUT_RDWR);
  return NULL;
}

static inline void *fetch_server_accept(void *user) {
  fetch_server *self = user;
  for (int count = 0; count < FETCH_SERVER_CONNECTIONS_MAX; count++) {
    int fd = accept(self->fd, NULL, NULL);
    if (fd < 0) break;
    fetch_server_connection *connection = &self->connection[count];
    *connection = (fetch_server_connection){.server = self, .fd = fd};
    atomic_store(&self->connections, count + 1); // before anything is answered there
    int made = pthread_create(&connection->thread, NULL, fetch_server_serve, connection);
    assert(made == 0);
    (void)made;
  }
  return NULL;
}

/// Starts a server. It is the caller's, for `fetch_server_stop`.
static inline fetch_server *fetch_server_start(void) {
  fetch_server *self = calloc(1, sizeof *self);
  assert(self);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  self->received_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  self->fd = socket(AF_INET, SOCK_STREAM, 0);
  int failed = bind(self->fd, (const struct sockaddr *)&address, size) || listen(self->fd, 512) ||
               getsockname(self->fd, (struct sockaddr *)&address, &size) ||
               pthread_create(&self->thread, NULL, fetch_server_accept, self);
  assert(!failed);
  (void)failed;
  self->port = ntohs(address.sin_port);
  return self;
}

/// Closes every connection and ends the server.
static inline void fetch_server_stop(fetch_server *self) {
  shutdown(self->fd, SHUT_RDWR);
  pthread_join(self->thread, NULL);
  close(self->fd);
  for (int i = 0; i < atomic_load(&self->connections); i++) {
    shutdown(self->connection[i].fd, SHUT_RDWR);
    pthread_join(self->connection[i].thread, NULL);
    close(self->connection[i].fd);
  }
  close(self->received_fd);
  free(self);
}

#endif
