// An origin that is not allowed gets no header of these: the browser keeps the answer from the page.
#include "server/front/cross_origin.h"

#include "server/front/front.h"

#include <stdio.h>

static void set(answer *answer, const char *name, const char *value) {
  if (value != NULL && MHD_get_response_header(answer->response, name) == NULL)
    MHD_add_response_header(answer->response, name, value);
}

/// Says who may read the answer; false when the one who asks may not.
static bool set_origin(const cors *cors, text origin, answer *answer) {
  bool depends = !cors->any_origin;
  if (depends) MHD_add_response_header(answer->response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ORIGIN);
  if (!cors_allows(cors, origin)) return false;
  set(answer, "Access-Control-Allow-Origin", depends ? origin.data : "*");
  set(answer, "Access-Control-Allow-Credentials", cors->credentials ? "true" : NULL);
  return true;
}

void cross_origin_add(const connection *self, answer *answer) {
  const cors *cors = self->function == NULL ? NULL : self->function->cors;
  if (cors == NULL || answer->response == NULL) return;
  if (set_origin(cors, connection_header(self, MHD_HTTP_HEADER_ORIGIN), answer))
    set(answer, "Access-Control-Expose-Headers", cors->expose);
}

static void set_permissions(const connection *self, const cors *cors, text method, answer *answer) {
  char seconds[24];
  snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)(cors->max_age_ms / 1000));
  text headers = connection_header(self, "Access-Control-Request-Headers");
  set(answer, "Access-Control-Allow-Methods", method.data);
  set(answer, "Access-Control-Allow-Headers", cors->any_header && headers.size > 0 ? headers.data : cors->headers);
  set(answer, "Access-Control-Max-Age", seconds);
}

bool cross_origin_preflight(const connection *self, const router_request *request, answer *out) {
  if (!text_equal(request->method, TEXT("OPTIONS"))) return false; // nearly all: no header is looked up for them
  text method = connection_header(self, "Access-Control-Request-Method"),
       origin = connection_header(self, MHD_HTTP_HEADER_ORIGIN);
  if (method.size == 0 || origin.size == 0) return false;
  router_match match;
  const router_request wanted = {method, request->host, request->path};
  if (router_find(self->lease->release->router, &wanted, &match) != ROUTER_FOUND) return false;
  const function *function = ((const route_target *)match.target)->function;
  if (function == NULL || function->cors == NULL) return false;
  *out = answer_options(NULL);
  if (out->response != NULL && set_origin(function->cors, origin, out))
    set_permissions(self, function->cors, method, out);
  return true;
}
