// ubiq.toml, key by key: one table says which keys a function has and who reads each.
#include "runtime/project/project.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json_units.h"
#include "base/toml.h"
#include "runtime/limits/turns.h"
#include "runtime/project/project_files.h"
#include "runtime/project/project_pool.h"
#include "runtime/project/project_quotas.h"
#include "runtime/project/project_settings.h"
#include "runtime/project/project_triggers.h"
#include "services/permissions/permissions.h"

#include <stdlib.h>

/// What the project says for functions that do not say it themselves.
typedef struct defaults {
  pool_settings pool;
  const cors *cors;
  const auth_settings *auth; ///< of all
  const text *permissions;   ///< that every function has
  size_t permissions_count;
} defaults;

/// A walk through one function's table.
typedef struct reader {
  arena *arena;
  const char *directory;
  const defaults *defaults;
  project_triggers *triggers; ///< of the whole project
  project_function *function;
} reader;

static ubiq_error *copy_text(arena *arena, text value, const char **out) {
  *out = arena_string(arena, value.data, value.size);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

/// Text that is not empty and has no NUL in it, as C strings must be.
static ubiq_error *read_string(arena *arena, const json_value *value, const char **out) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  if (found.size == 0 || memchr(found.data, '\0', found.size) != NULL)
    return json_wrong(value, "a string that is not empty");
  return copy_text(arena, found, out);
}

// -------------------------------------------------------------------------------------------- keys of a function

static ubiq_error *read_file(reader *self, const json_value *value, project_origin origin) {
  if (self->function->file != NULL)
    return json_error(value,
                      "stands beside another origin; expected only one of \"wasm\", \"source\" and \"manifest\"");
  const char *file;
  ubiq_error *error = read_string(self->arena, value, &file);
  if (error != NULL) return error;
  char *path = file_path_join(self->directory, file);
  if (path == NULL) return ubiq_error_no_memory();
  error = copy_text(self->arena, text_of(path), &self->function->file);
  free(path);
  self->function->origin = origin;
  return error;
}

static ubiq_error *read_wasm(reader *self, const json_value *value) {
  return read_file(self, value, PROJECT_WASM);
}

static ubiq_error *read_source(reader *self, const json_value *value) {
  ubiq_error *error = read_file(self, value, PROJECT_SOURCE);
  if (error != NULL) return error;
  static const char *const suffixes[] = {".c", ".cc", ".cpp", ".cxx"};
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
    if (text_ends_with(text_of(self->function->file), text_of(suffixes[i]))) return NULL;
  return json_wrong(value, "a C or C++ file (.c, .cc, .cpp, .cxx); for other languages use \"wasm\" and \"build\"");
}

static ubiq_error *read_manifest(reader *self, const json_value *value) {
  return read_file(self, value, PROJECT_MANIFEST);
}

static ubiq_error *read_build(reader *self, const json_value *value) {
  return read_string(self->arena, value, &self->function->build);
}

static ubiq_error *read_export(reader *self, const json_value *value) {
  return read_string(self->arena, value, &self->function->export_name);
}

static ubiq_error *read_content_type(reader *self, const json_value *value) {
  ubiq_error *error = read_string(self->arena, value, &self->function->content_type);
  if (error != NULL) return error;
  for (const char *at = self->function->content_type; *at != '\0'; at++)
    if (*at < ' ' || *at > '~') return json_wrong(value, "a media type such as \"application/json\"");
  return NULL;
}

static ubiq_error *read_input(reader *self, const json_value *value) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  bool is_request = text_equal(found, TEXT("request"));
  if (!is_request && !text_equal(found, TEXT("body"))) return json_wrong(value, "\"body\" or \"request\"");
  self->function->input = is_request ? PROJECT_REQUEST : PROJECT_BODY;
  return NULL;
}

static const char *const wire_names[] = {
    [PROJECT_WIRE_EXTISM] = "extism", [PROJECT_WIRE_CORE] = "core", [PROJECT_WIRE_COMPONENT] = "component"};

const char *project_wire_name(project_wire wire) {
  return wire_names[wire];
}

static ubiq_error *read_wire(reader *self, const json_value *value) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  for (size_t i = 0; i < sizeof wire_names / sizeof *wire_names; i++) {
    if (!text_equal_string(found, wire_names[i])) continue;
    self->function->wire = (project_wire)i;
    return NULL;
  }
  return json_wrong(value, "\"extism\", \"core\" or \"component\"");
}

