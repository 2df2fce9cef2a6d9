// Two locks of the folder `objects`: `.lock`, which a server that starts wants alone before it sweeps, and `.copying`, which a server
// tries before it removes a file.
#include "services/storage/storage_check.h"

#include "base/file.h"
#include "services/storage/storage_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------- holding

/// A shared lock on a file that a server made; -1 where there is none.
static ubiq_error *share(const char *directory, const char *name, int *out) {
  char *path = file_path_join(directory, name);
  if (path == NULL) return ubiq_error_no_memory();
  *out = open(path, O_RDONLY | O_CLOEXEC);
  bool good = *out < 0 ? errno == ENOENT : flock(*out, LOCK_SH) == 0;
  ubiq_error *error = good ? NULL : file_error(errno, path);
  free(path);
  return error;
}

ubiq_error *storage_hold_files(const char *directory, storage_hold *out) {
  *out = (storage_hold){-1, -1};
  char *objects = file_path_join(directory, STORAGE_DIRECTORY);
  if (objects == NULL) return ubiq_error_no_memory();
  ubiq_error *error = share(objects, STORAGE_LOCK, &out->start);
  if (error == NULL) error = share(objects, STORAGE_COPYING, &out->files);
  if (error != NULL) storage_let_go(out);
  free(objects);
  return error;
}

void storage_let_go(storage_hold *self) {
  if (self->start >= 0) close(self->start);
  if (self->files >= 0) close(self->files);
  *self = (storage_hold){-1, -1};
}

// ------------------------------------------------------------------------------------------------------------- looking

typedef struct checking {
  storage storage; ///< as far as files and entries need it
  storage_report *report;
  arena arena;
  map ids;
  bool is_short; ///< memory was out
} checking;

static void note(storage_report *report, uint64_t *count, const char *id) {
  if (report->missing + report->damaged == 0)
    snprintf(report->first, sizeof report->first, STORAGE_DIRECTORY "/%s", id);
  ++*count;
}

static void check_file(checking *self, const storage_entry *entry) {
  storage_report *report = self->report;
  struct stat found;
  char *path = storage_file_path(&self->storage, entry->id, true);
  self->is_short = self->is_short || path == NULL || !map_set(&self->ids, text_of(entry->id), "", 0);
  if (path != NULL && stat(path, &found) != 0)
    note(report, &report->missing, entry->id);
  else if (path != NULL && (uint64_t)found.st_size != entry->size)
    note(report, &report->damaged, entry->id);
  free(path);
}

static void check_entry(void *user, const backend_kv_entry *kept) {
  checking *self = user;
  storage_entry entry;
  if (!storage_entry_read(kept->value, &self->arena, &entry)) return;
  self->report->objects++;
  if (!entry.is_in_row)
    check_file(self, &entry);
  else if (kept->attachment.size != entry.size)
    note(self->report, &self->report->damaged, entry.id);
  arena_reset(&self->arena);
}

/// A server names a file before it has an entry: what came after the entries were read is counted as well.
static ubiq_error *count_unnamed(checking *self) {
  DIR *folder = opendir(self->storage.directory);
  if (folder == NULL) return errno == ENOENT ? NULL : file_error(errno, self->storage.directory);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (storage_file_is_orphan(entry->d_name, &self->ids)) self->report->unnamed++;
  closedir(folder);
  return NULL;
}

static ubiq_error *compare(checking *self) {
  ubiq_error *error = storage_entry_each(&self->storage, check_entry, self);
  if (error == NULL) error = count_unnamed(self);
  return error == NULL && self->is_short ? ubiq_error_no_memory() : error;
}

ubiq_error *storage_check(const char *directory, backend *backend, storage_report *out) {
  *out = (storage_report){.objects = 0};
  storage_hold hold;
  ubiq_error *error = storage_hold_files(directory, &hold);
  if (error != NULL) return error;
  checking self = {.storage = {.settings = {.backend = backend}}, .report = out};
  arena_init(&self.arena);
  self.storage.directory = file_path_join(directory, STORAGE_DIRECTORY);
  error = self.storage.directory == NULL ? ubiq_error_no_memory() : compare(&self);
  free(self.storage.directory);
  map_free(&self.ids);
  arena_free(&self.arena);
  storage_let_go(&hold);
  return error;
}
