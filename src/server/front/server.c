// Makes workers and fronts in pairs and ends them the other way round.
#include "server/front/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/front/address.h"
#include "server/front/background.h"
#include "server/front/front.h"
#include "server/telemetry/otlp.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/// A worker and what it is fed by.
typedef struct pair {
  struct server *server;
  worker *worker;
  front *front;
} pair;

struct server {
  server_settings settings;
  address address;                ///< where it listens
  struct sockaddr_storage own[2]; ///< that, and the admin API: functions never get there
  size_t own_count;
  char *url;
  admission *admission;   ///< what all workers admit together
  metrics *metrics;       ///< NULL: nobody could read them
  pair *pairs;            ///< as many as settings.workers
  errands *errands;       ///< what no request waits for, on its way to the workers
  background *background; ///< what sends them; NULL: nothing does
  atomic_uint running;    ///< workers whose thread has not ended; touched by all of them
  pthread_mutex_t mutex;  ///< guards what follows
  pthread_cond_t news;    ///< a worker has prepared something, or it stops; CLOCK_MONOTONIC
  bool is_stopping;
};

ubiq_error *server_check(const server_settings *settings) {
  address address;
  int listener;
  ubiq_error *error = address_parse("listen", settings->listen, &address);
  if (error == NULL) error = address_listen(&address, 1, &listener);
  if (error == NULL) close(listener);
  return error;
}

static void after_runs(void *user) {
  front_after_runs(((pair *)user)->front);
}

static void stop(void *user, worker_stop how) {
  front_stop(((pair *)user)->front, how);
}

static void ended(void *user, worker *worker) {
  server *self = ((pair *)user)->server;
  (void)worker;
  if (atomic_fetch_sub(&self->running, 1) == 1 && self->settings.stopped != NULL)
    self->settings.stopped(self->settings.user);
}

static void prepared(void *user) {
  server *self = ((pair *)user)->server;
  pthread_mutex_lock(&self->mutex);
  pthread_cond_broadcast(&self->news);
  pthread_mutex_unlock(&self->mutex);
}

static ubiq_error *open_pair(server *self, unsigned index, int listener, release *release) {
  pair *pair = &self->pairs[index];
  const worker_options options = {
      .index = index,
      .workers = self->settings.workers,
      .admission = self->admission,
      .own = self->own,
      .own_count = self->own_count,
      .run_log = self->settings.run_log,
      .stubs = self->settings.stubs,
      .metrics = self->metrics,
      .services = self->settings.services,
      .ring = self->settings.otlp == NULL ? NULL : otlp_ring(self->settings.otlp, index),
      .events = {.after_runs = after_runs, .stop = stop, .ended = ended, .prepared = prepared, .user = pair},
  };
  pair->server = self;
  ubiq_error *error = worker_new(&options, release, &pair->worker);
  if (error != NULL) {
    close(listener);
    return error;
  }
  return front_new(&self->settings, pair->worker, listener, &pair->front);
}

static ubiq_error *open_background(server *self) {
  for (unsigned i = 0; i < self->settings.workers; i++) errands_join(self->errands, self->pairs[i].worker);
  return background_new(self->settings.services, self->errands, &self->background);
}

static ubiq_error *open_pairs(server *self, const int *listeners, release *release) {
  ubiq_error *error = NULL;
  for (unsigned i = 0; i < self->settings.workers; i++) {
    if (error == NULL)
      error = open_pair(self, i, listeners[i], release);
    else
      close(listeners[i]);
  }
  return error;
}

static ubiq_error *start_workers(server *self) {
  ubiq_error *error = NULL;
  for (unsigned i = 0; i < self->settings.workers && error == NULL; i++) {
    atomic_fetch_add(&self->running, 1);
    error = worker_start(self->pairs[i].worker);
    if (error != NULL) atomic_fetch_sub(&self->running, 1);
  }
  return error;
}

static void note_own(server *self) {
  self->own[self->own_count++] = self->address.storage;
  if (self->settings.admin != NULL) self->own[self->own_count++] = *self->settings.admin;
}

static ubiq_error *listen_and_open(server *self, release *release) {
  listeners own = {0}, *listeners = self->settings.listeners;
  ubiq_error *error = NULL;
  if (listeners == NULL)
    error = listeners_open("listen", self->settings.listen, self->settings.workers, listeners = &own);
  if (error == NULL) {
    assert(listeners->count == self->settings.workers);
    self->address = listeners->address;
    note_own(self);
    listeners->count = 0; // from here on the sockets are the pairs'
    error = open_pairs(self, listeners->sockets, release);
  }
  listeners_close(&own);
  return error;
}

static ubiq_error *open_all(server *self, release *release) {
  ubiq_error *error = listen_and_open(self, release);
  if (error == NULL && (self->url = address_url(&self->address, self->settings.tls != NULL)) == NULL)
    error = ubiq_error_no_memory();
  if (error == NULL) error = start_workers(self);
  if (error != NULL) return error;
  server_apply_triggers(self, release);
  return open_background(self);
}