static ubiq_error *read_route(reader *self, const json_value *value) {
  const char *route;
  ubiq_error *error = read_string(self->arena, value, &route);
  if (error != NULL) return error;
  router_route parsed;
  const char *problem = router_route_parse(text_of(route), &parsed);
  self->function->method = parsed.method;
  self->function->host = parsed.host;
  self->function->path = parsed.path;
  return problem == NULL ? NULL : json_wrong(value, "%s", problem);
}

static ubiq_error *read_timeout(reader *self, const json_value *value) {
  return json_get_duration(value, &self->function->limits.wall_ms);
}

static ubiq_error *read_cpu(reader *self, const json_value *value) {
  return json_get_duration(value, &self->function->limits.cpu_ms);
}

static ubiq_error *read_memory(reader *self, const json_value *value) {
  ubiq_error *error = json_get_size(value, UINT64_C(4) << 30, &self->function->limits.memory_bytes);
  if (error == NULL && self->function->limits.memory_bytes < 65536)
    error = json_wrong(value, "at least 64KiB, one page of WebAssembly");
  return error;
}

static ubiq_error *read_stack(reader *self, const json_value *value) {
  ubiq_error *error = json_get_size(value, UINT64_C(1) << 30, &self->function->stack_bytes);
  if (error == NULL && (self->function->stack_bytes < 1024 || self->function->stack_bytes % 16 != 0))
    error = json_wrong(value, "at least 1KiB and a multiple of 16 bytes");
  return error;
}

static ubiq_error *read_body_max(reader *self, const json_value *value) {
  return json_get_size(value, UINT64_C(1) << 30, &self->function->limits.body_bytes_max);
}

static ubiq_error *read_response_max(reader *self, const json_value *value) {
  return json_get_size(value, UINT64_C(1) << 30, &self->function->limits.response_bytes_max);
}

static ubiq_error *read_private(reader *self, const json_value *value) {
  if (!yyjson_is_bool(value->value)) return json_wrong(value, "true or false");
  self->function->is_private = yyjson_get_bool(value->value);
  return NULL;
}

static ubiq_error *read_weight(reader *self, const json_value *value) {
  uint64_t weight = 0;
  ubiq_error *error = json_get_u64(value, 1, TURNS_WEIGHT_MAX, &weight);
  self->function->weight = (uint32_t)weight;
  return error;
}

static ubiq_error *read_queue(reader *self, const json_value *value) {
  return json_get_u64(value, 0, QUEUE_MAX_MAX, &self->function->limits.queue_max);
}

static ubiq_error *read_queue_timeout(reader *self, const json_value *value) {
  return json_get_duration(value, &self->function->limits.queue_ms);
}

static ubiq_error *read_config(reader *self, const json_value *value) {
  project_settings config = {0};
  ubiq_error *error = project_read_settings(value, self->arena, &config);
  self->function->config = config.items;
  self->function->config_count = config.count;
  return error;
}

static ubiq_error *read_instance(reader *self, const json_value *value) {
  return project_read_lifetime(value, &self->function->lifetime);
}

static ubiq_error *read_max_runs(reader *self, const json_value *value) {
  return json_get_u64(value, 1, UINT32_MAX, &self->function->lifetime.runs_max);
}

static ubiq_error *read_max_age(reader *self, const json_value *value) {
  return json_get_duration(value, &self->function->lifetime.age_ms_max);
}

static ubiq_error *read_pool(reader *self, const json_value *value) {
  return project_read_pool(value, &self->function->pool);
}

static ubiq_error *read_allowed_hosts(reader *self, const json_value *value) {
  ubiq_error *error = json_expect_array(value);
  if (error != NULL) return error;
  const char **hosts = arena_array(self->arena, json_count(value), sizeof *hosts);
  if (hosts == NULL) return ubiq_error_no_memory();
  json_value item = {0};
  for (size_t i = 0; error == NULL && json_next_item(value, &item); i++)
    error = read_string(self->arena, &item, &hosts[i]);
  self->function->allowed_hosts = hosts;
  self->function->allowed_hosts_count = json_count(value);
  return error;
}

static ubiq_error *read_permission(arena *arena, const json_value *value, text *out) {
  ubiq_error *error = json_get_text(value, out);
  if (error != NULL) return error;
  ubiq_error *problem = permission_check_form(*out);
  if (problem != NULL) error = json_error(value, "is wrong: %s", ubiq_error_message(problem));
  ubiq_error_delete(problem);
  out->data = arena_string(arena, out->data, out->size);
  return error != NULL || out->data != NULL ? error : ubiq_error_no_memory();
}

