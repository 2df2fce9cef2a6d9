// See component.h.
#include "plugin/component.h"

#include "base/json.h"
#include "engine/cache/cache.h"
#include "plugin/call.h"
#include "plugin/completion.h"
#include "wasi/p2.h"

#include <stdlib.h>

#define MAT_INFO "record{op-name: string, mat-title: string, mat-hash: string, mat-data-json: string}"

/// Places of the exports.
enum { EXPORT_INIT, EXPORT_HANDLE, EXPORTS_COUNT };

enum { STEP_INSTANTIATE, STEP_INIT, STEPS_COUNT };

/// What Metatype's own guests compare with the version that they were made by.
#define METATYPE_VERSION         "0.5.1-rc.6"
#define METATYPE_VERSION_SETTING "metatype_version"

#define INVOKE_HOST "InvokeHost"

static const component_item exports[EXPORTS_COUNT] = {
    [EXPORT_INIT] = {.name = "init",
                     .type = "(args: record{metatype-version: string, expected-ops: list<" MAT_INFO ">}) -> "
                             "result<record{ok: bool}, variant{version-mismatch(string), unexpected-mat(" MAT_INFO
                             "), other(string)}>"},
    [EXPORT_HANDLE] = {.name = "handle",
                       .type = "(req: record{op-name: string, in-json: string}) -> "
                               "result<string, variant{no-handler, in-json-err(string), handler-err(string)}>"},
};

static const char hostcall_type[] = "(op-name: string, json: string) -> result<string, string>";

// -- What the component is --

static bool is_interface(const char *interface, const char *name) {
  size_t size = strlen(name);
  return strncmp(interface, name, size) == 0 && (interface[size] == '\0' || interface[size] == '@');
}

static ubiq_error *call_host(void *env, component_call *call, const component_value *arguments, size_t count,
                             component_value *result);
static bool host_answered(void *env, component_call *call, component_value *result, ubiq_error **error);

static const ubiq_function *find_invoke_host(const compiled *compiled) {
  for (size_t i = 0; i < compiled->functions_count; i++)
    if (strcmp(compiled->functions[i]->name, INVOKE_HOST) == 0 && compiled->functions[i]->start)
      return compiled->functions[i];
  return NULL;
}

static bool bind_import(const compiled *compiled, const component_item *item, component_import *out) {
  if (wasi_p2_bind(item, &plugin_wasi_binding, out)) return true;
  bool is_hostcall = is_interface(item->interface, COMPONENT_HOST_INTERFACE) && strcmp(item->name, "hostcall") == 0 &&
                     item->type && strcmp(item->type, hostcall_type) == 0;
  *out = (component_import){.call = call_host, .ready = host_answered, .env = (void *)find_invoke_host(compiled)};
  return is_hostcall;
}

static ubiq_error *bind_imports(compiled *compiled, const component_items *items, component_import **out) {
  buffer missing = {0};
  bool good = (*out = arena_array(&compiled->arena, items->count + 1, sizeof **out)) != NULL;
  for (size_t i = 0; good && i < items->count; i++) {
    const component_item *item = &items->items[i];
    if (bind_import(compiled, item, &(*out)[i])) continue;
    good = buffer_printf(&missing, "\n  %s%s%s%s%s", item->interface, *item->interface ? " " : "", item->name,
                         item->type ? ": " : "", item->type ? item->type : "");
  }
  ubiq_error *error = NULL;
  if (!good)
    error = ubiq_error_no_memory();
  else if (missing.size > 0)
    error =
        ubiq_error_new(UBIQ_INVALID_INPUT,
                       "the component imports what is not there; for the wire \"component\" expected nothing but WASI "
                       "0.2 and " COMPONENT_HOST_INTERFACE " hostcall: %s:%s",
                       hostcall_type, buffer_string(&missing));
  buffer_free(&missing);
  return error;
}

static const component_item *find_export(const component_items *items, const char *name) {
  for (size_t i = 0; i < items->count; i++)
    if (is_interface(items->items[i].interface, COMPONENT_GUEST_INTERFACE) && strcmp(items->items[i].name, name) == 0)
      return &items->items[i];
  return NULL;
}

static ubiq_error *check_export(const component_items *items, const component_item *expected, component_item *out) {
  const component_item *found = find_export(items, expected->name);
  if (found && found->type && strcmp(found->type, expected->type) == 0) {
    *out = *found;
    return NULL;
  }
  return ubiq_error_new(
      UBIQ_INVALID_INPUT,
      "the component exports %s%s%s; for the wire \"component\" expected " COMPONENT_GUEST_INTERFACE " %s: %s",
      found ? "" : "no ", expected->name, found ? " as something else" : "", expected->name, expected->type);
}

