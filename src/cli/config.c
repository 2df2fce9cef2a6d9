// `ubiq config`: the settings of a project's functions as they hold, and which of them are said where.
#include "base/toml.h"
#include "base/units.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "cli/table.h"
#include "runtime/project/project.h"
#include "runtime/project/project_pool.h"
#include "runtime/project/project_quotas.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum setting_kind { SETTING_MS, SETTING_BYTES, SETTING_COUNT, SETTING_COUNT32, SETTING_TEXT } setting_kind;

/// A setting that is one number or one text of a function.
typedef struct setting {
  const char *name; ///< in ubiq.toml, `pool.` before it for those of the pool
  setting_kind kind;
  size_t offset;    ///< in project_function
  const char *none; ///< what 0 or NULL stands for; NULL: it is a value as any
} setting;

#define FIELD(field) offsetof(project_function, field)

static const setting settings[] = {
    {"build", SETTING_TEXT, FIELD(build), "none"},
    {"stack", SETTING_BYTES, FIELD(stack_bytes), "what it needs"},
    {"export", SETTING_TEXT, FIELD(export_name), NULL},
    {"content_type", SETTING_TEXT, FIELD(content_type), "as the answer is"},
    {"timeout", SETTING_MS, FIELD(limits.wall_ms), NULL},
    {"cpu", SETTING_MS, FIELD(limits.cpu_ms), NULL},
    {"memory", SETTING_BYTES, FIELD(limits.memory_bytes), NULL},
    {"body_max", SETTING_BYTES, FIELD(limits.body_bytes_max), NULL},
    {"response_max", SETTING_BYTES, FIELD(limits.response_bytes_max), NULL},
    {"queue", SETTING_COUNT, FIELD(limits.queue_max), NULL},
    {"queue_timeout", SETTING_MS, FIELD(limits.queue_ms), "none"},
    {"weight", SETTING_COUNT32, FIELD(weight), NULL},
    {"max_runs", SETTING_COUNT, FIELD(lifetime.runs_max), "any"},
    {"max_age", SETTING_MS, FIELD(lifetime.age_ms_max), "any"},
    {"pool.min", SETTING_COUNT32, FIELD(pool.min), NULL},
    {"pool.max", SETTING_COUNT32, FIELD(pool.max), NULL},
    {"pool.overprovision", SETTING_COUNT32, FIELD(pool.overprovision_percent), NULL},
    {"pool.idle", SETTING_MS, FIELD(pool.idle_ms), NULL},
    {"pool.scale_interval", SETTING_MS, FIELD(pool.interval_ms), NULL},
};
enum { SETTINGS = sizeof settings / sizeof settings[0], NAME_SIZE = 40 };

/// What is written of one function, for people or as JSON.
typedef struct writer {
  const project_function *function;
  json_value said;         ///< its table in ubiq.toml
  json_value project_pool; ///< [project.pool]; may be absent
  table *table;            ///< for people
  yyjson_mut_doc *document;
  yyjson_mut_val *object; ///< as JSON; NULL: for people
} writer;

// ------------------------------------------------------------------------------------- where it is said

static bool says(const json_value *table, const char *key) {
  json_value field = json_field(table, key);
  return !json_is_absent(&field);
}

/// "function", "project" or "default".
static const char *origin_of(const writer *self, const char *name) {
  if (says(&self->said, name)) return "function";
  if (strcmp(name, "cors") == 0 && self->function->cors != NULL) return "project";
  if (strncmp(name, "pool.", 5) != 0) return "default";
  json_value pool = json_field(&self->said, "pool");
  if (says(&pool, name + 5)) return "function";
  return says(&self->project_pool, name + 5) ? "project" : "default";
}

// -------------------------------------------------------------------------------------------- values

/// As ubiq.toml would say it: `30s`, `64MiB`.
static bool append_number(buffer *out, setting_kind kind, uint64_t number) {
  if (kind == SETTING_MS) return units_duration_write(out, number);
  if (kind == SETTING_BYTES) return units_size_write(out, number);
  return buffer_printf(out, "%llu", (unsigned long long)number);
}

static uint64_t number_of(const project_function *function, const setting *setting) {
  const char *at = (const char *)function + setting->offset;
  uint64_t wide = 0;
  uint32_t narrow = 0;
  if (setting->kind == SETTING_COUNT32)
    memcpy(&narrow, at, sizeof narrow);
  else
    memcpy(&wide, at, sizeof wide);
  return setting->kind == SETTING_COUNT32 ? narrow : wide;
}

static const char *text_value(const project_function *function, const setting *setting) {
  const char *value;
  memcpy(&value, (const char *)function + setting->offset, sizeof value);
  return value;
}

