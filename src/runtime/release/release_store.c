// The folder and its rows. See the header for the order in which things reach the disk.
#include "runtime/release/release_store.h"

#include "base/file.h"
#include "base/log.h"
#include "runtime/release/release_store_schema.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static const char *const steps[] = {RELEASE_STORE_SCHEMA, RELEASE_STORE_PERMISSIONS};
static const database_settings database_form = {
    .steps = steps, .steps_count = sizeof steps / sizeof steps[0], .first = 1, .is_checked = true};

struct release_store {
  char *directory, *bundles, *incoming;
  database *database;
  int lock; ///< -1: this process does not serve from it
};

// -------------------------------------------------------------------------------------------------------- the files

char *release_store_bundle_path(const release_store *self, const char *digest) {
  return file_path_join(self->bundles, digest);
}

ubiq_error *release_store_receive(release_store *self, int *descriptor, char **path) {
  *path = file_path_join(self->incoming, "XXXXXX");
  if (*path == NULL) return ubiq_error_no_memory();
  *descriptor = mkostemp(*path, O_CLOEXEC);
  if (*descriptor >= 0) return NULL;
  int number = errno;
  free(*path);
  *path = NULL;
  return file_error(number, self->incoming);
}

static ubiq_error *sync_file(const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return file_error(errno, path);
  int number = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  return number == 0 ? NULL : file_error(number, path);
}

ubiq_error *release_store_keep(release_store *self, const char *path, const char *digest) {
  ubiq_error *error = sync_file(path);
  if (error != NULL) return error;
  char *place = release_store_bundle_path(self, digest);
  if (place == NULL) return ubiq_error_no_memory();
  if (rename(path, place) != 0)
    error = file_error(errno, place);
  else
    error = file_sync_directory(self->bundles);
  free(place);
  return error;
}

static ubiq_error *remove_from(const char *directory, const char *name) {
  char *path = file_path_join(directory, name);
  if (path == NULL) return ubiq_error_no_memory();
  ubiq_error *error = unlink(path) == 0 || errno == ENOENT ? NULL : file_error(errno, path);
  free(path);
  return error;
}

static ubiq_error *note_row(void *user, sqlite3_stmt *row) {
  (void)row;
  *(bool *)user = true;
  return NULL;
}

static bool keep_none(release_store *self, const char *name) {
  (void)self;
  (void)name;
  return false;
}

/// When the rows cannot be asked, a file is kept.
static bool keep_known(release_store *self, const char *name) {
  bool found = false;
  const database_value digest = database_text(name);
  ubiq_error *error =
      database_query(self->database, "SELECT 1 FROM releases WHERE digest = ?", &digest, 1, note_row, &found);
  if (error != NULL) found = true;
  ubiq_error_delete(error);
  return found;
}

/// Removes what a process that was killed left in a folder.
static void sweep(release_store *self, const char *directory, bool (*keep)(release_store *self, const char *name)) {
  DIR *folder = opendir(directory);
  if (folder == NULL) return;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.' || keep(self, entry->d_name)) continue;
    log_debug("%s: %s is of no release and is removed", directory, entry->d_name);
    ubiq_error_delete(remove_from(directory, entry->d_name));
  }
  closedir(folder);
}

// ---------------------------------------------------------------------------------------------------------- opening

static ubiq_error *take_lock(release_store *self) {
  char *path = file_path_join(self->directory, "lock");
  if (path == NULL) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  self->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (self->lock < 0)
    error = file_error(errno, path);
  else if (flock(self->lock, LOCK_EX | LOCK_NB) != 0)
    error = ubiq_error_new(UBIQ_UNAVAILABLE,
                           "%s: another server keeps its releases there; choose another folder with "
                           "--state",
                           self->directory);
  free(path);
  return error;
}

static ubiq_error *make_folders(release_store *self, const char *directory) {
  self->directory = strdup(directory);
  self->bundles = file_path_join(directory, RELEASE_STORE_BUNDLES);
  self->incoming = file_path_join(directory, "incoming");
  if (self->directory == NULL || self->bundles == NULL || self->incoming == NULL) return ubiq_error_no_memory();
  ubiq_error *error = file_make_private_directory(directory);
  if (error == NULL) error = file_make_private_directory(self->bundles);
  return error != NULL ? error : file_make_private_directory(self->incoming);
}

static ubiq_error *open_database(release_store *self) {
  char *path = file_path_join(self->directory, RELEASE_STORE_FILE);
  if (path == NULL) return ubiq_error_no_memory();
  ubiq_error *error = database_open_with(path, &database_form, &self->database);
  free(path);
  return error;
}

ubiq_error *release_store_open(const char *directory, bool serve, release_store **out) {
  release_store *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->lock = -1;
  ubiq_error *error = make_folders(self, directory);
  if (error == NULL && serve) error = take_lock(self);
  if (error == NULL) error = open_database(self);
  if (error != NULL) {
    release_store_close(self);
    return error;
  }
  if (serve) {
    sweep(self, self->incoming, keep_none);
    sweep(self, self->bundles, keep_known);
  }
  *out = self;
  return NULL;
}

