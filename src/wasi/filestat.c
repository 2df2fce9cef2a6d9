// What a file, a directory or a stream is: its type, size and times.
#include "wasi/host.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

// Times before 1970 do not exist in preview 1.
static uint64_t nanoseconds_of(struct timespec time) {
  return time.tv_sec < 0 ? 0 : (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void put(uint8_t *out, const struct stat *from, bool is_old) {
  size_t earlier = is_old ? WASI_OLD_FILESTAT_EARLIER : 0;
  wasi_store_u64(out + WASI_FILESTAT_DEVICE, from->st_dev);
  wasi_store_u64(out + WASI_FILESTAT_INODE, from->st_ino);
  out[WASI_FILESTAT_FILETYPE] = wasi_filetype_of_mode(from->st_mode);
  if (is_old)
    wasi_store_u32(out + WASI_OLD_FILESTAT_LINKS, (uint32_t)from->st_nlink);
  else
    wasi_store_u64(out + WASI_FILESTAT_LINKS, from->st_nlink);
  wasi_store_u64(out + WASI_FILESTAT_BYTES - earlier, (uint64_t)from->st_size);
  wasi_store_u64(out + WASI_FILESTAT_ATIM - earlier, nanoseconds_of(from->st_atim));
  wasi_store_u64(out + WASI_FILESTAT_MTIM - earlier, nanoseconds_of(from->st_mtim));
  wasi_store_u64(out + WASI_FILESTAT_CTIM - earlier, nanoseconds_of(from->st_ctim));
}

/// The guest's filestat, zeroed; NULL when it is not all the guest's.
static uint8_t *place_for(const wasi_guest *self, const engine_value *offset) {
  size_t size = self->is_old ? WASI_OLD_FILESTAT_SIZE : WASI_FILESTAT_SIZE;
  uint8_t *out = wasi_guest_span(self, wasi_u32(offset), size);
  return out == NULL ? NULL : memset(out, 0, size);
}

static wasi_errno put_of(wasi_guest *self, int host, const engine_value *offset) {
  struct stat status;
  uint8_t *out = place_for(self, offset);
  if (out == NULL) return WASI_EFAULT;
  if (fstat(host, &status) != 0) return wasi_errno_of_host(errno);
  put(out, &status, self->is_old);
  return WASI_SUCCESS;
}

static wasi_errno fd_filestat_get(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor;
  wasi_errno error = wasi_descriptor_get(self, &arguments[0], WASI_RIGHT_FD_FILESTAT_GET, &descriptor);
  if (error != WASI_SUCCESS) return error;
  if (!descriptor->kind->is_stream) return put_of(self, descriptor->host, &arguments[1]);
  uint8_t *out = place_for(self, &arguments[1]);
  if (out == NULL) return WASI_EFAULT;
  out[WASI_FILESTAT_FILETYPE] = descriptor->kind->filetype;
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_filestat_get)
WASI_OLD_CALLBACK(fd_filestat_get)

static wasi_errno path_filestat_get(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *directory;
  wasi_path path;
  int thing = -1;
  bool follow = (wasi_u32(&arguments[1]) & WASI_LOOKUP_SYMLINK_FOLLOW) != 0;
  wasi_errno error = wasi_directory_get(self, &arguments[0], WASI_RIGHT_PATH_FILESTAT_GET, &directory);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[2], &arguments[3], &path);
  if (error == WASI_SUCCESS) error = wasi_open_thing(directory->host, &path, follow, &thing);
  if (error != WASI_SUCCESS) return error;
  error = put_of(self, thing, &arguments[4]);
  close(thing);
  return error;
}
WASI_CALLBACK(path_filestat_get)
WASI_OLD_CALLBACK(path_filestat_get)