/// A value for people, or one of JSON, which the document owns.
static bool write(const writer *self, const char *name, const char *shown, yyjson_mut_val *value) {
  const char *origin = origin_of(self, name);
  if (self->object == NULL)
    return table_printf(self->table, "  %s", name) && table_add(self->table, shown) &&
           table_add(self->table, strcmp(origin, "function") == 0 ? "" : origin);
  yyjson_mut_val *entry = yyjson_mut_obj_add_obj(self->document, self->object, name);
  return yyjson_mut_obj_add_val(self->document, entry, "value", value) &&
         yyjson_mut_obj_add_str(self->document, entry, "from", origin);
}

static bool write_text(const writer *self, const char *name, const char *value, const char *none) {
  yyjson_mut_val *json = value == NULL ? yyjson_mut_null(self->document) : yyjson_mut_strcpy(self->document, value);
  return write(self, name, value == NULL ? none : value, json);
}

static bool write_setting(const writer *self, const setting *setting) {
  if (setting->kind == SETTING_TEXT)
    return write_text(self, setting->name, text_value(self->function, setting), setting->none);
  uint64_t number = number_of(self->function, setting);
  if (number == 0 && setting->none != NULL) return write_text(self, setting->name, NULL, setting->none);
  buffer shown = {0};
  bool good = append_number(&shown, setting->kind, number) && buffer_string(&shown) != NULL &&
              write(self, setting->name, (const char *)shown.data, yyjson_mut_uint(self->document, number));
  buffer_free(&shown);
  return good;
}

// --------------------------------------------------------------------------------- settings of their own

static bool write_origin(const writer *self) {
  static const char *const names[] = {
      [PROJECT_WASM] = "wasm", [PROJECT_SOURCE] = "source", [PROJECT_MANIFEST] = "manifest"};
  return write_text(self, names[self->function->origin], self->function->file, NULL);
}

static bool write_route(const writer *self) {
  const project_function *function = self->function;
  buffer route = {0};
  bool good = buffer_printf(&route, "%.*s%s%.*s%.*s", (int)function->method.size, function->method.data,
                            function->method.size > 0 ? " " : "", (int)function->host.size, function->host.data,
                            (int)function->path.size, function->path.data) &&
              buffer_string(&route) != NULL &&
              write_text(self, "route", function->path.size == 0 ? NULL : (const char *)route.data, "none");
  buffer_free(&route);
  return good;
}

static bool write_words(const writer *self) {
  static const char *const auth[] = {"none", "optional", "required"};
  const project_function *function = self->function;
  return write_text(self, "input", function->input == PROJECT_REQUEST ? "request" : "body", NULL) &&
         write_text(self, "wire", project_wire_name(function->wire), NULL) &&
         write_text(self, "auth", auth[function->auth], NULL) &&
         write_text(self, "private", function->is_private ? "true" : "false", NULL) &&
         write_text(self, "instance", lifetime_kind_name(function->lifetime.kind), NULL);
}

static bool write_list(const writer *self, const char *name, const char *const *items, size_t count) {
  yyjson_mut_val *list = self->object == NULL ? NULL : yyjson_mut_arr(self->document);
  buffer shown = {0};
  bool good = true;
  for (size_t i = 0; good && i < count; i++)
    good = buffer_printf(&shown, "%s%s", i == 0 ? "" : ", ", items[i]) &&
           (list == NULL || yyjson_mut_arr_add_str(self->document, list, items[i]));
  good = good && buffer_string(&shown) != NULL &&
         write(self, name, shown.size == 0 ? "none" : (const char *)shown.data, list);
  buffer_free(&shown);
  return good;
}

/// The names of a function's schedules, or events.
static bool write_triggers(const writer *self, const char *key) {
  json_value list = json_field(&self->said, key), item = {0};
  size_t count = 0;
  const char **names = calloc(json_count(&list) + 1, sizeof *names);
  while (names != NULL && json_next_item(&list, &item)) {
    const char *name = yyjson_get_str(yyjson_obj_get(item.value, "name"));
    names[count++] = name == NULL ? self->function->name : name;
  }
  bool good = names != NULL && write_list(self, key, names, count);
  free(names);
  return good;
}

static bool write_permissions(const writer *self) {
  const project_function *function = self->function;
  yyjson_mut_val *list = self->object == NULL ? NULL : yyjson_mut_arr(self->document);
  buffer shown = {0};
  bool good = true;
  for (size_t i = 0; good && i < function->permissions_count; i++) {
    const text one = function->permissions[i];
    good = buffer_printf(&shown, "%s%.*s", i == 0 ? "" : ", ", (int)one.size, one.data) &&
           (list == NULL || yyjson_mut_arr_add_strncpy(self->document, list, one.data, one.size));
  }
  good = good && buffer_string(&shown) != NULL &&
         write(self, "permissions", shown.size == 0 ? "none" : (const char *)shown.data, list);
  buffer_free(&shown);
  return good;
}

