/// DESIGN. libcurl says which sockets it waits for and until when. The sockets go into an epoll set of our own, which
/// is one pollable descriptor for libuv, so that there are two libuv handles in all (the poll and a timer) and no
/// handle's life depends on a socket's. Callbacks of users are called only between calls of libcurl, never from within
/// one: `take_results` reads libcurl's list of what ended; whoever is called from there may change it.
///
/// THREADS. One, the libuv loop's; every entry asserts it.
#include "base/fetch_loop.h"

#include "base/fetch_transfer.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 64 }; ///< events taken from the epoll set in one turn

typedef struct curl_loop curl_loop;
typedef struct curl_request curl_request;

struct curl_request {
  fetch base;
  fetch_transfer *transfer; ///< owned
  fetch_done done;
  void *user;
  curl_request *previous; ///< in the loop's list of requests under way
  curl_request *next;
};

struct curl_loop {
  fetch_loop base;
  CURLM *multi;     ///< owned
  int epoll;        ///< owned; the sockets that libcurl waits for
  uv_poll_t poll;   ///< readable: a socket of the set is ready
  uv_timer_t timer; ///< when libcurl wants to be called whatever happens
  uv_thread_t thread;
  curl_request *first; ///< the requests under way
  size_t count;        ///< of them
  int handles;         ///< libuv handles that are not closed yet
  bool closing;
  void (*closed)(void *user); ///< set by fetch_loop_close
  void *closed_user;
};

static curl_loop *loop_of(const curl_request *handle) {
  return (curl_loop *)handle->base.loop;
}

static void assert_thread(const curl_loop *self) {
  uv_thread_t now = uv_thread_self();
  assert(uv_thread_equal(&now, &self->thread));
  (void)now, (void)self;
}

// ---- The list of requests under way. The libuv handles count for the loop's life only while it has any.

static void set_referenced(curl_loop *self, bool referenced) {
  if (referenced) {
    uv_ref((uv_handle_t *)&self->poll);
    uv_ref((uv_handle_t *)&self->timer);
  } else {
    uv_unref((uv_handle_t *)&self->poll);
    uv_unref((uv_handle_t *)&self->timer);
  }
}

static void link_fetch(curl_request *handle) {
  curl_loop *self = loop_of(handle);
  handle->next = self->first;
  if (self->first) self->first->previous = handle;
  self->first = handle;
  if (self->count++ == 0) set_referenced(self, true);
}

static void unlink_fetch(curl_request *handle) {
  curl_loop *self = loop_of(handle);
  if (handle->previous)
    handle->previous->next = handle->next;
  else
    self->first = handle->next;
  if (handle->next) handle->next->previous = handle->previous;
  if (--self->count == 0 && !self->closing) set_referenced(self, false);
}

/// Takes the newest request out of the list of a loop that is closing; NULL when there is none left.
static curl_request *unlink_first(curl_loop *self) {
  curl_request *handle = self->first;
  if (!handle) return NULL;
  self->first = handle->next;
  if (self->first) self->first->previous = NULL;
  self->count--;
  return handle;
}

// ---- The end of a request.

static void delete_fetch(curl_request *handle) {
  fetch_transfer_delete(handle->transfer);
  free(handle);
}

/// Ends a request that is in no list and no multi handle any more, and tells its owner. `error` is for the owner; with
/// NULL the transfer's own result is.
static void finish(curl_request *handle, ubiq_error *error) {
  fetch_response response = {0};
  fetch_done done = handle->done;
  void *user = handle->user;
  if (!error) error = fetch_transfer_take(handle->transfer, &response);
  delete_fetch(handle);
  done(user, error, &response);
}

/// A hop has ended: goes on with the next one or ends the request.
static void hop_ended(curl_loop *self, curl_request *handle, CURLcode result) {
  CURL *easy = fetch_transfer_easy(handle->transfer);
  curl_multi_remove_handle(self->multi, easy);
  ubiq_error *error = NULL;
  if (fetch_transfer_next(handle->transfer, result)) {
    if (curl_multi_add_handle(self->multi, easy) == CURLM_OK) return;
    error = ubiq_error_no_memory();
  }
  unlink_fetch(handle);
  finish(handle, error);
}

static void take_results(curl_loop *self) {
  int left = 0;
  for (CURLMsg *message; !self->closing && (message = curl_multi_info_read(self->multi, &left)) != NULL;) {
    if (message->msg != CURLMSG_DONE) continue;
    void *handle = NULL;
    CURLcode result = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &handle);
    hop_ended(self, handle, result);
  }
}

