// `ubiq serve`: serves a project, a bundle, or what is deployed to it, until it is told to stop.
#include "base/file.h"
#include "base/log.h"
#include "cli/serve_compiler.h"
#include "cli/serve_state.h"

#include <stdlib.h>
#include <string.h>

/// What is no folder is taken for a bundle, unless nothing is there and the name does not end as a bundle's does.
static bool is_bundle(const char *place) {
  return !file_is_directory(place) && (file_exists(place) || text_ends_with(text_of(place), TEXT(BUNDLE_SUFFIX)));
}

typedef struct serve_command {
  serving serving;
  serve_state state;
  serve_guard guard;
  serve_compiler compiler; ///< of bundles
  option_list hosts, allowed;
  permission_set *permissions; ///< owned: that bundles are granted
  limits ceiling;              ///< of bundles
  quotas quotas;
  uint64_t ready_max;
  const char *keep; ///< where functions store; NULL: the default
} serve_command;

/// What stays within a project is granted always: `--allow` is for the rest.
static ubiq_error *make_permissions(serve_command *self) {
  static const char *const within[] = {"cache:*", "config:*",    "events:*",  "functions:*", "kv:*",
                                       "log:*",   "schedules:*", "secrets:*", "storage:*"};
  enum { WITHIN = sizeof within / sizeof within[0] };
  text list[PERMISSIONS_MAX];
  size_t count = 0;
  if (self->allowed.count > PERMISSIONS_MAX - WITHIN)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--allow is given %zu times; expected at most %d", self->allowed.count,
                          PERMISSIONS_MAX - WITHIN);
  for (size_t i = 0; i < WITHIN; i++) list[count++] = text_of(within[i]);
  for (size_t i = 0; i < self->allowed.count; i++) list[count++] = text_of(self->allowed.values[i]);
  return ubiq_error_wrap(permission_set_new(TEXT("--allow"), list, count, &self->permissions), "--allow");
}

static release_grant grant_of(const serve_command *self) {
  return (release_grant){.hosts = self->hosts.values,
                         .hosts_count = self->hosts.count,
                         .permissions = self->permissions,
                         .ceiling = self->ceiling,
                         .quotas = self->quotas,
                         .ready_max = self->ready_max};
}

static ubiq_error *load_bundle(serve_command *self, const bundle *bundle, release **out) {
  release_grant grant = grant_of(self);
  compiler_work work;
  compiler_begin(self->compiler.compiler, 1, &work);
  grant.compiler = &work.base;
  return release_from_bundle(bundle, &grant, out);
}

static bool asks_to_keep(const project_function *function) {
  static const char *const services[] = {"kv:", "storage:", "events:", "schedules:", "secrets:", "*"};
  for (size_t i = 0; i < function->permissions_count; i++)
    for (size_t k = 0; k < sizeof services / sizeof services[0]; k++)
      if (text_starts_with(function->permissions[i], text_of(services[k]))) return true;
  return false;
}

/// Whose functions would store something is told that nothing is.
static void tell_what_is_kept(const serve_command *self, const project *project) {
  bool would_keep = project->triggers_count > 0;
  for (size_t i = 0; i < project->functions_count; i++) would_keep |= asks_to_keep(&project->functions[i]);
  if (self->serving.keep == NULL && would_keep)
    log_warn(
        "%s: functions can store nothing here, and nothing is done by schedules or events: expected --keep DIR, or "
        "a server that it is deployed to (--state)",
        self->serving.directory);
}

static ubiq_error *read_bundle(serve_command *self, const char *path, release **out) {
  bundle *bundle = NULL;
  serve_needs needs = serve_guard_needs(&self->serving);
  needs.bundle = path;
  needs.state = self->serving.keep;
  ubiq_error *error = serve_compiler_start(&self->compiler, self->guard.sandbox);
  if (error == NULL) error = serve_guard_enclose(&self->guard, &needs);
  if (error == NULL) error = bundle_read(path, &bundle);
  if (error == NULL) error = load_bundle(self, bundle, out);
  if (error == NULL) tell_what_is_kept(self, (*out)->project);
  bundle_delete(bundle);
  return error;
}

/// Compilers have run.
static ubiq_error *enclose(void *user, project *project) {
  serve_command *self = user;
  const char *directory = project->directory[0] == '\0' ? "." : project->directory;
  ubiq_error *error = self->keep == NULL ? serving_keep_in_project(&self->serving, directory) : NULL;
  if (error != NULL) return error;
  serve_needs needs = serve_guard_needs(&self->serving);
  needs.project = project;
  needs.state = self->serving.keep;
  return serve_guard_enclose(&self->guard, &needs);
}

