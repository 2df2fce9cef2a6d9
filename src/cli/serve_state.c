// Opens the parts from the inside out and closes them the other way round.
#include "cli/serve_state.h"

#include "base/file.h"
#include "base/json_write.h"
#include "runtime/auth/access_token.h"
#include "server/telemetry/log_ring.h"

#include <stdlib.h>
#include <string.h>

void serve_state_options(serve_state *self, option list[SERVE_STATE_OPTIONS]) {
  *self = (serve_state){0};
  const option options[SERVE_STATE_OPTIONS] = {
      {"state", 0, OPTION_TEXT, "DIR", "serve what is deployed, and keep it here", &self->directory, 0, 0},
      {"admin", 0, OPTION_TEXT, "HOST:PORT", "where deploys are taken (default " SERVE_STATE_ADMIN ")", &self->admin, 0,
       0},
      {"admin-host", 0, OPTION_LIST, "NAME", "a name that --admin is reached by; may be repeated", &self->admin_hosts,
       0, 0},
      {"require-signature", 0, OPTION_LIST, "FILE", "take only what this public key signed; may be repeated",
       &self->key_files, 0, 0},
  };
  memcpy(list, options, sizeof options);
}

void serve_state_free(serve_state *self) {
  free(self->admin_hosts.values);
  free(self->key_files.values);
}

ubiq_error *serve_state_is_wanted(const serve_state *self, bool *wanted) {
  *wanted = self->directory != NULL || self->admin != NULL;
  if (*wanted || (self->admin_hosts.count == 0 && self->key_files.count == 0)) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "--%s is for a server that is deployed to; expected --state beside it",
                        self->admin_hosts.count > 0 ? "admin-host" : "require-signature");
}

ubiq_error *serve_state_directory(const char *given, char **out) {
  if (given == NULL) return file_state_path(out);
  *out = strdup(given);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

/// What is under way.
typedef struct running {
  serve_compiler *compiler; ///< borrowed
  serving *serving;         ///< borrowed
  uv_work_t ending;         ///< of the admin API
  releases *releases;
  admin *admin;
  public_key *keys;
  char *directory, *token_path;
  int code;
} running;

static ubiq_error *read_keys(running *self, const option_list *files) {
  self->keys = calloc(files->count + 1, sizeof *self->keys);
  if (self->keys == NULL) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < files->count; i++)
    error = bundle_public_key_read(files->values[i], &self->keys[i]);
  return error;
}

/// What only root may, perhaps, and then what only root could take back. The default folder is the new user's.
static ubiq_error *acquire(running *self, const serve_state *given, serving *serving, const admin_settings *settings,
                           serve_guard *guard) {
  ubiq_error *error = serving_acquire(serving);
  if (error == NULL) error = admin_new(settings, &self->admin);
  if (error == NULL) error = read_keys(self, &given->key_files);
  if (error == NULL) error = serve_guard_make_state(guard, given->directory);
  if (error == NULL) error = serve_guard_become(guard);
  if (error == NULL) error = serve_state_directory(given->directory, &self->directory);
  if (error == NULL) error = serve_compiler_start(self->compiler, guard->sandbox);
  serve_needs needs = serve_guard_needs(serving);
  needs.state = self->directory;
  return error != NULL ? error : serve_guard_enclose(guard, &needs);
}

static ubiq_error *open_state(running *self, const serve_state *given, const release_grant *grant) {
  self->token_path = file_path_join(self->directory, SERVE_STATE_TOKEN_FILE);
  if (self->token_path == NULL) return ubiq_error_no_memory();
  const releases_settings settings = {self->directory, *grant, self->keys, given->key_files.count,
                                      self->compiler->compiler};
  ubiq_error *error = releases_open(&settings, &self->releases);
  if (error != NULL) return error;
  return access_token_first(release_store_database(releases_store(self->releases)), self->token_path);
}

