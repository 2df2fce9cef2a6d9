// The descriptor table and the functions that work on any descriptor. What a kind can do is in its
// wasi_descriptor_kind; a kind that comes later (files, directories) brings its own.
#include "wasi/internal.h"

#include <string.h>

wasi_descriptor *wasi_descriptor_at(wasi_context *context, uint32_t number) {
  if (number >= WASI_STREAMS || context->descriptors[number].kind == NULL) return NULL;
  return &context->descriptors[number];
}

void wasi_descriptors_reset(wasi_context *context) {
  for (int stream = 0; stream < WASI_STREAMS; stream++)
    context->descriptors[stream] =
        (wasi_descriptor){.kind = stream == 0 ? &wasi_standard_input : &wasi_standard_output, .stream = stream};
}

static wasi_descriptor *descriptor_of(wasi_guest *self, const engine_value *arguments) {
  return wasi_descriptor_at(self->context, wasi_u32(&arguments[0]));
}

// Answers for what no kind can do yet: EBADF for what is not open, and `other` for what is.
static wasi_errno refuse(wasi_guest *self, const engine_value *arguments, wasi_errno other) {
  return descriptor_of(self, arguments) == NULL ? WASI_EBADF : other;
}

static wasi_errno fd_close(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor = descriptor_of(self, arguments);
  if (descriptor == NULL) return WASI_EBADF;
  descriptor->kind = NULL;
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_close)

static wasi_errno fd_renumber(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *from = descriptor_of(self, arguments);
  wasi_descriptor *to = wasi_descriptor_at(self->context, wasi_u32(&arguments[1]));
  if (from == NULL || to == NULL) return WASI_EBADF;
  if (from == to) return WASI_SUCCESS;
  *to = *from;
  from->kind = NULL;
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_renumber)

// Reading and writing: check all that the guest gave before anything is done.

typedef wasi_errno (*transfer)(wasi_guest *, wasi_descriptor *, wasi_iovecs, uint32_t *);

static wasi_errno move_bytes(wasi_guest *self, wasi_descriptor *descriptor, transfer move,
                             const engine_value *arguments) {
  wasi_iovecs iovecs = {wasi_u32(&arguments[1]), wasi_u32(&arguments[2])};
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[3]), 4);
  if (move == NULL) return WASI_EBADF;
  if (out == NULL) return WASI_EFAULT;
  wasi_errno error = wasi_iovecs_check(self, iovecs);
  uint32_t done = 0;
  if (error == WASI_SUCCESS) error = move(self, descriptor, iovecs, &done);
  if (error == WASI_SUCCESS) wasi_store_u32(out, done);
  return error;
}

static wasi_errno fd_read(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor = descriptor_of(self, arguments);
  return descriptor == NULL ? WASI_EBADF : move_bytes(self, descriptor, descriptor->kind->read, arguments);
}
WASI_CALLBACK(fd_read)

static wasi_errno fd_write(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor = descriptor_of(self, arguments);
  return descriptor == NULL ? WASI_EBADF : move_bytes(self, descriptor, descriptor->kind->write, arguments);
}
WASI_CALLBACK(fd_write)

// No kind has positions yet: streams answer that they cannot seek.

static wasi_errno fd_pread(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_ESPIPE);
}
WASI_CALLBACK(fd_pread)

static wasi_errno fd_pwrite(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_ESPIPE);
}
WASI_CALLBACK(fd_pwrite)

static wasi_errno fd_seek(wasi_guest *self, const engine_value *arguments) {
  if (descriptor_of(self, arguments) == NULL) return WASI_EBADF;
  return wasi_u32(&arguments[2]) <= WASI_WHENCE_LAST ? WASI_ESPIPE : WASI_EINVAL;
}
WASI_CALLBACK(fd_seek)

static wasi_errno fd_tell(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_ESPIPE);
}
WASI_CALLBACK(fd_tell)

static wasi_errno fd_advise(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_ESPIPE);
}
WASI_CALLBACK(fd_advise)

static wasi_errno fd_allocate(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_ESPIPE);
}
WASI_CALLBACK(fd_allocate)

static wasi_errno fd_sync(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_EINVAL);
}
WASI_CALLBACK(fd_sync)

static wasi_errno fd_datasync(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_EINVAL);
}
WASI_CALLBACK(fd_datasync)

// What a descriptor is.

static wasi_errno fd_fdstat_get(wasi_guest *self, const engine_value *arguments) {
  const wasi_descriptor *descriptor = descriptor_of(self, arguments);
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[1]), WASI_FDSTAT_SIZE);
  if (descriptor == NULL) return WASI_EBADF;
  if (out == NULL) return WASI_EFAULT;
  memset(out, 0, WASI_FDSTAT_SIZE);
  out[WASI_FDSTAT_FILETYPE] = descriptor->kind->filetype;
  wasi_store_u16(out + WASI_FDSTAT_FLAGS, descriptor->flags);
  wasi_store_u64(out + WASI_FDSTAT_RIGHTS, descriptor->kind->rights);
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_fdstat_get)

static wasi_errno fd_fdstat_set_flags(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor = descriptor_of(self, arguments);
  uint32_t flags = wasi_u32(&arguments[1]);
  if (descriptor == NULL) return WASI_EBADF;
  if ((flags & ~(uint32_t)WASI_FDFLAGS_KNOWN) != 0) return WASI_EINVAL;
  descriptor->flags = (uint16_t)flags;
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_fdstat_set_flags)

static wasi_errno fd_fdstat_set_rights(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_ENOTSUP);
}
WASI_CALLBACK(fd_fdstat_set_rights)

static wasi_errno fd_filestat_get(wasi_guest *self, const engine_value *arguments) {
  const wasi_descriptor *descriptor = descriptor_of(self, arguments);
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[1]), WASI_FILESTAT_SIZE);
  if (descriptor == NULL) return WASI_EBADF;
  if (out == NULL) return WASI_EFAULT;
  memset(out, 0, WASI_FILESTAT_SIZE);
  out[WASI_FILESTAT_FILETYPE] = descriptor->kind->filetype;
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_filestat_get)

static wasi_errno fd_filestat_set_size(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_EINVAL);
}
WASI_CALLBACK(fd_filestat_set_size)

static wasi_errno fd_filestat_set_times(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_ENOTSUP);
}
WASI_CALLBACK(fd_filestat_set_times)

// Directories that are open from the start: there are none. Libraries count up from 3 until the answer is EBADF.

static wasi_errno fd_prestat_get(wasi_guest *self, const engine_value *arguments) {
  (void)self, (void)arguments;
  return WASI_EBADF;
}
WASI_CALLBACK(fd_prestat_get)

static wasi_errno fd_prestat_dir_name(wasi_guest *self, const engine_value *arguments) {
  (void)self, (void)arguments;
  return WASI_EBADF;
}
WASI_CALLBACK(fd_prestat_dir_name)

static wasi_errno fd_readdir(wasi_guest *self, const engine_value *arguments) {
  return refuse(self, arguments, WASI_ENOTDIR);
}
WASI_CALLBACK(fd_readdir)
