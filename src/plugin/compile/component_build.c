// See component_build.h.
#include "plugin/compile/component_build.h"

#include "engine/cache/cache.h"
#include "plugin/host/component_host.h"
#include "plugin/host/wasi_glue.h"
#include "plugin/parts/function.h"
#include "wasi/p2.h"

#include <string.h>

#define MAT_INFO "record{op-name: string, mat-title: string, mat-hash: string, mat-data-json: string}"

static const component_item exports[COMPONENT_EXPORTS] = {
    [COMPONENT_INIT] = {.name = "init",
                        .type = "(args: record{metatype-version: string, expected-ops: list<" MAT_INFO ">}) -> "
                                "result<record{ok: bool}, variant{version-mismatch(string), unexpected-mat(" MAT_INFO
                                "), other(string)}>"},
    [COMPONENT_HANDLE] = {.name = "handle",
                          .type = "(req: record{op-name: string, in-json: string}) -> "
                                  "result<string, variant{no-handler, in-json-err(string), handler-err(string)}>"},
};

static const char hostcall_type[] = "(op-name: string, json: string) -> result<string, string>";

static bool is_interface(const char *interface, const char *name) {
  size_t size = strlen(name);
  return strncmp(interface, name, size) == 0 && (interface[size] == '\0' || interface[size] == '@');
}

static const ubiq_function *find_invoke_host(const compiled *compiled) {
  for (size_t i = 0; i < compiled->functions_count; i++)
    if (strcmp(compiled->functions[i]->name, COMPONENT_INVOKE_HOST) == 0 && compiled->functions[i]->start)
      return compiled->functions[i];
  return NULL;
}

static bool bind_import(const compiled *compiled, const component_item *item, component_import *out) {
  if (wasi_p2_bind(item, &plugin_wasi_binding, out)) return true;
  bool is_hostcall = is_interface(item->interface, COMPONENT_HOST_INTERFACE) && strcmp(item->name, "hostcall") == 0 &&
                     item->type && strcmp(item->type, hostcall_type) == 0;
  *out = (component_import){
      .call = component_host_call, .ready = component_host_answered, .env = (void *)find_invoke_host(compiled)};
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
  component_item called[COMPONENT_EXPORTS];
  ubiq_error *error = ops->items(module, true, &compiled->arena, &found);
  for (size_t i = 0; i < COMPONENT_EXPORTS && !error; i++) error = check_export(&found, &exports[i], &called[i]);
  if (!error) error = ops->items(module, false, &compiled->arena, &imports);
  if (!error) error = bind_imports(compiled, &imports, &bound);
  if (error) return error;
  const component_link link = {.imports = bound, .exports = called, .exports_count = COMPONENT_EXPORTS};
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
  compiled->steps_count = COMPONENT_STEPS;
  return error;
}
