// Paths are matched segment by segment with the few templates that there are; no operation has more parts than a path of them.
#include "api/params.h"

#include "api/shape.h"
#include "base/units.h"
#include "services/operations.h"

#include <stdlib.h>

// ---------------------------------------------------------------------------------------------------------- the path

enum { SEGMENTS_MAX = 8, ALLOW_BYTES = 64, SHOWN_BYTES = 80 };

typedef struct segments {
  text items[SEGMENTS_MAX];
  size_t count;
} segments;

/// False when it is no path, or longer than any that there is.
static bool split(text path, segments *out) {
  out->count = 0;
  if (path.size == 0 || path.data[0] != '/') return false;
  text rest = {path.data + 1, path.size - 1}, part;
  while (text_split(&rest, '/', &part)) {
    if (out->count == SEGMENTS_MAX) return false;
    out->items[out->count++] = part;
  }
  return true;
}

/// Whether the path begins as the template does, as far as that has no parameters: most templates are ruled out by that, and most
/// of those by the letter behind what all have.
static bool begins_as(const char *template, text path) {
  enum { BEHIND_VERSION = sizeof "/v1/" - 1 };
  if (path.size <= BEHIND_VERSION || path.data[BEHIND_VERSION] != template[BEHIND_VERSION]) return false;
  size_t at = 0;
  while (template[at] != '\0' && template[at] != '{' && at < path.size && path.data[at] == template[at]) at++;
  return template[at] == '{' || (template[at] == '\0' && at == path.size);
}

/// Finds what stands in the places of the template's parameters.
static bool match(const char *template, const segments *path, segments *found) {
  text rest = {template + 1, strlen(template) - 1}, part;
  size_t at = 0;
  found->count = 0;
  for (; text_split(&rest, '/', &part); at++) {
    if (at == path->count) return false;
    const text value = path->items[at];
    bool is_param = part.size > 0 && part.data[0] == '{';
    if (is_param ? value.size == 0 : !text_equal(part, value)) return false;
    if (is_param) found->items[found->count++] = value;
  }
  return at == path->count;
}

static void set_params(service_call *call, const segments *found) {
  for (size_t i = 0; i < found->count; i++)
    call->params[i] = (service_param){.is_given = true, .text = found->items[i]};
}

static void add_method(char allow[ALLOW_BYTES], const char *method) {
  size_t size = strlen(allow);
  snprintf(allow + size, ALLOW_BYTES - size, "%s%s", size == 0 ? "" : ", ", method);
}

static ubiq_error *no_route(service_call *call, const api_request *request, const char *allow) {
  const text path = text_cut(request->path, SHOWN_BYTES), method = text_cut(request->method, SHOWN_BYTES);
  if (allow[0] == '\0')
    return ubiq_error_new(UBIQ_NOT_FOUND, "the API has no path \"%.*s\"", (int)path.size, path.data);
  call->status = 405;
  if (!service_call_header(call, "allow", text_of(allow))) return ubiq_error_no_memory();
  return ubiq_error_new(UBIQ_NOT_FOUND, "the API has no %.*s of this path; expected one of: %s", (int)method.size,
                        method.data, allow);
}

/// Clients of CloudEvents send both modes to one address: attributes in headers are those of the binary mode.
static const api_operation *by_mode(const api_operation *found, const api_request *request) {
  if (found != &api_operations[SERVICE_EVENTS_PUBLISH]) return found;
  for (size_t i = 0; i < request->headers_count; i++)
    if (text_equal(request->headers[i].name, TEXT("ce-type"))) return &api_operations[SERVICE_EVENTS_PUBLISH_BINARY];
  return found;
}

ubiq_error *params_route(service_call *call, const api_request *request, const api_operation **out) {
  segments path, found;
  char allow[ALLOW_BYTES] = "";
  if (request->path.size > API_PATH_BYTES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "the path has %zu bytes; expected at most %d", request->path.size,
                          API_PATH_BYTES_MAX);
  bool is_path = split(request->path, &path);
  for (size_t i = 0; is_path && i < api_operations_count; i++) {
    const api_operation *operation = &api_operations[i];
    if (!begins_as(operation->path, request->path) || !match(operation->path, &path, &found)) continue;
    *out = operation;
    if (text_equal_string(request->method, operation->method)) {
      set_params(call, &found);
      *out = by_mode(operation, request);
      return NULL;
    }
    add_method(allow, operation->method);
  }
  return no_route(call, request, allow);
}

// -------------------------------------------------------------------------------------------------------- the values