// ---- What libuv calls.

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  curl_loop *self = poll->data;
  struct epoll_event ready[EVENTS_AT_ONCE];
  int count = epoll_wait(self->epoll, ready, EVENTS_AT_ONCE, 0);
  for (int i = 0; i < count; i++) {
    int action = (ready[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                 (ready[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                 (ready[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);
    int running = 0;
    curl_multi_socket_action(self->multi, ready[i].data.fd, action, &running);
  }
  take_results(self);
}

static void on_timer(uv_timer_t *timer) {
  curl_loop *self = timer->data;
  int running = 0;
  curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  take_results(self);
}

// ---- What libcurl calls.

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
  (void)easy, (void)known;
  curl_loop *self = user;
  struct epoll_event event = {.data.fd = fd};
  event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(self->epoll, EPOLL_CTL_DEL, fd, NULL);
    return 0;
  }
  if (epoll_ctl(self->epoll, EPOLL_CTL_MOD, fd, &event) == 0) return 0;
  return epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int on_timeout(CURLM *multi, long timeout_ms, void *user) {
  (void)multi;
  curl_loop *self = user;
  if (self->closing || timeout_ms < 0)
    uv_timer_stop(&self->timer);
  else
    uv_timer_start(&self->timer, on_timer, (uint64_t)timeout_ms, 0);
  return 0;
}

// ---- Starting and dropping requests.

static ubiq_error *check_room(const curl_loop *self) {
  if (self->closing) return ubiq_error_new(UBIQ_CANCELLED, "outgoing HTTP is shutting down");
  if (self->count >= FETCH_LOOP_REQUESTS_MAX)
    return ubiq_error_new(UBIQ_BUSY, "%d outgoing HTTP requests are under way; no more are taken",
                          FETCH_LOOP_REQUESTS_MAX);
  return NULL;
}

static ubiq_error *start(fetch_loop *base, const fetch_request *request, fetch_done done, void *user, fetch **handle) {
  curl_loop *loop = (curl_loop *)base;
  assert_thread(loop);
  if (handle) *handle = NULL;
  ubiq_error *error = check_room(loop);
  if (error) return error;
  curl_request *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  *self = (curl_request){.base.loop = base, .done = done, .user = user};
  error = fetch_transfer_new(request, FETCH_BODY_COPIED, &self->transfer);
  if (error) goto fail_transfer;
  fetch_transfer_set_driver(self->transfer, self);
  if (curl_multi_add_handle(loop->multi, fetch_transfer_easy(self->transfer)) != CURLM_OK) {
    error = ubiq_error_no_memory();
    goto fail_add;
  }
  link_fetch(self);
  if (handle) *handle = &self->base;
  return NULL;

fail_add:
  fetch_transfer_delete(self->transfer);
fail_transfer:
  free(self);
  return error;
}

static void cancel(fetch *base) {
  curl_request *handle = (curl_request *)base;
  curl_loop *loop = loop_of(handle);
  assert_thread(loop);
  curl_multi_remove_handle(loop->multi, fetch_transfer_easy(handle->transfer));
  unlink_fetch(handle);
  delete_fetch(handle);
}

static const fetch_loop_functions functions = {.start = start, .cancel = cancel};

// ---- The loop's own life.

static bool set_up_multi(curl_loop *self) {
  CURLM *multi = self->multi;
  return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, self) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_TIMERDATA, self) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)FETCH_LOOP_CONNECTIONS_MAX) == CURLM_OK;
}

static bool set_up(curl_loop *self, uv_loop_t *uv) {
  self->multi = curl_multi_init();
  self->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (!self->multi || self->epoll < 0 || !set_up_multi(self)) return false;
  if (uv_poll_init(uv, &self->poll, self->epoll) != 0) return false;
  uv_timer_init(uv, &self->timer);
  self->handles = 2;
  self->poll.data = self->timer.data = self;
  uv_poll_start(&self->poll, UV_READABLE, on_readable);
  set_referenced(self, false);
  return true;
}

ubiq_error *fetch_loop_new(uv_loop_t *uv, fetch_loop **loop) {
  *loop = NULL;
  ubiq_error *error = fetch_transfer_init();
  if (error) return error;
  curl_loop *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->base.functions = &functions;
  self->thread = uv_thread_self();
  if (!set_up(self, uv)) {
    curl_multi_cleanup(self->multi);
    if (self->epoll >= 0) close(self->epoll);
    free(self);
    return ubiq_error_new(UBIQ_INTERNAL, "outgoing HTTP: out of memory or file descriptors");
  }
  *loop = &self->base;
  return NULL;
}

size_t fetch_loop_in_flight(const fetch_loop *loop) {
  return ((const curl_loop *)loop)->count;
}

/// Gives the memory back when libuv has let go of both handles.
static void on_handle_closed(uv_handle_t *handle) {
  curl_loop *self = handle->data;
  if (--self->handles > 0) return;
  void (*closed)(void *user) = self->closed;
  void *user = self->closed_user;
  free(self);
  if (closed) closed(user);
}

void fetch_loop_close(fetch_loop *base, void (*closed)(void *user), void *user) {
  curl_loop *loop = (curl_loop *)base;
  assert_thread(loop);
  assert(!loop->closing);
  loop->closing = true;
  loop->closed = closed;
  loop->closed_user = user;
  for (curl_request *handle; (handle = unlink_first(loop)) != NULL;) {
    curl_multi_remove_handle(loop->multi, fetch_transfer_easy(handle->transfer));
    finish(handle, ubiq_error_new(UBIQ_CANCELLED, "HTTP request to %s: outgoing HTTP is shutting down",
                                  fetch_transfer_shown(handle->transfer)));
  }
  curl_multi_cleanup(loop->multi);
  loop->multi = NULL;
  uv_close((uv_handle_t *)&loop->poll, on_handle_closed);
  uv_close((uv_handle_t *)&loop->timer, on_handle_closed);
  close(loop->epoll);
}
