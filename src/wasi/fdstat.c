// What a descriptor says about itself, and taking from it what it may do: its flags and rights.
#include "wasi/internal.h"

#include <string.h>

static wasi_errno fd_fdstat_get(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor;
  wasi_errno error = wasi_descriptor_get(self, &arguments[0], 0, &descriptor);
  if (error != WASI_SUCCESS) return error;
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[1]), WASI_FDSTAT_SIZE);
  if (out == NULL) return WASI_EFAULT;
  memset(out, 0, WASI_FDSTAT_SIZE);
  out[WASI_FDSTAT_FILETYPE] = descriptor->kind->filetype;
  wasi_store_u16(out + WASI_FDSTAT_FLAGS, descriptor->flags);
  wasi_store_u64(out + WASI_FDSTAT_RIGHTS, descriptor->rights);
  wasi_store_u64(out + WASI_FDSTAT_RIGHTS_INHERITING, descriptor->rights_inheriting);
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_fdstat_get)

// The host is told nothing: each write says by itself whether it appends or syncs, and nothing that can be opened waits.
static wasi_errno fd_fdstat_set_flags(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor;
  uint32_t flags = wasi_u32(&arguments[1]);
  wasi_errno error = wasi_descriptor_get(self, &arguments[0], WASI_RIGHT_FD_SET_FLAGS, &descriptor);
  if (error != WASI_SUCCESS) return error;
  if ((flags & ~(uint32_t)WASI_FDFLAGS_KNOWN) != 0) return WASI_EINVAL;
  descriptor->flags = (uint16_t)flags;
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_fdstat_set_flags)

// Rights can be given up and never come back.
static wasi_errno fd_fdstat_set_rights(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor;
  uint64_t rights = (uint64_t)arguments[1].i64;
  uint64_t inheriting = (uint64_t)arguments[2].i64;
  wasi_errno error = wasi_descriptor_get(self, &arguments[0], rights, &descriptor);
  if (error != WASI_SUCCESS) return error;
  if ((inheriting & ~descriptor->rights_inheriting) != 0) return WASI_ENOTCAPABLE;
  descriptor->rights = rights;
  descriptor->rights_inheriting = inheriting;
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_fdstat_set_rights)