static bool write_lists(const writer *self) {
  const project_function *function = self->function;
  const cors *cors = function->cors;
  return write_permissions(self) && write_triggers(self, "schedules") && write_triggers(self, "events") &&
         write_list(self, "allowed_hosts", function->allowed_hosts, function->allowed_hosts_count) &&
         write_list(self, "cors", cors == NULL ? NULL : cors->origins, cors == NULL ? 0 : cors->origins_count);
}

/// Values are shown: who may read ubiq.toml may read them.
static bool append_settings(buffer *out, const project_settings *settings) {
  bool good = true;
  for (size_t i = 0; good && i < settings->count; i++)
    good = buffer_printf(out, "%s%s=%s", i == 0 ? "" : ", ", settings->items[i].name, settings->items[i].value);
  return good && buffer_string(out) != NULL;
}

static bool fill_settings(yyjson_mut_doc *document, yyjson_mut_val *object, const project_settings *settings) {
  bool good = object != NULL;
  for (size_t i = 0; good && i < settings->count; i++)
    good = yyjson_mut_obj_add_str(document, object, settings->items[i].name, settings->items[i].value);
  return good;
}

static bool write_config(const writer *self) {
  const project_settings settings = {self->function->config, self->function->config_count};
  yyjson_mut_val *object = self->object == NULL ? NULL : yyjson_mut_obj(self->document);
  buffer shown = {0};
  bool good = append_settings(&shown, &settings) &&
              (self->object == NULL || fill_settings(self->document, object, &settings)) &&
              write(self, "config", settings.count == 0 ? "none" : (const char *)shown.data, object);
  buffer_free(&shown);
  return good;
}

static bool write_function(const writer *self) {
  bool good = write_origin(self) && write_route(self) && write_words(self);
  for (size_t i = 0; good && i < SETTINGS; i++) good = write_setting(self, &settings[i]);
  return good && write_lists(self) && write_config(self);
}

// ------------------------------------------------------------------------------------------ the project

/// The tables of ubiq.toml that say what holds. Cursors point to each other: it stays where it is.
typedef struct tables {
  json_value root, functions, project, pool;
} tables;

static void find_tables(const toml_document *document, tables *out) {
  out->root = toml_root(document);
  out->functions = json_field(&out->root, "functions");
  out->project = json_field(&out->root, "project");
  out->pool = json_field(&out->project, "pool");
}

/// What holds unless the operator grants less.
static uint64_t quota_of(const project *project, const project_quota *quota, bool *is_said) {
  uint64_t said = project_quota_of(&project->quotas, quota);
  *is_said = said != 0;
  return *is_said ? said : project_quota_of(&quotas_default, quota);
}

static bool add_quota_line(table *table, const project *project, const project_quota *quota) {
  bool is_said;
  buffer shown = {0};
  bool good =
      append_number(&shown, quota->is_bytes ? SETTING_BYTES : SETTING_COUNT, quota_of(project, quota, &is_said)) &&
      buffer_string(&shown) != NULL && table_printf(table, "  quotas.%s", quota->name) &&
      table_add(table, (const char *)shown.data) && table_add(table, is_said ? "" : "default");
  buffer_free(&shown);
  return good;
}

static bool add_settings_line(table *table, const char *before, const char *name, const project_settings *settings) {
  buffer shown = {0};
  bool good =
      settings->count == 0 || (append_settings(&shown, settings) && table_printf(table, "  %s%s", before, name) &&
                               table_add(table, (const char *)shown.data) && table_add(table, ""));
  buffer_free(&shown);
  return good;
}

/// Those of all functions: what a function says itself comes before them.
static bool add_settings_lines(table *table, const project *project) {
  bool good = add_settings_line(table, "", "config", &project->config);
  for (size_t i = 0; good && i < project->environments_count; i++)
    good = add_settings_line(table, "environments.", project->environments[i].name, &project->environments[i].config);
  return good;
}

static bool fill_all_settings(yyjson_mut_doc *document, yyjson_mut_val *root, const project *project) {
  bool good = fill_settings(document, yyjson_mut_obj_add_obj(document, root, "config"), &project->config);
  yyjson_mut_val *environments = yyjson_mut_obj_add_obj(document, root, "environments");
  for (size_t i = 0; good && i < project->environments_count; i++) {
    const project_environment *one = &project->environments[i];
    good = fill_settings(document, yyjson_mut_obj_add_obj(document, environments, one->name), &one->config);
  }
  return good && environments != NULL;
}

