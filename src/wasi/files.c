// Regular files. Their position is the host's; whether a write appends or syncs is said with each write, from the flags
// that the guest sees, so that these can change at any time.
#include "wasi/file_limit.h"
#include "wasi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

/// Instead of an offset: where the descriptor stands.
enum { HERE = -1 };

enum { HOST_IOVECS = 64 }; ///< buffers of one call of the host; what is more is left for the guest's next call

// Empty buffers are left out, because a call that moves nothing would look like the end of the file.
static wasi_errno host_iovecs(const wasi_guest *self, wasi_iovecs iovecs, struct iovec *out, int *count) {
  *count = 0;
  for (uint32_t i = 0; i < iovecs.count && *count < HOST_IOVECS; i++) {
    uint32_t size;
    uint8_t *data = wasi_iovecs_at(self, iovecs, i, &size);
    if (data == NULL) return WASI_EFAULT;
    if (size > 0) out[(*count)++] = (struct iovec){data, size};
  }
  return WASI_SUCCESS;
}

static wasi_errno moved(ssize_t result, uint32_t *done) {
  if (result < 0) return wasi_errno_of_host(errno);
  *done = (uint32_t)result;
  return WASI_SUCCESS;
}

static wasi_errno read_at(wasi_guest *self, const wasi_descriptor *file, wasi_iovecs iovecs, off_t offset,
                          uint32_t *done) {
  struct iovec buffers[HOST_IOVECS];
  int count;
  wasi_errno error = host_iovecs(self, iovecs, buffers, &count);
  if (error != WASI_SUCCESS || count == 0) return error;
  return moved(preadv2(file->host, buffers, count, offset, 0), done);
}

static int write_flags(uint16_t flags, off_t offset) {
  int result = (flags & WASI_FDFLAG_SYNC) != 0 ? RWF_SYNC : 0;
  if ((flags & WASI_FDFLAG_DSYNC) != 0) result |= RWF_DSYNC;
  if ((flags & WASI_FDFLAG_APPEND) != 0 && offset == HERE) result |= RWF_APPEND;
  return result;
}

static wasi_errno write_at(wasi_guest *self, const wasi_descriptor *file, wasi_iovecs iovecs, off_t offset,
                           uint32_t *done) {
  struct iovec buffers[HOST_IOVECS];
  int count;
  wasi_errno error = host_iovecs(self, iovecs, buffers, &count);
  if (error != WASI_SUCCESS || count == 0) return error;
  wasi_file_limit limit;
  wasi_file_limit_begin(self, &limit);
  ssize_t result = pwritev2(file->host, buffers, count, offset, write_flags(file->flags, offset));
  wasi_file_limit_end(&limit);
  return moved(result, done);
}

static wasi_errno read_file(wasi_guest *self, wasi_descriptor *file, wasi_iovecs iovecs, uint32_t *done) {
  return read_at(self, file, iovecs, HERE, done);
}

static wasi_errno write_file(wasi_guest *self, wasi_descriptor *file, wasi_iovecs iovecs, uint32_t *done) {
  return write_at(self, file, iovecs, HERE, done);
}

// A file is always ready; what it has now is what lies behind the position.
static bool file_available(wasi_guest *self, wasi_descriptor *file, uint64_t *bytes) {
  (void)self;
  struct stat status;
  off_t position = lseek(file->host, 0, SEEK_CUR);
  bool known = fstat(file->host, &status) == 0 && position >= 0 && status.st_size > position;
  *bytes = known ? (uint64_t)(status.st_size - position) : 0;
  return true;
}

const wasi_descriptor_kind wasi_file = {
    .filetype = WASI_FILETYPE_REGULAR_FILE,
    .rights = WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_SET_FLAGS |
              WASI_RIGHT_FD_SYNC | WASI_RIGHT_FD_TELL | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ADVISE |
              WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_SIZE |
              WASI_RIGHT_FD_FILESTAT_SET_TIMES | WASI_RIGHT_POLL,
    .read = read_file,
    .write = write_file,
    .available = file_available,
};

// -- At a place of the file --

typedef wasi_errno (*transfer_at)(wasi_guest *, const wasi_descriptor *, wasi_iovecs, off_t, uint32_t *);

static wasi_errno move_at(wasi_guest *self, const engine_value *arguments, uint64_t right, transfer_at move) {
  wasi_descriptor *file;
  wasi_iovecs iovecs = {wasi_u32(&arguments[1]), wasi_u32(&arguments[2])};
  int64_t offset = arguments[3].i64;
  uint32_t done = 0;
  wasi_errno error = wasi_file_get(self, &arguments[0], WASI_RIGHT_FD_SEEK, WASI_ESPIPE, &file);
  if (error != WASI_SUCCESS) return error;
  if ((file->rights & right) == 0) return WASI_EBADF;
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[4]), 4);
  if (out == NULL) return WASI_EFAULT;
  if (offset < 0) return WASI_EINVAL;
  error = wasi_iovecs_check(self, iovecs);
  if (error == WASI_SUCCESS) error = move(self, file, iovecs, offset, &done);
  if (error == WASI_SUCCESS) wasi_store_u32(out, done);
  return error;
}

static wasi_errno fd_pread(wasi_guest *self, const engine_value *arguments) {
  return move_at(self, arguments, WASI_RIGHT_FD_READ, read_at);
}
WASI_CALLBACK(fd_pread)

static wasi_errno fd_pwrite(wasi_guest *self, const engine_value *arguments) {
  return move_at(self, arguments, WASI_RIGHT_FD_WRITE, write_at);
}
WASI_CALLBACK(fd_pwrite)

// -- The position --

