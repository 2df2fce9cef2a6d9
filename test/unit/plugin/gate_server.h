/// An HTTP server on 127.0.0.1 that answers nothing until its gate is opened, and then everything: for tests with many
/// requests under way at once. The answer's body is the request's path. One thread, any number of connections.
#ifndef UBIQ_TEST_GATE_SERVER_H
#define UBIQ_TEST_GATE_SERVER_H

#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GATE_CONNECTIONS_MAX = 1024, GATE_REQUEST_MAX = 1024 };

typedef struct gate_connection {
  size_t size; ///< bytes of `request` so far
  bool whole;
  char request[GATE_REQUEST_MAX];
} gate_connection;

typedef struct gate_server {
  int port;
  int listening;
  int event; ///< wakes the thread after `is_open` or `stops` changed
  pthread_t thread;
  atomic_bool is_open, stops;
  atomic_int held; ///< requests that wait for the gate
  size_t count;
  struct pollfd polled[GATE_CONNECTIONS_MAX + 2];
  gate_connection connections[GATE_CONNECTIONS_MAX];
} gate_server;

static inline void gate_answer(int fd, gate_connection *connection) {
  char path[256] = "", answer[512];
  sscanf(connection->request, "%*s %255s", path);
  int size = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(path), path);
  send(fd, answer, (size_t)size, MSG_NOSIGNAL);
  connection->size = 0;
  connection->whole = false;
}

static inline void gate_read(gate_server *self, size_t index) {
  gate_connection *connection = &self->connections[index];
  struct pollfd *polled = &self->polled[index + 2];
  ssize_t got = recv(polled->fd, connection->request + connection->size, GATE_REQUEST_MAX - 1 - connection->size, 0);
  if (got <= 0) {
    close(polled->fd);
    polled->fd = -1;
    return;
  }
  connection->size += (size_t)got;
  connection->request[connection->size] = '\0';
  connection->whole = strstr(connection->request, "\r\n\r\n") != NULL;
  atomic_fetch_add(&self->held, connection->whole);
}

static inline void *gate_run(void *user) {
  gate_server *self = user;
  while (!atomic_load(&self->stops)) {
    poll(self->polled, self->count + 2, -1);
    uint64_t ignored;
    if (self->polled[1].revents && read(self->event, &ignored, sizeof ignored) < 0) break;
    if (self->polled[0].revents && self->count < GATE_CONNECTIONS_MAX) {
      self->connections[self->count].size = 0;
      self->polled[self->count + 2] = (struct pollfd){.fd = accept(self->listening, NULL, NULL), .events = POLLIN};
      self->count++;
    }
    for (size_t i = 0; i < self->count; i++) {
      if (self->polled[i + 2].revents) gate_read(self, i);
      if (self->connections[i].whole && self->polled[i + 2].fd >= 0 && atomic_load(&self->is_open))
        gate_answer(self->polled[i + 2].fd, &self->connections[i]);
    }
  }
  for (size_t i = 0; i < self->count; i++)
    if (self->polled[i + 2].fd >= 0) close(self->polled[i + 2].fd);
  return NULL;
}

static inline gate_server *gate_start(void) {
  gate_server *self = calloc(1, sizeof *self);
  assert(self);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  self->event = eventfd(0, EFD_CLOEXEC);
  self->listening = socket(AF_INET, SOCK_STREAM, 0);
  int failed = bind(self->listening, (const struct sockaddr *)&address, size) || listen(self->listening, 512) ||
               getsockname(self->listening, (struct sockaddr *)&address, &size);
  self->port = ntohs(address.sin_port);
  self->polled[0] = (struct pollfd){.fd = self->listening, .events = POLLIN};
  self->polled[1] = (struct pollfd){.fd = self->event, .events = POLLIN};
  failed = failed || pthread_create(&self->thread, NULL, gate_run, self);
  assert(!failed);
  (void)failed;
  return self;
}

static inline void gate_poke(gate_server *self) {
  uint64_t one = 1;
  ssize_t written = write(self->event, &one, sizeof one);
  assert(written == sizeof one);
  (void)written;
}

static inline void gate_open(gate_server *self) {
  atomic_store(&self->is_open, true);
  gate_poke(self);
}

static inline void gate_stop(gate_server *self) {
  atomic_store(&self->stops, true);
  gate_poke(self);
  pthread_join(self->thread, NULL);
  close(self->listening);
  close(self->event);
  free(self);
}

#endif
