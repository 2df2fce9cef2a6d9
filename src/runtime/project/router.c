// A tree of segments. Every node stands at one depth and on one way from the root, so that a search, going back
// included, visits each node at most once.
#include "runtime/project/router.h"

#include "base/arena.h"
#include "runtime/project/router_template.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct endpoint {
  struct endpoint *next;
  text method; ///< empty: any
  const char *name;
  const void *target;
  const text *names; ///< of the template's parameters
} endpoint;

/// Endpoints of one template, one a method.
typedef struct endpoints {
  endpoint *first;
} endpoints;

typedef struct node {
  struct node *next; ///< the next literal of the same parent
  text segment;      ///< literals
  struct node *literals;
  struct node *parameter;
  endpoints here; ///< for a path that ends at this node
  endpoints rest; ///< for a path that goes on with anything
} node;

/// The routes of one host.
typedef struct site {
  text host; ///< in lower case; of a pattern what follows the asterisk: `.example.com`
  node root;
} site;

struct router {
  node any;    ///< routes without a host
  site *sites; ///< by host
  size_t sites_count;
  arena arena;
};

// ------------------------------------------------------------------------------------------------------ building

static node *literal_child(router *self, node *parent, text segment) {
  for (node *child = parent->literals; child != NULL; child = child->next)
    if (text_equal(child->segment, segment)) return child;
  node *child = arena_array(&self->arena, 1, sizeof *child);
  char *copy = arena_string(&self->arena, segment.data, segment.size);
  if (child == NULL || copy == NULL) return NULL;
  child->segment = (text){copy, segment.size};
  child->next = parent->literals;
  parent->literals = child;
  return child;
}

static node *parameter_child(router *self, node *parent) {
  if (parent->parameter == NULL) parent->parameter = arena_array(&self->arena, 1, sizeof(node));
  return parent->parameter;
}

/// Walks from a site's root to the endpoints of a template and makes the nodes on the way; NULL when memory is out.
static endpoints *reach(router *self, node *at, text path) {
  text rest = {path.data + 1, path.size - 1}, segment;
  while (text_split(&rest, '/', &segment)) {
    if (template_is_rest(segment)) return &at->rest;
    at = template_is_parameter(segment) ? parameter_child(self, at) : literal_child(self, at, segment);
    if (at == NULL) return NULL;
  }
  return &at->here;
}

/// The names of a template's parameters; NULL when memory is out.
static const text *parameter_names(router *self, text path) {
  text *names = arena_array(&self->arena, ROUTER_SEGMENTS_MAX, sizeof *names);
  text rest = {path.data + 1, path.size - 1}, segment;
  for (size_t count = 0; names != NULL && text_split(&rest, '/', &segment);) {
    if (!template_is_parameter(segment)) continue;
    text name = template_parameter_name(segment);
    char *copy = arena_string(&self->arena, name.data, name.size);
    if (copy == NULL) return NULL;
    names[count++] = (text){copy, name.size};
  }
  return names;
}

