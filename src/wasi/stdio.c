// The standard streams: input from bytes or a host descriptor, output to a callback.
#include "wasi/host.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { INTERRUPTED_EVERY_MS = 20 }; ///< how often a read that waits asks whether the call has to end

static size_t input_left(const wasi_context *context) {
  return context->options.input.size - context->input_at;
}

static uint32_t read_bytes(wasi_context *context, uint8_t *to, uint32_t size) {
  size_t left = input_left(context);
  uint32_t part = size < left ? size : (uint32_t)left;
  if (part > 0) memcpy(to, context->options.input.data + context->input_at, part);
  context->input_at += part;
  return part;
}

/// Waits until reading does not block any more. False when the call has to end before that.
static bool wait_for_host(wasi_guest *self) {
  const wasi_options *options = &self->context->options;
  struct pollfd input = {.fd = options->input_fd, .events = POLLIN};
  while (poll(&input, 1, INTERRUPTED_EVERY_MS) <= 0) {
    if (options->interrupted != NULL) self->error = options->interrupted(options->user);
    if (self->error != NULL) return false;
  }
  return true;
}

static ssize_t read_host(wasi_guest *self, uint8_t *to, uint32_t size) {
  ssize_t got;
  do {
    if (!wait_for_host(self)) {
      errno = EINTR;
      return -1;
    }
    got = read(self->context->options.input_fd, to, size);
  } while (got < 0 && errno == EINTR);
  return got;
}

// One buffer; fewer bytes than it holds mean that there is no more now.
static wasi_errno read_one(wasi_guest *self, uint8_t *to, uint32_t size, uint32_t *got) {
  wasi_context *context = self->context;
  if (context->options.input_fd < 0) {
    *got = read_bytes(context, to, size);
    return WASI_SUCCESS;
  }
  ssize_t result = read_host(self, to, size);
  *got = result < 0 ? 0 : (uint32_t)result;
  return result < 0 ? wasi_errno_of_host(errno) : WASI_SUCCESS;
}

static wasi_errno read_input(wasi_guest *self, wasi_descriptor *descriptor, wasi_iovecs iovecs, uint32_t *done) {
  (void)descriptor;
  for (uint32_t i = 0; i < iovecs.count; i++) {
    uint32_t size;
    uint32_t got = 0;
    uint8_t *to = wasi_iovecs_at(self, iovecs, i, &size);
    wasi_errno error = to == NULL ? WASI_EFAULT : read_one(self, to, size, &got);
    if (error != WASI_SUCCESS) return *done > 0 ? WASI_SUCCESS : error;
    *done += got;
    if (got < size) break;
  }
  return WASI_SUCCESS;
}

// A host descriptor is not asked: reading it may block, and then waits for what is written there.
static bool input_available(wasi_guest *self, wasi_descriptor *descriptor, uint64_t *bytes) {
  (void)descriptor;
  bool is_host = self->context->options.input_fd >= 0;
  *bytes = is_host ? 1 : input_left(self->context);
  return *bytes > 0;
}

static wasi_errno write_output(wasi_guest *self, wasi_descriptor *descriptor, wasi_iovecs iovecs, uint32_t *done) {
  const wasi_options *options = &self->context->options;
  for (uint32_t i = 0; i < iovecs.count; i++) {
    uint32_t size;
    const uint8_t *from = wasi_iovecs_at(self, iovecs, i, &size);
    if (from == NULL) return WASI_EFAULT;
    if (options->write != NULL && size > 0) options->write(options->user, descriptor->stream, from, size);
    *done += size;
  }
  return WASI_SUCCESS;
}

// Character devices that cannot seek are what libraries take for terminals: they write whole lines at once.
const wasi_descriptor_kind wasi_standard_input = {
    .filetype = WASI_FILETYPE_CHARACTER_DEVICE,
    .is_stream = true,
    .refusal = WASI_EBADF,
    .rights = WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SET_FLAGS | WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_POLL,
    .read = read_input,
    .available = input_available,
};

const wasi_descriptor_kind wasi_standard_output = {
    .filetype = WASI_FILETYPE_CHARACTER_DEVICE,
    .is_stream = true,
    .refusal = WASI_EBADF,
    .rights = WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SET_FLAGS | WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_POLL,
    .write = write_output,
};
