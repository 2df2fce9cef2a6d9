// Directories and reading them. The first entries are always `.` and `..`; the cookies of the others are the host's own
// positions in the directory, so that nothing is kept between calls and a guest may go on from any entry that it has
// seen.
#include "wasi/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

const wasi_descriptor_kind wasi_directory_kind = {
    .filetype = WASI_FILETYPE_DIRECTORY,
    .refusal = WASI_EISDIR,
    .rights = WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_SET_FLAGS | WASI_RIGHT_FD_SYNC | WASI_RIGHT_PATH_CREATE_DIRECTORY |
              WASI_RIGHT_PATH_CREATE_FILE | WASI_RIGHT_PATH_LINK_SOURCE | WASI_RIGHT_PATH_LINK_TARGET |
              WASI_RIGHT_PATH_OPEN | WASI_RIGHT_FD_READDIR | WASI_RIGHT_PATH_READLINK | WASI_RIGHT_PATH_RENAME_SOURCE |
              WASI_RIGHT_PATH_RENAME_TARGET | WASI_RIGHT_PATH_FILESTAT_GET | WASI_RIGHT_PATH_FILESTAT_SET_SIZE |
              WASI_RIGHT_PATH_FILESTAT_SET_TIMES | WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_TIMES |
              WASI_RIGHT_PATH_SYMLINK | WASI_RIGHT_PATH_REMOVE_DIRECTORY | WASI_RIGHT_PATH_UNLINK_FILE |
              WASI_RIGHT_POLL,
};

/// The guest's buffer while it is filled. Full is the answer that there is more, so the last entry is cut to fit.
typedef struct listing {
  uint8_t *out;
  uint32_t room;
  uint32_t used;
} listing;

static void append(listing *self, const void *data, size_t size) {
  uint32_t left = self->room - self->used;
  uint32_t part = size < left ? (uint32_t)size : left;
  if (part > 0) memcpy(self->out + self->used, data, part);
  self->used += part;
}

// Some file systems leave it to stat to tell the type.
static uint8_t filetype_of(int directory, const struct dirent64 *entry) {
  struct stat status;
  if (entry->d_type != DT_UNKNOWN) return wasi_filetype_of_mode(DTTOIF(entry->d_type));
  bool known = fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  return known ? wasi_filetype_of_mode(status.st_mode) : WASI_FILETYPE_UNKNOWN;
}

/// Cookies: what comes next.
enum { COOKIE_SELF = 0, COOKIE_PARENT = 1, COOKIE_HOST = 2 }; // the host's position is added to the last

static void append_entry(listing *self, uint64_t next, uint64_t inode, uint8_t filetype, const char *name) {
  uint8_t head[WASI_DIRENT_SIZE] = {0};
  size_t size = strlen(name);
  wasi_store_u64(head + WASI_DIRENT_NEXT, next);
  wasi_store_u64(head + WASI_DIRENT_INODE, inode);
  wasi_store_u32(head + WASI_DIRENT_NAME_LENGTH, (uint32_t)size);
  head[WASI_DIRENT_FILETYPE] = filetype;
  append(self, head, sizeof head);
  append(self, name, size);
}

// Which directory lies above is not the guest's to know.
static wasi_errno append_dots(listing *self, int directory, uint64_t cookie) {
  struct stat status;
  if (fstat(directory, &status) != 0) return wasi_errno_of_host(errno);
  if (cookie == COOKIE_SELF) append_entry(self, COOKIE_PARENT, status.st_ino, WASI_FILETYPE_DIRECTORY, ".");
  append_entry(self, COOKIE_HOST, 0, WASI_FILETYPE_DIRECTORY, "..");
  return WASI_SUCCESS;
}

static void append_host_entry(listing *self, int directory, const struct dirent64 *entry) {
  const char *name = entry->d_name;
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return;
  append_entry(self, COOKIE_HOST + (uint64_t)entry->d_off, entry->d_ino, filetype_of(directory, entry), name);
}

static wasi_errno append_host_entries(wasi_guest *self, listing *listing, int directory) {
  enum { BATCH_BYTES = 8192 };
  _Alignas(struct dirent64) char batch[BATCH_BYTES];
  const wasi_options *options = &self->context->options;
  while (listing->used < listing->room) {
    ssize_t size = getdents64(directory, batch, sizeof batch);
    if (size < 0) return wasi_errno_of_host(errno);
    if (size == 0) return WASI_SUCCESS;
    for (ssize_t at = 0; at < size && listing->used < listing->room;) {
      const struct dirent64 *entry = (const struct dirent64 *)(batch + at);
      append_host_entry(listing, directory, entry);
      at += entry->d_reclen;
    }
    if (options->interrupted != NULL) self->error = options->interrupted(options->user);
    if (self->error != NULL) return WASI_EINTR;
  }
  return WASI_SUCCESS;
}

static wasi_errno list(wasi_guest *self, listing *listing, int directory, uint64_t cookie) {
  uint64_t position = cookie < COOKIE_HOST ? 0 : cookie - COOKIE_HOST;
  if (position > INT64_MAX) return WASI_EINVAL;
  wasi_errno error = cookie < COOKIE_HOST ? append_dots(listing, directory, cookie) : WASI_SUCCESS;
  if (error != WASI_SUCCESS) return error;
  if (lseek(directory, (off_t)position, SEEK_SET) < 0) return wasi_errno_of_host(errno);
  return append_host_entries(self, listing, directory);
}

// A preopen is opened anew, because contexts of other threads may have the same one, and with it the host's position.
static wasi_errno list_descriptor(wasi_guest *self, listing *listing, const wasi_descriptor *directory,
                                  uint64_t cookie) {
  int own = -1;
  if (directory->preopen == NULL) return list(self, listing, directory->host, cookie);
  wasi_errno error = wasi_open_beneath(directory->host, ".", O_RDONLY | O_DIRECTORY, 0, &own);
  if (error != WASI_SUCCESS) return error;
  error = list(self, listing, own, cookie);
  close(own);
  return error;
}

static wasi_errno fd_readdir(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *directory;
  wasi_errno error = wasi_directory_get(self, &arguments[0], WASI_RIGHT_FD_READDIR, &directory);
  if (error != WASI_SUCCESS) return error;
  listing listing = {.room = wasi_u32(&arguments[2])};
  listing.out = wasi_guest_span(self, wasi_u32(&arguments[1]), listing.room);
  uint8_t *used = wasi_guest_span(self, wasi_u32(&arguments[4]), 4);
  if (listing.out == NULL || used == NULL) return WASI_EFAULT;
  error = list_descriptor(self, &listing, directory, (uint64_t)arguments[3].i64);
  if (error == WASI_SUCCESS) wasi_store_u32(used, listing.used);
  return error;
}
WASI_CALLBACK(fd_readdir)
