// The context of a store's WASI: making it, resetting it, and finding it at the begin of each call. See wasi.h.
#include "wasi/internal.h"

#include <stdlib.h>
#include <string.h>

static ubiq_error *measure(const char *what, const char *const *strings, size_t count, size_t *size) {
  *size = 0;
  for (size_t i = 0; i < count; i++) {
    size_t one = strlen(strings[i]) + 1;
    if (one > WASI_STRINGS_BYTES_MAX - *size)
      return ubiq_error_new(UBIQ_TOO_LARGE, "WASI: the %s take more than %d bytes; expected fewer", what,
                            WASI_STRINGS_BYTES_MAX);
    *size += one;
  }
  return NULL;
}

static ubiq_error *copy_strings(const char *what, const char *const *strings, size_t count, wasi_strings *out) {
  size_t size;
  ubiq_error *error = measure(what, strings, count, &size);
  if (error != NULL) return error;
  out->bytes = malloc(size + 1);
  if (out->bytes == NULL) return ubiq_error_no_memory();
  char *at = out->bytes;
  for (size_t i = 0; i < count; i++) {
    size_t one = strlen(strings[i]) + 1;
    memcpy(at, strings[i], one);
    at += one;
  }
  out->size = (uint32_t)size;
  out->count = (uint32_t)count;
  return NULL;
}

ubiq_error *wasi_context_new(const wasi_options *options, wasi_context **out) {
  wasi_context *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->options = *options;
  ubiq_error *error = copy_strings("arguments", options->arguments, options->arguments_count, &self->arguments);
  if (error == NULL)
    error = copy_strings("environment", options->environment, options->environment_count, &self->environment);
  if (error == NULL) error = wasi_descriptors_init(self);
  if (error != NULL) {
    wasi_context_delete(self);
    return error;
  }
  *out = self;
  return NULL;
}

void wasi_context_delete(wasi_context *context) {
  if (context == NULL) return;
  wasi_descriptors_free(context);
  free(context->arguments.bytes);
  free(context->environment.bytes);
  free(context->pollables);
  free(context);
}

void wasi_context_reset(wasi_context *context) {
  wasi_descriptors_reset(context);
  context->input_at = 0;
  context->exited = false;
  context->exit_code = 0;
  context->poll_deadline_ns = 0;
  if (context->pollables != NULL) memset(context->pollables, 0, sizeof *context->pollables);
}

bool wasi_context_exited(const wasi_context *context, uint32_t *code) {
  *code = context->exit_code;
  return context->exited;
}

static ubiq_error *enter(void *env, engine_call *call, engine_value *values, wasi_body body, bool is_old) {
  const wasi_binding *binding = env;
  wasi_guest guest = {.context = binding->context(call->user), .is_old = is_old};
  if (guest.context == NULL) return ubiq_error_no_memory();
  // A guest without a memory has one of no bytes.
  if (!engine_caller_memory(call, &guest.memory) || guest.memory.data == NULL)
    guest.memory = (engine_memory){.data = (uint8_t *)"", .size = 0};
  values[0].i32 = body(&guest, values);
  return guest.error;
}

ubiq_error *wasi_enter(void *env, engine_call *call, engine_value *values, wasi_body body) {
  return enter(env, call, values, body, false);
}

ubiq_error *wasi_enter_old(void *env, engine_call *call, engine_value *values, wasi_body body) {
  return enter(env, call, values, body, true);
}
