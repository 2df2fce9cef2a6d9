// Settings are few: they are looked for one by one.
#include "runtime/project/project_settings.h"

#include "base/json_string.h"

/// Values may be empty.
static ubiq_error *read_setting(arena *arena, const json_value *field, project_setting *out) {
  text found;
  ubiq_error *error = json_get_text(field, &found);
  if (error != NULL) return error;
  if (memchr(field->key.data, '\0', field->key.size) != NULL)
    return json_error(field, "has a NUL in its name; expected none");
  if (memchr(found.data, '\0', found.size) != NULL) return json_wrong(field, "a string without a NUL in it");
  error = json_copy_text(arena, field->key, &out->name);
  return error != NULL ? error : json_copy_text(arena, found, &out->value);
}

ubiq_error *project_read_settings(const json_value *value, arena *arena, project_settings *out) {
  ubiq_error *error = json_expect_object(value);
  if (error != NULL) return error;
  project_setting *items = arena_array(arena, json_count(value), sizeof *items);
  if (items == NULL) return ubiq_error_no_memory();
  json_value field = {0};
  for (size_t i = 0; error == NULL && json_next_field(value, &field); i++)
    error = read_setting(arena, &field, &items[i]);
  *out = (project_settings){items, json_count(value)};
  return error;
}

static ubiq_error *read_environment(const json_value *value, arena *arena, project_environment *out) {
  static const char *const keys[] = {"config"};
  ubiq_error *error = json_expect_object(value);
  if (error == NULL) error = json_check_keys(value, keys, sizeof keys / sizeof keys[0]);
  if (error == NULL) error = json_copy_text(arena, value->key, &out->name);
  json_value config = error == NULL ? json_field(value, "config") : (json_value){0};
  return error != NULL || json_is_absent(&config) ? error : project_read_settings(&config, arena, &out->config);
}

ubiq_error *project_read_environments(const json_value *value, arena *arena, project *out) {
  ubiq_error *error = json_expect_object(value);
  if (error != NULL) return error;
  project_environment *items = arena_array(arena, json_count(value), sizeof *items);
  if (items == NULL) return ubiq_error_no_memory();
  json_value field = {0};
  for (size_t i = 0; error == NULL && json_next_field(value, &field); i++)
    error = read_environment(&field, arena, &items[i]);
  out->environments = items;
  out->environments_count = json_count(value);
  return error;
}

const project_environment *project_find_environment(const project *self, text name) {
  for (size_t i = 0; i < self->environments_count; i++)
    if (text_equal_string(name, self->environments[i].name)) return &self->environments[i];
  return NULL;
}

static bool find(const project_setting *items, size_t count, text name, text *out) {
  for (size_t i = 0; i < count; i++) {
    if (!text_equal_string(name, items[i].name)) continue;
    *out = text_of(items[i].value);
    return true;
  }
  return false;
}

bool project_find_setting(const project *self, const project_function *function, text environment, text name,
                          text *out) {
  if (function != NULL && find(function->config, function->config_count, name, out)) return true;
  const project_environment *chosen = environment.size == 0 ? NULL : project_find_environment(self, environment);
  if (chosen != NULL && find(chosen->config.items, chosen->config.count, name, out)) return true;
  return find(self->config.items, self->config.count, name, out);
}
