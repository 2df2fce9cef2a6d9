// Most settings are rows of one table; those that are no single number or text have a function each.
#include "cli/config_function.h"

#include "base/units.h"
#include "runtime/project/project_pool.h"

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
enum { SETTINGS = sizeof settings / sizeof settings[0] };

// ------------------------------------------------------------------------------------- where it is said

static bool says(const json_value *table, const char *key) {
  json_value field = json_field(table, key);
  return !json_is_absent(&field);
}

/// "function", "project" or "default".
static const char *origin_of(const config_writer *self, const char *name) {
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
static bool write(const config_writer *self, const char *name, const char *shown, yyjson_mut_val *value) {
  const char *origin = origin_of(self, name);
  if (self->object == NULL)
    return table_printf(self->table, "  %s", name) && table_add(self->table, shown) &&
           table_add(self->table, strcmp(origin, "function") == 0 ? "" : origin);
  yyjson_mut_val *entry = yyjson_mut_obj_add_obj(self->document, self->object, name);
  return yyjson_mut_obj_add_val(self->document, entry, "value", value) &&
         yyjson_mut_obj_add_str(self->document, entry, "from", origin);
}

static bool write_text(const config_writer *self, const char *name, const char *value, const char *none) {
  yyjson_mut_val *json = value == NULL ? yyjson_mut_null(self->document) : yyjson_mut_strcpy(self->document, value);
  return write(self, name, value == NULL ? none : value, json);
}

static bool write_setting(const config_writer *self, const setting *setting) {
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

static bool write_origin(const config_writer *self) {
  static const char *const names[] = {
      [PROJECT_WASM] = "wasm", [PROJECT_SOURCE] = "source", [PROJECT_MANIFEST] = "manifest"};
  return write_text(self, names[self->function->origin], self->function->file, NULL);
}

static bool write_route(const config_writer *self) {
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

static bool write_words(const config_writer *self) {
  static const char *const auth[] = {"none", "optional", "required"};
  const project_function *function = self->function;
  return write_text(self, "input", function->input == PROJECT_REQUEST ? "request" : "body", NULL) &&
         write_text(self, "wire", project_wire_name(function->wire), NULL) &&
         write_text(self, "auth", auth[function->auth], NULL) &&
         write_text(self, "private", function->is_private ? "true" : "false", NULL) &&
         write_text(self, "instance", lifetime_kind_name(function->lifetime.kind), NULL);
}

static bool write_list(const config_writer *self, const char *name, const char *const *items, size_t count) {
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
static bool write_triggers(const config_writer *self, const char *key) {
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

static bool write_permissions(const config_writer *self) {
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

static bool write_lists(const config_writer *self) {
  const project_function *function = self->function;
  const cors *cors = function->cors;
  return write_permissions(self) && write_triggers(self, "schedules") && write_triggers(self, "events") &&
         write_list(self, "allowed_hosts", function->allowed_hosts, function->allowed_hosts_count) &&
         write_list(self, "cors", cors == NULL ? NULL : cors->origins, cors == NULL ? 0 : cors->origins_count);
}

bool config_append_settings(buffer *out, const project_settings *settings) {
  bool good = true;
  for (size_t i = 0; good && i < settings->count; i++)
    good = buffer_printf(out, "%s%s=%s", i == 0 ? "" : ", ", settings->items[i].name, settings->items[i].value);
  return good && buffer_string(out) != NULL;
}

bool config_fill_settings(yyjson_mut_doc *document, yyjson_mut_val *object, const project_settings *settings) {
  bool good = object != NULL;
  for (size_t i = 0; good && i < settings->count; i++)
    good = yyjson_mut_obj_add_str(document, object, settings->items[i].name, settings->items[i].value);
  return good;
}

static bool write_config(const config_writer *self) {
  const project_settings settings = {self->function->config, self->function->config_count};
  yyjson_mut_val *object = self->object == NULL ? NULL : yyjson_mut_obj(self->document);
  buffer shown = {0};
  bool good = config_append_settings(&shown, &settings) &&
              (self->object == NULL || config_fill_settings(self->document, object, &settings)) &&
              write(self, "config", settings.count == 0 ? "none" : (const char *)shown.data, object);
  buffer_free(&shown);
  return good;
}

bool config_write_function(const config_writer *self) {
  bool good = write_origin(self) && write_route(self) && write_words(self);
  for (size_t i = 0; good && i < SETTINGS; i++) good = write_setting(self, &settings[i]);
  return good && write_lists(self) && write_config(self);
}
