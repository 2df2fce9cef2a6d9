// Lists, deadlines and the watch for clients that leave.
#include "server/front/connection.h"

#include "base/log.h"
#include "server/front/front.h"
#include "server/front/head_room.h"
#include "server/front/request.h"
#include "server/front/taken.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
  HANGUPS_AT_ONCE = 64,
  ENDING_MS = 500,
  CLOSING_SECONDS = 1,
  TAKEN_BYTES_MIN = 1024 * 1024, ///< of an answer, in the time that there is
};

// --------------------------------------------------------------------------------------------------------- lists

static void take_out(connection *self) {
  connections *list = &self->front->lists[self->list];
  *(self->previous == NULL ? &list->first : &self->previous->next) = self->next;
  *(self->next == NULL ? &list->last : &self->next->previous) = self->previous;
}

static void put_in(connection *self, connection_list where) {
  connections *list = &self->front->lists[where];
  uint64_t time_ms = self->front->times_ms[where];
  self->list = where;
  self->due_ms = time_ms == UINT64_MAX ? UINT64_MAX : uv_now(&self->front->worker->loop) + time_ms;
  self->previous = list->last;
  self->next = NULL;
  *(list->last == NULL ? &list->first : &list->last->next) = self;
  list->last = self;
}

void connection_move(connection *self, connection_list list) {
  take_out(self);
  put_in(self, list);
}

text connection_header(const connection *self, const char *name) {
  const char *value = NULL;
  size_t size = 0;
  MHD_lookup_connection_value_n(self->mhd, MHD_HEADER_KIND, name, strlen(name), &value, &size);
  return text_trim((text){value, size});
}

// --------------------------------------------------------------------------------------------------- the watch

static bool watch(connection *self) {
  struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = self};
  return epoll_ctl(self->front->hangups_fd, EPOLL_CTL_ADD, self->socket, &event) == 0;
}

static void unwatch(connection *self) {
  epoll_ctl(self->front->hangups_fd, EPOLL_CTL_DEL, self->socket, NULL);
}

/// libmicrohttpd may have read the last bytes without seeing that the end follows them, and would not look again:
/// nothing more comes. Shutting down what the client has shut down already makes another event: here, too, so that it is done
/// once.
static void notice_leaving(connection *self) {
  bool was_noticed = self->has_left;
  self->has_left = true;
  if (self->stage == REQUEST_RUNNING)
    request_abandon(self);
  else if (!was_noticed)
    shutdown(self->socket, SHUT_RD);
}

// ---------------------------------------------------------------------------------------------- coming and going

static connection *open_connection(front *front, struct MHD_Connection *mhd) {
  connection *self = calloc(1, sizeof *self);
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (self == NULL || info == NULL) goto fail;
  self->front = front;
  self->mhd = mhd;
  self->socket = info->connect_fd;
  if (!watch(self)) goto fail;
  run_init(&self->run, front->worker);
  put_in(self, CONNECTION_HEADERS);
  front_connections(front, +1);
  return self;

fail:
  free(self);
  return NULL;
}

