// One table says which keys a function has and who reads each.
#include "runtime/project/project_function.h"

#include "base/file.h"
#include "base/json_string.h"
#include "base/json_table.h"
#include "base/json_units.h"
#include "runtime/limits/turns.h"
#include "runtime/project/project_pool.h"
#include "runtime/project/project_settings.h"
#include "runtime/project/project_triggers.h"
#include "services/permissions/permissions.h"

#include <stdlib.h>

/// A walk through one function's table.
typedef struct reader {
  arena *arena;
  const char *directory;
  const project_defaults *defaults;
  project_triggers *triggers; ///< of the whole project
  project_function *function;
} reader;

static ubiq_error *read_file(reader *self, const json_value *value, project_origin origin) {
  if (self->function->file != NULL)
    return json_error(value,
                      "stands beside another origin; expected only one of \"wasm\", \"source\" and \"manifest\"");
  const char *file;
  ubiq_error *error = json_get_string(value, self->arena, &file);
  if (error != NULL) return error;
  char *path = file_path_join(self->directory, file);
  if (path == NULL) return ubiq_error_no_memory();
  error = json_copy_text(self->arena, text_of(path), &self->function->file);
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
  return json_get_string(value, self->arena, &self->function->build);
}

static ubiq_error *read_export(reader *self, const json_value *value) {
  return json_get_string(value, self->arena, &self->function->export_name);
}

static ubiq_error *read_content_type(reader *self, const json_value *value) {
  ubiq_error *error = json_get_string(value, self->arena, &self->function->content_type);
  if (error != NULL) return error;
  for (const char *at = self->function->content_type; *at != '\0'; at++)
    if (*at < ' ' || *at > '~') return json_wrong(value, "a media type such as \"application/json\"");
  return NULL;
}

static ubiq_error *read_input(reader *self, const json_value *value) {
  static const char *const words[] = {[PROJECT_BODY] = "body", [PROJECT_REQUEST] = "request"};
  size_t found = 0;
  ubiq_error *error = json_get_word(value, words, sizeof words / sizeof words[0], &found);
  self->function->input = (project_input)found;
  return error;
}

static const char *const wire_names[] = {
    [PROJECT_WIRE_EXTISM] = "extism", [PROJECT_WIRE_CORE] = "core", [PROJECT_WIRE_COMPONENT] = "component"};

const char *project_wire_name(project_wire wire) {
  return wire_names[wire];
}

static ubiq_error *read_wire(reader *self, const json_value *value) {
  size_t found = 0;
  ubiq_error *error = json_get_word(value, wire_names, sizeof wire_names / sizeof wire_names[0], &found);
  self->function->wire = (project_wire)found;
  return error;
}

static ubiq_error *read_route(reader *self, const json_value *value) {
  const char *route;
  ubiq_error *error = json_get_string(value, self->arena, &route);
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
    error = json_get_string(&item, self->arena, &hosts[i]);
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

ubiq_error *project_read_permissions(arena *arena, const json_value *value, const project_defaults *more,
                                     const text **out, size_t *count) {
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
  return project_read_permissions(self->arena, value, self->defaults, &function->permissions,
                                  &function->permissions_count);
}

static ubiq_error *read_auth(reader *self, const json_value *value) {
  static const char *const words[] = {
      [PROJECT_AUTH_NONE] = "none", [PROJECT_AUTH_OPTIONAL] = "optional", [PROJECT_AUTH_REQUIRED] = "required"};
  size_t found = 0;
  ubiq_error *error = json_get_word(value, words, sizeof words / sizeof words[0], &found);
  self->function->auth = (project_auth)found;
  if (error != NULL || found == PROJECT_AUTH_NONE || self->defaults->auth != NULL) return error;
  return json_error(value, "stands without a table [auth]; expected one that says who is known");
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

static const struct {
  const char *name;
  ubiq_error *(*read)(reader *self, const json_value *value);
} function_keys[] = {
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

// ------------------------------------------------------------------------------------------------- a whole function

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

static void set_defaults(project_function *self, const project_defaults *defaults) {
  self->limits = limits_default;
  self->weight = TURNS_WEIGHT_DEFAULT;
  self->pool = defaults->pool;
  self->cors = defaults->cors;
  self->permissions = defaults->permissions;
  self->permissions_count = defaults->permissions_count;
  self->export_name = self->name;
}

static ubiq_error *read_function(reader *self, const json_value *value) {
  const json_keys known = JSON_KEYS(function_keys);
  json_value field;
  ubiq_error *error = json_check_table(value, &known);
  if (error == NULL) error = json_copy_text(self->arena, value->key, &self->function->name);
  if (error != NULL) return error;
  set_defaults(self->function, self->defaults);
  for (size_t next = 0; error == NULL && json_next_known(value, &known, &next, &field);)
    error = function_keys[next - 1].read(self, &field);
  if (self->function->lifetime.kind == LIFETIME_PINNED) self->function->pool.min = self->function->pool.max = 1;
  return error != NULL ? error : check_function(self, value);
}

ubiq_error *project_read_functions(project *self, const json_value *value, const project_defaults *defaults) {
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
