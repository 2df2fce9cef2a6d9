// Which target answers a method and a path.
//
// A route is a path template and, optionally, a method and a host. A template's segments are literals, `{name}` (exactly one
// segment that is not empty) or, at the end, `{name...}` (all the rest). A literal wins over `{name}`, which wins over
// `{name...}`. Paths are compared with their percent escapes undone, segment by segment, so that an escaped slash never
// divides. A host is `api.example.com` or `*.example.com`, which is any name below it. Routes of the request's very host win
// over those of the longest pattern, and these over routes without a host; where the better have no route for a path or a
// method, the others are asked. HEAD is answered by a GET route where there is none for HEAD. A router never changes: any
// thread.
#ifndef RUNTIME_PROJECT_ROUTER_H
#define RUNTIME_PROJECT_ROUTER_H

#include "base/text.h"
#include "ubiq/error.h"

enum {
  ROUTER_SEGMENTS_MAX = 32, ///< of a template
  ROUTER_TEMPLATE_BYTES_MAX = 1024,
  ROUTER_HOST_BYTES_MAX = 253, ///< RFC 1035, section 2.3.4
  ROUTER_ALLOW_BYTES = 512,
};

typedef struct router router;

typedef struct router_route {
  text method;        ///< upper case; empty: any
  text host;          ///< empty: any
  text path;          ///< the template
  const char *name;   ///< for messages
  const void *target; ///< what router_find answers
} router_route;

typedef struct router_request {
  text method;
  text host; ///< as it was sent, a port included; may be empty
  text path; ///< as it was sent, without the query
} router_request;

typedef enum router_result {
  ROUTER_FOUND,     ///< `target` is set
  ROUTER_NO_PATH,   ///< no template matches
  ROUTER_NO_METHOD, ///< templates match, but not with this method: `allow` is set
} router_result;

typedef struct router_match {
  const void *target;
  char allow[ROUTER_ALLOW_BYTES]; ///< the methods that all templates have for the path, as the header Allow lists them
  const text *names; ///< of the parts in braces, in their order, without "..."; they live as long as the router
  text values[ROUTER_SEGMENTS_MAX]; ///< what these matched, as it was sent; parts of the path
  size_t count;                     ///< of names and values
} router_match;

/// Splits `POST /greet/{name}`, `/greet/{name}` or `POST api.example.com/greet/{name}` into method, host and template, checks
/// them, and sets these of `out`. NULL, or what is wrong in words that go after "is" (`... is "greet"; expected <words>`); a
/// constant.
const char *router_route_parse(text value, router_route *out);

/// Makes a router of routes that router_route_parse found good. Everything is copied but the targets. `*out` is the
/// caller's. Errors: `invalid_input` when two routes match the same requests equally well.
ubiq_error *router_new(const router_route *routes, size_t count, router **out);
void router_delete(router *self);

/// Finds the target for a request.
router_result router_find(const router *self, const router_request *request, router_match *match);

#endif
