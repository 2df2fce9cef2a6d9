// Files and folders, whole ones at a time. Paths are in file_path.c.
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 65536 }; ///< bytes asked for at once where a file does not tell its size

static ubiq_code code_of(int number) {
  switch (number) {
  case ENOENT:
  case ENOTDIR: return UBIQ_NOT_FOUND;
  case EACCES:
  case EPERM:
  case EROFS: return UBIQ_DENIED;
  case ENOSPC:
  case EDQUOT: return UBIQ_QUOTA;
  case EISDIR:
  case ENAMETOOLONG:
  case ELOOP: return UBIQ_INVALID_INPUT;
  default: return UBIQ_INTERNAL;
  }
}

ubiq_error *file_error(int number, const char *path) {
  if (number == ENOMEM) return ubiq_error_no_memory();
  const char *text = strerrordesc_np(number);
  if (text == NULL) text = "unknown error";
  return ubiq_error_new(code_of(number), "%s: %c%s", path, tolower((unsigned char)text[0]), text + 1);
}

static ubiq_error *folder_error(const char *name) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: it is a folder; expected a file", name);
}

static ubiq_error *size_error(const char *name, size_t bytes_max) {
  return ubiq_error_new(UBIQ_TOO_LARGE, "%s: larger than the %zu bytes that are allowed", name, bytes_max);
}

/// Reads to the end of the file behind what `out` holds.
static ubiq_error *read_to_end(int descriptor, const char *name, size_t bytes_max, size_t expected, buffer *out) {
  size_t start = out->size;
  for (;;) {
    size_t have = out->size - start;
    size_t room = out->capacity - out->size;
    size_t ask = have < expected ? expected - have + 1 : room > 0 ? room : READ_SIZE;
    // One byte more than is allowed tells a file that is too large from one that just fits.
    if (ask - 1 > bytes_max - have) ask = bytes_max - have + 1;
    if (!buffer_reserve(out, ask)) return ubiq_error_no_memory();
    ssize_t got = read(descriptor, out->data + out->size, ask);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EISDIR ? folder_error(name) : file_error(errno, name);
    if (got == 0) return NULL;
    out->size += (size_t)got;
    if (out->size - start > bytes_max) return size_error(name, bytes_max);
  }
}

ubiq_error *file_read_descriptor(int descriptor, const char *name, size_t bytes_max, buffer *out) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return file_error(errno, name);
  if (S_ISDIR(status.st_mode)) return folder_error(name);
  size_t expected = S_ISREG(status.st_mode) && status.st_size > 0 ? (size_t)status.st_size : 0;
  if (expected > bytes_max) {
    return ubiq_error_new(UBIQ_TOO_LARGE, "%s: it has %zu bytes; at most %zu are allowed", name, expected, bytes_max);
  }

  size_t start = out->size;
  ubiq_error *error = read_to_end(descriptor, name, bytes_max, expected, out);
  if (error != NULL) out->size = start;
  return error;
}

ubiq_error *file_read_all(const char *path, size_t bytes_max, buffer *out) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return file_error(errno, path);
  ubiq_error *error = file_read_descriptor(descriptor, path, bytes_max, out);
  close(descriptor);
  return error;
}

static bool write_all(int descriptor, const uint8_t *data, size_t size) {
  while (size > 0) {
    ssize_t written = write(descriptor, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    data += written;
    size -= (size_t)written;
  }
  return true;
}

ubiq_error *file_write_atomic(const char *path, mode_t mode, const void *data, size_t size) {
  buffer name = {0};
  if (!buffer_printf(&name, "%s.XXXXXX", path)) return ubiq_error_no_memory();
  char *temporary = (char *)name.data; // buffer_printf leaves a NUL behind the text

  ubiq_error *error = NULL;
  int descriptor = mkostemp(temporary, O_CLOEXEC);
  if (descriptor < 0) {
    error = file_error(errno, path);
    goto fail_open;
  }
  bool written = fchmod(descriptor, mode) == 0 && write_all(descriptor, data, size) && fsync(descriptor) == 0;
  int number = errno;
  if (close(descriptor) != 0 && written) {
    written = false;
    number = errno;
  }
  if (written && rename(temporary, path) != 0) {
    written = false;
    number = errno;
  }
  if (!written) {
    error = file_error(number, path);
    unlink(temporary);
  }
fail_open:
  buffer_free(&name);
  return error;
}

/// Makes the folders of a path that are missing, from the top. `path` is changed and restored on the way.
static int make_directories(char *path) {
  for (char *at = path + 1; *at != 0; at++) {
    if (*at != '/') continue;
    *at = 0;
    int result = mkdir(path, 0700);
    int number = errno;
    *at = '/';
    if (result != 0 && number != EEXIST) return number;
  }
  return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

static ubiq_error *check_private(const char *path) {
  int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0 && (errno == ENOTDIR || errno == ELOOP)) {
    return ubiq_error_new(UBIQ_DENIED, "%s: it is a link or a file; expected a folder of our own", path);
  }
  if (descriptor < 0) return file_error(errno, path);

  struct stat status;
  int result = fstat(descriptor, &status);
  int number = errno;
  close(descriptor);
  if (result != 0) return file_error(number, path);
  if (status.st_uid != geteuid()) {
    return ubiq_error_new(UBIQ_DENIED, "%s: it belongs to user %u; expected user %u, who runs this program", path,
                          (unsigned)status.st_uid, (unsigned)geteuid());
  }
  if ((status.st_mode & 077) != 0) {
    return ubiq_error_new(UBIQ_DENIED, "%s: others may use it (mode %04o); expected mode 0700 (chmod 700 %s)", path,
                          (unsigned)status.st_mode & 07777, path);
  }
  return NULL;
}

ubiq_error *file_make_private_directory(const char *path) {
  char *copy = strdup(path);
  if (copy == NULL) return ubiq_error_no_memory();
  int number = path[0] == 0 ? ENOENT : make_directories(copy);
  free(copy);
  return number != 0 ? file_error(number, path) : check_private(path);
}

ubiq_error *file_sync_directory(const char *path) {
  int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return file_error(errno, path);
  int number = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  return number == 0 ? NULL : file_error(number, path);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status;
  (void)kind;
  (void)place;
  return remove(path) == 0 || errno == ENOENT ? 0 : errno;
}

ubiq_error *file_remove_directory(const char *path) {
  enum { OPEN_FOLDERS_MAX = 16 };
  int number = nftw(path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
  if (number < 0) number = errno;
  return number == 0 || number == ENOENT ? NULL : file_error(number, path);
}

bool file_exists(const char *path) {
  return access(path, F_OK) == 0;
}

bool file_is_directory(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}