static ubiq_error *link_component(const import_plan *plan, engine_module *module) {
  compiled *compiled = plan->compiled;
  const engine_component_ops *ops = plan->engine->ops->components;
  component_items imports, found;
  component_import *bound;
  component_item called[EXPORTS_COUNT];
  ubiq_error *error = ops->items(module, true, &compiled->arena, &found);
  for (size_t i = 0; i < EXPORTS_COUNT && !error; i++) error = check_export(&found, &exports[i], &called[i]);
  if (!error) error = ops->items(module, false, &compiled->arena, &imports);
  if (!error) error = bind_imports(compiled, &imports, &bound);
  if (error) return error;
  const component_link link = {.imports = bound, .exports = called, .exports_count = EXPORTS_COUNT};
  return ops->link(plan->engine, module, &link, &compiled->image);
}

static ubiq_error *check_plan(const import_plan *plan, ubiq_bytes wasm) {
  const compiled *compiled = plan->compiled;
  if (!plan->engine->ops->components)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "engine \"%s\" has no components; for the wire \"component\" take the default",
                          plan->engine->ops->name);
  if (!compiled->options.suspends || compiled->options.fuel || compiled->manifest->modules_count != 1)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "the wire \"component\" is for one component that runs on a loop, without "
                          "fuel");
  if (!wasm_is_component(wasm.data, wasm.size))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it is no component; for the wire \"component\" expected one (wasm-tools "
                                              "component new makes one of a module)");
  return NULL;
}

ubiq_error *component_build(const import_plan *plan, ubiq_bytes wasm) {
  compiled *compiled = plan->compiled;
  compiled_module *module = &compiled->modules[0];
  ubiq_error *error = check_plan(plan, wasm);
  if (!error)
    error = cache_compile(plan->engine, plan->settings, compiled->compiler, wasm.data, wasm.size, &module->code);
  if (!error) error = link_component(plan, module->code);
  compiled->steps_count = STEPS_COUNT;
  return error;
}

// -- An instance's start --

void component_open(plugin *plugin) {
  plugin->component.is_greeted = plugin->component.is_asking = false;
}

static const engine_component_ops *ops_of(const plugin *plugin) {
  return plugin->compiled->modules[0].code->ops->components;
}

static component_value string_field(text name, text value) {
  return (component_value){.kind = COMPONENT_STRING, .name = name, .string = value};
}

static ubiq_error *start_init(plugin *plugin, engine_state *state) {
  ubiq_bytes version = {(const uint8_t *)METATYPE_VERSION, strlen(METATYPE_VERSION)};
  (void)map_get(plugin_config(plugin), TEXT(METATYPE_VERSION_SETTING), &version);
  const text name = text_of(plugin->target.name);
  const component_value info[] = {string_field(TEXT("op-name"), name), string_field(TEXT("mat-title"), name),
                                  string_field(TEXT("mat-hash"), name),
                                  string_field(TEXT("mat-data-json"), TEXT("{}"))};
  const component_value operation = {.kind = COMPONENT_RECORD, .items = info, .count = 4};
  const component_value fields[] = {
      string_field(TEXT("metatype-version"), (text){(const char *)version.data, version.size}),
      {.kind = COMPONENT_LIST, .name = TEXT("expected-ops"), .items = &operation, .count = 1}};
  const component_value arguments = {.kind = COMPONENT_RECORD, .items = fields, .count = 2};
  return ops_of(plugin)->call(plugin->store, EXPORT_INIT, &arguments, 1, state);
}

ubiq_error *component_step(plugin *plugin, size_t index, engine_state *state) {
  return index == STEP_INSTANTIATE ? ops_of(plugin)->instantiate(plugin->store, state) : start_init(plugin, state);
}

// -- What it says of itself: variants, whose words are the guest's --

static text words_of(const component_value *variant) {
  return variant->count == 1 && variant->items[0].kind == COMPONENT_STRING ? variant->items[0].string : (text){NULL, 0};
}

static int shown(text words) {
  enum { WORDS_BYTES_MAX = 64 << 10 };
  return (int)(words.size < WORDS_BYTES_MAX ? words.size : WORDS_BYTES_MAX);
}