static ubiq_error *read_release(serve_command *self, const char *place, release **out) {
  if (is_bundle(place)) return read_bundle(self, place, out);
  if (self->hosts.count > 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "%s: is no bundle; expected --allow-host with a bundle only, a folder's " PROJECT_FILE
                          " says allowed_hosts itself",
                          place);
  return release_read_then(place, NULL, enclose, self, out);
}

static ubiq_error *acquire_and_read(serve_command *self, release **out) {
  ubiq_error *error = serving_acquire(&self->serving);
  if (error == NULL) error = serve_guard_make_state(&self->guard, self->keep);
  if (error == NULL) error = serve_guard_become(&self->guard);
  if (error == NULL && self->keep != NULL) error = serving_keep_in(&self->serving, self->keep);
  if (error == NULL) error = read_release(self, self->serving.directory, out);
  return error;
}

static ubiq_error *serve_place(serve_command *self, int *code) {
  serving *serving = &self->serving;
  release *release = NULL;
  ubiq_error *error = acquire_and_read(self, &release);
  if (error == NULL) error = serving_open(serving);
  if (error == NULL) {
    error = serving_start(serving, release);
    if (error == NULL) serve_guard_tell(&self->guard);
    serve_compiler_end(&self->compiler); // now, because its process may still have been starting
    if (error == NULL) *code = serving_run(serving);
    serving_end(serving);
  }
  serving_release(serving);
  release_delete(release);
  return error;
}

static ubiq_error *prepare(serve_command *self, const options *given, bool *is_deployed_to) {
  ubiq_error *error = serving_prepare(&self->serving, given);
  if (error == NULL && self->serving.json) log_use_json();
  log_never_wait();
  if (error == NULL) error = serve_state_is_wanted(&self->state, is_deployed_to);
  if (error == NULL && *is_deployed_to && given->positionals_count > 0)
    error = ubiq_error_new(UBIQ_INVALID_INPUT,
                           "\"%s\" stands beside --state or --admin; expected one of them: what such a "
                           "server serves is deployed to it (`ubiq deploy`)",
                           given->positionals[0]);
  if (error == NULL && *is_deployed_to && self->keep != NULL)
    error = ubiq_error_new(UBIQ_INVALID_INPUT,
                           "--keep stands beside --state or --admin; expected --state alone: what functions store is "
                           "kept there");
  return error != NULL ? error : serve_guard_prepare(&self->guard);
}

static int serve_until_told(const command *command, serve_command *self, const options *given) {
  bool is_deployed_to = false;
  int code = EXIT_OK;
  ubiq_error *error = make_permissions(self);
  if (error == NULL) error = prepare(self, given, &is_deployed_to);
  if (error != NULL) return command_fail_usage(command, error);
  const release_grant grant = grant_of(self);
  error = is_deployed_to ? serve_state_run(&self->state, &self->serving, &self->guard, &self->compiler, &grant, &code)
                         : serve_place(self, &code);
  return error == NULL ? code : command_fail(error);
}

// ---------------------------------------------------------------------------------------------------------- options

enum {
  OWN_OPTIONS = 5,
  BUNDLE_OPTIONS = 11,
  AT_STATE = SERVING_OPTIONS,
  AT_GUARD = AT_STATE + SERVE_STATE_OPTIONS,
  AT_COMPILER = AT_GUARD + SERVE_GUARD_OPTIONS,
  AT_OWN = AT_COMPILER + SERVE_COMPILER_OPTIONS,
  AT_BUNDLE = AT_OWN + OWN_OPTIONS,
  SERVE_OPTIONS = AT_BUNDLE + BUNDLE_OPTIONS
};

static void own_options(serve_command *self, option list[OWN_OPTIONS]) {
  const option own[OWN_OPTIONS] = {
      {"json", 0, OPTION_FLAG, NULL, "print log lines, and what is told at the start, as JSON", &self->serving.json, 0,
       0},
      {"keep", 0, OPTION_TEXT, "DIR",
       "keep what functions store here (default: .ubiq in a project; of a bundle nothing)", &self->keep, 0, 0},
      {"cache-size", 0, OPTION_SIZE, "SIZE", "memory for what functions put into the cache (default 64MiB)",
       &self->serving.cache_bytes, 1 << 20, 0},
      {"run-log", 0, OPTION_TEXT, "FILE",
       "write a line of JSON for each run and refused request, \"-\": to standard output; SIGHUP: open anew",
       &self->serving.run_log_path, 0, 0},
      {"otlp", 0, OPTION_TEXT, "URL", "send traces, metrics and logs to this collector (OTLP over HTTP)",
       &self->serving.otlp_url, 0, 0},
  };
  memcpy(list, own, sizeof own);
}

