// The request's parts are libmicrohttpd's, borrowed until the request is over.
#include "server/front/exchange.h"

#include "runtime/run/run_trace.h"
#include "server/front/front.h"
#include "server/front/head_room.h"
#include "wire/http_value.h"

#include <stdlib.h>
#include <strings.h>

router_request exchange_target(const connection *self) {
  static const char *const schemes[] = {"http://", "https://"};
  const char *url = self->url;
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    size_t size = strlen(schemes[i]);
    if (strncasecmp(url, schemes[i], size) != 0 || url[size] == '/' || url[size] == '\0') continue;
    const char *path = strchrnul(url + size, '/');
    const text host = {url + size, (size_t)(path - url) - size};
    return (router_request){text_of(self->method), host, *path == '\0' ? TEXT("/") : text_of(path)};
  }
  return (router_request){text_of(self->method), connection_header(self, MHD_HTTP_HEADER_HOST), text_of(url)};
}

/// Fields as they are handed out, one after the other.
typedef struct fields {
  http_field *items;
  size_t count, capacity;
} fields;

static enum MHD_Result add_field(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                 const char *value, size_t value_size) {
  (void)kind;
  fields *self = user;
  if (head_is_ours(value)) return MHD_YES;
  if (self->count == self->capacity) return MHD_NO;
  self->items[self->count++] = (http_field){{name, name_size}, {value, value == NULL ? 0 : value_size}};
  return MHD_YES;
}

/// All fields of a kind; false when memory is out.
static bool collect(struct MHD_Connection *mhd, enum MHD_ValueKind kind, fields *out) {
  int count = MHD_get_connection_values_n(mhd, kind, NULL, NULL);
  *out = (fields){.capacity = count < 0 ? 0 : (size_t)count};
  out->items = malloc((out->capacity + 1) * sizeof *out->items);
  if (out->items != NULL) MHD_get_connection_values_n(mhd, kind, add_field, out);
  return out->items != NULL;
}

/// The route's parameters, found again: they are too many to be kept for each connection.
static size_t find_params(const connection *self, const router_request *target,
                          http_field params[ROUTER_SEGMENTS_MAX]) {
  router_match match;
  router_find(self->lease->release->router, target, &match);
  for (size_t i = 0; i < match.count; i++) params[i] = (http_field){match.names[i], match.values[i]};
  return match.count;
}

static ubiq_error *write_value(connection *self, buffer *out) {
  http_field params[ROUTER_SEGMENTS_MAX];
  fields query = {0}, headers = {0};
  const router_request target = exchange_target(self);
  http_request request = {
      .method = target.method, .path = target.path, .params = params, .body = buffer_bytes(&self->body)};
  request.identity = (text){(const char *)self->identity.data, self->identity.size};
  request.trace = text_of(run_traceparent(&self->run));
  request.params_count = find_params(self, &target, params);
  ubiq_error *error = NULL;
  if (!collect(self->mhd, MHD_GET_ARGUMENT_KIND, &query) || !collect(self->mhd, MHD_HEADER_KIND, &headers))
    error = ubiq_error_no_memory();
  request.query = query.items;
  request.query_count = query.count;
  request.headers = headers.items;
  request.headers_count = headers.count;
  if (error == NULL) error = http_request_write(&request, out);
  free(query.items);
  free(headers.items);
  return error;
}

ubiq_error *exchange_input(connection *self) {
  if (self->function->input == PROJECT_BODY) return NULL;
  buffer value = {0};
  ubiq_error *error = write_value(self, &value);
  if (error == NULL) {
    buffer_free(&self->body);
    self->body = value;
    return NULL;
  }
  buffer_free(&value);
  return error;
}

ubiq_error *exchange_answer(const connection *self, ubiq_bytes output, answer *out) {
  if (self->function->input == PROJECT_BODY) {
    *out = answer_output(output, self->function->content_type);
    return NULL;
  }
  http_answer value;
  ubiq_error *error = http_answer_read(output, &value);
  if (error != NULL) return error;
  *out = answer_value(&value, self->function->content_type);
  http_answer_free(&value);
  return NULL;
}