void release_store_close(release_store *self) {
  if (self == NULL) return;
  database_close(self->database);
  if (self->lock >= 0) close(self->lock);
  free(self->directory);
  free(self->bundles);
  free(self->incoming);
  free(self);
}

const char *release_store_directory(const release_store *self) {
  return self->directory;
}

database *release_store_database(release_store *self) {
  return self->database;
}

// --------------------------------------------------------------------------------------------------------- reading

static void copy_text(sqlite3_stmt *row, int column, char *out, size_t room) {
  const char *value = (const char *)sqlite3_column_text(row, column);
  snprintf(out, room, "%s", value == NULL ? "" : value);
}

static ubiq_error *take_choice(void *user, sqlite3_stmt *row) {
  release_choice *out = user;
  copy_text(row, 0, out->current, sizeof out->current);
  copy_text(row, 1, out->previous, sizeof out->previous);
  copy_text(row, 2, out->canary, sizeof out->canary);
  out->canary_percent = (uint32_t)sqlite3_column_int(row, 3);
  out->failures_permille_max = (uint32_t)sqlite3_column_int(row, 4);
  out->requests_min = (uint32_t)sqlite3_column_int(row, 5);
  out->window_s = (uint32_t)sqlite3_column_int(row, 6);
  return NULL;
}

ubiq_error *release_store_choice(release_store *self, release_choice *out) {
  *out = (release_choice){0};
  return database_query(self->database,
                        "SELECT current, previous, canary, canary_percent, failures_permille_max, requests_min, "
                        "window_s FROM choice",
                        NULL, 0, take_choice, out);
}

static void take_record(sqlite3_stmt *row, release_record *out) {
  *out = (release_record){.size = (uint64_t)sqlite3_column_int64(row, 3),
                          .received_ms = (uint64_t)sqlite3_column_int64(row, 4),
                          .is_signed = sqlite3_column_bytes(row, 5) == SIGNATURE_SIZE};
  copy_text(row, 0, out->digest, sizeof out->digest);
  copy_text(row, 1, out->project, sizeof out->project);
  copy_text(row, 2, out->version, sizeof out->version);
  if (out->is_signed) memcpy(out->signature, sqlite3_column_blob(row, 5), SIGNATURE_SIZE);
  copy_text(row, 6, out->note, sizeof out->note);
}

#define RECORD_COLUMNS "digest, project, version, size, received_ms, signature, note"

typedef struct record_list {
  release_record *records;
  size_t count;
} record_list;

static ubiq_error *add_record(void *user, sqlite3_stmt *row) {
  record_list *self = user;
  release_record *records = realloc(self->records, (self->count + 1) * sizeof *records);
  if (records == NULL) return ubiq_error_no_memory();
  self->records = records;
  take_record(row, &records[self->count++]);
  return NULL;
}

ubiq_error *release_store_list(release_store *self, release_record **out, size_t *count) {
  record_list list = {0};
  ubiq_error *error = database_query(self->database, "SELECT " RECORD_COLUMNS " FROM releases ORDER BY number DESC",
                                     NULL, 0, add_record, &list);
  if (error != NULL) {
    free(list.records);
    return error;
  }
  *out = list.records;
  *count = list.count;
  return NULL;
}

ubiq_error *release_store_find(release_store *self, text prefix, release_record *out) {
  release_record *records = NULL;
  size_t count = 0, found = 0;
  ubiq_error *error = release_store_list(self, &records, &count);
  for (size_t i = 0; i < count; i++) {
    if (prefix.size == 0 || !text_starts_with(text_of(records[i].digest), prefix)) continue;
    *out = records[i];
    found++;
  }
  free(records);
  if (error != NULL || found == 1) return error;
  return found == 0 ? ubiq_error_new(UBIQ_NOT_FOUND, "there is no release \"%.*s\"; see `ubiq releases`",
                                     (int)prefix.size, prefix.data)
                    : ubiq_error_new(UBIQ_INVALID_INPUT, "several releases begin with \"%.*s\"; expected more digits",
                                     (int)prefix.size, prefix.data);
}

typedef struct granted_row {
  char *granted; ///< owned; NULL: no limit
  bool is_found;
} granted_row;

static ubiq_error *take_granted(void *user, sqlite3_stmt *row) {
  granted_row *self = user;
  const char *value = (const char *)sqlite3_column_text(row, 0);
  self->is_found = true;
  if (value == NULL) return sqlite3_column_type(row, 0) == SQLITE_NULL ? NULL : ubiq_error_no_memory();
  self->granted = strdup(value);
  return self->granted == NULL ? ubiq_error_no_memory() : NULL;
}

ubiq_error *release_store_granted(release_store *self, const char *digest, char **out) {
  granted_row found = {0};
  const database_value value = database_text(digest);
  ubiq_error *error =
      database_query(self->database, "SELECT granted FROM releases WHERE digest = ?", &value, 1, take_granted, &found);
  if (error == NULL && !found.is_found)
    error = ubiq_error_new(UBIQ_NOT_FOUND, "there is no release \"%s\"; see `ubiq releases`", digest);
  if (error == NULL)
    *out = found.granted;
  else
    free(found.granted);
  return error;
}