/// Reads permissions, behind those of `more`.
static ubiq_error *read_permissions(arena *arena, const json_value *value, const defaults *more, const text **out,
                                    size_t *count) {
  ubiq_error *error = json_expect_array(value);
  if (error != NULL) return error;
  size_t all = more->permissions_count + json_count(value);
  if (all > PERMISSIONS_MAX)
    return json_wrong(value, "at most %d permissions, those of [project] among them", PERMISSIONS_MAX);
  text *list = arena_array(arena, all, sizeof *list);
  if (list == NULL) return ubiq_error_no_memory();
  for (size_t i = 0; i < more->permissions_count; i++) list[i] = more->permissions[i];
  json_value item = {0};
  for (size_t i = more->permissions_count; error == NULL && json_next_item(value, &item); i++)
    error = read_permission(arena, &item, &list[i]);
  *out = list;
  *count = all;
  return error;
}

static ubiq_error *read_own_permissions(reader *self, const json_value *value) {
  project_function *function = self->function;
  return read_permissions(self->arena, value, self->defaults, &function->permissions, &function->permissions_count);
}

static ubiq_error *read_auth(reader *self, const json_value *value) {
  static const char *const words[] = {"none", "optional", "required"};
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (text_equal_string(found, words[i])) {
      self->function->auth = (project_auth)i;
      bool can_be_known = i == 0 || self->defaults->auth != NULL;
      return can_be_known ? NULL
                          : json_error(value, "stands without a table [auth]; expected one that says who is known");
    }
  return json_wrong(value, "\"none\", \"optional\" or \"required\"");
}

static ubiq_error *read_cors(reader *self, const json_value *value) {
  return cors_read(value, self->arena, &self->function->cors);
}

static ubiq_error *read_schedules(reader *self, const json_value *value) {
  return project_read_schedules(self->triggers, self->function->name, value);
}

static ubiq_error *read_events(reader *self, const json_value *value) {
  return project_read_events(self->triggers, self->function->name, value);
}

typedef ubiq_error *(*read_key)(reader *self, const json_value *value);

typedef struct function_key {
  const char *name;
  read_key read;
} function_key;

static const function_key function_keys[] = {
    {"wasm", read_wasm},
    {"source", read_source},
    {"manifest", read_manifest},
    {"build", read_build},
    {"stack", read_stack},
    {"export", read_export},
    {"content_type", read_content_type},
    {"route", read_route},
    {"input", read_input},
    {"wire", read_wire},
    {"auth", read_auth},
    {"cors", read_cors},
    {"timeout", read_timeout},
    {"cpu", read_cpu},
    {"memory", read_memory},
    {"body_max", read_body_max},
    {"response_max", read_response_max},
    {"config", read_config},
    {"allowed_hosts", read_allowed_hosts},
    {"permissions", read_own_permissions},
    {"instance", read_instance},
    {"max_runs", read_max_runs},
    {"max_age", read_max_age},
    {"pool", read_pool},
    {"private", read_private},
    {"weight", read_weight},
    {"queue", read_queue},
    {"queue_timeout", read_queue_timeout},
    {"schedules", read_schedules},
    {"events", read_events},
};
enum { FUNCTION_KEYS = sizeof function_keys / sizeof function_keys[0] };

// ------------------------------------------------------------------------------------------------- the whole file

/// What the keys of a function must be together.
static ubiq_error *check_function(const reader *self, const json_value *value) {
  const project_function *function = self->function;
  if (function->file == NULL)
    return json_error(value, "does not say where its code is; expected \"source\", \"wasm\" or \"manifest\"");
  if (function->stack_bytes != 0 && function->origin != PROJECT_SOURCE)
    return json_error(value, "has \"stack\" without \"source\"; expected it where C is compiled only");
  if (function->build != NULL && function->origin == PROJECT_SOURCE)
    return json_error(value, "has \"build\" beside \"source\"; expected \"build\" with \"wasm\" or \"manifest\" only");
  if (function->origin == PROJECT_MANIFEST && (function->config_count > 0 || function->allowed_hosts_count > 0))
    return json_error(value, "has \"config\" or \"allowed_hosts\" beside \"manifest\"; expected them in the manifest");
  return project_check_lifetime(value, &function->lifetime);
}

