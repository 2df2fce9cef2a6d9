// Every function of a project is built and loaded, or there is no release at all.
#include "runtime/release/release.h"

#include "runtime/bundle/build.h"
#include "runtime/project/project_quotas.h"
#include "runtime/release/release_ceiling.h"

#include <stdlib.h>

/// Where a release comes from.
typedef struct origin {
  const ubiq_files *files;         ///< has what was built; NULL: it is built in the project's folder
  const engine_compiler *compiler; ///< of the files' modules; NULL: this thread
  const quotas *quotas;            ///< that are granted; NULL: whatever it asks
  build_stop *stop;                ///< may end that; NULL: nobody does
  release_built built;             ///< called behind that; NULL: nothing is
  void *user;
} origin;

static void free_names(char **names, size_t count) {
  for (size_t i = 0; names != NULL && i < count; i++) free(names[i]);
  free(names);
}

static ubiq_error *build_all(project *project, const origin *origin, char **names) {
  ubiq_error *error = NULL;
  for (size_t i = 0; i < project->functions_count && error == NULL; i++)
    error = build_function(project, &project->functions[i], origin->stop, &names[i]);
  return error == NULL && origin->built != NULL ? origin->built(origin->user, project) : error;
}

/// `names` has where each function's file is; NULL: where the project says.
static ubiq_error *open_named(release *self, const origin *origin, char *const *names) {
  const project *project = self->project;
  ubiq_error *error = NULL;
  for (size_t i = 0; i < project->functions_count && error == NULL; i++)
    error = function_open(&self->functions[i], &project->functions[i],
                          names != NULL ? names[i] : project->functions[i].file, origin->files, origin->compiler);
  return error;
}

static ubiq_error *open_functions(release *self, const origin *origin) {
  if (origin->files != NULL) return open_named(self, origin, NULL);
  size_t count = self->project->functions_count;
  char **names = calloc(count + 1, sizeof *names);
  if (names == NULL) return ubiq_error_no_memory();
  ubiq_error *error = build_all(self->project, origin, names);
  if (error == NULL) error = open_named(self, origin, names);
  free_names(names, count);
  return error;
}

static ubiq_error *open_files(release *self, const ubiq_files *files) {
  const project *project = self->project;
  ubiq_error *error = NULL;
  for (size_t i = 0; i < project->files_count && error == NULL; i++)
    error = static_files_open(&project->files[i], project->directory, files, &self->files[i]);
  return error;
}

/// The routes of a project while they are collected; each has a target of its own.
typedef struct routes {
  router_route *items;
  route_target *targets;
  size_t count;
} routes;

static void add_route(routes *self, text method, text host, text path, const char *name, route_target target) {
  self->targets[self->count] = target;
  self->items[self->count] = (router_route){method, host, path, name, &self->targets[self->count]};
  self->count++;
}

static void add_function(routes *self, const project_function *settings, const function *function) {
  if (settings->path.size == 0) return;
  add_route(self, settings->method, settings->host, settings->path, settings->name,
            (route_target){.function = function});
}

/// Everything below a path, and the path itself, which leads there.
static void add_files(routes *self, const project_files *settings, const static_files *files) {
  const route_target target = {.files = files};
  add_route(self, TEXT("GET"), settings->host, text_of(settings->route), "files", target);
  if (settings->path.size > 0) add_route(self, TEXT("GET"), settings->host, settings->path, "files", target);
}

static ubiq_error *make_router(release *self) {
  const project *project = self->project;
  size_t count = project->functions_count + 2 * project->files_count + 1;
  routes routes = {calloc(count, sizeof *routes.items), calloc(count, sizeof *routes.targets), 0};
  self->targets = routes.targets;
  if (routes.items == NULL || routes.targets == NULL) {
    free(routes.items);
    return ubiq_error_no_memory();
  }
  for (size_t i = 0; i < project->functions_count; i++)
    add_function(&routes, &project->functions[i], &self->functions[i]);
  for (size_t i = 0; i < project->files_count; i++) add_files(&routes, &project->files[i], self->files[i]);
  ubiq_error *error = router_new(routes.items, routes.count, &self->router);
  free(routes.items);
  return error;
}