static bool add_quota_lines(table *table, const project *project) {
  bool good = table_add(table, "[project]") && table_add(table, "") && table_add(table, "");
  for (size_t i = 0; good && i < PROJECT_QUOTAS; i++) good = add_quota_line(table, project, &project_quotas[i]);
  return good;
}

static bool fill_quotas(yyjson_mut_doc *document, yyjson_mut_val *root, const project *project) {
  yyjson_mut_val *list = yyjson_mut_obj_add_obj(document, root, "quotas");
  bool good = list != NULL;
  for (size_t i = 0; good && i < PROJECT_QUOTAS; i++) {
    bool is_said;
    uint64_t value = quota_of(project, &project_quotas[i], &is_said);
    yyjson_mut_val *one = yyjson_mut_obj_add_obj(document, list, project_quotas[i].name);
    good = yyjson_mut_obj_add_uint(document, one, "value", value) &&
           yyjson_mut_obj_add_str(document, one, "from", is_said ? "project" : "default");
  }
  return good;
}

static ubiq_error *print_lines(const project *project, const tables *tables) {
  static const char *const heads[] = {"SETTING", "VALUE", "FROM"};
  table table = {.heads = heads, .columns = 3};
  bool good = add_quota_lines(&table, project) && add_settings_lines(&table, project);
  for (size_t i = 0; good && i < project->functions_count; i++) {
    const project_function *function = &project->functions[i];
    const writer writer = {.function = function,
                           .said = json_field(&tables->functions, function->name),
                           .project_pool = tables->pool,
                           .table = &table};
    good =
        table_add(&table, function->name) && table_add(&table, "") && table_add(&table, "") && write_function(&writer);
  }
  if (good) printf("%s %s\n\n", project->name, project->version);
  if (good) table_print(&table, stdout);
  table_free(&table);
  return good ? NULL : ubiq_error_no_memory();
}

static bool fill(yyjson_mut_doc *document, yyjson_mut_val *root, const project *project, const tables *tables) {
  bool good = yyjson_mut_obj_add_str(document, root, "name", project->name) &&
              yyjson_mut_obj_add_str(document, root, "version", project->version) &&
              fill_quotas(document, root, project) && fill_all_settings(document, root, project);
  yyjson_mut_val *functions = yyjson_mut_obj_add_obj(document, root, "functions");
  for (size_t i = 0; good && i < project->functions_count; i++) {
    const project_function *function = &project->functions[i];
    const writer writer = {.function = function,
                           .said = json_field(&tables->functions, function->name),
                           .project_pool = tables->pool,
                           .document = document,
                           .object = yyjson_mut_obj_add_obj(document, functions, function->name)};
    good = writer.object != NULL && write_function(&writer);
  }
  return good;
}

static ubiq_error *print_json(const project *project, const tables *tables) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  size_t size = 0;
  char *json =
      fill(document, root, project, tables) ? yyjson_mut_write(document, YYJSON_WRITE_NEWLINE_AT_END, &size) : NULL;
  ubiq_error *error =
      json == NULL ? ubiq_error_no_memory() : call_report_write((ubiq_bytes){(const uint8_t *)json, size});
  free(json);
  yyjson_mut_doc_free(document);
  return error;
}

static ubiq_error *show(const char *directory, bool json) {
  project *project = NULL;
  toml_document *document = NULL;
  tables tables;
  ubiq_error *error = project_read(directory, &project);
  if (error == NULL) error = toml_parse(PROJECT_FILE, project->source.data, project->source.size, &document);
  if (error == NULL) {
    find_tables(document, &tables);
    error = json ? print_json(project, &tables) : print_lines(project, &tables);
  }
  toml_delete(document);
  project_delete(project);
  return error;
}

static int config(const command *command, int count, char **arguments) {
  bool json = false;
  const option list[] = {{"json", 0, OPTION_FLAG, NULL, "print one JSON object", &json, 0, 0}};
  const char *positionals[1];
  options given = {.list = list, .count = 1, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  ubiq_error *error = show(given.positionals_count > 0 ? positionals[0] : ".", json);
  return error == NULL ? EXIT_OK : command_fail(error);
}

const command command_config = {
    .name = "config",
    .usage = "[DIR] [OPTIONS]",
    .summary = "show the settings of a project's functions as they hold",
    .details =
        "DIR is a folder with a ubiq.toml; the default is the working directory. What a function does not say itself\n"
        "is marked with where it comes from: the project, or the default. Variables, `.env` and secrets are not "
        "shown.\n",
    .run = config,
};
