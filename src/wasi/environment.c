// What a guest is given and how it ends: arguments, environment, randomness, exit, signals.
#include "base/digest.h"
#include "wasi/internal.h"

#include <string.h>

static wasi_errno put_sizes(wasi_guest *self, const wasi_strings *strings, const engine_value *arguments) {
  uint8_t *count = wasi_guest_span(self, wasi_u32(&arguments[0]), 4);
  uint8_t *size = wasi_guest_span(self, wasi_u32(&arguments[1]), 4);
  if (count == NULL || size == NULL) return WASI_EFAULT;
  wasi_store_u32(count, strings->count);
  wasi_store_u32(size, strings->size);
  return WASI_SUCCESS;
}

// Writes the strings, and for each its address into the list.
static wasi_errno put_strings(wasi_guest *self, const wasi_strings *strings, const engine_value *arguments) {
  uint32_t offset = wasi_u32(&arguments[1]);
  uint8_t *list = wasi_guest_array(self, wasi_u32(&arguments[0]), strings->count, 4);
  uint8_t *bytes = wasi_guest_span(self, offset, strings->size);
  if (list == NULL || bytes == NULL) return WASI_EFAULT;
  const char *string = strings->bytes;
  for (uint32_t i = 0; i < strings->count; i++) {
    wasi_store_u32(list + (size_t)i * 4, offset + (uint32_t)(string - strings->bytes));
    string += strlen(string) + 1;
  }
  memcpy(bytes, strings->bytes, strings->size);
  return WASI_SUCCESS;
}

static wasi_errno args_sizes_get(wasi_guest *self, const engine_value *arguments) {
  return put_sizes(self, &self->context->arguments, arguments);
}
WASI_CALLBACK(args_sizes_get)

static wasi_errno args_get(wasi_guest *self, const engine_value *arguments) {
  return put_strings(self, &self->context->arguments, arguments);
}
WASI_CALLBACK(args_get)

static wasi_errno environ_sizes_get(wasi_guest *self, const engine_value *arguments) {
  return put_sizes(self, &self->context->environment, arguments);
}
WASI_CALLBACK(environ_sizes_get)

static wasi_errno environ_get(wasi_guest *self, const engine_value *arguments) {
  return put_strings(self, &self->context->environment, arguments);
}
WASI_CALLBACK(environ_get)

static wasi_errno random_get(wasi_guest *self, const engine_value *arguments) {
  const wasi_options *options = &self->context->options;
  uint32_t size = wasi_u32(&arguments[1]);
  uint8_t *bytes = wasi_guest_span(self, wasi_u32(&arguments[0]), size);
  if (bytes == NULL) return WASI_EFAULT;
  if (size > WASI_RANDOM_BYTES_MAX) return WASI_EINVAL;
  if (options->random != NULL)
    options->random(options->user, bytes, size);
  else
    digest_random(bytes, size);
  return WASI_SUCCESS;
}
WASI_CALLBACK(random_get)

static wasi_errno sched_yield(wasi_guest *self, const engine_value *arguments) {
  (void)self, (void)arguments;
  return WASI_SUCCESS;
}
WASI_CALLBACK(sched_yield)

static wasi_errno proc_exit(wasi_guest *self, const engine_value *arguments) {
  uint32_t code = wasi_u32(&arguments[0]);
  self->context->exited = true;
  self->context->exit_code = code;
  self->error = ubiq_error_with_detail(
      ubiq_error_new(UBIQ_GUEST_ERROR, "the function ended itself with exit code %u", code), (int32_t)code);
  return WASI_SUCCESS;
}
WASI_CALLBACK(proc_exit)

// A signal does what it does to a process that has no handler for it.
static wasi_errno proc_raise(wasi_guest *self, const engine_value *arguments) {
  uint32_t signal = wasi_u32(&arguments[0]);
  if (signal > WASI_SIGNAL_LAST) return WASI_EINVAL;
  uint32_t bit = UINT32_C(1) << signal;
  if ((bit & WASI_SIGNALS_IGNORED) != 0) return WASI_SUCCESS;
  if ((bit & WASI_SIGNALS_STOPPING) != 0) return WASI_ENOTSUP;
  self->error = ubiq_error_new(UBIQ_TRAP, "the function ended itself with signal %u", signal);
  return WASI_SUCCESS;
}
WASI_CALLBACK(proc_raise)
