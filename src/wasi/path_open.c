// path_open: opening and making files, opening directories.
//
// Only what is a regular file or a directory is opened. What is there is looked at first, because opening a device can do
// something by itself and opening a pipe releases whoever waits at its other end; and it is looked at again when it is
// open, because it may have been replaced meanwhile. Everything is opened so that it never waits (O_NONBLOCK).
#include "wasi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct opening {
  const wasi_descriptor *directory; ///< not good any more once a descriptor was reserved
  int host;                         ///< its host's descriptor
  bool follow;
  uint32_t oflags;
  uint64_t rights;
  uint64_t rights_inheriting;
  uint32_t fdflags;
  wasi_path path;
} opening;

static bool asks(const opening *self, uint32_t oflag) {
  return (self->oflags & oflag) != 0;
}

static wasi_errno read_arguments(wasi_guest *self, const engine_value *arguments, opening *out) {
  out->follow = (wasi_u32(&arguments[1]) & WASI_LOOKUP_SYMLINK_FOLLOW) != 0;
  out->oflags = wasi_u32(&arguments[4]);
  out->rights = (uint64_t)arguments[5].i64;
  out->rights_inheriting = (uint64_t)arguments[6].i64;
  out->fdflags = wasi_u32(&arguments[7]);
  bool is_known =
      (out->oflags & ~(uint32_t)WASI_OFLAGS_KNOWN) == 0 && (out->fdflags & ~(uint32_t)WASI_FDFLAGS_KNOWN) == 0;
  if (!is_known || (asks(out, WASI_OFLAG_CREATE) && asks(out, WASI_OFLAG_DIRECTORY))) return WASI_EINVAL;
  return wasi_path_get(self, &arguments[2], &arguments[3], &out->path);
}

// Most rights that are asked for and cannot be had are left out, because libraries ask for all that there are. Those to
// read and to write are what the guest is after, so it is told that it cannot have them.
static wasi_errno check_rights(const opening *self) {
  const uint64_t essential = WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE;
  uint64_t needed = WASI_RIGHT_PATH_OPEN;
  if (asks(self, WASI_OFLAG_CREATE)) needed |= WASI_RIGHT_PATH_CREATE_FILE;
  if (asks(self, WASI_OFLAG_TRUNCATE)) needed |= WASI_RIGHT_PATH_FILESTAT_SET_SIZE;
  bool has_needed = (needed & ~self->directory->rights) == 0;
  bool has_essential = (self->rights & essential & ~self->directory->rights_inheriting) == 0;
  if (!has_needed || !has_essential) return WASI_ENOTCAPABLE;
  bool changes = asks(self, WASI_OFLAG_CREATE | WASI_OFLAG_TRUNCATE) || (self->rights & WASI_RIGHT_FD_WRITE) != 0;
  return self->directory->read_only && changes ? WASI_EPERM : WASI_SUCCESS;
}

static wasi_errno check_type(const struct stat *status) {
  if (S_ISLNK(status->st_mode)) return WASI_ELOOP;
  return S_ISREG(status->st_mode) || S_ISDIR(status->st_mode) ? WASI_SUCCESS : WASI_ENOTSUP;
}

// Looks at what is there without opening it. Nothing is there: it may be made.
static wasi_errno look(const opening *self) {
  int thing;
  int flags = O_PATH | (self->follow ? 0 : O_NOFOLLOW) | (asks(self, WASI_OFLAG_DIRECTORY) ? O_DIRECTORY : 0);
  wasi_errno error = wasi_open_beneath(self->host, self->path.bytes, flags, 0, &thing);
  if (error == WASI_ENOENT && asks(self, WASI_OFLAG_CREATE)) return WASI_SUCCESS;
  if (error != WASI_SUCCESS) return error;
  struct stat status;
  error = fstat(thing, &status) == 0 ? check_type(&status) : wasi_errno_of_host(errno);
  close(thing);
  return error;
}

static int host_flags(const opening *self) {
  bool reads = (self->rights & WASI_RIGHT_FD_READ) != 0, writes = (self->rights & WASI_RIGHT_FD_WRITE) != 0;
  int flags = O_NONBLOCK | O_NOCTTY | (self->follow ? 0 : O_NOFOLLOW);
  flags |= !writes ? O_RDONLY : reads ? O_RDWR : O_WRONLY;
  if (asks(self, WASI_OFLAG_CREATE)) flags |= O_CREAT;
  if (asks(self, WASI_OFLAG_CREATE) && asks(self, WASI_OFLAG_EXCLUSIVE)) flags |= O_EXCL;
  if (asks(self, WASI_OFLAG_DIRECTORY)) flags |= O_DIRECTORY;
  if (asks(self, WASI_OFLAG_TRUNCATE)) flags |= O_TRUNC;
  return flags;
}

// With O_EXCL nothing that is there is opened.
static wasi_errno open_host(const opening *self, int *host, struct stat *status) {
  int flags = host_flags(self);
  wasi_errno error = (flags & O_EXCL) != 0 ? WASI_SUCCESS : look(self);
  mode_t mode = (flags & O_CREAT) != 0 ? 0666 : 0;
  if (error == WASI_SUCCESS) error = wasi_open_beneath(self->host, self->path.bytes, flags, mode, host);
  if (error != WASI_SUCCESS) return error;
  error = fstat(*host, status) == 0 ? check_type(status) : wasi_errno_of_host(errno);
  if (error != WASI_SUCCESS) close(*host);
  return error;
}

// Rights beyond the directory's and those that mean nothing for such a thing are left out.
static wasi_descriptor descriptor_of(const opening *self, const wasi_descriptor *directory, int host, mode_t mode) {
  const wasi_descriptor_kind *kind = S_ISDIR(mode) ? &wasi_directory_kind : &wasi_file;
  uint64_t applicable = kind->rights & directory->rights_inheriting;
  bool writes = (self->rights & WASI_RIGHT_FD_WRITE) != 0;
  if (!writes) applicable &= ~(uint64_t)(WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE);
  uint64_t inheriting = S_ISDIR(mode) ? self->rights_inheriting & directory->rights_inheriting : 0;
  return (wasi_descriptor){.kind = kind,
                           .flags = (uint16_t)self->fdflags,
                           .read_only = directory->read_only,
                           .host = host,
                           .rights = self->rights & applicable,
                           .rights_inheriting = inheriting};
}

static wasi_errno open_and_store(wasi_guest *self, opening *opening, const engine_value *directory, uint8_t *out) {
  uint32_t number;
  int host;
  struct stat status;
  wasi_errno error = wasi_descriptor_reserve(self->context, &number); // first: nothing is made that cannot be kept
  if (error == WASI_SUCCESS) error = open_host(opening, &host, &status);
  if (error != WASI_SUCCESS) return error;
  const wasi_descriptor *parent = wasi_descriptor_at(self->context, wasi_u32(directory));
  self->context->descriptors[number] = descriptor_of(opening, parent, host, status.st_mode);
  wasi_store_u32(out, number);
  return WASI_SUCCESS;
}

static wasi_errno path_open(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *directory;
  opening opening;
  wasi_errno error = wasi_directory_get(self, &arguments[0], 0, &directory);
  if (error == WASI_SUCCESS) error = read_arguments(self, arguments, &opening);
  if (error != WASI_SUCCESS) return error;
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[8]), 4);
  if (out == NULL) return WASI_EFAULT;
  opening.directory = directory;
  opening.host = directory->host;
  error = check_rights(&opening);
  return error == WASI_SUCCESS ? open_and_store(self, &opening, &arguments[0], out) : error;
}
WASI_CALLBACK(path_open)