static ubiq_error *wrong(const api_param *param, text value, const char *expected) {
  return service_wrong_value(text_of(param->name), value, expected);
}

static ubiq_error *read_number(const api_param *param, service_param *value) {
  char expected[128];
  bool is_duration = param->kind == API_DURATION;
  bool good =
      is_duration ? units_duration_parse(value->text, &value->number) : text_to_u64(value->text, &value->number);
  if (good && value->number >= param->min && value->number <= param->max) return NULL;
  uint64_t max = is_duration && param->max > UNITS_DURATION_MS_MAX ? UNITS_DURATION_MS_MAX : param->max;
  snprintf(expected, sizeof expected, "%s from %llu to %llu", is_duration ? UNITS_DURATION_FORM ", in ms" : "a number",
           (unsigned long long)param->min, (unsigned long long)max);
  return wrong(param, value->text, expected);
}

static ubiq_error *read_boolean(const api_param *param, service_param *value) {
  value->number = text_equal_string(value->text, "true");
  if (value->number == 1 || text_equal_string(value->text, "false")) return NULL;
  return wrong(param, value->text, "true or false");
}

static ubiq_error *read_value(const api_param *param, service_param *value) {
  switch (param->kind) {
  case API_TEXT:
    return shape_takes_text(param->shape, value->text) ? NULL : wrong(param, value->text, param->shape->expected);
  case API_BOOLEAN: return read_boolean(param, value);
  default: return read_number(param, value);
  }
}

/// Undoes the escapes of a part of the path; what is no whole escape is no part of a path (RFC 3986, section 2.1).
static ubiq_error *unescape(service_call *call, const api_param *param, text *value) {
  if (memchr(value->data, '%', value->size) == NULL) return NULL;
  for (size_t i = 0; i < value->size; i++)
    if (value->data[i] == '%' && text_percent_byte((text){value->data + i, value->size - i}) < 0)
      return wrong(param, *value, "each % to be followed by two hex digits");
  char *data = arena_alloc(&call->arena, value->size);
  if (data == NULL) return ubiq_error_no_memory();
  *value = (text){data, text_percent_decode(*value, data)};
  return NULL;
}

static ubiq_error *unknown(const api_operation *operation, text name) {
  const char *names[SERVICE_PARAMS_MAX];
  size_t count = 0;
  for (size_t i = 0; i < operation->params_count; i++)
    if (operation->params[i].place == API_IN_QUERY) names[count++] = operation->params[i].name;
  const char *nearest = text_nearest(name, names, count);
  name = text_cut(name, SHOWN_BYTES);
  if (!text_utf8_valid(name.data, name.size)) name = TEXT("?");
  if (nearest == NULL)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s has no parameter \"%.*s\"", operation->service.name, (int)name.size,
                          name.data);
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s has no parameter \"%.*s\"; did you mean \"%s\"?",
                        operation->service.name, (int)name.size, name.data, nearest);
}

static service_param *find(service_call *call, const api_operation *operation, api_place place, text name) {
  for (size_t i = 0; i < operation->params_count; i++)
    if (operation->params[i].place == place && text_equal_string(name, operation->params[i].name))
      return &call->params[i];
  return NULL;
}

static ubiq_error *take(service_call *call, const api_operation *operation, api_place place, const api_field *field) {
  service_param *param = find(call, operation, place, field->name);
  if (param == NULL) return place == API_IN_QUERY ? unknown(operation, field->name) : NULL;
  if (param->is_given)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s is given twice; expected it once",
                          operation->params[param - call->params].name);
  *param = (service_param){.is_given = true, .text = field->value};
  return NULL;
}

static ubiq_error *check(service_call *call, const api_param *param, service_param *value) {
  ubiq_error *error = NULL;
  if (!value->is_given) {
    value->text = text_of(param->fallback);
    value->number = param->fallback_number;
    return !param->is_required ? NULL : ubiq_error_new(UBIQ_INVALID_INPUT, "%s is missing", param->name);
  }
  if (param->place == API_IN_PATH) error = unescape(call, param, &value->text);
  return error != NULL ? error : read_value(param, value);
}

ubiq_error *params_read(service_call *call, const api_request *request, const api_operation *operation) {
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < request->query_count; i++)
    error = take(call, operation, API_IN_QUERY, &request->query[i]);
  for (size_t i = 0; error == NULL && i < request->headers_count; i++)
    error = take(call, operation, API_IN_HEADER, &request->headers[i]);
  for (size_t i = 0; error == NULL && i < operation->params_count; i++)
    error = check(call, &operation->params[i], &call->params[i]);
  return error;
}
