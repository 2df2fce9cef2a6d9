// See component_host.h.
#include "plugin/host/component_host.h"

#include "plugin/host/completion.h"

#define PROBLEM(class, status, title, detail)                                                                          \
  "{\"type\":\"urn:ubiq:failure:" class "\",\"title\":\"" title "\",\"status\":" status ",\"detail\":\"" detail        \
                                        "\",\"class\":\"" class "\"}"

static const char no_operation[] = PROBLEM("not_found", "404", "there is no such thing",
                                           "hostcall: the one op-name that it knows is " COMPONENT_INVOKE_HOST);
static const char no_platform[] =
    PROBLEM("unavailable", "503", "it cannot be reached now", "this host gives its functions no API");

ubiq_error *component_host_call(void *env, component_call *call, const component_value *arguments, size_t count,
                                component_value *result) {
  (void)count, (void)result;
  plugin *plugin = call->user;
  component_state *self = &plugin->component;
  const text name = arguments[0].string, request = arguments[1].string;
  bool is_known = name.size == 0 || text_equal_string(name, COMPONENT_INVOKE_HOST);
  self->refusal = !is_known ? no_operation : env ? NULL : no_platform;
  if (self->refusal) return NULL;
  buffer_clear(&self->request);
  if (!buffer_append(&self->request, request.data, request.size)) return ubiq_error_no_memory();
  engine_value values[] = {{.i32 = 0}, {.i64 = COMPONENT_REQUEST_PLACE}};
  engine_call as_function = {.store = call->store, .user = plugin};
  self->is_asking = true;
  ubiq_error *error = function_begin(env, &as_function, values);
  self->is_asking = false;
  return error;
}

static bool answer(component_call *call, component_value *result, bool is_ok, text json, ubiq_error **error) {
  const component_value string = {.kind = COMPONENT_STRING, .string = json};
  *result = (component_value){.kind = COMPONENT_RESULT, .is = is_ok, .count = 1};
  result->items = arena_copy(call->arena, &string, sizeof string);
  if (!result->items) *error = ubiq_error_no_memory();
  return true;
}

bool component_host_answered(void *env, component_call *call, component_value *result, ubiq_error **error) {
  plugin *plugin = call->user;
  engine_value values[2] = {{0}};
  engine_call as_function = {.store = call->store, .user = plugin};
  if (plugin->component.refusal) return answer(call, result, false, text_of(plugin->component.refusal), error);
  if (!function_ready(env, &as_function, values, error)) return false;
  buffer_free(&plugin->component.request); // it may be large, and the instance live for long
  if (*error) return true;
  const text json = {(const char *)plugin->answer.data, plugin->answer.size};
  return answer(call, result, true, json, error);
}