static void init_locks(server *self) {
  pthread_condattr_t attributes;
  pthread_mutex_init(&self->mutex, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&self->news, &attributes);
  pthread_condattr_destroy(&attributes);
}

ubiq_error *server_new(const server_settings *settings, release *release, server **out) {
  server *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  init_locks(self);
  self->settings = *settings;
  self->pairs = calloc(settings->workers, sizeof *self->pairs);
  self->admission =
      admission_new(settings->workers, (admission_limits){.runs = settings->runs_max, .queue = settings->queue_max});
  bool counts = settings->admin != NULL || settings->otlp != NULL;
  if (counts) self->metrics = metrics_new(settings->workers);
  self->errands = errands_new(settings->workers);
  bool has_memory =
      self->pairs != NULL && self->admission != NULL && self->errands != NULL && (self->metrics != NULL || !counts);
  ubiq_error *error = has_memory ? open_all(self, release) : ubiq_error_no_memory();
  if (error == NULL) {
    *out = self;
  } else {
    self->settings.stopped = NULL;
    server_delete(self);
  }
  return error;
}

const char *server_url(const server *self) {
  return self->url;
}

services server_services(const server *self) {
  return self->settings.services == NULL ? (services){0} : *self->settings.services;
}

void server_take_errand(server *self, errand *errand) {
  errands_start(self->errands, errand);
}

metrics *server_metrics(const server *self) {
  return self->metrics;
}

const run_log *server_run_log(const server *self) {
  return self->settings.run_log;
}

const otlp *server_otlp(const server *self) {
  return self->settings.otlp;
}

bool server_is_ready(const server *self) {
  for (unsigned i = 0; i < self->settings.workers; i++)
    if (!worker_is_ready(self->pairs[i].worker)) return false;
  return true;
}

void server_prepare(server *self, release *release) {
  for (unsigned i = 0; i < self->settings.workers; i++)
    if (!worker_prepare(self->pairs[i].worker, release)) log_error("worker %u prepares nothing: memory is out", i);
}

static bool have_prepared(const server *self, const release *release) {
  for (unsigned i = 0; i < self->settings.workers; i++)
    if (!worker_has_prepared(self->pairs[i].worker, release)) return false;
  return true;
}

bool server_await(server *self, const release *release, uint64_t time_ms) {
  const uint64_t until_ns = clock_monotonic_ns() + time_ms * CLOCK_NS_PER_MS;
  const struct timespec until = {.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_SECOND),
                                 .tv_nsec = (long)(until_ns % CLOCK_NS_PER_SECOND)};
  int number = 0;
  pthread_mutex_lock(&self->mutex);
  while (number == 0 && !self->is_stopping && !have_prepared(self, release))
    number = pthread_cond_timedwait(&self->news, &self->mutex, &until);
  pthread_mutex_unlock(&self->mutex);
  return have_prepared(self, release);
}

void server_share(server *self, release *current, release *canary, uint32_t canary_percent) {
  for (unsigned i = 0; i < self->settings.workers; i++)
    if (!worker_use(self->pairs[i].worker, current, canary, canary_percent))
      log_error("worker %u keeps its release: memory is out", i);
}

bool server_apply_triggers(const server *self, const release *release) {
  const project *project = release->project;
  ubiq_error *error = triggers_apply(self->settings.services, text_of(project->name), project->triggers,
                                     project->triggers_count, clock_realtime_ns() / CLOCK_NS_PER_MS);
  bool good = error == NULL;
  if (!good) log_error("%s: its schedules and events stay as they were: %s", project->name, ubiq_error_message(error));
  ubiq_error_delete(error);
  return good;
}

void server_use(server *self, release *release) {
  server_share(self, release, NULL, 0);
  server_apply_triggers(self, release);
}

void server_stop(server *self, worker_stop how) {
  background_rest(self->background);
  pthread_mutex_lock(&self->mutex);
  self->is_stopping = true;
  pthread_cond_broadcast(&self->news);
  pthread_mutex_unlock(&self->mutex);
  for (unsigned i = 0; i < self->settings.workers; i++)
    if (self->pairs[i].worker != NULL) worker_ask_to_stop(self->pairs[i].worker, how);
}

/// A worker whose thread was started has closed everything of its front on its own.
static void close_pair(pair *pair) {
  bool started = pair->worker != NULL && pair->worker->started;
  front *unstarted = started ? NULL : pair->front;
  if (unstarted != NULL) front_close(unstarted);
  worker_delete(pair->worker);
  front_delete(pair->front);
}

void server_delete(server *self) {
  if (self == NULL) return;
  if (self->pairs != NULL) {
    server_stop(self, WORKER_STOP_NOW);
    for (unsigned i = 0; i < self->settings.workers; i++) close_pair(&self->pairs[i]);
  }
  background_delete(self->background);
  errands_delete(self->errands);
  free(self->pairs);
  admission_delete(self->admission);
  metrics_delete(self->metrics);
  pthread_cond_destroy(&self->news);
  pthread_mutex_destroy(&self->mutex);
  free(self->url);
  free(self);
}
