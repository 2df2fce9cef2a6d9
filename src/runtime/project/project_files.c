// [files."/assets"]: the key is where the files are answered, the table says what they are.
#include "runtime/project/project_files.h"

#include "base/file.h"
#include "base/json_string.h"
#include "base/json_table.h"
#include "base/json_units.h"

#include <stdlib.h>

typedef struct reader {
  project *project;
  project_files *files;
} reader;

static ubiq_error *read_folder(reader *self, const json_value *value) {
  arena *arena = self->project->arena;
  const char *name;
  ubiq_error *error = json_get_string(value, arena, &name);
  if (error != NULL) return error;
  char *path = file_path_join(self->project->directory, name);
  error = path == NULL ? ubiq_error_no_memory() : json_copy_text(arena, text_of(path), &self->files->folder);
  free(path);
  return error;
}

static ubiq_error *read_index(reader *self, const json_value *value) {
  ubiq_error *error = json_get_string(value, self->project->arena, &self->files->index);
  if (error == NULL && strchr(self->files->index, '/') != NULL)
    error = json_wrong(value, "the name of a file, without a folder");
  return error;
}

static ubiq_error *read_max_age(reader *self, const json_value *value) {
  return json_get_duration(value, &self->files->max_age_ms);
}

static ubiq_error *read_entry(arena *arena, const json_value *field, project_entry *out) {
  ubiq_error *error = json_get_string(field, arena, &out->name);
  if (error != NULL) return error;
  out->path = (text){arena_string(arena, field->key.data, field->key.size), field->key.size};
  return out->path.data == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_entries(reader *self, const json_value *value) {
  ubiq_error *error = json_expect_object(value);
  if (error != NULL) return error;
  project_entry *entries = arena_array(self->project->arena, json_count(value), sizeof *entries);
  if (entries == NULL) return ubiq_error_no_memory();
  json_value field = {0};
  for (size_t i = 0; error == NULL && json_next_field(value, &field); i++)
    error = read_entry(self->project->arena, &field, &entries[i]);
  self->files->entries = entries;
  self->files->entries_count = json_count(value);
  return error;
}

static const struct {
  const char *name;
  ubiq_error *(*read)(reader *self, const json_value *value);
} keys[] = {
    {"folder", read_folder},
    {"index", read_index},
    {"max_age", read_max_age},
    {"entries", read_entries},
};

/// Where they are answered is a route for everything below.
static ubiq_error *read_route(reader *self, const json_value *value) {
  project_files *files = self->files;
  text key = value->key;
  if (key.size > 0 && key.data[key.size - 1] == '/') key.size--;
  bool has_braces =
      key.size > 0 && (memchr(key.data, '{', key.size) != NULL || memchr(key.data, '\0', key.size) != NULL);
  files->route = arena_printf(self->project->arena, "%.*s/{file...}", (int)key.size, key.data);
  if (files->route == NULL) return ubiq_error_no_memory();
  router_route route;
  const char *problem = router_route_parse(text_of(files->route), &route);
  if (problem != NULL || has_braces || route.method.size > 0)
    return json_error(value,
                      "is no path to answer files at; expected one such as \"/\", \"/assets\" or \"example.com/\"");
  files->host = route.host;
  files->path = (text){route.path.data, route.path.size - strlen("/{file...}")};
  files->route = route.path.data;
  return NULL;
}

static ubiq_error *read_one(reader *self, const json_value *value) {
  const json_keys known = JSON_KEYS(keys);
  json_value field;
  ubiq_error *error = json_check_table(value, &known);
  if (error == NULL) error = read_route(self, value);
  self->files->index = "index.html";
  for (size_t next = 0; error == NULL && json_next_known(value, &known, &next, &field);)
    error = keys[next - 1].read(self, &field);
  bool has_one = (self->files->folder == NULL) != (self->files->entries == NULL);
  if (error == NULL && !has_one) error = json_error(value, "does not say where its files are; expected \"folder\"");
  return error;
}

ubiq_error *project_read_files(project *project, const json_value *value) {
  ubiq_error *error = json_expect_object(value);
  if (error != NULL) return error;
  size_t count = json_count(value);
  if (count > PROJECT_FUNCTIONS_MAX) return json_wrong(value, "at most %d folders", PROJECT_FUNCTIONS_MAX);
  project_files *files = arena_array(project->arena, count, sizeof *files);
  if (files == NULL) return ubiq_error_no_memory();
  json_value field = {0};
  for (size_t i = 0; error == NULL && json_next_field(value, &field); i++)
    error = read_one(&(reader){project, &files[i]}, &field);
  project->files = files;
  project->files_count = count;
  return error;
}