/// What a bundle is granted, and how much it may ask for.
static void bundle_options(serve_command *self, option list[BUNDLE_OPTIONS]) {
  limits *ceiling = &self->ceiling;
  const option own[BUNDLE_OPTIONS] = {
      {"allow-host", 0, OPTION_LIST, "HOST", "grant a bundle an entry of its allowed_hosts; may be repeated",
       &self->hosts, 0, 0},
      {"allow", 0, OPTION_LIST, "PERMISSION",
       "grant a bundle a permission beyond its own data, such as http:get:api.example.com; may be repeated",
       &self->allowed, 0, 0},
      {"memory-max", 0, OPTION_SIZE, "SIZE", "memory that a bundle's function may ask for (default 1GiB)",
       &ceiling->memory_bytes, 1, 0},
      {"timeout-max", 0, OPTION_DURATION, "TIME", "timeout that it may ask for (default 15m)", &ceiling->wall_ms, 1, 0},
      {"cpu-max", 0, OPTION_DURATION, "TIME", "time in the guest that it may ask for (default 5m)", &ceiling->cpu_ms, 1,
       0},
      {"body-max", 0, OPTION_SIZE, "SIZE", "body_max that it may ask for (default 100MiB)", &ceiling->body_bytes_max, 1,
       0},
      {"response-max", 0, OPTION_SIZE, "SIZE", "response_max that it may ask for (default 100MiB)",
       &ceiling->response_bytes_max, 1, 0},
      {"ready-max", 0, OPTION_NUMBER, "N", "instances that it may ask to be always ready (default 100)",
       &self->ready_max, 1, POOL_MIN_MAX},
      {"kv-max", 0, OPTION_SIZE, "SIZE", "of [project.quotas] kv that it may ask for (default 10GiB)",
       &self->quotas.kv_bytes, 1, 0},
      {"kv-keys-max", 0, OPTION_NUMBER, "N", "kv_keys that it may ask for (default 10000000)", &self->quotas.kv_keys, 1,
       UINT64_MAX},
      {"storage-max", 0, OPTION_SIZE, "SIZE", "storage that it may ask for (default 100GiB)",
       &self->quotas.storage_bytes, 1, 0},
  };
  memcpy(list, own, sizeof own);
}

static void list_options(serve_command *self, option list[SERVE_OPTIONS]) {
  *self = (serve_command){
      .ceiling = {.wall_ms = UINT64_C(15) * 60 * 1000,
                  .cpu_ms = UINT64_C(5) * 60 * 1000,
                  .memory_bytes = UINT64_C(1) << 30,
                  .body_bytes_max = UINT64_C(100) << 20,
                  .response_bytes_max = UINT64_C(100) << 20},
      .quotas = {.kv_keys = 10000000, .kv_bytes = UINT64_C(10) << 30, .storage_bytes = UINT64_C(100) << 30},
      .ready_max = 100};
  serving_options(&self->serving, list);
  serve_state_options(&self->state, list + AT_STATE);
  serve_guard_options(&self->guard, list + AT_GUARD);
  serve_compiler_options(&self->compiler, list + AT_COMPILER);
  own_options(self, list + AT_OWN);
  bundle_options(self, list + AT_BUNDLE);
}

static int serve(const command *command, int count, char **arguments) {
  serve_command self;
  option list[SERVE_OPTIONS];
  list_options(&self, list);
  const char *positionals[1];
  options given = {.list = list, .count = SERVE_OPTIONS, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_GO)
    code = serve_until_told(command, &self, &given);
  serve_compiler_end(&self.compiler);
  free(self.hosts.values);
  free(self.allowed.values);
  permission_set_delete(self.permissions);
  serve_guard_free(&self.guard);
  serve_state_free(&self.state);
  return code;
}

const command command_serve = {
    .name = "serve",
    .usage = "[DIR|BUNDLE] [OPTIONS]",
    .summary = "serve the functions of a project over HTTP",
    .details =
        "DIR is a folder with a ubiq.toml, BUNDLE what `ubiq build` made of one; the default is the working\n"
        "directory. A bundle makes requests only to the hosts that --allow-host grants, asks for no more than\n"
        "--memory-max and the like, and stores nothing without --keep. With --state or --admin the server begins with\n"
        "what was deployed last, and takes what `ubiq deploy` sends; the first token is written to the file `token` "
        "in\n"
        "the folder, which is $XDG_STATE_HOME/ubiq unless --state says another. When it is ready to take requests, "
        "the\n"
        "line `listening on http://HOST:PORT` is printed. SIGTERM and SIGINT stop it: nothing new is taken, what is "
        "under\n"
        "way is finished; a second signal ends it at once.\n"
        "What a server does not need it gives up before it loads a function: other files, programs, system calls\n"
        "(docs/security.md). Started by root it listens, reads --tls-key and becomes --user.\n",
    .run = serve,
};
