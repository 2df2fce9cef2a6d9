// Staying below a directory: openat2 with RESOLVE_BENEATH, which the kernel checks at every step of a path, also while
// directories are moved. There is no other way to the host's files in src/wasi, and no fallback where it is missing.
#include "wasi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int wasi_openat2(int directory, const char *path, uint64_t flags, mode_t mode, uint64_t resolve) {
  const struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

// The kernel answers EAGAIN when something was moved while it looked and it cannot tell whether the path left the
// directory: then it is asked again, not for ever.
wasi_errno wasi_open_beneath(int directory, const char *path, int flags, mode_t mode, int *out) {
  enum { ATTEMPTS = 64 };
  int attempts = 0;
  do {
    *out = wasi_openat2(directory, path, (uint64_t)flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  } while (*out < 0 && (errno == EINTR || (errno == EAGAIN && ++attempts < ATTEMPTS)));
  if (*out >= 0) return WASI_SUCCESS;
  return errno == EXDEV ? WASI_EPERM : wasi_errno_of_host(errno);
}

wasi_errno wasi_open_thing(int directory, const wasi_path *path, bool follow, int *out) {
  return wasi_open_beneath(directory, path->bytes, O_PATH | (follow ? 0 : O_NOFOLLOW), 0, out);
}

wasi_errno wasi_path_get(const wasi_guest *self, const engine_value *offset, const engine_value *size, wasi_path *out) {
  uint32_t length = wasi_u32(size);
  const uint8_t *bytes = wasi_guest_span(self, wasi_u32(offset), length);
  if (bytes == NULL) return WASI_EFAULT;
  if (length == 0) return WASI_ENOENT;
  if (length > WASI_PATH_BYTES_MAX) return WASI_ENAMETOOLONG;
  if (memchr(bytes, 0, length) != NULL) return WASI_EINVAL;
  memcpy(out->bytes, bytes, length);
  out->bytes[length] = 0;
  return out->bytes[0] == '/' ? WASI_EPERM : WASI_SUCCESS;
}

wasi_errno wasi_place_find(const wasi_descriptor *directory, wasi_path *path, wasi_place *out) {
  *out = (wasi_place){.parent = directory->host, .name = path->bytes};
  size_t end = strlen(path->bytes);
  while (end > 0 && path->bytes[end - 1] == '/') end--;
  char *slash = memrchr(path->bytes, '/', end);
  if (slash == NULL) return WASI_SUCCESS;
  *slash = 0;
  out->name = slash + 1;
  wasi_errno error = wasi_open_beneath(directory->host, path->bytes, O_PATH | O_DIRECTORY, 0, &out->parent);
  out->opened = error == WASI_SUCCESS;
  return error;
}

void wasi_place_end(const wasi_place *place) {
  if (place->opened) close(place->parent);
}

uint8_t wasi_filetype_of_mode(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFBLK: return WASI_FILETYPE_BLOCK_DEVICE;
  case S_IFCHR: return WASI_FILETYPE_CHARACTER_DEVICE;
  case S_IFDIR: return WASI_FILETYPE_DIRECTORY;
  case S_IFREG: return WASI_FILETYPE_REGULAR_FILE;
  case S_IFSOCK: return WASI_FILETYPE_SOCKET_STREAM;
  case S_IFLNK: return WASI_FILETYPE_SYMBOLIC_LINK;
  default: return WASI_FILETYPE_UNKNOWN;
  }
}

wasi_errno wasi_errno_of_host(int number) {
  static const struct {
    int host;
    wasi_errno guest;
  } numbers[] = {
      {EACCES, WASI_EACCES},       {EAGAIN, WASI_EAGAIN},       {EBADF, WASI_EBADF},
      {EBUSY, WASI_EBUSY},         {EDQUOT, WASI_EDQUOT},       {EEXIST, WASI_EEXIST},
      {EFBIG, WASI_EFBIG},         {EINTR, WASI_EINTR},         {EINVAL, WASI_EINVAL},
      {EISDIR, WASI_EISDIR},       {ELOOP, WASI_ELOOP},         {EMFILE, WASI_EMFILE},
      {EMLINK, WASI_EMLINK},       {ENFILE, WASI_ENFILE},       {ENODEV, WASI_ENODEV},
      {ENOENT, WASI_ENOENT},       {ENOLCK, WASI_ENOLCK},       {ENOMEM, WASI_ENOMEM},
      {ENOSPC, WASI_ENOSPC},       {ENOSYS, WASI_ENOSYS},       {ENOTDIR, WASI_ENOTDIR},
      {ENXIO, WASI_ENXIO},         {ENOTEMPTY, WASI_ENOTEMPTY}, {EOPNOTSUPP, WASI_ENOTSUP},
      {EOVERFLOW, WASI_EOVERFLOW}, {EPERM, WASI_EPERM},         {EPIPE, WASI_EPIPE},
      {EROFS, WASI_EROFS},         {ESPIPE, WASI_ESPIPE},       {ESTALE, WASI_ESTALE},
      {ETXTBSY, WASI_ETXTBSY},     {EXDEV, WASI_EXDEV},         {ENAMETOOLONG, WASI_ENAMETOOLONG},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (numbers[i].host == number) return numbers[i].guest;
  return WASI_EIO;
}
