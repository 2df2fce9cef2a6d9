// A writer may be in the middle of it: what it has written so far does not parse, and is looked at again.
#include "runtime/auth/key_file.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  COARSE_S = 2, ///< that a file system's times, and the clock of its machine, may be behind
  AGAIN_S = 1,  ///< between two readings of what looks the same
};

static bool is_same_time(struct timespec a, struct timespec b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_known(const key_file *self, const struct stat *status) {
  const bool is_recent = clock_monotonic_ns() - self->read_ns < AGAIN_S * CLOCK_NS_PER_SECOND;
  return (self->is_certain || is_recent) && status->st_dev == self->device && status->st_ino == self->inode &&
         status->st_size == self->size && is_same_time(status->st_mtim, self->written) &&
         is_same_time(status->st_ctim, self->changed);
}

static void remember(key_file *self, const struct stat *status) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  self->device = status->st_dev;
  self->inode = status->st_ino;
  self->size = status->st_size;
  self->written = status->st_mtim;
  self->changed = status->st_ctim;
  self->read_ns = clock_monotonic_ns();
  self->is_certain = now.tv_sec - status->st_mtim.tv_sec > COARSE_S && now.tv_sec - status->st_ctim.tv_sec > COARSE_S;
}

/// Its state is taken before its bytes, so that a change between them is seen the next time. What is no file would be waited for.
static ubiq_error *read_keys(key_file *self, jwks **out) {
  struct stat status;
  buffer bytes = {0};
  const int descriptor = open(self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return file_error(errno, self->path);
  ubiq_error *error = fstat(descriptor, &status) == 0 ? NULL : file_error(errno, self->path);
  if (error == NULL) {
    remember(self, &status);
    error = file_read_descriptor(descriptor, self->path, JWKS_BYTES_MAX, &bytes);
  }
  close(descriptor);
  if (error == NULL) error = jwks_parse(self->path, bytes.data, bytes.size, out);
  buffer_free(&bytes);
  return error;
}

static void complain(key_file *self, ubiq_error *error) {
  const char *message = ubiq_error_message(error);
  if (self->complaint != NULL && strcmp(self->complaint, message) == 0) return;
  log_warn("keys of tokens stay as they are: %s", message);
  free(self->complaint);
  self->complaint = strdup(message);
}

static void be_content(key_file *self) {
  if (self->complaint != NULL) log_info("%s: its keys count again", self->path);
  free(self->complaint);
  self->complaint = NULL;
}

ubiq_error *key_file_open(key_file *self, const char *path, jwks **out) {
  *self = (key_file){.path = path};
  return read_keys(self, out);
}

void key_file_look(key_file *self, jwks **out) {
  struct stat status;
  *out = NULL;
  if (stat(self->path, &status) == 0 && is_known(self, &status)) return;
  ubiq_error *error = read_keys(self, out);
  if (error != NULL)
    complain(self, error);
  else
    be_content(self);
  ubiq_error_delete(error);
}

void key_file_close(key_file *self) {
  free(self->complaint);
  self->complaint = NULL;
}