/// Takes `project` over, also on failure.
static ubiq_error *release_new(project *project, const origin *origin, release **out) {
  release *self = calloc(1, sizeof *self);
  function *functions = calloc(project->functions_count + 1, sizeof *functions); // one at least: none is no failure
  static_files **static_files = calloc(project->files_count + 1, sizeof *static_files);
  if (self == NULL || functions == NULL || static_files == NULL) {
    free(self);
    free(functions);
    free(static_files);
    project_delete(project);
    return ubiq_error_no_memory();
  }
  atomic_init(&self->owners, 1);
  self->project = project;
  project_settle_quotas(&project->quotas, origin->quotas);
  self->functions = functions;
  self->files = static_files;
  ubiq_error *error = open_functions(self, origin);
  if (error == NULL) error = open_files(self, origin->files);
  if (error == NULL && project->auth != NULL) error = auth_new(project->auth, origin->files, &self->auth);
  if (error == NULL) error = make_router(self);
  if (error == NULL)
    *out = self;
  else
    release_delete(self);
  return error;
}

ubiq_error *release_read_then(const char *directory, build_stop *stop, release_built built, void *user, release **out) {
  project *project;
  const origin origin = {.stop = stop, .built = built, .user = user};
  ubiq_error *error = project_read(directory, &project);
  return error != NULL ? error : release_new(project, &origin, out);
}

ubiq_error *release_read(const char *directory, build_stop *stop, release **out) {
  return release_read_then(directory, stop, NULL, NULL, out);
}

ubiq_error *release_empty(release **out) {
  project *project;
  ubiq_error *error = project_empty(&project);
  return error != NULL ? error : release_new(project, &(origin){0}, out);
}

ubiq_error *release_warm(const release *self) {
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < self->project->functions_count; i++)
    error = function_warm(&self->functions[i]);
  return error;
}

// --------------------------------------------------------------------------------------------------------- bundles

static bool is_granted(const release_grant *grant, const char *host) {
  bool found = grant->all_hosts;
  for (size_t i = 0; !found && i < grant->hosts_count; i++) found = strcmp(grant->hosts[i], host) == 0;
  return found;
}

static ubiq_error *check_bundled(const bundle *bundle, const project_function *function, const release_grant *grant) {
  const char *brought = function->origin == PROJECT_SOURCE ? "source" : function->build != NULL ? "build" : NULL;
  if (brought != NULL)
    return ubiq_error_new(UBIQ_DENIED, "%s: %s has \"%s\"; expected what was built of it, as `ubiq build` does",
                          bundle_name(bundle), function->name, brought);
  for (size_t i = 0; i < function->allowed_hosts_count; i++)
    if (!is_granted(grant, function->allowed_hosts[i]))
      return ubiq_error_new(UBIQ_DENIED, "%s: %s asks for requests to %s, which are not granted (--allow-host '%s')",
                            bundle_name(bundle), function->name, function->allowed_hosts[i],
                            function->allowed_hosts[i]);
  if (grant->ready_max > 0 && function->pool.min > grant->ready_max)
    return ubiq_error_new(
        UBIQ_DENIED, "%s: %s asks for %u instances to be ready; at most %llu are granted (--ready-max)",
        bundle_name(bundle), function->name, function->pool.min, (unsigned long long)grant->ready_max);
  ubiq_error *error = release_check_ceiling(bundle_name(bundle), function, &grant->ceiling);
  if (error == NULL) error = release_check_permissions(bundle_name(bundle), function, grant->permissions);
  return error != NULL ? error : release_check_deployer(bundle_name(bundle), function, grant->deployer);
}

static ubiq_error *check_auth(const bundle *bundle, const auth_settings *auth, const release_grant *grant) {
  if (auth == NULL || auth->key_host == NULL) return NULL;
  if (is_granted(grant, auth->key_host))
    return release_check_deployer_host(bundle_name(bundle), "[auth]", auth->key_host, grant->deployer);
  return ubiq_error_new(UBIQ_DENIED, "%s: asks for keys from %s, which are not granted (--allow-host '%s')",
                        bundle_name(bundle), auth->key_host, auth->key_host);
}

