// See http_aside.h.
//
// DESIGN. Threads are made when a request finds none idle, up to a bound, and end when they were idle for a while. Each
// has its own connections. A request has two owners, as a completion has: the plugin's side and its thread's.
// A child of fork() has none of its parent's threads, and makes its own.
// LOCKS: `crew.mutex` guards the queue and the counts; fork() takes it, so that a child finds it free. A request's mutex guards its end, and is held while the plugin's
// alarm rings.
#include "plugin/host/http_aside.h"

#include "base/clock.h"
#include "base/thread.h"
#include "plugin/host/http.h"

#include <stdlib.h>
#include <string.h>

enum { IDLE_SECONDS = 5 };

struct http_aside {
  atomic_uint shares;
  compiled *compiled; ///< a share: its manifest says which hosts are allowed
  arena arena;        ///< what `request` points to
  fetch_request request;
  fetch_policy policy;
  atomic_bool is_dropped;
  pthread_mutex_t mutex; ///< guards what follows
  plugin *plugin;        ///< NULL: dropped
  bool is_done;
  ubiq_error *error;
  fetch_response response;
  struct http_aside *next; ///< in the queue; guarded by the crew's mutex
};

// The process's threads for this.
static struct {
  pthread_mutex_t mutex;
  pthread_cond_t work;
  http_aside *first, *last; ///< waiting, in order
  unsigned queued, threads, idle;
} crew = {.mutex = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

// -- Requests --

static void give_up(http_aside *self) {
  if (atomic_fetch_sub(&self->shares, 1) != 1) return;
  ubiq_compiled_delete(self->compiled);
  ubiq_error_delete(self->error);
  fetch_response_free(&self->response);
  pthread_mutex_destroy(&self->mutex);
  arena_free(&self->arena);
  free(self);
}

static bool was_dropped(void *user) {
  return atomic_load(&((http_aside *)user)->is_dropped);
}

// What the manifest of an embedder's plugin covers may be private.
static ubiq_error *allow_url(void *user, const fetch_target *target, const net_gate **gate) {
  http_aside *self = user;
  *gate = &net_gate_private;
  return http_check_host(self->compiled->manifest, target);
}

static bool copy_request(http_aside *self, const fetch_request *from) {
  arena *arena = &self->arena;
  fetch_request *to = &self->request;
  fetch_header *headers = arena_array(arena, from->headers_count + 1, sizeof *headers);
  uint8_t *body = arena_array(arena, from->body_size + 1, 1);
  *to = *from;
  to->method = arena_string(arena, from->method, strlen(from->method));
  to->url = arena_string(arena, from->url, strlen(from->url));
  if (!headers || !body || !to->method || !to->url) return false;
  for (size_t i = 0; i < from->headers_count; i++) {
    headers[i].name = arena_string(arena, from->headers[i].name, strlen(from->headers[i].name));
    headers[i].value = arena_string(arena, from->headers[i].value, strlen(from->headers[i].value));
    if (!headers[i].name || !headers[i].value) return false;
  }
  if (from->body_size) memcpy(body, from->body, from->body_size);
  to->headers = headers;
  to->body = body;
  self->policy = (fetch_policy){.allow_url = allow_url, .user = self, .any_host_header = true};
  to->policy = &self->policy;
  return true;
}

static ubiq_error *make(plugin *plugin, const fetch_request *request, http_aside **out) {
  http_aside *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  atomic_init(&self->shares, 1);
  arena_init(&self->arena);
  pthread_mutex_init(&self->mutex, NULL);
  atomic_fetch_add(&plugin->compiled->references, 1);
  self->compiled = plugin->compiled;
  self->plugin = plugin;
  *out = self;
  if (copy_request(self, request)) return NULL;
  give_up(self);
  return ubiq_error_no_memory();
}

// -- Threads --

static void perform(http_aside *self, fetch_client *client) {
  fetch_interrupt interrupt = {.cancelled = was_dropped, .user = self, .wake_fd = -1};
  fetch_response response = {0};
  ubiq_error *error = client ? fetch_client_perform(client, &self->request, &interrupt, &response)
                             : fetch_perform(&self->request, &interrupt, &response);
  pthread_mutex_lock(&self->mutex);
  self->is_done = true;
  self->error = error;
  self->response = response;
  if (self->plugin) alarm_ring(&self->plugin->alarm);
  pthread_mutex_unlock(&self->mutex);
  give_up(self);
}

// The next request, waiting for one for a while; NULL when none came. With the lock held.
static http_aside *next_request(void) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += IDLE_SECONDS;
  int waited = 0;
  crew.idle++;
  while (!crew.first && waited == 0) waited = pthread_cond_clockwait(&crew.work, &crew.mutex, CLOCK_MONOTONIC, &until);
  crew.idle--;
  http_aside *request = crew.first;
  if (!request) return NULL;
  crew.first = request->next;
  crew.queued--;
  return request;
}

