// Files: `.ID` until it is whole, then `ID`. The dot tells what a crash left.
#include "base/digest.h"
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

void storage_new_id(char out[STORAGE_ID_SIZE]) {
  uint8_t random[(STORAGE_ID_SIZE - 1) / 2];
  digest_random(random, sizeof random);
  text_hex(random, sizeof random, out);
}

char *storage_file_path(const storage *self, const char *id, bool is_whole) {
  char name[STORAGE_ID_SIZE + 1];
  snprintf(name, sizeof name, "%s%s", is_whole ? "" : ".", id);
  return file_path_join(self->directory, name);
}

ubiq_error *storage_file_error(int number, const char *path) {
  ubiq_error *error = file_error(number, path);
  const ubiq_code code = ubiq_error_code(error);
  if (code == UBIQ_NOT_FOUND || code == UBIQ_INTERNAL) return error;
  ubiq_error *ours = code == UBIQ_QUOTA ? ubiq_error_new(UBIQ_QUOTA, "storage: the disk is full")
                                        : ubiq_error_new(UBIQ_INTERNAL, "%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return ours;
}

ubiq_error *storage_file_write_at(int file, const char *path, uint64_t offset, ubiq_bytes bytes) {
  while (bytes.size > 0) {
    ssize_t written = pwrite(file, bytes.data, bytes.size, (off_t)offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return storage_file_error(errno, path);
    offset += (uint64_t)written;
    bytes = (ubiq_bytes){bytes.data + written, bytes.size - (size_t)written};
  }
  return NULL;
}

ubiq_error *storage_file_write(const storage *self, const char *id, uint64_t offset, ubiq_bytes bytes) {
  char *path = storage_file_path(self, id, false);
  if (path == NULL) return ubiq_error_no_memory();
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  ubiq_error *error = file < 0 ? storage_file_error(errno, path) : storage_file_write_at(file, path, offset, bytes);
  if (file >= 0 && close(file) != 0 && error == NULL) error = storage_file_error(errno, path);
  free(path);
  return error;
}

static ubiq_error *sync_file(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return storage_file_error(errno, path);
  ubiq_error *error = fsync(file) == 0 ? NULL : storage_file_error(errno, path);
  close(file);
  return error;
}

/// Named first: nobody looks for it before it has an entry, and file systems with a journal write the name with the bytes, so that
/// syncing the folder finds little left to do.
static ubiq_error *sync_whole(const storage *self, const char *path) {
  ubiq_error *error = sync_file(path);
  return error != NULL ? error : file_sync_directory(self->directory);
}

ubiq_error *storage_file_finish(const storage *self, const char *id) {
  char *path = storage_file_path(self, id, false), *whole = storage_file_path(self, id, true);
  bool is_synced = !self->settings.is_fleeting;
  ubiq_error *error = path == NULL || whole == NULL ? ubiq_error_no_memory() : NULL;
  if (error == NULL && rename(path, whole) != 0) error = storage_file_error(errno, path);
  if (error == NULL && is_synced && (error = sync_whole(self, whole)) != NULL) unlink(whole); // nobody asks for it
  free(path);
  free(whole);
  return error;
}

/// Whoever begins to copy behind this look sees no entry that has the file: it was taken away before.
static bool is_copied(const storage *self) {
  if (flock(self->copying, LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  flock(self->copying, LOCK_UN);
  return false;
}

void storage_file_remove(const storage *self, const char *id, bool is_whole) {
  if (is_whole && is_copied(self)) return;
  char *path = storage_file_path(self, id, is_whole);
  if (path != NULL) unlink(path);
  free(path);
}

static ubiq_error *read_at(int file, const char *path, uint64_t from, size_t size, buffer *out) {
  if (!buffer_reserve(out, size)) return ubiq_error_no_memory();
  while (size > 0) {
    ssize_t got = pread(file, out->data + out->size, size, (off_t)from);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return storage_file_error(errno, path);
    if (got == 0) return ubiq_error_new(UBIQ_INTERNAL, "%s: is shorter than its entry says", path);
    out->size += (size_t)got;
    from += (uint64_t)got;
    size -= (size_t)got;
  }
  return NULL;
}

ubiq_error *storage_file_open(const storage *self, const char *id, int *out) {
  char *path = storage_file_path(self, id, true);
  if (path == NULL) return ubiq_error_no_memory();
  *out = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ubiq_error *error = *out < 0 ? storage_file_error(errno, path) : NULL;
  free(path);
  return error;
}

ubiq_error *storage_file_read(const storage *self, const char *id, uint64_t from, size_t size, buffer *out) {
  int file = -1;
  ubiq_error *error = storage_file_open(self, id, &file);
  if (error != NULL) return error;
  error = read_at(file, id, from, size, out);
  close(file);
  return error;
}

bool storage_file_is_orphan(const char *name, const map *ids) {
  ubiq_bytes found;
  bool is_half = name[0] == '.';
  const char *id = name + is_half;
  if (strlen(id) != STORAGE_ID_SIZE - 1 || strspn(id, "0123456789abcdef") != STORAGE_ID_SIZE - 1) return false;
  return is_half || !map_get(ids, text_of(id), &found);
}

ubiq_error *storage_file_sweep(const storage *self, const map *ids) {
  DIR *folder = opendir(self->directory);
  if (folder == NULL) return file_error(errno, self->directory);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (storage_file_is_orphan(entry->d_name, ids)) unlinkat(dirfd(folder), entry->d_name, 0);
  closedir(folder);
  return NULL;
}
