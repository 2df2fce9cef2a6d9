// Signals on the main thread's loop: the first asks to finish, the second ends at once.
#include "cli/serving.h"

#include "base/file.h"
#include "base/log.h"
#include "runtime/project/project_settings.h"
#include "runtime/telemetry/run_log.h"
#include "server/telemetry/otlp.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WORKERS_MAX = 1024, DESCRIPTORS_KEPT = 256 };

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

void serving_options(serving *self, option list[SERVING_OPTIONS]) {
  *self = (serving){.settings = server_settings_default, .directory = ".", .log_level = "info"};
  server_settings *settings = &self->settings;
  self->workers = uv_available_parallelism();
  self->runs_max = settings->runs_max;
  self->queue_max = settings->queue_max;
  self->connections_max = settings->connections_max;
  const option options[SERVING_OPTIONS] = {
      {"listen", 'l', OPTION_TEXT, "HOST:PORT", "where to listen (default 127.0.0.1:8080); port 0 picks a free one",
       &settings->listen, 0, 0},
      {"workers", 'w', OPTION_NUMBER, "N", "threads that serve (default: as many as there are cores)", &self->workers,
       1, WORKERS_MAX},
      {"log-level", 0, OPTION_TEXT, "LEVEL", "trace, debug, info (default), warn, error or off", &self->log_level, 0,
       0},
      {"grace", 0, OPTION_DURATION, "TIME", "after SIGTERM, time to finish what is under way (default 30s)",
       &settings->grace_ms, 0, DAY_MS},
      {"header-timeout", 0, OPTION_DURATION, "TIME", "time for a connection's first headers (default 10s)",
       &settings->header_timeout_ms, 1, DAY_MS},
      {"body-timeout", 0, OPTION_DURATION, "TIME", "time for a request's body (default 30s)",
       &settings->body_timeout_ms, 1, DAY_MS},
      {"answer-timeout", 0, OPTION_DURATION, "TIME", "time to take an answer, or each MiB of one (default 60s)",
       &settings->answer_timeout_ms, 1, DAY_MS},
      {"idle-timeout", 0, OPTION_DURATION, "TIME", "time to the next request of a connection (default 60s)",
       &settings->idle_timeout_ms, 1, DAY_MS},
      {"runs-max", 0, OPTION_NUMBER, "N", "runs at once (default 10000)", &self->runs_max, 1, 1000000},
      {"queue-max", 0, OPTION_NUMBER, "N", "requests that wait for a run's place (default 10000)", &self->queue_max, 0,
       1000000},
      {"tls-certificate", 0, OPTION_TEXT, "FILE", "serve HTTPS with this chain (PEM); read again when it changes",
       &self->tls.certificate_file, 0, 0},
      {"tls-key", 0, OPTION_TEXT, "FILE", "the private key of --tls-certificate (PEM)", &self->tls.key_file, 0, 0},
      {"connections-max", 0, OPTION_NUMBER, "N", "connections at once (default 100000)", &self->connections_max, 1,
       10000000},
      {"held-max", 0, OPTION_SIZE, "SIZE", "bytes of bodies and answers that are held at once (default 1GiB)",
       &settings->held_bytes_max, 1, 0},
      {"environment", 0, OPTION_TEXT, "NAME", "whose settings functions see: [environments.NAME.config] of ubiq.toml",
       &self->environment, 0, 0},
  };
  memcpy(list, options, sizeof options);
}

/// As many descriptors as this user may have: each connection is one.
static uint64_t raise_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

ubiq_error *serving_prepare(serving *self, const options *given) {
  if (given->positionals_count > 0) self->directory = given->positionals[0];
  uint64_t descriptors = raise_descriptors();
  uint64_t connections = descriptors > 2 * DESCRIPTORS_KEPT ? descriptors - DESCRIPTORS_KEPT : descriptors / 2;
  self->settings.workers = (unsigned)self->workers;
  self->settings.runs_max = (uint32_t)self->runs_max;
  self->settings.queue_max = (uint32_t)self->queue_max;
  self->settings.connections_max =
      (uint32_t)(self->connections_max < connections ? self->connections_max : connections);
  return command_set_log_level(self->log_level);
}

// -------------------------------------------------------------------------------------------------------- signals

static void on_signal(uv_signal_t *handle, int number) {
  serving *self = handle->data;
  bool again = self->is_stopping;
  if (!again)
    log_info("%s: finishing what is under way; once more to end at once", number == SIGINT ? "SIGINT" : "SIGTERM");
  self->is_stopping = true;
  self->was_forced = again;
  if (self->stop != NULL) self->stop(self->user, again);
  if (self->server == NULL)
    serving_quit(self);
  else
    server_stop(self->server, again ? WORKER_STOP_NOW : WORKER_STOP_GRACEFUL);
}

static void on_hangup(uv_signal_t *handle, int number) {
  (void)number;
  ubiq_error *error = run_log_reopen(((serving *)handle->data)->settings.run_log);
  if (error != NULL) log_error("the run log stays as it was: %s", ubiq_error_message(error));
  ubiq_error_delete(error);
}

void serving_quit(serving *self) {
  bool was_over = self->is_over;
  self->is_stopping = self->is_over = true;
  if (self->is_busy && !was_over && self->over != NULL) self->over(self->user);
  if (self->is_busy || uv_is_closing((uv_handle_t *)&self->terminate)) return;
  uv_close((uv_handle_t *)&self->terminate, NULL);
  uv_close((uv_handle_t *)&self->interrupt, NULL);
  uv_close((uv_handle_t *)&self->hangup, NULL);
  uv_close((uv_handle_t *)&self->all_stopped, NULL);
  serving_tls_unwatch(&self->tls);
  if (self->close != NULL) self->close(self->user);
}

