// What asking the platform costs a guest of each wire: rounds of InvokeHost with an operation that answers at once, beside an
// empty host function of Extism's kind, on a fiber as in the server. `invoke_host FOLDER` keeps keys there, and prints one line
// of JSON: nanoseconds of each, and what a plugin that has asked keeps in memory.
#include "api/invoke_host.h"
#include "api/guest.h"
#include "base/msgpack.h"
#include "engine/wasm/wasm.h"
#include "invoke_guests.h"
#include "plugin/plugin.h"
#include "services/services.h"
#include "ubiq/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TURNS = 5 };

static void check(const char *what, ubiq_error *error) {
  if (error == NULL) return;
  fprintf(stderr, "invoke_host: %s: %s\n", what, ubiq_error_message(error));
  exit(1);
}

static ubiq_error *do_nothing(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_value *outputs) {
  (void)user, (void)plugin, (void)inputs, (void)outputs;
  return NULL;
}

static void describe(void *run, service_caller *out) {
  (void)run;
  *out = (service_caller){.project = TEXT("bench"), .function = TEXT("bench"), .deadline_ns = UINT64_MAX};
}

static ubiq_function *make_empty(void) {
  static const ubiq_type params[] = {UBIQ_I32, UBIQ_I64}, results[] = {UBIQ_I64};
  const ubiq_function_options empty = {.name = "empty",
                                       .params = params,
                                       .params_count = 2,
                                       .results = results,
                                       .results_count = 1,
                                       .callback = do_nothing};
  ubiq_function *made = NULL;
  check("function", ubiq_function_new(&empty, &made));
  return made;
}

/// A guest's text, with what its options say of the wire.
static ubiq_compiled *compile(const char *text, ubiq_compile_options options) {
  ubiq_function *functions[2] = {NULL, make_empty()};
  ubiq_compiled *compiled = NULL;
  uint8_t *wasm = NULL;
  size_t size = 0;
  check("function", invoke_host_new(options.core, &functions[0]));
  options.suspends = true;
  options.functions = (const ubiq_function *const *)functions;
  options.functions_count = 2;
  options.memory_bytes_max = UINT64_C(64) << 20;
  check("text", engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  check("compile", ubiq_compiled_new(wasm, size, &options, &compiled));
  ubiq_function_delete(functions[0]);
  ubiq_function_delete(functions[1]);
  free(wasm);
  return compiled;
}

static ubiq_plugin *open_one(ubiq_compiled *compiled, api_guest *asking) {
  ubiq_plugin *plugin = NULL;
  check("plugin", ubiq_plugin_new(compiled, &plugin));
  plugin_set_platform(plugin, asking);
  return plugin;
}

static ubiq_plugin *open_plugin(const char *text, ubiq_compile_options options, api_guest *asking) {
  ubiq_compiled *compiled = compile(text, options);
  ubiq_plugin *plugin = open_one(compiled, asking);
  ubiq_compiled_delete(compiled);
  return plugin;
}

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/// The best of several turns: the machine may have had something else to do in the others.
static double measure(ubiq_plugin *plugin, const char *function, ubiq_bytes input) {
  double best = 0;
  for (int i = 0; i < TURNS; i++) {
    ubiq_bytes output;
    double began = now_ns();
    check(function, ubiq_plugin_call(plugin, function, input, &output));
    double took = (now_ns() - began) / INVOKE_ROUNDS;
    if (i == 0 || took < best) best = took;
  }
  return best;
}

static ubiq_bytes bytes_of(const char *string) {
  return (ubiq_bytes){(const uint8_t *)string, strlen(string)};
}

static double measure_packed(ubiq_plugin *plugin, const char *json) {
  buffer packed = {0};
  yyjson_doc *document = yyjson_read(json, strlen(json), 0);
  if (document == NULL || !msgpack_value_write(&packed, yyjson_doc_get_root(document))) abort();
  double found = measure(plugin, "messagepack", buffer_bytes(&packed));
  yyjson_doc_free(document);
  buffer_free(&packed);
  return found;
}

/// What a service has, by its path; in both formats where the wire has them.
static void measure_get(ubiq_plugin *plugin, const char *wire, const char *service, bool has_formats) {
  char put[96], get[64];
  ubiq_bytes output;
  snprintf(put, sizeof put, "{\"method\":\"PUT\",\"path\":\"/v1/%s/a\",\"body\":{\"name\":\"Ada\"}}", service);
  snprintf(get, sizeof get, "{\"method\":\"GET\",\"path\":\"/v1/%s/a\"}", service);
  check(put, ubiq_plugin_call(plugin, "once", bytes_of(put), &output));
  printf(",\"%s%s_get_json_ns\":%.0f", wire, service, measure(plugin, "json", bytes_of(get)));
  if (has_formats) printf(",\"%s%s_get_packed_ns\":%.0f", wire, service, measure_packed(plugin, get));
}

static void measure_wire(ubiq_plugin *plugin, const char *wire, bool has_formats) {
  measure_get(plugin, wire, "cache", has_formats);
  measure_get(plugin, wire, "kv", has_formats);
  ubiq_plugin_delete(plugin);
}

static size_t resident_kib(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  size_t all = 0, resident = 0;
  if (file == NULL || fscanf(file, "%zu %zu", &all, &resident) != 2) abort();
  fclose(file);
  return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

/// What plugins that asked keep, each.
static double resident_each(api_guest *asking) {
  enum { PLUGINS = 500 };
  static const char get[] = "{\"method\":\"GET\",\"path\":\"/v1/cache/a\"}";
  ubiq_plugin *plugins[PLUGINS];
  ubiq_compiled *compiled = compile(invoke_extism, (ubiq_compile_options){0});
  ubiq_bytes output;
  size_t before = resident_kib();
  for (int i = 0; i < PLUGINS; i++) {
    plugins[i] = open_one(compiled, asking);
    check(get, ubiq_plugin_call(plugins[i], "once", bytes_of(get), &output));
  }
  double each = (double)(resident_kib() - before) / PLUGINS;
  for (int i = 0; i < PLUGINS; i++) ubiq_plugin_delete(plugins[i]);
  ubiq_compiled_delete(compiled);
  return each;
}

int main(int count, char **arguments) {
  static const char line[] =
      "{\"method\":\"POST\",\"path\":\"/v1/log\",\"body\":{\"level\":\"trace\",\"message\":\"m\"}}";
  services services;
  if (count != 2) return fprintf(stderr, "usage: invoke_host FOLDER\n"), 64;
  ubiq_log_set(UBIQ_LOG_ERROR, NULL, NULL);
  check("services", services_open(&(services_settings){.directory = arguments[1]}, &services));
  const api_host host = {.services = &services, .caller = describe};
  api_guest asking = {.host = &host};
  ubiq_plugin *plugin = open_plugin(invoke_extism, (ubiq_compile_options){0}, &asking);
  printf("{\"empty_ns\":%.0f,\"log_json_ns\":%.0f", measure(plugin, "empty", bytes_of(line)),
         measure(plugin, "json", bytes_of(line)));
  measure_wire(plugin, "", true);
  measure_wire(open_plugin(invoke_core, (ubiq_compile_options){.core = true}, &asking), "core_", true);
  measure_wire(open_plugin(invoke_component, (ubiq_compile_options){.component = true}, &asking), "component_", false);
  printf(",\"resident_kib\":%.1f}\n", resident_each(&asking));
  services_close(&services);
  return 0;
}