static void *run(void *unused) {
  (void)unused;
  fetch_client *client = NULL;
  ubiq_error_delete(fetch_client_new(&client)); // without one, each request has a connection of its own
  pthread_mutex_lock(&crew.mutex);
  for (http_aside *request; (request = next_request()) != NULL;) {
    pthread_mutex_unlock(&crew.mutex);
    perform(request, client);
    pthread_mutex_lock(&crew.mutex);
  }
  crew.threads--;
  pthread_mutex_unlock(&crew.mutex);
  fetch_client_delete(client);
  return NULL;
}

// One for another request, unless there are enough. With the lock held.
static ubiq_error *add_thread(void) {
  if (crew.queued < crew.idle || crew.threads >= HTTP_ASIDE_THREADS_MAX) return NULL;
  pthread_t thread;
  int number = thread_start(&thread, NULL, run, NULL);
  if (number && crew.threads == 0)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "no thread for an HTTP request: %s", strerror(number));
  if (number) return NULL; // it waits for one of those there are
  pthread_detach(thread);
  crew.threads++;
  return NULL;
}

static void before_fork(void) {
  pthread_mutex_lock(&crew.mutex);
}

static void after_fork(void) {
  pthread_mutex_unlock(&crew.mutex);
}

// Requests that were under way or queued are answered in the parent alone: a call that waits for one here meets its
// deadline.
static void after_fork_in_child(void) {
  crew.first = crew.last = NULL;
  crew.queued = crew.threads = crew.idle = 0;
  crew.work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
  after_fork();
}

static void watch_forks(void) {
  (void)pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

ubiq_error *http_aside_start(plugin *plugin, const fetch_request *request, http_aside **out) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  http_aside *self = NULL;
  pthread_once(&once, watch_forks);
  ubiq_error *error = make(plugin, request, &self);
  if (error) return error;
  pthread_mutex_lock(&crew.mutex);
  error = add_thread();
  if (!error) {
    atomic_fetch_add(&self->shares, 1); // the thread's
    *(crew.first ? &crew.last->next : &crew.first) = self;
    crew.last = self;
    crew.queued++;
    pthread_cond_signal(&crew.work);
  }
  pthread_mutex_unlock(&crew.mutex);
  if (error) {
    give_up(self);
    return error;
  }
  *out = self;
  return NULL;
}

bool http_aside_take(http_aside *self, ubiq_error **error, fetch_response *response) {
  pthread_mutex_lock(&self->mutex);
  bool is_done = self->is_done;
  if (is_done) {
    *error = self->error;
    *response = self->response;
    self->error = NULL;
    self->response = (fetch_response){0};
  }
  pthread_mutex_unlock(&self->mutex);
  if (is_done) give_up(self);
  return is_done;
}

void http_aside_drop(http_aside *self) {
  atomic_store(&self->is_dropped, true);
  pthread_mutex_lock(&self->mutex);
  self->plugin = NULL;
  pthread_mutex_unlock(&self->mutex);
  give_up(self);
}
