// What asking the platform costs a guest: rounds of InvokeHost with an operation that answers at once, beside an empty host
// function of Extism's kind, on a fiber as in the server. `invoke_host FOLDER` keeps keys there, and prints one line of JSON:
// nanoseconds of each.
#include "api/invoke_host.h"
#include "api/guest.h"
#include "base/msgpack.h"
#include "plugin/plugin.h"
#include "services/services.h"
#include "ubiq/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 20000, TURNS = 5 };

// `json` and `messagepack` send their input again and again, `once` does it once; `empty` calls a function that does nothing.
static const char guest[] = "(module"
                            " (import \"extism:host/user\" \"InvokeHost\" (func $ask (param i32 i64) (result i64)))"
                            " (import \"extism:host/user\" \"empty\" (func $empty (param i32 i64) (result i64)))"
                            " (import \"extism:host/env\" \"input_offset\" (func $input (result i64)))"
                            " (import \"extism:host/env\" \"free\" (func $free (param i64)))"
                            " (func $rounds (param $format i32) (local $left i32)"
                            "  (local.set $left (i32.const 20000))"
                            "  (loop $again"
                            "   (call $free (call $ask (local.get $format) (call $input)))"
                            "   (local.set $left (i32.sub (local.get $left) (i32.const 1)))"
                            "   (br_if $again (local.get $left))))"
                            " (func (export \"json\") (result i32) (call $rounds (i32.const 0)) (i32.const 0))"
                            " (func (export \"messagepack\") (result i32) (call $rounds (i32.const 1)) (i32.const 0))"
                            " (func (export \"once\") (result i32)"
                            "  (call $free (call $ask (i32.const 0) (call $input))) (i32.const 0))"
                            " (func (export \"empty\") (result i32) (local $left i32)"
                            "  (local.set $left (i32.const 20000))"
                            "  (loop $again"
                            "   (drop (call $empty (i32.const 0) (call $input)))"
                            "   (local.set $left (i32.sub (local.get $left) (i32.const 1)))"
                            "   (br_if $again (local.get $left)))"
                            "  (i32.const 0)))";

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

static ubiq_compiled *compile(void) {
  static const ubiq_type params[] = {UBIQ_I32, UBIQ_I64}, results[] = {UBIQ_I64};
  const ubiq_function_options empty = {.name = "empty",
                                       .params = params,
                                       .params_count = 2,
                                       .results = results,
                                       .results_count = 1,
                                       .callback = do_nothing};
  ubiq_function *functions[2];
  ubiq_compiled *compiled = NULL;
  check("function", invoke_host_new(false, &functions[0]));
  check("function", ubiq_function_new(&empty, &functions[1]));
  const ubiq_compile_options options = {.suspends = true,
                                        .functions = (const ubiq_function *const *)functions,
                                        .functions_count = 2,
                                        .memory_bytes_max = UINT64_C(64) << 20};
  check("compile", ubiq_compiled_new((const uint8_t *)guest, sizeof guest - 1, &options, &compiled));
  ubiq_function_delete(functions[0]);
  ubiq_function_delete(functions[1]);
  return compiled;
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
    double took = (now_ns() - began) / ROUNDS;
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

/// What a service has, by its path, in both formats.
static void measure_get(ubiq_plugin *plugin, const char *service) {
  char put[96], get[64];
  ubiq_bytes output;
  snprintf(put, sizeof put, "{\"method\":\"PUT\",\"path\":\"/v1/%s/a\",\"body\":{\"name\":\"Ada\"}}", service);
  snprintf(get, sizeof get, "{\"method\":\"GET\",\"path\":\"/v1/%s/a\"}", service);
  check(put, ubiq_plugin_call(plugin, "once", bytes_of(put), &output));
  printf(",\"%s_get_json_ns\":%.0f,\"%s_get_packed_ns\":%.0f", service, measure(plugin, "json", bytes_of(get)), service,
         measure_packed(plugin, get));
}

int main(int count, char **arguments) {
  static const char line[] =
      "{\"method\":\"POST\",\"path\":\"/v1/log\",\"body\":{\"level\":\"trace\",\"message\":\"m\"}}";
  services services;
  ubiq_plugin *plugin = NULL;
  if (count != 2) return fprintf(stderr, "usage: invoke_host FOLDER\n"), 64;
  ubiq_log_set(UBIQ_LOG_ERROR, NULL, NULL);
  check("services", services_open(&(services_settings){.directory = arguments[1]}, &services));
  ubiq_compiled *compiled = compile();
  check("plugin", ubiq_plugin_new(compiled, &plugin));
  const api_host host = {.services = &services, .caller = describe};
  api_guest asking = {.host = &host};
  plugin_set_platform(plugin, &asking);
  printf("{\"empty_ns\":%.0f,\"log_json_ns\":%.0f", measure(plugin, "empty", bytes_of(line)),
         measure(plugin, "json", bytes_of(line)));
  measure_get(plugin, "cache");
  measure_get(plugin, "kv");
  printf("}\n");
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
  services_close(&services);
  return 0;
}