static ubiq_error *refused_start(const plugin *plugin, const component_value *variant) {
  const text words = words_of(variant);
  if (text_equal_string(variant->string, "version-mismatch"))
    return ubiq_error_new(
        UBIQ_GUEST_ERROR,
        "init: the component is for another version of Metatype: %.*s; config." METATYPE_VERSION_SETTING " sets it",
        shown(words), words.data);
  if (text_equal_string(variant->string, "unexpected-mat"))
    return ubiq_error_new(UBIQ_GUEST_ERROR, "init: the component has no operation \"%s\"", plugin->target.name);
  return ubiq_error_new(UBIQ_GUEST_ERROR, "init: %.*s", shown(words), words.data);
}

static ubiq_error *check_greeting(plugin *plugin) {
  if (plugin->component.is_greeted) return NULL;
  const component_value *answer;
  ubiq_error *error = ops_of(plugin)->result(plugin->store, &answer);
  if (error) return error;
  if (!answer->is) return refused_start(plugin, &answer->items[0]);
  if (!answer->items[0].items[0].is) return ubiq_error_new(UBIQ_GUEST_ERROR, "init: the component says that it failed");
  plugin->component.is_greeted = true;
  return NULL;
}

// -- A call --

static ubiq_error *refusal(ubiq_error *error) {
  return ubiq_error_with_detail(error, GUEST_REFUSAL);
}

ubiq_error *component_handle(plugin *plugin, engine_state *state) {
  ubiq_error *error = check_greeting(plugin);
  if (error) return error;
  const text input =
      plugin->input.size > 0 ? (text){(const char *)plugin->input.data, plugin->input.size} : TEXT("null");
  if (!text_utf8_valid(input.data, input.size))
    return refusal(ubiq_error_new(UBIQ_INVALID_INPUT, "the input is not UTF-8; expected JSON"));
  const component_value fields[] = {string_field(TEXT("op-name"), text_of(plugin->target.name)),
                                    string_field(TEXT("in-json"), input)};
  const component_value request = {.kind = COMPONENT_RECORD, .items = fields, .count = 2};
  plugin->stage = STAGE_FUNCTION;
  return ops_of(plugin)->call(plugin->store, EXPORT_HANDLE, &request, 1, state);
}

static ubiq_error *failed(const plugin *plugin, const component_value *variant) {
  const text words = words_of(variant);
  if (text_equal_string(variant->string, "no-handler"))
    return refusal(ubiq_error_new(UBIQ_NOT_FOUND, "the component has no operation \"%s\"", plugin->target.name));
  if (text_equal_string(variant->string, "in-json-err"))
    return refusal(ubiq_error_new(UBIQ_INVALID_INPUT, "%.*s", shown(words), words.data));
  return ubiq_error_new(UBIQ_GUEST_ERROR, "%.*s", shown(words), words.data);
}

// What is not valid is parsed for what to say of it.
static ubiq_error *take_output(plugin *plugin, text json) {
  yyjson_doc *document = NULL;
  ubiq_error *error = outcome_check_size(plugin, json.size);
  if (error) return error;
  if (!json_is_valid(json.data, json.size)) error = json_parse("answer", json.data, json.size, &document);
  yyjson_doc_free(document);
  if (!error) {
    plugin->output = (ubiq_bytes){(const uint8_t *)json.data, json.size};
    return NULL;
  }
  ubiq_error *invalid = ubiq_error_new(UBIQ_INVALID_OUTPUT, "%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return invalid;
}

ubiq_error *component_conclude(plugin *plugin) {
  const component_value *answer;
  ubiq_error *error = ops_of(plugin)->result(plugin->store, &answer);
  if (error) return error;
  return answer->is ? take_output(plugin, answer->items[0].string) : failed(plugin, &answer->items[0]);
}

// -- What the guest asks --

#define PROBLEM(class, status, title, detail)                                                                          \
  "{\"type\":\"urn:ubiq:failure:" class "\",\"title\":\"" title "\",\"status\":" status ",\"detail\":\"" detail        \
                                        "\",\"class\":\"" class "\"}"

static const char no_operation[] =
    PROBLEM("not_found", "404", "there is no such thing", "hostcall: the one op-name that it knows is " INVOKE_HOST);
static const char no_platform[] =
    PROBLEM("unavailable", "503", "it cannot be reached now", "this host gives its functions no API");

static ubiq_error *call_host(void *env, component_call *call, const component_value *arguments, size_t count,
                             component_value *result) {
  (void)count, (void)result;
  plugin *plugin = call->user;
  component_state *self = &plugin->component;
  const text name = arguments[0].string, request = arguments[1].string;
  bool is_known = name.size == 0 || text_equal_string(name, INVOKE_HOST);
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

static bool host_answered(void *env, component_call *call, component_value *result, ubiq_error **error) {
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