// --------------------------------------------------------------------------------------------------------- changing

/// A release that has come again is the newest again.
static ubiq_error *add_release(release_store *self, const release_record *record) {
  const ubiq_bytes signature = {record->is_signed ? record->signature : NULL, SIGNATURE_SIZE};
  const database_value values[] = {
      database_text(record->digest),
      database_text(record->project),
      database_text(record->version),
      database_number((int64_t)record->size),
      database_number((int64_t)record->received_ms),
      database_bytes(signature),
      database_text(record->note),
      database_text(record->granted),
  };
  return database_query(self->database,
                        "INSERT OR REPLACE INTO releases (" RECORD_COLUMNS ", granted) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        values, sizeof values / sizeof values[0], NULL, NULL);
}

static ubiq_error *set_note(release_store *self, const release_record *record) {
  const database_value values[] = {database_text(record->note), database_text(record->digest)};
  return database_query(self->database, "UPDATE releases SET note = ? WHERE digest = ?", values, 2, NULL, NULL);
}

static database_value text_or_null(const char *string) {
  return database_text(string[0] == '\0' ? NULL : string);
}

static ubiq_error *set_choice(release_store *self, const release_choice *choice) {
  const database_value values[] = {
      text_or_null(choice->current),
      text_or_null(choice->previous),
      text_or_null(choice->canary),
      database_number(choice->canary_percent),
      database_number(choice->failures_permille_max),
      database_number(choice->requests_min),
      database_number(choice->window_s),
  };
  return database_query(self->database,
                        "INSERT OR REPLACE INTO choice (id, current, previous, canary, canary_percent, "
                        "failures_permille_max, requests_min, window_s) VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                        values, sizeof values / sizeof values[0], NULL, NULL);
}

static ubiq_error *add_digest(void *user, sqlite3_stmt *row) {
  const char *digest = (const char *)sqlite3_column_text(row, 0);
  bool good = digest != NULL && buffer_append(user, digest, DIGEST_SHA256_HEX_SIZE);
  return good ? NULL : ubiq_error_no_memory();
}

/// Forgets the oldest releases that are not served; `forgotten` gets their digests, each with its NUL.
static ubiq_error *forget(release_store *self, buffer *forgotten) {
  const database_value kept = database_number(RELEASE_STORE_KEPT);
  return database_query(
      self->database,
      "DELETE FROM releases WHERE digest NOT IN (SELECT digest FROM releases ORDER BY number DESC "
      "LIMIT ?) AND digest NOT IN (SELECT ifnull(current, '') FROM choice UNION SELECT "
      "ifnull(previous, '') FROM choice UNION SELECT ifnull(canary, '') FROM choice) RETURNING digest",
      &kept, 1, add_digest, forgotten);
}

static ubiq_error *change(release_store *self, const release_choice *choice, const release_record *added,
                          const release_record *taken_back, buffer *forgotten) {
  ubiq_error *error = added == NULL ? NULL : add_release(self, added);
  if (error == NULL && taken_back != NULL) error = set_note(self, taken_back);
  if (error == NULL) error = set_choice(self, choice);
  return error != NULL ? error : forget(self, forgotten);
}

static bool is_same(const release_choice *a, const release_choice *b) {
  return strcmp(a->current, b->current) == 0 && strcmp(a->previous, b->previous) == 0 &&
         strcmp(a->canary, b->canary) == 0 && a->canary_percent == b->canary_percent &&
         a->failures_permille_max == b->failures_permille_max && a->requests_min == b->requests_min &&
         a->window_s == b->window_s;
}

/// A commit that fails as it ends may hold all the same: what the rows say then is what the next start will find.
static ubiq_error *believe_rows(release_store *self, const release_choice *choice, ubiq_error *error) {
  release_choice found;
  ubiq_error *unknown = error == NULL ? NULL : release_store_choice(self, &found);
  if (error != NULL && unknown == NULL && is_same(&found, choice)) {
    log_warn("%s (but it is written down)", ubiq_error_message(error));
    ubiq_error_delete(error);
    error = NULL;
  }
  ubiq_error_delete(unknown);
  return error;
}

ubiq_error *release_store_commit(release_store *self, const release_choice *choice, const release_record *added,
                                 const release_record *taken_back) {
  buffer forgotten = {0};
  ubiq_error *error = database_begin(self->database);
  if (error == NULL) error = database_end(self->database, change(self, choice, added, taken_back, &forgotten));
  error = believe_rows(self, choice, error);
  for (size_t at = 0; error == NULL && at < forgotten.size; at += DIGEST_SHA256_HEX_SIZE)
    ubiq_error_delete(remove_from(self->bundles, (const char *)forgotten.data + at)); // else the next start does it
  buffer_free(&forgotten);
  return error;
}

ubiq_error *release_store_copy(const char *path, const char *target) {
  database *source = NULL;
  ubiq_error *error = database_open_with(path, &database_form, &source);
  if (error == NULL) error = database_copy(source, target);
  database_close(source);
  return error;
}
