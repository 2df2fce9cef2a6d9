// The headers are libmicrohttpd's, and there until the request is over.
#include "server/front/trace_headers.h"

static const connection *connection_of(const run *run) {
  return (const connection *)(const void *)((const char *)run - offsetof(connection, run));
}

text trace_headers_parent(const connection *self) {
  const char *value = NULL;
  size_t size = 0;
  MHD_lookup_connection_value_n(self->mhd, MHD_HEADER_KIND, TRACE_PARENT_HEADER, strlen(TRACE_PARENT_HEADER), &value,
                                &size);
  return text_trim((text){value, value == NULL ? 0 : size});
}

text trace_headers_run_parent(const run *run) {
  return trace_headers_parent(connection_of(run));
}

/// Lines of one name are one list (RFC 9110, section 5.3).
static enum MHD_Result add(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value,
                           size_t size) {
  (void)kind;
  buffer *list = user;
  if (!text_equal_ignoring_case((text){name, name_size}, TEXT(TRACE_STATE_HEADER))) return MHD_YES;
  return buffer_append(list, value, size) && buffer_append_byte(list, ',') ? MHD_YES : MHD_NO;
}

size_t trace_headers_run_state(const run *run, char out[TRACE_STATE_SIZE]) {
  buffer list = {0};
  MHD_get_connection_values_n(connection_of(run)->mhd, MHD_HEADER_KIND, add, &list);
  size_t size = trace_state_read((text){(const char *)list.data, list.size}, out);
  buffer_free(&list);
  return size;
}