static void on_stopped(uv_async_t *async) {
  serving_quit(async->data);
}

/// The last worker's thread calls this.
static void tell_stopped(void *user) {
  uv_async_send(&((serving *)user)->all_stopped);
}

// ----------------------------------------------------------------------------------------------- beginning and end

static void listen_to_signals(serving *self) {
  uv_signal_init(&self->loop, &self->terminate);
  uv_signal_init(&self->loop, &self->interrupt);
  uv_signal_init(&self->loop, &self->hangup);
  uv_async_init(&self->loop, &self->all_stopped, on_stopped);
  self->hangup.data = self->terminate.data = self->interrupt.data = self->all_stopped.data = self;
  uv_signal_start(&self->terminate, on_signal, SIGTERM);
  uv_signal_start(&self->interrupt, on_signal, SIGINT);
  if (self->settings.run_log != NULL) uv_signal_start(&self->hangup, on_hangup, SIGHUP);
}

static void free_parts(serving *self) {
  free(self->keep);
  self->keep = NULL;
  otlp_delete(self->settings.otlp);
  run_log_close(self->settings.run_log);
  serving_tls_free(&self->tls);
}

ubiq_error *serving_acquire(serving *self) {
  ubiq_error *error = serving_tls_read(&self->tls);
  if (error == NULL) error = listeners_open("listen", self->settings.listen, self->settings.workers, &self->listeners);
  if (error == NULL)
    self->settings.listeners = &self->listeners;
  else
    serving_release(self);
  return error;
}

void serving_release(serving *self) {
  free(self->keep);
  self->keep = NULL;
  listeners_close(&self->listeners);
  serving_tls_free(&self->tls);
}

ubiq_error *serving_open(serving *self) {
  ubiq_error *error = self->tls.tls == NULL ? serving_tls_read(&self->tls) : NULL;
  if (error == NULL && self->run_log_path != NULL) error = run_log_open(self->run_log_path, &self->settings.run_log);
  if (error == NULL && self->otlp_url != NULL)
    error = otlp_new(self->otlp_url, self->settings.workers, &self->settings.otlp);
  if (error != NULL) {
    free_parts(self);
    return error;
  }
  int number = uv_loop_init(&self->loop);
  if (number != 0) {
    free_parts(self);
    return ubiq_error_new(UBIQ_INTERNAL, "the main loop cannot be made: %s", uv_strerror(number));
  }
  listen_to_signals(self);
  serving_tls_watch(&self->tls, &self->loop);
  self->settings.tls = self->tls.tls;
  return NULL;
}

ubiq_error *serving_make_project_folder(const char *folder) {
  ubiq_error *error = file_make_private_directory(folder);
  char *ignore = file_path_join(folder, ".gitignore");
  if (error == NULL && ignore == NULL) error = ubiq_error_no_memory();
  if (error == NULL && !file_exists(ignore)) error = file_write_atomic(ignore, 0600, "*\n", 2);
  free(ignore);
  return error;
}

ubiq_error *serving_keep_in(serving *self, const char *folder) {
  self->keep = strdup(folder);
  if (self->keep == NULL) return ubiq_error_no_memory();
  return file_make_private_directory(folder);
}

ubiq_error *serving_keep_in_project(serving *self, const char *directory) {
  self->keep = file_path_join(directory, ".ubiq");
  if (self->keep == NULL) return ubiq_error_no_memory();
  ubiq_error *error = serving_make_project_folder(self->keep);
  if (error == NULL) return NULL;
  log_warn("functions can store nothing: %s", ubiq_error_message(error));
  ubiq_error_delete(error);
  free(self->keep);
  self->keep = NULL;
  return NULL;
}

/// What is deployed later may have it.
static void look_for_environment(const serving *self, const project *project) {
  if (self->environment == NULL || project->name[0] == '\0') return;
  if (project_find_environment(project, text_of(self->environment)) != NULL) return;
  log_warn("%s: has no [environments.%s]; functions see the settings of the project alone", project->name,
           self->environment);
}

ubiq_error *serving_start(serving *self, release *release) {
  const services_settings services = {
      .directory = self->keep, .environment = self->environment, .cache_bytes = (size_t)self->cache_bytes};
  look_for_environment(self, release->project);
  self->settings.stopped = tell_stopped;
  self->settings.user = self;
  self->settings.services = &self->services;
  ubiq_error *error = services_open(&services, &self->services);
  if (error == NULL) error = server_new(&self->settings, release, &self->server);
  if (error == NULL && self->settings.otlp != NULL)
    error = otlp_start(self->settings.otlp, server_metrics(self->server));
  if (error != NULL) return error;
  printf(self->json ? "{\"listening_on\":\"%s\"}\n" : "listening on %s\n", server_url(self->server));
  fflush(stdout);
  return NULL;
}

int serving_run(serving *self) {
  uv_run(&self->loop, UV_RUN_DEFAULT);
  return self->was_forced ? ubiq_code_exit(UBIQ_CANCELLED) : EXIT_OK;
}

void serving_end(serving *self) {
  serving_quit(self);
  otlp_stop(self->settings.otlp);
  server_delete(self->server);
  services_close(&self->services);
  while (uv_run(&self->loop, UV_RUN_DEFAULT) != 0) {
  }
  uv_loop_close(&self->loop);
  free_parts(self);
}
