// The table of descriptors: numbers, what they stand for, and finding one that may do what is asked.
#include "wasi/internal.h"

#include <stdlib.h>
#include <unistd.h>

wasi_descriptor *wasi_descriptor_at(wasi_context *context, uint32_t number) {
  if (number >= context->descriptors_count || context->descriptors[number].kind == NULL) return NULL;
  return &context->descriptors[number];
}

static wasi_errno check_rights(const wasi_descriptor *descriptor, uint64_t rights) {
  return (rights & ~descriptor->rights) == 0 ? WASI_SUCCESS : WASI_ENOTCAPABLE;
}

wasi_errno wasi_descriptor_get(wasi_guest *self, const engine_value *number, uint64_t rights, wasi_descriptor **out) {
  *out = wasi_descriptor_at(self->context, wasi_u32(number));
  return *out == NULL ? WASI_EBADF : check_rights(*out, rights);
}

wasi_errno wasi_file_get(wasi_guest *self, const engine_value *number, uint64_t rights, wasi_errno stream,
                         wasi_descriptor **out) {
  *out = wasi_descriptor_at(self->context, wasi_u32(number));
  if (*out == NULL) return WASI_EBADF;
  if ((*out)->kind->is_stream) return stream;
  return (*out)->kind == &wasi_file ? check_rights(*out, rights) : WASI_EISDIR;
}

wasi_errno wasi_directory_get(wasi_guest *self, const engine_value *number, uint64_t rights, wasi_descriptor **out) {
  *out = wasi_descriptor_at(self->context, wasi_u32(number));
  if (*out == NULL) return WASI_EBADF;
  return (*out)->kind == &wasi_directory_kind ? check_rights(*out, rights) : WASI_ENOTDIR;
}

wasi_errno wasi_directory_get_to_change(wasi_guest *self, const engine_value *number, uint64_t rights,
                                        wasi_descriptor **out) {
  wasi_errno error = wasi_directory_get(self, number, rights, out);
  return error == WASI_SUCCESS && (*out)->read_only ? WASI_EPERM : error;
}

// -- The table --

static wasi_errno grow(wasi_context *context) {
  uint32_t count = context->descriptors_count * 2;
  if (count > WASI_DESCRIPTORS_MAX) count = WASI_DESCRIPTORS_MAX;
  if (count <= context->descriptors_count) return WASI_EMFILE;
  wasi_descriptor *grown = realloc(context->descriptors, count * sizeof *grown);
  if (grown == NULL) return WASI_ENOMEM;
  for (uint32_t i = context->descriptors_count; i < count; i++) grown[i] = (wasi_descriptor){0};
  context->descriptors = grown;
  context->descriptors_count = count;
  return WASI_SUCCESS;
}

wasi_errno wasi_descriptor_reserve(wasi_context *context, uint32_t *number) {
  for (*number = 0; *number < context->descriptors_count; (*number)++)
    if (context->descriptors[*number].kind == NULL) return WASI_SUCCESS;
  return grow(context);
}

static void release(wasi_descriptor *descriptor) {
  bool owns_host = descriptor->kind != NULL && !descriptor->kind->is_stream && descriptor->preopen == NULL;
  if (owns_host) close(descriptor->host);
  *descriptor = (wasi_descriptor){0};
}

static void open_streams(wasi_descriptor *descriptors) {
  for (int stream = 0; stream < WASI_STREAMS; stream++) {
    const wasi_descriptor_kind *kind = stream == 0 ? &wasi_standard_input : &wasi_standard_output;
    descriptors[stream] = (wasi_descriptor){.kind = kind, .stream = stream, .rights = kind->rights};
  }
}

static void open_preopens(const wasi_preopens *preopens, wasi_descriptor *descriptors) {
  for (size_t i = 0; i < preopens->count; i++) {
    const wasi_preopen *preopen = &preopens->list[i];
    descriptors[i] = (wasi_descriptor){.kind = &wasi_directory_kind,
                                       .read_only = preopen->read_only,
                                       .host = preopen->host,
                                       .rights = wasi_directory_kind.rights,
                                       .rights_inheriting = wasi_directory_kind.rights | wasi_file.rights,
                                       .preopen = preopen};
  }
}

void wasi_descriptors_reset(wasi_context *context) {
  for (uint32_t i = 0; i < context->descriptors_count; i++) release(&context->descriptors[i]);
  open_streams(context->descriptors);
  if (context->options.preopens != NULL) open_preopens(context->options.preopens, context->descriptors + WASI_STREAMS);
}

ubiq_error *wasi_descriptors_init(wasi_context *context) {
  size_t preopens = context->options.preopens == NULL ? 0 : context->options.preopens->count;
  uint32_t count = (uint32_t)preopens + WASI_STREAMS;
  context->descriptors = calloc(count, sizeof *context->descriptors);
  if (context->descriptors == NULL) return ubiq_error_no_memory();
  context->descriptors_count = count;
  wasi_descriptors_reset(context);
  return NULL;
}

void wasi_descriptors_free(wasi_context *context) {
  for (uint32_t i = 0; i < context->descriptors_count; i++) release(&context->descriptors[i]);
  free(context->descriptors);
}

// -- Numbers --

static wasi_errno fd_close(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor;
  wasi_errno error = wasi_descriptor_get(self, &arguments[0], 0, &descriptor);
  if (error == WASI_SUCCESS) release(descriptor);
  return error;
}
WASI_CALLBACK(fd_close)

static wasi_errno fd_renumber(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *from;
  wasi_descriptor *to;
  wasi_errno error = wasi_descriptor_get(self, &arguments[0], 0, &from);
  if (error == WASI_SUCCESS) error = wasi_descriptor_get(self, &arguments[1], 0, &to);
  if (error != WASI_SUCCESS || from == to) return error;
  release(to);
  *to = *from;
  *from = (wasi_descriptor){0};
  return WASI_SUCCESS;
}
WASI_CALLBACK(fd_renumber)
