#include "runtime/project/router.h"

#include "unit/base/testing.h"

#include <stdio.h>

enum { ROUTES_MAX = 16 };

/// Makes a router of routes; each one's target is its own text.
static router *make(const char *const *texts, size_t count) {
  router_route routes[ROUTES_MAX];
  router *self = NULL;
  for (size_t i = 0; i < count; i++) {
    routes[i] = (router_route){.name = texts[i], .target = texts[i]};
    const char *problem = router_route_parse(text_of(texts[i]), &routes[i]);
    if (problem != NULL) fail_msg("%s: expected %s", texts[i], problem);
  }
  assert_success(router_new(routes, count, &self));
  return self;
}

/// The route that a request finds, or NULL.
static const char *find(const router *self, const char *method, const char *path) {
  router_match match;
  router_result result = router_find(self, &(router_request){text_of(method), TEXT(""), text_of(path)}, &match);
  return result == ROUTER_FOUND ? match.target : NULL;
}

static const char *const texts[] = {
    "GET /",
    "POST /hello",
    "/any",
    "GET /users/{id}",
    "GET /users/me",
    "DELETE /users/{id}",
    "GET /files/{path...}",
    "GET /files/{name}/size",
    "GET /a/{x}/c",
    "GET /a/b/{y}",
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static void paths_and_methods_find_their_routes(void **state) {
  (void)state;
  router *self = make(texts, TEXTS);
  const struct {
    const char *method, *path, *route;
  } rows[] = {
      {"GET", "/", "GET /"},
      {"POST", "/hello", "POST /hello"},
      {"PUT", "/any", "/any"},
      {"GET", "/users/7", "GET /users/{id}"},
      {"GET", "/users/me", "GET /users/me"},
      {"DELETE", "/users/me", "DELETE /users/{id}"},
      {"GET", "/files/", "GET /files/{path...}"},
      {"GET", "/files/a/b/c", "GET /files/{path...}"},
      {"GET", "/files/a/size", "GET /files/{name}/size"},
      {"GET", "/a/b/c", "GET /a/b/{y}"},
      {"GET", "/a/q/c", "GET /a/{x}/c"},
      {"HEAD", "/users/7", "GET /users/{id}"},
      {"HEAD", "/any", "/any"},
      {"POST", "/hell%6F", "POST /hello"},
      {"POST", "/%68ello", "POST /hello"},
      {"GET", "/users/a%2Fb", "GET /users/{id}"},
      {"GET", "", NULL},
      {"GET", "users/7", NULL},
      {"GET", "/users", NULL},
      {"GET", "/users/", NULL},
      {"GET", "/users/7/", NULL},
      {"GET", "/files", NULL},
      {"POST", "/hello/", NULL},
      {"POST", "/hell%6", NULL},
      {"POST", "/hell%zz", NULL},
      {"POST", "/hello%00", NULL},
      {"POST", "/HELLO", NULL},
      {"POST", "//hello", NULL},
      {"*", "*", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *found = find(self, rows[i].method, rows[i].path);
    if (rows[i].route == NULL && found != NULL) fail_msg("%s %s found %s", rows[i].method, rows[i].path, found);
    if (rows[i].route != NULL && (found == NULL || strcmp(found, rows[i].route) != 0))
      fail_msg("%s %s found %s; expected %s", rows[i].method, rows[i].path, found, rows[i].route);
  }
  router_delete(self);
}

static void a_method_without_a_route_is_told_which_there_are(void **state) {
  (void)state;
  router *self = make(texts, TEXTS);
  router_match match;
  assert_int_equal(router_find(self, &(router_request){TEXT("PUT"), TEXT(""), TEXT("/users/7")}, &match),
                   ROUTER_NO_METHOD);
  assert_string_equal(match.allow, "GET, DELETE, HEAD, OPTIONS");
  assert_int_equal(router_find(self, &(router_request){TEXT("GET"), TEXT(""), TEXT("/hello")}, &match),
                   ROUTER_NO_METHOD);
  assert_string_equal(match.allow, "POST, OPTIONS");
  assert_int_equal(router_find(self, &(router_request){TEXT("GET"), TEXT(""), TEXT("/nothing")}, &match),
                   ROUTER_NO_PATH);
  router_delete(self);
}

static void methods_of_all_templates_that_match_are_told(void **state) {
  (void)state;
  const char *const routes[] = {"POST /users/me",      "GET /users/{id}",          "DELETE /users/{id}",
                                "POST /users/{id}",    "PATCH a.example/users/me", "PUT *.example/users/{all...}",
                                "OPTIONS /users/{id}", "GET /users/me/x"};
  router *self = make(routes, sizeof routes / sizeof routes[0]);
  router_match match;
  assert_int_equal(router_find(self, &(router_request){TEXT("TRACE"), TEXT("a.example"), TEXT("/users/me")}, &match),
                   ROUTER_NO_METHOD);
  assert_string_equal(match.allow, "PATCH, PUT, POST, GET, DELETE, OPTIONS, HEAD");
  assert_int_equal(router_find(self, &(router_request){TEXT("TRACE"), TEXT("b"), TEXT("/users/me")}, &match),
                   ROUTER_NO_METHOD);
  assert_string_equal(match.allow, "POST, GET, DELETE, OPTIONS, HEAD");
  router_delete(self);
}

static void what_is_in_braces_is_told_as_it_was_sent(void **state) {
  (void)state;
  const char *const routes[] = {"GET /{a}/x/{b}", "GET /{first}/{second}/{third}/end", "GET /{one}/{all...}",
                                "PUT /{id}/{all...}"};
  router *self = make(routes, sizeof routes / sizeof routes[0]);
  const struct {
    const char *method, *path, *captures;
  } rows[] = {
      {"GET", "/1/x/2%2F3", "a=1 b=2%2F3 "},   {"GET", "/1/x/3/end", "first=1 second=x third=3 "},
      {"GET", "/1/x/3/4", "one=1 all=x/3/4 "}, {"GET", "/1/", "one=1 all= "},
      {"HEAD", "/1/x/2", "a=1 b=2 "},          {"PUT", "/7/x/2", "id=7 all=x/2 "},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    router_match match;
    char told[200] = "";
    assert_int_equal(
        router_find(self, &(router_request){text_of(rows[i].method), TEXT(""), text_of(rows[i].path)}, &match),
        ROUTER_FOUND);
    for (size_t k = 0; k < match.count; k++)
      snprintf(told + strlen(told), sizeof told - strlen(told), "%.*s=%.*s ", (int)match.names[k].size,
               match.names[k].data, (int)match.values[k].size, match.values[k].data);
    assert_string_equal(told, rows[i].captures);
  }
  router_delete(self);
}

static void the_nearest_host_answers_first(void **state) {
  (void)state;
  const char *const routes[] = {"GET a.example.com/x", "GET *.example.com/x",   "GET /x",
                                "POST *.com/x",        "GET *.b.example.com/x", "GET Example.com/{name}"};
  router *self = make(routes, sizeof routes / sizeof routes[0]);
  const struct {
    const char *method, *host, *path, *route;
  } rows[] = {
      {"GET", "a.example.com", "/x", routes[0]},
      {"GET", "A.Example.COM:8080", "/x", routes[0]},
      {"GET", "a.example.com.", "/x", routes[0]},
      {"GET", "c.example.com", "/x", routes[1]},
      {"GET", "d.c.example.com", "/x", routes[1]},
      {"GET", "c.b.example.com", "/x", routes[4]},
      {"GET", "b.example.com", "/x", routes[1]},
      {"GET", "example.com", "/x", routes[5]},
      {"GET", "notexample.com", "/x", routes[2]},
      {"POST", "a.example.com", "/x", routes[3]},
      {"GET", "com", "/x", routes[2]},
      {"GET", "", "/x", routes[2]},
      {"GET", ".example.com", "/x", routes[2]},
      {"GET", "[::1]:8080", "/x", routes[2]},
      {"GET", "a.example.com", "/y", NULL},
      {"PUT", "a.example.com", "/x", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    router_match match = {0};
    const router_request request = {text_of(rows[i].method), text_of(rows[i].host), text_of(rows[i].path)};
    router_result result = router_find(self, &request, &match);
    const char *found = result == ROUTER_FOUND ? match.target : NULL;
    if (found != rows[i].route)
      fail_msg("%s %s%s found %s; expected %s", rows[i].method, rows[i].host, rows[i].path, found, rows[i].route);
  }
  router_delete(self);
}

static void a_long_path_finds_nothing_in_reasonable_time(void **state) {
  (void)state;
  router *self = make(texts, TEXTS);
  char path[20000];
  for (size_t i = 0; i < sizeof path - 1; i++) path[i] = i % 2 == 0 ? '/' : 'a';
  path[sizeof path - 1] = '\0';
  assert_null(find(self, "GET", path));
  router_delete(self);
}

static void malformed_routes_are_refused(void **state) {
  (void)state;
  const char *const wrong[] = {
      "",      "hello",     "POST",       "POST hello", "post /hello", "/a//b", "/{a}x",    "/x{a}",      "/{}",
      "/{1}",  "/{a...}/b", "/{...}",     "/a b",       "/a?b",        "a_b.c", "GET *./a", "GET a..b/a", "GET *.*.b/a",
      "a*.b/", "GET a:80/", "GET [::1]/", "/a#b",       "/a%20b",      "/a\tb", "G-T /a"};
  router_route route;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    if (router_route_parse(text_of(wrong[i]), &route) == NULL) fail_msg("\"%s\" was taken", wrong[i]);
  assert_null(router_route_parse(TEXT("  GET   /a  "), &route));
  assert_true(text_equal(route.method, TEXT("GET")));
  assert_true(text_equal(route.path, TEXT("/a")));
}

static void routes_that_match_the_same_requests_are_refused(void **state) {
  (void)state;
  const router_route routes[] = {{TEXT("GET"), TEXT(""), TEXT("/a/{x}"), "one", NULL},
                                 {TEXT("GET"), TEXT("a.b"), TEXT("/a/{x}"), "other host", NULL},
                                 {TEXT("GET"), TEXT(""), TEXT("/a/{y}"), "two", NULL}};
  router *self = NULL;
  assert_fails(router_new(routes, 3, &self), UBIQ_INVALID_INPUT,
               "one and two have routes that match the same requests: \"GET /a/{y}\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_and_methods_find_their_routes),
      cmocka_unit_test(a_method_without_a_route_is_told_which_there_are),
      cmocka_unit_test(methods_of_all_templates_that_match_are_told),
      cmocka_unit_test(what_is_in_braces_is_told_as_it_was_sent),
      cmocka_unit_test(the_nearest_host_answers_first),
      cmocka_unit_test(a_long_path_finds_nothing_in_reasonable_time),
      cmocka_unit_test(malformed_routes_are_refused),
      cmocka_unit_test(routes_that_match_the_same_requests_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