static ubiq_error *check_function_keys(const json_value *value) {
  const char *names[FUNCTION_KEYS];
  for (size_t i = 0; i < FUNCTION_KEYS; i++) names[i] = function_keys[i].name;
  return json_check_keys(value, names, FUNCTION_KEYS);
}

static ubiq_error *read_function(reader *self, const json_value *value) {
  ubiq_error *error = json_expect_object(value);
  if (error == NULL) error = check_function_keys(value);
  if (error == NULL) error = copy_text(self->arena, value->key, &self->function->name);
  if (error != NULL) return error;
  self->function->limits = limits_default;
  self->function->weight = TURNS_WEIGHT_DEFAULT;
  self->function->pool = self->defaults->pool;
  self->function->cors = self->defaults->cors;
  self->function->permissions = self->defaults->permissions;
  self->function->permissions_count = self->defaults->permissions_count;
  self->function->export_name = self->function->name;
  for (size_t i = 0; i < FUNCTION_KEYS && error == NULL; i++) {
    json_value field = json_field(value, function_keys[i].name);
    if (!json_is_absent(&field)) error = function_keys[i].read(self, &field);
  }
  if (self->function->lifetime.kind == LIFETIME_PINNED) self->function->pool.min = self->function->pool.max = 1;
  return error != NULL ? error : check_function(self, value);
}

static ubiq_error *read_functions(project *self, const json_value *value, const defaults *defaults) {
  if (json_is_absent(value)) return json_wrong(value, "at least one function: [functions.NAME]");
  ubiq_error *error = json_expect_object(value);
  if (error != NULL) return error;
  size_t count = json_count(value);
  if (count == 0 || count > PROJECT_FUNCTIONS_MAX)
    return json_wrong(value, "from 1 to %d functions: [functions.NAME]", PROJECT_FUNCTIONS_MAX);
  project_function *functions = arena_array(self->arena, count, sizeof *functions);
  if (functions == NULL) return ubiq_error_no_memory();
  json_value field = {0};
  project_triggers triggers = {.arena = self->arena};
  for (size_t i = 0; error == NULL && json_next_field(value, &field); i++)
    error = read_function(&(reader){self->arena, self->directory, defaults, &triggers, &functions[i]}, &field);
  self->triggers = triggers.list;
  self->triggers_count = triggers.count;
  self->functions = functions;
  self->functions_count = count;
  return error;
}

static ubiq_error *read_project(project *self, const json_value *value, defaults *out) {
  static const char *const keys[] = {"name", "version", "pool", "permissions", "quotas"};
  self->name = "project";
  self->version = "0.0.0";
  if (json_is_absent(value)) return NULL;
  ubiq_error *error = json_expect_object(value);
  if (error == NULL) error = json_check_keys(value, keys, sizeof keys / sizeof keys[0]);
  json_value name = json_field(value, "name"), version = json_field(value, "version");
  json_value pool = json_field(value, "pool"), permissions = json_field(value, "permissions");
  json_value quotas = json_field(value, "quotas");
  if (error == NULL && !json_is_absent(&name)) error = read_string(self->arena, &name, &self->name);
  if (error == NULL && !json_is_absent(&version)) error = read_string(self->arena, &version, &self->version);
  if (error == NULL && !json_is_absent(&pool)) error = project_read_pool(&pool, &out->pool);
  if (error == NULL && !json_is_absent(&quotas)) error = project_read_quotas(&quotas, &self->quotas);
  if (error == NULL && !json_is_absent(&permissions))
    error = read_permissions(self->arena, &permissions, &(defaults){0}, &out->permissions, &out->permissions_count);
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
  defaults defaults = {.pool = pool_settings_default};
  if (error == NULL) error = read_project(self, &head, &defaults);
  if (error == NULL && !json_is_absent(&shared_cors)) error = cors_read(&shared_cors, self->arena, &defaults.cors);
  if (error == NULL) error = read_all_settings(self, root);
  json_value files = json_field(root, "files"), known = json_field(root, "auth");
  if (error == NULL && !json_is_absent(&known))
    error = auth_settings_read(&known, self->arena, self->directory, &self->auth);
  defaults.auth = self->auth;
  if (error == NULL && !json_is_absent(&files)) error = project_read_files(self, &files);
  return error != NULL ? error : read_functions(self, &functions, &defaults);
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
