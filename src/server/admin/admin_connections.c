#include "server/admin/admin_connections.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_MS_MIN = 20, LOOK_MS_MAX = 1000 };

static uint64_t now_ms(void) {
  return clock_monotonic_ns() / CLOCK_NS_PER_MS;
}

// ------------------------------------------------------------------------------------------------------ the thread

/// libmicrohttpd sees the end of what was shut down, on the connection's own thread.
static void end_overdue(admin_connections *self) {
  for (admin_connection *at = self->first; at != NULL; at = at->next) {
    if (at->due_ms > now_ms()) continue;
    log_debug("a connection to the admin API is closed: what it sends did not come in time");
    shutdown(at->socket, SHUT_RDWR);
    at->due_ms = UINT64_MAX;
  }
}

static void wait_a_while(admin_connections *self) {
  uint64_t wait_ms = self->header_wait_ms / 4;
  if (wait_ms < LOOK_MS_MIN) wait_ms = LOOK_MS_MIN;
  if (wait_ms > LOOK_MS_MAX) wait_ms = LOOK_MS_MAX;
  uint64_t until_ns = clock_monotonic_ns() + wait_ms * CLOCK_NS_PER_MS;
  const struct timespec until = {.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_SECOND),
                                 .tv_nsec = (long)(until_ns % CLOCK_NS_PER_SECOND)};
  pthread_cond_timedwait(&self->news, &self->lock, &until);
}

static void *watch(void *user) {
  admin_connections *self = user;
  pthread_mutex_lock(&self->lock);
  while (!self->is_ending) {
    if (self->first == NULL)
      pthread_cond_wait(&self->news, &self->lock);
    else
      wait_a_while(self);
    end_overdue(self);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

ubiq_error *admin_connections_start(admin_connections *self, void *user, uint64_t header_wait_ms,
                                    uint64_t body_wait_ms) {
  pthread_condattr_t attributes;
  *self = (admin_connections){.user = user, .header_wait_ms = header_wait_ms, .body_wait_ms = body_wait_ms};
  pthread_mutex_init(&self->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&self->news, &attributes);
  pthread_condattr_destroy(&attributes);
  int number = thread_start(&self->thread, NULL, watch, self);
  self->is_started = number == 0;
  if (self->is_started) return NULL;
  return ubiq_error_new(UBIQ_INTERNAL, "the admin API's thread cannot be started: %s", strerror(number));
}

void admin_connections_end(admin_connections *self) {
  if (!self->is_started) return;
  pthread_mutex_lock(&self->lock);
  self->is_ending = true;
  pthread_cond_signal(&self->news);
  pthread_mutex_unlock(&self->lock);
  pthread_join(self->thread, NULL);
  pthread_cond_destroy(&self->news);
  pthread_mutex_destroy(&self->lock);
  self->is_started = false;
}

// ------------------------------------------------------------------------------------------------- the connections

admin_connection *admin_connection_new(admin_connections *all, int socket) {
  admin_connection *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  *self = (admin_connection){.all = all, .due_ms = now_ms() + all->header_wait_ms};
  self->socket = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  pthread_mutex_lock(&all->lock);
  self->next = all->first;
  if (self->next != NULL) self->next->previous = self;
  all->first = self;
  pthread_cond_signal(&all->news);
  pthread_mutex_unlock(&all->lock);
  return self;
}

static void expect(admin_connection *self, uint64_t due_ms) {
  pthread_mutex_lock(&self->all->lock);
  self->due_ms = due_ms;
  pthread_mutex_unlock(&self->all->lock);
}

void admin_connection_expect_body(admin_connection *self) {
  expect(self, now_ms() + self->all->body_wait_ms);
}

void admin_connection_expect_nothing(admin_connection *self) {
  expect(self, UINT64_MAX);
}

void admin_connection_expect_headers(admin_connection *self) {
  expect(self, now_ms() + self->all->header_wait_ms);
}

void admin_connection_announce(admin_connection *self, const char *target) {
  free(self->target);
  self->target = strdup(target);
}

const char *admin_connection_target(const admin_connection *self) {
  return self->target == NULL ? "" : self->target;
}

void admin_connection_delete(admin_connection *self) {
  if (self == NULL) return;
  pthread_mutex_lock(&self->all->lock);
  *(self->previous == NULL ? &self->all->first : &self->previous->next) = self->next;
  if (self->next != NULL) self->next->previous = self->previous;
  pthread_mutex_unlock(&self->all->lock);
  if (self->socket >= 0) close(self->socket);
  free(self->target);
  free(self);
}
