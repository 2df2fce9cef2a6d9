// What may be written as a route.
#include "runtime/project/router_template.h"

static bool is_name(text name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return name.size > 0;
}

bool template_is_parameter(text segment) {
  return segment.size > 2 && segment.data[0] == '{' && segment.data[segment.size - 1] == '}';
}

text template_parameter_name(text segment) {
  text name = {segment.data + 1, segment.size - 2};
  if (text_ends_with(name, TEXT("..."))) name.size -= 3;
  return name;
}

bool template_is_rest(text segment) {
  return template_is_parameter(segment) && text_ends_with(segment, TEXT("...}"));
}

static const char *segment_problem(text segment, bool last) {
  if (template_is_parameter(segment)) {
    if (!is_name(template_parameter_name(segment))) return "names of letters, digits and '_' in {braces}";
    return last || !template_is_rest(segment) ? NULL : "{name...} in the last place only";
  }
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

static const char *host_problem(text host) {
  static const char *const expected = "a host such as \"api.example.com\" or \"*.example.com\" before the path's '/'";
  if (text_starts_with(host, TEXT("*."))) host = (text){host.data + 2, host.size - 2};
  if (host.size == 0 || host.size > ROUTER_HOST_BYTES_MAX) return expected;
  text rest = host, label;
  while (text_split(&rest, '.', &label)) {
    if (label.size == 0) return expected;
    for (size_t i = 0; i < label.size; i++) {
      char c = label.data[i];
      bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (!good) return expected;
    }
  }
  return NULL;
}

const char *router_route_parse(text value, router_route *out) {
  value = text_trim(value);
  const char *blank = value.size == 0 ? NULL : memchr(value.data, ' ', value.size);
  out->method = out->host = (text){NULL, 0};
  out->path = value;
  if (blank != NULL && value.data[0] != '/') {
    out->method = (text){value.data, (size_t)(blank - value.data)};
    out->path = text_trim((text){blank, value.size - out->method.size});
    if (!is_method(out->method)) return "a method in capitals before the path: \"POST /greet/{name}\"";
  }
  const char *slash = out->path.size == 0 ? NULL : memchr(out->path.data, '/', out->path.size);
  if (slash == NULL || slash == out->path.data) return template_problem(out->path);
  out->host = (text){out->path.data, (size_t)(slash - out->path.data)};
  out->path = (text){slash, out->path.size - out->host.size};
  const char *problem = host_problem(out->host);
  return problem != NULL ? problem : template_problem(out->path);
}