/// The first token's text is there as long as nobody took it away; a copy of a state never has it.
static bool write_place(const running *self, const char *url, buffer *line) {
  if (file_exists(self->token_path))
    return buffer_printf(line, "deploy to %s with the token in %s\n", url, self->token_path);
  return buffer_printf(line, "deploy to %s with a token of yours, or one of `ubiq token new --state %s`\n", url,
                       self->directory);
}

static ubiq_error *tell_where_to_deploy(const running *self, bool json) {
  buffer line = {0};
  const char *url = admin_url(self->admin);
  bool good = json ? buffer_printf(&line, "{\"deploy_to\":\"%s\",\"token_file\":", url) &&
                         json_write_text(&line, text_of(self->token_path)) && buffer_append_string(&line, "}\n")
                   : write_place(self, url, &line);
  if (good) fwrite(line.data, 1, line.size, stdout);
  fflush(stdout);
  buffer_free(&line);
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *start(running *self, serving *serving) {
  serving->keep = strdup(self->directory);
  if (serving->keep == NULL) return ubiq_error_no_memory();
  release *first = releases_hold(self->releases);
  ubiq_error *error = serving_start(serving, first);
  release_delete(first);
  if (error == NULL) error = releases_serve(self->releases, serving->server);
  if (error == NULL) error = admin_start(self->admin, self->releases, serving->server, serving->settings.tls);
  if (error != NULL) return error;
  return tell_where_to_deploy(self, serving->json);
}

/// A second signal does not wait for a deploy. What is on the disk is whole at any time.
static void freeze(void *user, bool at_once) {
  running *self = user;
  releases_freeze(self->releases);
  if (at_once && releases_is_changing(self->releases)) _Exit(ubiq_code_exit(UBIQ_CANCELLED));
}

static void end_admin(uv_work_t *work) {
  running *self = work->data;
  admin_delete(self->admin);
  self->admin = NULL;
}

static void on_admin_ended(uv_work_t *work, int status) {
  (void)status;
  running *self = work->data;
  self->serving->is_busy = false;
  serving_quit(self->serving);
}

/// The workers have ended. What the admin API is doing, a deploy perhaps, is waited for by another thread, so that this one hears
/// of a second signal.
static void wait_for_admin(void *user) {
  running *self = user;
  self->ending.data = self;
  uv_queue_work(&self->serving->loop, &self->ending, end_admin, on_admin_ended);
}

static void serve_until_over(running *self) {
  self->serving->is_busy = true;
  self->serving->over = wait_for_admin;
  self->code = serving_run(self->serving);
}

static ubiq_error *serve(running *self, serving *serving, const serve_guard *guard) {
  ubiq_error *error = serving_open(serving);
  if (error != NULL) return error;
  self->serving = serving;
  serving->stop = freeze;
  serving->user = self;
  serving->settings.admin = admin_address(self->admin);
  error = start(self, serving);
  if (error == NULL) serve_guard_tell(guard);
  if (error == NULL) serve_until_over(self);
  admin_delete(self->admin);
  self->admin = NULL;
  releases_freeze(self->releases);
  serving_end(serving);
  return error;
}

ubiq_error *serve_state_run(const serve_state *self, serving *serving, serve_guard *guard, serve_compiler *compiler,
                            const release_grant *grant, int *code) {
  running running = {.compiler = compiler, .code = EXIT_OK};
  log_ring *logs = log_ring_new();
  const admin_settings settings = {self->admin == NULL ? SERVE_STATE_ADMIN : self->admin, self->admin_hosts.values,
                                   self->admin_hosts.count, logs, serving->settings.header_timeout_ms};
  ubiq_error *error = logs == NULL ? ubiq_error_no_memory() : acquire(&running, self, serving, &settings, guard);
  if (error == NULL) error = open_state(&running, self, grant);
  if (error == NULL) error = serve(&running, serving, guard);
  *code = running.code;
  admin_delete(running.admin);
  releases_close(running.releases);
  serving_release(serving);
  log_ring_delete(logs); // the threads that log have ended
  free(running.keys);
  free(running.directory);
  free(running.token_path);
  return error;
}
