// Numbers of projects.
#include "services/backend/sqlite_usage.h"

#include <stdlib.h>

static ubiq_error *read_project(database *database, text name, sqlite_project *out, bool *is_found) {
  static const char statement[] = "SELECT id, sequence, keys, bytes, work, work_bytes FROM projects WHERE name = ?";
  sqlite3_stmt *row = NULL;
  const database_value value = database_blob(name.data, name.size);
  ubiq_error *error = database_ask_one(database, statement, &value, 1, &row, is_found);
  if (error != NULL || !*is_found) return error;
  *out = (sqlite_project){.id = sqlite3_column_int64(row, 0),
                          .sequence = (uint64_t)sqlite3_column_int64(row, 1),
                          .keys = (uint64_t)sqlite3_column_int64(row, 2),
                          .bytes = (uint64_t)sqlite3_column_int64(row, 3),
                          .work = (uint64_t)sqlite3_column_int64(row, 4),
                          .work_bytes = (uint64_t)sqlite3_column_int64(row, 5)};
  sqlite3_reset(row);
  return NULL;
}

static ubiq_error *make_project(database *database, text name, sqlite_project *out) {
  static const char statement[] = "INSERT INTO projects (name, sequence, keys, bytes) VALUES (?, 0, 0, 0)";
  const database_value value = database_blob(name.data, name.size);
  ubiq_error *error = database_run(database, statement, &value, 1);
  if (error == NULL) *out = (sqlite_project){.id = sqlite3_last_insert_rowid(database_handle(database))};
  return error;
}

static text id_key(const int64_t *id) {
  return (text){(const char *)id, sizeof *id};
}

static sqlite_project *find(const map *in, text key) {
  sqlite_project *project = NULL;
  ubiq_bytes found;
  if (map_get(in, key, &found)) memcpy(&project, found.data, sizeof project);
  return project;
}

static ubiq_error *keep(sqlite_usage *self, text name, const sqlite_project *numbers, sqlite_project **out) {
  sqlite_project *project = malloc(sizeof *project);
  if (project == NULL) return ubiq_error_no_memory();
  *project = *numbers;
  if (!map_set(&self->names, name, &project, sizeof project)) {
    free(project);
    return ubiq_error_no_memory();
  }
  if (!map_set(&self->ids, id_key(&project->id), &project, sizeof project)) return ubiq_error_no_memory();
  *out = project;
  return NULL;
}

ubiq_error *sqlite_usage_enter(sqlite_usage *self, database *database, text project, sqlite_project **out) {
  *out = find(&self->names, project);
  if (*out != NULL) return NULL;
  sqlite_project made = {0};
  bool is_found = false;
  ubiq_error *error = read_project(database, project, &made, &is_found);
  if (error == NULL && !is_found) error = make_project(database, project, &made);
  return error != NULL ? error : keep(self, project, &made, out);
}

/// The numbers of the project with this id.
static ubiq_error *enter_by_id(sqlite_usage *self, database *database, int64_t id, sqlite_project **out) {
  static const char statement[] = "SELECT name FROM projects WHERE id = ?";
  *out = find(&self->ids, id_key(&id));
  if (*out != NULL) return NULL;
  sqlite3_stmt *row = NULL;
  const database_value value = database_number(id);
  bool is_row = false;
  ubiq_error *error = database_ask_one(database, statement, &value, 1, &row, &is_row);
  if (error != NULL) return error;
  if (!is_row) return ubiq_error_new(UBIQ_INTERNAL, "project %lld has values and no name", (long long)id);
  const text name = {sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0)};
  error = sqlite_usage_enter(self, database, name, out);
  sqlite3_reset(row);
  return error;
}

void sqlite_usage_change(sqlite_usage *self, sqlite_project *project) {
  if (project->is_changed) return;
  project->is_changed = true;
  project->next_changed = self->changed;
  self->changed = project;
}

ubiq_error *sqlite_usage_remove(sqlite_usage *self, database *database, int64_t id, uint64_t bytes) {
  sqlite_project *project = NULL;
  ubiq_error *error = enter_by_id(self, database, id, &project);
  if (error != NULL) return error;
  project->keys -= project->keys > 0;
  project->bytes -= bytes < project->bytes ? bytes : project->bytes;
  sqlite_usage_change(self, project);
  return NULL;
}

static ubiq_error *write_project(database *database, const sqlite_project *project) {
  static const char statement[] =
      "UPDATE projects SET sequence = ?, keys = ?, bytes = ?, work = ?, work_bytes = ? WHERE id = ?";
  const database_value values[] = {
      database_number((int64_t)project->sequence),   database_number((int64_t)project->keys),
      database_number((int64_t)project->bytes),      database_number((int64_t)project->work),
      database_number((int64_t)project->work_bytes), database_number(project->id)};
  return database_run(database, statement, values, sizeof values / sizeof values[0]);
}

ubiq_error *sqlite_usage_flush(sqlite_usage *self, database *database) {
  ubiq_error *error = NULL;
  while (error == NULL && self->changed != NULL) {
    sqlite_project *project = self->changed;
    self->changed = project->next_changed;
    project->is_changed = false;
    error = write_project(database, project);
  }
  return error;
}

void sqlite_usage_forget(sqlite_usage *self) {
  for (size_t i = 0; i < self->names.count; i++) {
    sqlite_project *project = NULL;
    memcpy(&project, self->names.entries[i].value.data, sizeof project);
    free(project);
  }
  map_free(&self->names);
  map_free(&self->ids);
  self->changed = NULL;
}