static ubiq_error *add_endpoint(router *self, endpoints *list, const router_route *route) {
  endpoint **last = &list->first;
  for (; *last != NULL; last = &(*last)->next)
    if (text_equal((*last)->method, route->method))
      return ubiq_error_new(
          UBIQ_INVALID_INPUT, "%s and %s have routes that match the same requests: \"%.*s%s%.*s%.*s\"", (*last)->name,
          route->name, (int)route->method.size, route->method.data, route->method.size == 0 ? "" : " ",
          (int)route->host.size, route->host.data, (int)route->path.size, route->path.data);
  endpoint *made = arena_array(&self->arena, 1, sizeof *made);
  char *method = arena_string(&self->arena, route->method.data, route->method.size);
  char *name = arena_string(&self->arena, route->name, strlen(route->name));
  const text *names = parameter_names(self, route->path);
  if (made == NULL || method == NULL || name == NULL || names == NULL) return ubiq_error_no_memory();
  *made = (endpoint){.method = {method, route->method.size}, .name = name, .target = route->target, .names = names};
  *last = made;
  return NULL;
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/// A host without its port and the dot that may end a full name.
static text bare_host(text host) {
  const char *colon = host.size == 0 ? NULL : memrchr(host.data, ':', host.size);
  bool is_port = colon != NULL && host.data[host.size - 1] != ']'; // else it is in an IPv6 address
  if (is_port) host.size = (size_t)(colon - host.data);
  if (host.size > 0 && host.data[host.size - 1] == '.') host.size--;
  return host;
}

/// Orders hosts, whatever their case.
static int compare_hosts(text a, text b) {
  size_t size = a.size < b.size ? a.size : b.size;
  for (size_t i = 0; i < size; i++)
    if (lower(a.data[i]) != lower(b.data[i])) return (unsigned char)lower(a.data[i]) - (unsigned char)lower(b.data[i]);
  return (a.size > b.size) - (a.size < b.size);
}

/// Where a host's site is among the sites, or would be.
static size_t site_place(const router *self, text host) {
  size_t low = 0, high = self->sites_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare_hosts(self->sites[middle].host, host) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static node *find_site(const router *self, text host) {
  size_t place = site_place(self, host);
  bool found = place < self->sites_count && compare_hosts(self->sites[place].host, host) == 0;
  return found ? &self->sites[place].root : NULL;
}

static text without_asterisk(text host) {
  return host.size > 0 && host.data[0] == '*' ? (text){host.data + 1, host.size - 1} : host;
}

/// Makes the sites, once: there are at most as many as routes.
static ubiq_error *make_sites(router *self, const router_route *routes, size_t count) {
  self->sites = arena_array(&self->arena, count, sizeof *self->sites);
  if (self->sites == NULL) return ubiq_error_no_memory();
  for (size_t i = 0; i < count; i++) {
    text host = without_asterisk(routes[i].host);
    if (host.size == 0 || find_site(self, host) != NULL) continue;
    char *copy = arena_string(&self->arena, host.data, host.size);
    if (copy == NULL) return ubiq_error_no_memory();
    site *place = &self->sites[site_place(self, host)];
    memmove(place + 1, place, (size_t)(&self->sites[self->sites_count] - place) * sizeof *place);
    *place = (site){.host = {copy, host.size}};
    self->sites_count++;
  }
  return NULL;
}

static ubiq_error *add_route(router *self, const router_route *route) {
  text host = without_asterisk(route->host);
  endpoints *list = reach(self, host.size == 0 ? &self->any : find_site(self, host), route->path);
  if (list == NULL) return ubiq_error_no_memory();
  return add_endpoint(self, list, route);
}

ubiq_error *router_new(const router_route *routes, size_t count, router **out) {
  router *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  arena_init(&self->arena);
  ubiq_error *error = make_sites(self, routes, count);
  for (size_t i = 0; i < count && error == NULL; i++) error = add_route(self, &routes[i]);
  if (error != NULL) {
    router_delete(self);
    return error;
  }
  *out = self;
  return NULL;
}

void router_delete(router *self) {
  if (self == NULL) return;
  arena_free(&self->arena);
  free(self);
}

// ----------------------------------------------------------------------------------------------------- searching

typedef struct search {
  text method;
  router_match *match;
} search;

/// Compares a segment as it was sent, with escapes, with a literal.
static bool escaped_equal(text sent, text literal) {
  size_t at = 0;
  for (size_t i = 0; i < sent.size; i++, at++) {
    int c = (unsigned char)sent.data[i];
    if (c == '%') {
      c = text_percent_byte((text){sent.data + i, sent.size - i});
      if (c < 0) return false;
      i += 2;
    }
    if (at >= literal.size || c != (unsigned char)literal.data[at]) return false;
  }
  return at == literal.size;
}

static bool segment_equal(text sent, text literal) {
  if (sent.size == literal.size && memcmp(sent.data, literal.data, sent.size) == 0) return true;
  return sent.size > literal.size && memchr(sent.data, '%', sent.size) != NULL && escaped_equal(sent, literal);
}

static const endpoint *endpoint_for(const endpoints *list, text method) {
  const endpoint *any = NULL;
  for (const endpoint *at = list->first; at != NULL; at = at->next) {
    if (at->method.size == 0)
      any = at;
    else if (text_equal(at->method, method))
      return at;
  }
  return any;
}

static bool is_allowed(const char *allow, text method) {
  text rest = text_of(allow), item;
  while (text_split(&rest, ',', &item))
    if (text_equal(text_trim(item), method)) return true;
  return false;
}

/// What does not fit is left out.
static void add_allowed(char allow[ROUTER_ALLOW_BYTES], text method) {
  size_t size = strlen(allow);
  if (is_allowed(allow, method) || size + method.size + sizeof ", " > ROUTER_ALLOW_BYTES) return;
  snprintf(allow + size, ROUTER_ALLOW_BYTES - size, "%s%.*s", size == 0 ? "" : ", ", (int)method.size, method.data);
}

/// What every resource with these methods has besides.
static void add_implied(char allow[ROUTER_ALLOW_BYTES]) {
  if (is_allowed(allow, TEXT("GET"))) add_allowed(allow, TEXT("HEAD"));
  add_allowed(allow, TEXT("OPTIONS"));
}

static bool take(const endpoints *list, search *search) {
  if (list->first == NULL) return false;
  const endpoint *found = endpoint_for(list, search->method);
  if (found == NULL && text_equal(search->method, TEXT("HEAD"))) found = endpoint_for(list, TEXT("GET"));
  if (found != NULL) {
    search->match->target = found->target;
    search->match->names = found->names;
    return true;
  }
  for (const endpoint *at = list->first; at != NULL; at = at->next) add_allowed(search->match->allow, at->method);
  return false;
}

static bool walk(const node *at, text rest, search *search);

/// What a part in braces matched counts for as long as the search goes on behind it.
static bool walk_parameter(const node *at, text segment, text after, search *search) {
  router_match *match = search->match;
  match->values[match->count++] = segment;
  if (walk(at, after, search)) return true;
  match->count--;
  return false;
}

static bool take_rest(const node *at, text rest, search *search) {
  router_match *match = search->match;
  if (at->rest.first == NULL || !take(&at->rest, search)) return false;
  match->values[match->count++] = rest;
  return true;
}

/// `rest` begins behind the slash that follows `at`; its data is NULL when the path has ended.
static bool walk(const node *at, text rest, search *search) {
  if (rest.data == NULL) return take(&at->here, search);
  text after = rest, segment;
  text_split(&after, '/', &segment);
  for (const node *child = at->literals; child != NULL; child = child->next)
    if (segment_equal(segment, child->segment)) {
      if (walk(child, after, search)) return true;
      break;
    }
  if (at->parameter != NULL && segment.size > 0 && walk_parameter(at->parameter, segment, after, search)) return true;
  return take_rest(at, rest, search);
}

static bool walk_site(const router *self, text host, text rest, search *search) {
  const node *root = find_site(self, host);
  return root != NULL && walk(root, rest, search);
}

/// The request's host itself, then the patterns that it is below of, the longest first.
static bool walk_sites(const router *self, text host, text rest, search *search) {
  if (self->sites_count == 0 || host.size == 0 || host.size > ROUTER_HOST_BYTES_MAX || host.data[0] == '.')
    return false;
  if (walk_site(self, host, rest, search)) return true;
  for (size_t i = 1; i < host.size; i++)
    if (host.data[i] == '.' && walk_site(self, (text){host.data + i, host.size - i}, rest, search)) return true;
  return false;
}

router_result router_find(const router *self, const router_request *request, router_match *match) {
  text path = request->path;
  match->target = NULL;
  match->allow[0] = '\0';
  match->count = 0;
  search search = {request->method, match};
  if (path.size == 0 || path.data[0] != '/') return ROUTER_NO_PATH;
  text rest = {path.data + 1, path.size - 1};
  if (walk_sites(self, bare_host(request->host), rest, &search) || walk(&self->any, rest, &search)) return ROUTER_FOUND;
  if (match->allow[0] == '\0') return ROUTER_NO_PATH;
  add_implied(match->allow);
  return ROUTER_NO_METHOD;
}
