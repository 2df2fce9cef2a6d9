// The socket lives as long as one of its descriptors: this is another one. A poll and a timer each, because there are few.
#include "server/front/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20 };

struct drain {
  drains *all;
  drain *previous, *next;
  int socket;      ///< owned
  size_t bytes;    ///< that were dropped
  uv_poll_t poll;  ///< its close is the first of two
  uv_timer_t time; ///< frees the whole when it is closed
};

static void timer_closed(uv_handle_t *handle) {
  free(handle->data);
}

static void poll_closed(uv_handle_t *handle) {
  drain *self = handle->data;
  close(self->socket);
  uv_close((uv_handle_t *)&self->time, timer_closed);
}

static void end(drain *self) {
  drains *all = self->all;
  *(self->previous == NULL ? &all->first : &self->previous->next) = self->next;
  if (self->next != NULL) self->next->previous = self->previous;
  all->count--;
  uv_timer_stop(&self->time);
  uv_close((uv_handle_t *)&self->poll, poll_closed);
}

static void time_is_over(uv_timer_t *timer) {
  end(timer->data);
}

/// Of TCP the system drops by itself what is asked for so.
static void drop(uv_poll_t *poll, int status, int events) {
  (void)events;
  drain *self = poll->data;
  ssize_t size = status < 0 ? 0 : recv(self->socket, NULL, READ_BYTES, MSG_TRUNC | MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size > 0) self->bytes += (size_t)size;
  if (size <= 0 || self->bytes > DRAIN_BYTES_MAX) end(self);
}

static void start(drains *all, drain *self) {
  self->all = all;
  self->next = all->first;
  if (self->next != NULL) self->next->previous = self;
  all->first = self;
  all->count++;
  self->poll.data = self->time.data = self;
  uv_timer_init(all->loop, &self->time);
  uv_timer_start(&self->time, time_is_over, DRAIN_MS, 0);
  uv_poll_start(&self->poll, UV_READABLE, drop);
}

void drains_open(drains *self, uv_loop_t *loop) {
  *self = (drains){.loop = loop};
}

void drains_add(drains *self, int socket) {
  if (self->loop == NULL || self->count == DRAINS_MAX) return;
  drain *made = calloc(1, sizeof *made);
  if (made == NULL) return;
  made->socket = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (made->socket < 0 || uv_poll_init(self->loop, &made->poll, made->socket) != 0) {
    if (made->socket >= 0) close(made->socket);
    free(made);
    return;
  }
  shutdown(made->socket, SHUT_WR);
  start(self, made);
}

void drains_close(drains *self) {
  while (self->first != NULL) end(self->first);
  self->loop = NULL;
}
