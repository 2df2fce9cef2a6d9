// ubiq.toml as a whole; what its larger tables say is read beside this file.
#include "runtime/project/project.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json_string.h"
#include "base/toml.h"
#include "runtime/project/project_files.h"
#include "runtime/project/project_function.h"
#include "runtime/project/project_pool.h"
#include "runtime/project/project_quotas.h"
#include "runtime/project/project_settings.h"

#include <stdlib.h>

static ubiq_error *read_project(project *self, const json_value *value, project_defaults *out) {
  static const char *const keys[] = {"name", "version", "pool", "permissions", "quotas"};
  self->name = "project";
  self->version = "0.0.0";
  if (json_is_absent(value)) return NULL;
  ubiq_error *error = json_expect_object(value);
  if (error == NULL) error = json_check_keys(value, keys, sizeof keys / sizeof keys[0]);
  json_value name = json_field(value, "name"), version = json_field(value, "version");
  json_value pool = json_field(value, "pool"), permissions = json_field(value, "permissions");
  json_value quotas = json_field(value, "quotas");
  if (error == NULL && !json_is_absent(&name)) error = json_get_string(&name, self->arena, &self->name);
  if (error == NULL && !json_is_absent(&version)) error = json_get_string(&version, self->arena, &self->version);
  if (error == NULL && !json_is_absent(&pool)) error = project_read_pool(&pool, &out->pool);
  if (error == NULL && !json_is_absent(&quotas)) error = project_read_quotas(&quotas, &self->quotas);
  if (error == NULL && !json_is_absent(&permissions))
    error = project_read_permissions(self->arena, &permissions, &(project_defaults){0}, &out->permissions,
                                     &out->permissions_count);
  return error;
}

static ubiq_error *read_all_settings(project *self, const json_value *root) {
  json_value config = json_field(root, "config"), environments = json_field(root, "environments");
  ubiq_error *error = NULL;
  if (!json_is_absent(&config)) error = project_read_settings(&config, self->arena, &self->config);
  if (error == NULL && !json_is_absent(&environments))
    error = project_read_environments(&environments, self->arena, self);
  return error;
}

static ubiq_error *read_root(project *self, const json_value *root) {
  static const char *const keys[] = {"project", "auth", "config", "cors", "environments", "files", "functions"};
  ubiq_error *error = json_check_keys(root, keys, sizeof keys / sizeof keys[0]);
  json_value head = json_field(root, "project"), functions = json_field(root, "functions");
  json_value shared_cors = json_field(root, "cors");
  project_defaults defaults = {.pool = pool_settings_default};
  if (error == NULL) error = read_project(self, &head, &defaults);
  if (error == NULL && !json_is_absent(&shared_cors)) error = cors_read(&shared_cors, self->arena, &defaults.cors);
  if (error == NULL) error = read_all_settings(self, root);
  json_value files = json_field(root, "files"), known = json_field(root, "auth");
  if (error == NULL && !json_is_absent(&known))
    error = auth_settings_read(&known, self->arena, self->directory, &self->auth);
  defaults.auth = self->auth;
  if (error == NULL && !json_is_absent(&files)) error = project_read_files(self, &files);
  return error != NULL ? error : project_read_functions(self, &functions, &defaults);
}

static project *project_new(const char *directory) {
  project *self = calloc(1, sizeof *self);
  arena *arena = malloc(sizeof *arena);
  if (self == NULL || arena == NULL) {
    free(self);
    free(arena);
    return NULL;
  }
  arena_init(arena);
  self->arena = arena;
  self->directory = arena_string(arena, directory, strlen(directory));
  if (self->directory != NULL) return self;
  project_delete(self);
  return NULL;
}

ubiq_error *project_parse(const char *directory, const char *name, const void *data, size_t size, project **out) {
  toml_document *document = NULL;
  project *self = project_new(directory);
  if (self == NULL) return ubiq_error_no_memory();
  ubiq_error *error = toml_parse(name, data, size, &document);
  if (error == NULL) {
    json_value root = toml_root(document);
    error = read_root(self, &root);
  }
  if (error == NULL) {
    self->source = (text){arena_copy(self->arena, data, size), size};
    if (self->source.data == NULL) error = ubiq_error_no_memory();
  }
  toml_delete(document);
  if (error != NULL)
    project_delete(self);
  else
    *out = self;
  return error;
}

ubiq_error *project_empty(project **out) {
  *out = project_new("");
  if (*out == NULL) return ubiq_error_no_memory();
  (*out)->name = (*out)->version = "";
  return NULL;
}

static ubiq_error *no_project(const char *directory) {
  if (text_ends_with(text_of(directory), TEXT(".ubiq")) && file_exists(directory) && !file_is_directory(directory))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "%s: is a bundle, for `ubiq serve`; expected a folder with a " PROJECT_FILE, directory);
  if (!file_exists(directory)) return ubiq_error_new(UBIQ_NOT_FOUND, "%s: no such folder", directory);
  if (!file_is_directory(directory))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is a file; expected a folder with a " PROJECT_FILE, directory);
  return ubiq_error_new(UBIQ_NOT_FOUND,
                        "%s: has no " PROJECT_FILE "; expected a project's folder (`ubiq new NAME` makes one)",
                        directory);
}

ubiq_error *project_read(const char *directory, project **out) {
  char *path = file_path_join(directory, PROJECT_FILE);
  if (path == NULL) return ubiq_error_no_memory();
  buffer bytes = {0};
  ubiq_error *error = file_exists(path) ? file_read_all(path, PROJECT_FILE_BYTES_MAX, &bytes) : no_project(directory);
  const char *name = strncmp(path, "./", 2) == 0 ? path + 2 : path;
  if (error == NULL) error = project_parse(directory, name, bytes.data, bytes.size, out);
  buffer_free(&bytes);
  free(path);
  return error;
}

void project_delete(project *self) {
  if (self == NULL) return;
  arena_free(self->arena);
  free(self->arena);
  free(self);
}