/// Whether the client may still be sending. libmicrohttpd refuses heads that are too long for it by itself, before a request is
/// known; then something of it has not been read, nearly always.
static bool is_interrupted(const connection *self) {
  char byte;
  if (self->is_cut) return true;
  bool is_before_request = self->list == CONNECTION_HEADERS || self->list == CONNECTION_IDLE;
  return is_before_request && !self->has_left && recv(self->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void close_connection(connection *self) {
  front *front = self->front;
  unwatch(self);
  if (is_interrupted(self)) drains_add(&front->drains, self->socket);
  take_out(self);
  buffer_free(&self->body);
  free(self);
  front_connections(front, -1);
}

void connection_notice(void *user, struct MHD_Connection *mhd, void **context,
                       enum MHD_ConnectionNotificationCode code) {
  ((front *)user)->calls++;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    *context = open_connection(user, mhd);
  } else if (*context != NULL) {
    close_connection(*context);
    *context = NULL;
  }
}

// ----------------------------------------------------------------------------------------------------- deadlines

/// What a client that is too slow is told, as long as nothing else was sent in its place.
static const char too_slow[] = "HTTP/1.1 408 Request Timeout\r\n"
                               "Connection: close\r\n"
                               "Content-Length: 0\r\n\r\n";

void connection_tell(const connection *self, const char *message) {
  head_tell(self->mhd, self->socket, message);
}

/// Whether the client has taken enough of an answer since it was looked at last, so that it may go on.
static bool is_taking(connection *self) {
  uint64_t before = self->taken_bytes;
  self->taken_bytes = taken_bytes(self->socket);
  return self->taken_bytes - before >= TAKEN_BYTES_MIN;
}

/// What the client has not taken is not kept for it by the system either.
static void drop_answer(const connection *self) {
  const struct linger none = {.l_onoff = 1, .l_linger = 0};
  setsockopt(self->socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

static bool was_refused(const connection *self) {
  return self->list == CONNECTION_BODY && self->stage != REQUEST_BODY;
}

static void time_out(connection *self) {
  static const char *const waited_for[CONNECTION_LISTS] = {[CONNECTION_HEADERS] = "the headers did not come in time",
                                                           [CONNECTION_BODY] = "the body did not come in time",
                                                           [CONNECTION_ANSWER] = "the answer was not taken in time",
                                                           [CONNECTION_IDLE] = "another request did not come in time"};
  bool is_coming = self->list == CONNECTION_HEADERS || self->list == CONNECTION_BODY;
  log_debug("a connection is closed: %s", waited_for[self->list]);
  if (self->list == CONNECTION_ANSWER) drop_answer(self);
  if (is_coming) connection_tell(self, too_slow);
  if (is_coming && !was_refused(self)) request_tell_refusal(self, MHD_HTTP_REQUEST_TIMEOUT);
  shutdown(self->socket, SHUT_RDWR);
  // libmicrohttpd does not look at a socket while it has no room for what comes from it.
  MHD_set_connection_option(self->mhd, MHD_CONNECTION_OPTION_TIMEOUT, CLOSING_SECONDS);
  connection_move(self, CONNECTION_CLOSING);
}

static void look_at_overdue(connection *self) {
  if (self->list == CONNECTION_ANSWER && is_taking(self))
    connection_move(self, CONNECTION_ANSWER);
  else
    time_out(self);
}

void connection_pass_deadlines(front *front) {
  static const connection_list timed[] = {CONNECTION_HEADERS, CONNECTION_BODY, CONNECTION_ANSWER, CONNECTION_IDLE};
  uint64_t now_ms = uv_now(&front->worker->loop);
  for (size_t i = 0; i < sizeof timed / sizeof timed[0]; i++) {
    connections *list = &front->lists[timed[i]];
    while (list->first != NULL && list->first->due_ms <= now_ms) look_at_overdue(list->first);
  }
  if (front->stopping != WORKER_STOP_NONE && now_ms - front->stopping_since_ms >= ENDING_MS) {
    connection_end_list(front, CONNECTION_HEADERS);
    connection_end_list(front, CONNECTION_IDLE);
  }
}

void connection_end_list(front *front, connection_list which) {
  connections *list = &front->lists[which];
  while (list->first != NULL) {
    // What has arrived can still be read and answered; after it comes the end.
    shutdown(list->first->socket, SHUT_RD);
    connection_move(list->first, CONNECTION_CLOSING);
  }
}

void connection_take_hangups(front *front) {
  struct epoll_event events[HANGUPS_AT_ONCE];
  int count;
  do {
    count = epoll_wait(front->hangups_fd, events, HANGUPS_AT_ONCE, 0);
    for (int i = 0; i < count; i++) notice_leaving(events[i].data.ptr);
  } while (count == HANGUPS_AT_ONCE);
}
