// Reading and asking; what is sent is said in server/front/cross_origin.c.
#include "runtime/project/cors.h"

#include "base/json_table.h"
#include "base/json_units.h"

enum { MAX_AGE_MS = 5 * 1000 }; // what browsers take without being told

/// A walk through one table.
typedef struct reader {
  arena *arena;
  cors *cors;
} reader;

static text after_scheme(text origin) {
  static const char *const schemes[] = {"http://", "https://"};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
    if (text_starts_with(origin, text_of(schemes[i])))
      return (text){origin.data + strlen(schemes[i]), origin.size - strlen(schemes[i])};
  return (text){NULL, 0};
}

/// `https://app.example.com`, `http://localhost:3000`, `https://*.example.com`, `null`.
static bool is_origin(text origin) {
  if (text_equal_string(origin, "null")) return true;
  text host = after_scheme(origin);
  if (host.data == NULL) return false;
  if (text_starts_with(host, TEXT("*."))) host = (text){host.data + 2, host.size - 2};
  for (size_t i = 0; i < host.size; i++) {
    char c = host.data[i];
    bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._:[]", c) != NULL);
    if (!good) return false;
  }
  return host.size > 0;
}

static ubiq_error *read_origin(reader *self, const json_value *value, const char **out) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  if (text_equal_string(found, "*"))
    self->cors->any_origin = true;
  else if (!is_origin(found))
    return json_wrong(value, "an origin such as \"https://app.example.com\" in lower case, without a path, or \"*\"");
  *out = arena_string(self->arena, found.data, found.size);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_origins(reader *self, const json_value *value) {
  ubiq_error *error = json_expect_array(value);
  if (error != NULL) return error;
  size_t count = json_count(value);
  if (count == 0 || count > CORS_ORIGINS_MAX) return json_wrong(value, "from 1 to %d origins", CORS_ORIGINS_MAX);
  const char **origins = arena_array(self->arena, count, sizeof *origins);
  if (origins == NULL) return ubiq_error_no_memory();
  json_value item = {0};
  for (size_t i = 0; error == NULL && json_next_item(value, &item); i++) error = read_origin(self, &item, &origins[i]);
  self->cors->origins = origins;
  self->cors->origins_count = count;
  return error;
}

static bool is_header_name(text name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!good) return false;
  }
  return name.size > 0;
}

/// A list of names of headers, as headers have lists; `*any` when it is "*".
static ubiq_error *read_names(reader *self, const json_value *value, bool *any, const char **out) {
  ubiq_error *error = json_expect_array(value);
  const char *list = "";
  json_value item = {0};
  while (error == NULL && json_next_item(value, &item)) {
    text name;
    error = json_get_text(&item, &name);
    bool is_any = error == NULL && text_equal_string(name, "*");
    if (error == NULL && !is_any && !is_header_name(name)) error = json_wrong(&item, "the name of a header, or \"*\"");
    if (error != NULL) break;
    *any |= is_any;
    list = arena_printf(self->arena, "%s%s%.*s", list, *list == '\0' ? "" : ", ", (int)name.size, name.data);
    if (list == NULL) error = ubiq_error_no_memory();
  }
  *out = list != NULL && *list != '\0' ? list : NULL;
  return error;
}

static ubiq_error *read_headers(reader *self, const json_value *value) {
  return read_names(self, value, &self->cors->any_header, &self->cors->headers);
}

static ubiq_error *read_expose(reader *self, const json_value *value) {
  bool any = false;
  return read_names(self, value, &any, &self->cors->expose);
}

static ubiq_error *read_credentials(reader *self, const json_value *value) {
  if (!yyjson_is_bool(value->value)) return json_wrong(value, "true or false");
  self->cors->credentials = yyjson_get_bool(value->value);
  return NULL;
}

static ubiq_error *read_max_age(reader *self, const json_value *value) {
  return json_get_duration(value, &self->cors->max_age_ms);
}

static const struct {
  const char *name;
  ubiq_error *(*read)(reader *self, const json_value *value);
} keys[] = {
    {"origins", read_origins},         {"headers", read_headers}, {"expose", read_expose},
    {"credentials", read_credentials}, {"max_age", read_max_age},
};

static ubiq_error *read_table(reader *self, const json_value *value) {
  const json_keys known = JSON_KEYS(keys);
  json_value field;
  ubiq_error *error = json_check_table(value, &known);
  for (size_t next = 0; error == NULL && json_next_known(value, &known, &next, &field);)
    error = keys[next - 1].read(self, &field);
  if (error == NULL && self->cors->origins_count == 0)
    error = json_error(value, "does not say whose pages may; expected \"origins\"");
  if (error == NULL && self->cors->credentials && self->cors->any_origin)
    error = json_error(value, "has \"credentials\" beside the origin \"*\"; expected origins by name");
  return error;
}

ubiq_error *cors_read(const json_value *value, arena *arena, const cors **out) {
  cors *made = arena_array(arena, 1, sizeof *made);
  if (made == NULL) return ubiq_error_no_memory();
  made->max_age_ms = MAX_AGE_MS;
  *out = made;
  return read_table(&(reader){arena, made}, value);
}

/// Whether an origin is below a pattern: the same scheme, and a name that ends as the pattern does. What is no origin may
/// end so, too: `https://a.example/.b.example`.
static bool is_below(text pattern, text origin) {
  text host = after_scheme(pattern);
  if (!text_starts_with(host, TEXT("*.")) || !is_origin(origin)) return false;
  text scheme = {pattern.data, (size_t)(host.data - pattern.data)}, end = {host.data + 1, host.size - 1};
  return text_starts_with(origin, scheme) && text_ends_with(origin, end) && origin.size > scheme.size + end.size;
}

bool cors_allows(const cors *self, text origin) {
  if (origin.size == 0) return false;
  for (size_t i = 0; i < self->origins_count; i++) {
    text allowed = text_of(self->origins[i]);
    if (text_equal(allowed, origin) || is_below(allowed, origin)) return true;
  }
  return self->any_origin;
}