static ubiq_error *check_all_bundled(const bundle *bundle, const project *project, const release_grant *grant) {
  ubiq_error *error = check_auth(bundle, project->auth, grant);
  if (error == NULL) error = project_check_quotas(bundle_name(bundle), &project->quotas, &grant->quotas);
  for (size_t i = 0; error == NULL && i < project->files_count; i++)
    if (project->files[i].folder != NULL)
      error = ubiq_error_new(UBIQ_DENIED, "%s: answers files of %s; expected those of the bundle, as `ubiq build` does",
                             bundle_name(bundle), project->files[i].folder);
  for (size_t i = 0; error == NULL && i < project->functions_count; i++)
    error = check_bundled(bundle, &project->functions[i], grant);
  return error;
}

static ubiq_error *read_bundled_project(const bundle *bundle, project **out) {
  ubiq_bytes toml;
  if (!bundle_find(bundle, TEXT(PROJECT_FILE), &toml))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: holds no " PROJECT_FILE, bundle_name(bundle));
  if (toml.size > PROJECT_FILE_BYTES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%s: its " PROJECT_FILE " has %zu bytes; at most %d are allowed",
                          bundle_name(bundle), toml.size, PROJECT_FILE_BYTES_MAX);
  buffer place = {0};
  bool has_place = buffer_printf(&place, "%s/" PROJECT_FILE, bundle_name(bundle));
  ubiq_error *error =
      has_place ? project_parse("", (const char *)place.data, toml.data, toml.size, out) : ubiq_error_no_memory();
  buffer_free(&place);
  return error;
}

/// What a release's functions read of a bundle. Each holds its own copy while it is compiled, whoever has the same.
typedef struct reading {
  const bundle *bundle;
  size_t bytes_max, bytes_left;
} reading;

static ubiq_error *read_bundled(void *user, const char *path, ubiq_bytes *out) {
  reading *self = user;
  if (!bundle_find(self->bundle, text_of(path), out))
    return ubiq_error_new(UBIQ_NOT_FOUND, "%s: is no file of the bundle", path);
  if (out->size > self->bytes_left)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%s: the functions name files of more than the %zu bytes that are allowed",
                          path, self->bytes_max);
  self->bytes_left -= out->size;
  return NULL;
}

ubiq_error *release_from_bundle(const bundle *bundle, const release_grant *grant, release **out) {
  project *project = NULL;
  ubiq_error *error = read_bundled_project(bundle, &project);
  if (error == NULL) error = check_all_bundled(bundle, project, grant);
  size_t bytes_max = grant->bytes_max == 0 ? RELEASE_BYTES_MAX : grant->bytes_max;
  reading reading = {bundle, bytes_max, bytes_max};
  const ubiq_files files = {read_bundled, &reading};
  if (error == NULL)
    return ubiq_error_wrap(
        release_new(project, &(origin){.files = &files, .compiler = grant->compiler, .quotas = &grant->quotas}, out),
        "%s", bundle_name(bundle));
  project_delete(project);
  return error;
}

const function *release_function(const release *self, text name) {
  for (size_t i = 0; i < self->project->functions_count; i++)
    if (text_equal_string(name, self->functions[i].name)) return &self->functions[i];
  return NULL;
}

release *release_retain(release *self) {
  atomic_fetch_add_explicit(&self->owners, 1, memory_order_relaxed);
  return self;
}

void release_delete(release *self) {
  if (self == NULL || atomic_fetch_sub_explicit(&self->owners, 1, memory_order_acq_rel) > 1) return;
  for (size_t i = 0; i < self->project->functions_count; i++) function_close(&self->functions[i]);
  free(self->functions);
  for (size_t i = 0; i < self->project->files_count; i++) static_files_delete(self->files[i]);
  free(self->files);
  free(self->targets);
  router_delete(self->router);
  auth_delete(self->auth);
  project_delete(self->project);
  free(self);
}
