/// Routes and requests of any bytes. An input is lines: routes, an empty line, requests (`METHOD PATH` or `METHOD HOST PATH`). A route that
/// passes is found by its own path when that has no parameters, and a search ends soon whatever is asked.
#include "runtime/project/router.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUTES_MAX = 64 };

static bool is_plain(text path) {
  return memchr(path.data, '{', path.size) == NULL;
}

static bool is_pattern(text host) {
  return host.size > 0 && host.data[0] == '*';
}

static void check_own_paths(const router *router, const router_route *routes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    router_match match;
    text method = routes[i].method.size > 0 ? routes[i].method : TEXT("ANY");
    if (!is_plain(routes[i].path)) continue;
    if (is_pattern(routes[i].host)) continue;
    const router_request request = {method, routes[i].host, routes[i].path};
    if (router_find(router, &request, &match) != ROUTER_FOUND) abort();
    if (routes[i].method.size > 0 && match.target != &routes[i]) abort();
  }
}

static void ask(const router *router, text line) {
  router_match match;
  router_request request = {.path = line};
  if (!text_split(&request.path, ' ', &request.method) || request.path.data == NULL) return;
  text rest = request.path, path;
  if (text_split(&rest, ' ', &path) && rest.data != NULL) request = (router_request){request.method, path, rest};
  router_result result = router_find(router, &request, &match);
  if ((result == ROUTER_FOUND) != (match.target != NULL)) abort();
  if (result == ROUTER_NO_METHOD && match.allow[0] == '\0') abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  router_route routes[ROUTES_MAX];
  size_t count = 0;
  text rest = {(const char *)data, size}, line;
  while (text_split(&rest, '\n', &line) && line.size > 0) {
    router_route *route = &routes[count];
    if (count == ROUTES_MAX || router_route_parse(line, route) != NULL) continue;
    route->name = "route";
    route->target = route;
    count++;
  }
  router *router = NULL;
  ubiq_error *error = router_new(routes, count, &router);
  if (error == NULL) check_own_paths(router, routes, count);
  while (error == NULL && text_split(&rest, '\n', &line)) ask(router, line);
  ubiq_error_delete(error);
  router_delete(router);
  return 0;
}
