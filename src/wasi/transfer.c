// Reading and writing descriptors of any kind: all that the guest gave is checked before anything is done.
#include "wasi/internal.h"

typedef wasi_errno (*transfer)(wasi_guest *, wasi_descriptor *, wasi_iovecs, uint32_t *);

static wasi_errno move_bytes(wasi_guest *self, wasi_descriptor *descriptor, transfer move,
                             const engine_value *arguments) {
  wasi_iovecs iovecs = {wasi_u32(&arguments[1]), wasi_u32(&arguments[2])};
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[3]), 4);
  if (out == NULL) return WASI_EFAULT;
  wasi_errno error = wasi_iovecs_check(self, iovecs);
  uint32_t done = 0;
  if (error == WASI_SUCCESS) error = move(self, descriptor, iovecs, &done);
  if (error == WASI_SUCCESS) wasi_store_u32(out, done);
  return error;
}

// A descriptor that was not opened for reading is a bad one to read, as in POSIX, and not one without the right.
static wasi_errno fd_read(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor = wasi_descriptor_at(self->context, wasi_u32(&arguments[0]));
  if (descriptor == NULL) return WASI_EBADF;
  if (descriptor->kind->read == NULL) return descriptor->kind->refusal;
  if ((descriptor->rights & WASI_RIGHT_FD_READ) == 0) return WASI_EBADF;
  return move_bytes(self, descriptor, descriptor->kind->read, arguments);
}
WASI_CALLBACK(fd_read)

static wasi_errno fd_write(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor = wasi_descriptor_at(self->context, wasi_u32(&arguments[0]));
  if (descriptor == NULL) return WASI_EBADF;
  if (descriptor->kind->write == NULL) return descriptor->kind->refusal;
  if ((descriptor->rights & WASI_RIGHT_FD_WRITE) == 0) return WASI_EBADF;
  return move_bytes(self, descriptor, descriptor->kind->write, arguments);
}
WASI_CALLBACK(fd_write)
