// The directories that guests find open, and how guests find them.
#include "base/file.h"
#include "wasi/file_limit.h"
#include "wasi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ubiq_error *cannot_open(int number, const char *path) {
  if (number == ENOSYS || number == EPERM)
    return ubiq_error_new(
        UBIQ_UNAVAILABLE,
        "%s: a guest cannot be kept inside: openat2 is refused here (%s); expected Linux 5.6 or later "
        "and a sandbox or container that lets it pass",
        path, number == ENOSYS ? "ENOSYS" : "EPERM");
  if (number == EMFILE || number == ENFILE)
    return ubiq_error_new(UBIQ_BUSY, "%s: too many files are open here; expected a higher limit (ulimit -n)", path);
  return file_error(number, path);
}

// RESOLVE_* is left out: this path is the operator's. That openat2 is there at all is what is seen here.
static ubiq_error *open_one(const wasi_directory *directory, wasi_preopen *out) {
  out->read_only = directory->read_only;
  out->guest = strdup(directory->guest);
  if (out->guest == NULL) return ubiq_error_no_memory();
  do {
    out->host = wasi_openat2(AT_FDCWD, directory->host, O_RDONLY | O_DIRECTORY, 0, 0);
  } while (out->host < 0 && errno == EINTR);
  return out->host < 0 ? cannot_open(errno, directory->host) : NULL;
}

ubiq_error *wasi_preopens_open(const wasi_directory *directories, size_t count, wasi_preopens **out) {
  if (count > WASI_PREOPENS_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "a guest was given %zu directories; expected at most %d", count,
                          WASI_PREOPENS_MAX);
  wasi_preopens *self = calloc(1, sizeof *self + count * sizeof *self->list);
  if (self == NULL) return ubiq_error_no_memory();
  self->has_file_limit = wasi_file_limit_is_set();
  ubiq_error *error = NULL;
  for (; self->count < count && error == NULL; self->count++) {
    self->list[self->count].host = -1;
    error = open_one(&directories[self->count], &self->list[self->count]);
  }
  if (error != NULL) {
    wasi_preopens_close(self);
    return error;
  }
  *out = self;
  return NULL;
}

void wasi_preopens_close(wasi_preopens *preopens) {
  if (preopens == NULL) return;
  for (size_t i = 0; i < preopens->count; i++) {
    if (preopens->list[i].host >= 0) close(preopens->list[i].host);
    free(preopens->list[i].guest);
  }
  free(preopens);
}

// Libraries count up from 3 until the answer is EBADF, so that is the answer for all that is not a preopen.
static const wasi_preopen *preopen_of(wasi_guest *self, const engine_value *number) {
  const wasi_descriptor *descriptor = wasi_descriptor_at(self->context, wasi_u32(number));
  return descriptor == NULL ? NULL : descriptor->preopen;
}

static wasi_errno fd_prestat_get(wasi_guest *self, const engine_value *arguments) {
  const wasi_preopen *preopen = preopen_of(self, &arguments[0]);
  if (preopen == NULL) return WASI_EBADF;
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[1]), WASI_PRESTAT_SIZE);
  if (out == NULL) return WASI_EFAULT;
  memset(out, 0, WASI_PRESTAT_SIZE);
  out[WASI_PRESTAT_TYPE] = WASI_PRESTAT_DIRECTORY;
  wasi_store_u32(out + WASI_PRESTAT_NAME_LENGTH, (uint32_t)strlen(preopen->guest));
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_prestat_get)

static wasi_errno fd_prestat_dir_name(wasi_guest *self, const engine_value *arguments) {
  const wasi_preopen *preopen = preopen_of(self, &arguments[0]);
  if (preopen == NULL) return WASI_EBADF;
  size_t size = strlen(preopen->guest);
  uint32_t room = wasi_u32(&arguments[2]);
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[1]), room);
  if (out == NULL) return WASI_EFAULT;
  if (room < size) return WASI_ENAMETOOLONG;
  memcpy(out, preopen->guest, size);
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_prestat_dir_name)
