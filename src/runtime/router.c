// A tree of segments. Every node stands at one depth and on one way from the root, so that a search, going back
// included, visits each node at most once.
#include "runtime/router.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

typedef struct endpoint {
  struct endpoint *next;
  text method; ///< empty: any
  const char *name;
  const void *target;
  const text *names; ///< of the template's parameters
} endpoint;

/// Endpoints of one template, with their methods as a list.
typedef struct endpoints {
  endpoint *first;
  const char *allow;
} endpoints;

typedef struct node {
  struct node *next; ///< the next literal of the same parent
  text segment;      ///< literals
  struct node *literals;
  struct node *parameter;
  endpoints here; ///< for a path that ends at this node
  endpoints rest; ///< for a path that goes on with anything
} node;

struct router {
  node root;
  arena arena;
};

// ----------------------------------------------------------------------------------------------------- templates

static bool is_name(text name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return name.size > 0;
}

static bool is_parameter(text segment) {
  return segment.size > 2 && segment.data[0] == '{' && segment.data[segment.size - 1] == '}';
}

static text parameter_name(text segment) {
  return (text){segment.data + 1, segment.size - 2};
}

static bool is_rest(text segment) {
  return is_parameter(segment) && text_ends_with(parameter_name(segment), TEXT("..."));
}

static const char *segment_problem(text segment, bool last) {
  if (is_rest(segment)) {
    text name = parameter_name(segment);
    if (!is_name((text){name.data, name.size - 3})) return "names of letters, digits and '_' in {braces}";
    return last ? NULL : "{name...} in the last place only";
  }
  if (is_parameter(segment))
    return is_name(parameter_name(segment)) ? NULL : "names of letters, digits and '_' in {braces}";
  for (size_t i = 0; i < segment.size; i++) {
    unsigned char c = (unsigned char)segment.data[i];
    if (c == '{' || c == '}') return "{name} to stand for a whole part between slashes";
    if (c <= ' ' || c == 127 || c == '?' || c == '#' || c == '%') return "a path without blanks, '?', '#' and '%'";
  }
  return segment.size > 0 || last ? NULL : "a path without \"//\"";
}

static const char *template_problem(text path) {
  if (path.size == 0 || path.data[0] != '/')
    return "a path that begins with '/', with or without a method before it: \"POST /greet/{name}\"";
  if (path.size > ROUTER_TEMPLATE_BYTES_MAX) return "at most 1024 bytes";
  text rest = {path.data + 1, path.size - 1}, segment;
  for (size_t count = 1; text_split(&rest, '/', &segment); count++) {
    const char *problem = segment_problem(segment, rest.data == NULL);
    if (problem != NULL) return problem;
    if (count > ROUTER_SEGMENTS_MAX) return "at most 32 parts between slashes";
  }
  return NULL;
}

static bool is_method(text method) {
  for (size_t i = 0; i < method.size; i++)
    if (method.data[i] < 'A' || method.data[i] > 'Z') return false;
  return method.size > 0 && method.size <= 32;
}

const char *router_route_parse(text value, text *method, text *path) {
  value = text_trim(value);
  const char *blank = value.size == 0 ? NULL : memchr(value.data, ' ', value.size);
  *method = (text){NULL, 0};
  *path = value;
  if (blank != NULL && value.data[0] != '/') {
    *method = (text){value.data, (size_t)(blank - value.data)};
    *path = text_trim((text){blank, value.size - method->size});
    if (!is_method(*method)) return "a method in capitals before the path: \"POST /greet/{name}\"";
  }
  return template_problem(*path);
}

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

/// Walks to the endpoints of a template and makes the nodes on the way; NULL when memory is out.
static endpoints *reach(router *self, text path) {
  node *at = &self->root;
  text rest = {path.data + 1, path.size - 1}, segment;
  while (text_split(&rest, '/', &segment)) {
    if (is_rest(segment)) return &at->rest;
    at = is_parameter(segment) ? parameter_child(self, at) : literal_child(self, at, segment);
    if (at == NULL) return NULL;
  }
  return &at->here;
}

/// The names of a template's parameters; NULL when memory is out.
static const text *parameter_names(router *self, text path) {
  text *names = arena_array(&self->arena, ROUTER_SEGMENTS_MAX, sizeof *names);
  text rest = {path.data + 1, path.size - 1}, segment;
  for (size_t count = 0; names != NULL && text_split(&rest, '/', &segment);) {
    if (!is_parameter(segment)) continue;
    text name = parameter_name(segment);
    if (is_rest(segment)) name.size -= 3;
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
      return ubiq_error_new(UBIQ_INVALID_INPUT, "%s and %s have routes that match the same requests: \"%.*s%s%.*s\"",
                            (*last)->name, route->name, (int)route->method.size, route->method.data,
                            route->method.size == 0 ? "" : " ", (int)route->path.size, route->path.data);
  endpoint *made = arena_array(&self->arena, 1, sizeof *made);
  char *method = arena_string(&self->arena, route->method.data, route->method.size);
  char *name = arena_string(&self->arena, route->name, strlen(route->name));
  const text *names = parameter_names(self, route->path);
  if (made == NULL || method == NULL || name == NULL || names == NULL) return ubiq_error_no_memory();
  *made = (endpoint){.method = {method, route->method.size}, .name = name, .target = route->target, .names = names};
  *last = made;
  return NULL;
}

static const char *add_allowed(router *self, const char *list, text method) {
  return arena_printf(&self->arena, "%s%s%.*s", list, list[0] == '\0' ? "" : ", ", (int)method.size, method.data);
}

static ubiq_error *list_allowed(router *self, endpoints *list) {
  const char *allow = "";
  bool get = false, head = false, options = false;
  for (endpoint *at = list->first; at != NULL && allow != NULL; at = at->next) {
    get |= text_equal_string(at->method, "GET");
    head |= text_equal_string(at->method, "HEAD");
    options |= text_equal_string(at->method, "OPTIONS");
    allow = add_allowed(self, allow, at->method);
  }
  if (get && !head && allow != NULL) allow = add_allowed(self, allow, TEXT("HEAD"));
  if (!options && allow != NULL) allow = add_allowed(self, allow, TEXT("OPTIONS"));
  list->allow = allow;
  return allow == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *add_route(router *self, const router_route *route) {
  endpoints *list = reach(self, route->path);
  if (list == NULL) return ubiq_error_no_memory();
  ubiq_error *error = add_endpoint(self, list, route);
  return error != NULL ? error : list_allowed(self, list);
}

ubiq_error *router_new(const router_route *routes, size_t count, router **out) {
  router *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  arena_init(&self->arena);
  ubiq_error *error = NULL;
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

static bool take(const endpoints *list, search *search) {
  if (list->first == NULL) return false;
  const endpoint *found = endpoint_for(list, search->method);
  if (found == NULL && text_equal(search->method, TEXT("HEAD"))) found = endpoint_for(list, TEXT("GET"));
  if (found != NULL) {
    search->match->target = found->target;
    search->match->names = found->names;
  } else if (search->match->allow == NULL) {
    search->match->allow = list->allow;
  }
  return found != NULL;
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

router_result router_find(const router *self, text method, text path, router_match *match) {
  match->target = NULL;
  match->allow = NULL;
  match->count = 0;
  search search = {method, match};
  if (path.size == 0 || path.data[0] != '/') return ROUTER_NO_PATH;
  if (walk(&self->root, (text){path.data + 1, path.size - 1}, &search)) return ROUTER_FOUND;
  return match->allow != NULL ? ROUTER_NO_METHOD : ROUTER_NO_PATH;
}