static wasi_errno seek(wasi_guest *self, const wasi_descriptor *file, int64_t offset, uint32_t whence,
                       const engine_value *result) {
  static const int host[] = {SEEK_SET, SEEK_CUR, SEEK_END};
  uint8_t *out = wasi_guest_span(self, wasi_u32(result), 8);
  if (out == NULL) return WASI_EFAULT;
  off_t position = lseek(file->host, offset, host[whence]);
  if (position < 0) return wasi_errno_of_host(errno);
  wasi_store_u64(out, (uint64_t)position);
  return WASI_SUCCESS;
}

// The order of WASI_OLD_MODULE is another.
static uint32_t read_whence(const wasi_guest *self, const engine_value *argument) {
  static const uint32_t old[] = {WASI_WHENCE_CURRENT, WASI_WHENCE_END, WASI_WHENCE_SET};
  uint32_t whence = wasi_u32(argument);
  return self->is_old && whence <= WASI_WHENCE_LAST ? old[whence] : whence;
}

// Asking where it stands needs the right to tell alone, which that to seek includes.
static wasi_errno fd_seek(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *file;
  int64_t offset = arguments[1].i64;
  uint32_t whence = read_whence(self, &arguments[2]);
  bool only_tells = offset == 0 && whence == WASI_WHENCE_CURRENT;
  wasi_errno error = wasi_file_get(self, &arguments[0], 0, WASI_ESPIPE, &file);
  if (error == WASI_EBADF) return error;
  if (whence > WASI_WHENCE_LAST) return WASI_EINVAL;
  if (error != WASI_SUCCESS) return error;
  uint64_t allowing = WASI_RIGHT_FD_SEEK | (only_tells ? (uint64_t)WASI_RIGHT_FD_TELL : 0);
  if ((file->rights & allowing) == 0) return WASI_ENOTCAPABLE;
  return seek(self, file, offset, whence, &arguments[3]);
}
WASI_CALLBACK(fd_seek)
WASI_OLD_CALLBACK(fd_seek)

static wasi_errno fd_tell(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *file;
  wasi_errno error = wasi_file_get(self, &arguments[0], 0, WASI_ESPIPE, &file);
  if (error != WASI_SUCCESS) return error;
  if ((file->rights & (WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL)) == 0) return WASI_ENOTCAPABLE;
  return seek(self, file, 0, WASI_WHENCE_CURRENT, &arguments[1]);
}
WASI_CALLBACK(fd_tell)

// -- Size and storage --

static wasi_errno fd_advise(wasi_guest *self, const engine_value *arguments) {
  static const int host[WASI_ADVICES] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                         POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
  wasi_descriptor *file;
  int64_t offset = arguments[1].i64, size = arguments[2].i64;
  uint32_t advice = wasi_u32(&arguments[3]);
  wasi_errno error = wasi_file_get(self, &arguments[0], WASI_RIGHT_FD_ADVISE, WASI_ESPIPE, &file);
  if (error != WASI_SUCCESS) return error;
  if (advice >= WASI_ADVICES || offset < 0 || size < 0) return WASI_EINVAL;
  int number = posix_fadvise(file->host, offset, size, host[advice]);
  return number == 0 ? WASI_SUCCESS : wasi_errno_of_host(number);
}
WASI_CALLBACK(fd_advise)

static wasi_errno finished(int result) {
  return result == 0 ? WASI_SUCCESS : wasi_errno_of_host(errno);
}

static wasi_errno fd_allocate(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *file;
  int64_t offset = arguments[1].i64, size = arguments[2].i64;
  wasi_errno error = wasi_file_get(self, &arguments[0], WASI_RIGHT_FD_ALLOCATE, WASI_ESPIPE, &file);
  if (error != WASI_SUCCESS) return error;
  if (offset < 0 || size <= 0) return WASI_EINVAL;
  wasi_file_limit limit;
  wasi_file_limit_begin(self, &limit);
  int result = fallocate(file->host, 0, offset, size);
  wasi_file_limit_end(&limit);
  return finished(result);
}
WASI_CALLBACK(fd_allocate)

static wasi_errno fd_filestat_set_size(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *file;
  int64_t size = arguments[1].i64;
  wasi_errno error = wasi_file_get(self, &arguments[0], WASI_RIGHT_FD_FILESTAT_SET_SIZE, WASI_EINVAL, &file);
  if (error != WASI_SUCCESS) return error;
  if (size < 0) return WASI_EINVAL;
  wasi_file_limit limit;
  wasi_file_limit_begin(self, &limit);
  int result = ftruncate(file->host, size);
  wasi_file_limit_end(&limit);
  return finished(result);
}
WASI_CALLBACK(fd_filestat_set_size)

// Directories are synced too: that is how a program makes a name in them last.
static wasi_errno sync_with(wasi_guest *self, const engine_value *arguments, uint64_t right, int (*sync)(int)) {
  wasi_descriptor *descriptor;
  wasi_errno error = wasi_descriptor_get(self, &arguments[0], 0, &descriptor);
  if (error != WASI_SUCCESS) return error;
  if (descriptor->kind->is_stream) return WASI_EINVAL;
  return (descriptor->rights & right) != 0 ? finished(sync(descriptor->host)) : WASI_ENOTCAPABLE;
}

static wasi_errno fd_sync(wasi_guest *self, const engine_value *arguments) {
  return sync_with(self, arguments, WASI_RIGHT_FD_SYNC, fsync);
}
WASI_CALLBACK(fd_sync)

static wasi_errno fd_datasync(wasi_guest *self, const engine_value *arguments) {
  return sync_with(self, arguments, WASI_RIGHT_FD_DATASYNC, fdatasync);
}
WASI_CALLBACK(fd_datasync)
