// Extism's C ABI: plugins and their calls. Host functions are in extism_function.c, logs in extism_log.c.
//
// Calls run on the caller's stack, so that callbacks into a JVM, CLR or Python find the stack that they know.
// LOCKS: a plugin's mutex is held while it is called. It checks for errors: a host function that calls back into its own
// plugin is told so instead of waiting for itself for ever.
#include "plugin/extism/extism_internal.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANNOT_COMPILE "Unable to compile Extism plugin: "
#define CANNOT_CREATE  "Unable to create Extism plugin: "

// An ExtismCompiledPlugin is a ubiq_compiled.
static compiled *inside(const ExtismCompiledPlugin *plugin) {
  return (compiled *)plugin;
}

// The texts on which programs match stand at the beginning, as in Extism; ours say before them which module they are of.
static const char *begin_as_extism(const char *text) {
  static const char *const phrases[] = {"Hash mismatch, ", "Unable to load Wasm file"};
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
    const char *place = strstr(text, phrases[i]);
    if (place) return place;
  }
  return text;
}

static void set_message(char **message, const char *prefix, const char *text) {
  text = begin_as_extism(text);
  log_debug("%s%s", prefix, text);
  if (message && asprintf(message, "%s%s", prefix, text) < 0) *message = NULL;
}

void extism_plugin_new_error_free(char *err) {
  free(err);
}

// -- Compiling --

static void give_back(const ExtismFunction **functions, const ubiq_function **taken, size_t count) {
  for (size_t i = 0; i < count; i++) ((ExtismFunction *)functions[i])->function = (ubiq_function *)taken[i];
}

// A function can be given to one plugin only: it is taken out of its handle.
static const char *take_functions(const ExtismFunction **functions, const ubiq_function **taken, size_t count) {
  for (size_t i = 0; i < count; i++) {
    ExtismFunction *handle = (ExtismFunction *)functions[i];
    if (!handle || !handle->function) {
      give_back(functions, taken, i);
      return handle ? "Function cannot be registered with multiple different Plugins" : "Cannot pass null pointer";
    }
    taken[i] = handle->function;
    handle->function = NULL;
  }
  return NULL;
}

static compiled *compile_taken(const uint8_t *wasm, size_t size, const ubiq_compile_options *options, char **errmsg) {
  compiled *result = NULL;
  ubiq_error *error = ubiq_compiled_new(wasm, size, options, &result);
  if (error) set_message(errmsg, CANNOT_COMPILE, ubiq_error_message(error));
  ubiq_error_delete(error);
  return result;
}

// `fuel` NULL: it is not counted.
static compiled *compile(const uint8_t *wasm, ExtismSize size, const ExtismFunction **functions, ExtismSize count,
                         bool wasi, const uint64_t *fuel, char **errmsg) {
  extism_log_quiet();
  if (!functions) count = 0;
  const ubiq_function **taken = calloc(count + 1, sizeof *taken);
  if (!taken) {
    set_message(errmsg, CANNOT_COMPILE, "out of memory");
    return NULL;
  }
  const char *refused = take_functions(functions, taken, count);
  compiled *result = NULL;
  if (refused) {
    set_message(errmsg, "", refused);
  } else {
    ubiq_compile_options options = {.name = "extism",
                                    .wasi = wasi,
                                    .pointers = true,
                                    .fuel = fuel && *fuel == 0 ? 1
                                            : fuel             ? *fuel
                                                               : 0,
                                    .functions = taken,
                                    .functions_count = count};
    result = compile_taken(wasm, size, &options, errmsg);
    if (result) result->has_no_fuel = fuel && *fuel == 0;
    for (size_t i = 0; i < count; i++) function_release(taken[i]); // the compiled plugin has its own share
  }
  free(taken);
  return result;
}

ExtismCompiledPlugin *extism_compiled_plugin_new(const uint8_t *wasm, ExtismSize wasm_size,
                                                 const ExtismFunction **functions, ExtismSize n_functions,
                                                 bool with_wasi, char **errmsg) {
  return (ExtismCompiledPlugin *)compile(wasm, wasm_size, functions, n_functions, with_wasi, NULL, errmsg);
}

ExtismCompiledPlugin *extism_compiled_plugin_new_with_fuel_limit(const uint8_t *wasm, ExtismSize wasm_size,
                                                                 const ExtismFunction **functions,
                                                                 ExtismSize n_functions, bool with_wasi,
                                                                 uint64_t fuel_limit, char **errmsg) {
  return (ExtismCompiledPlugin *)compile(wasm, wasm_size, functions, n_functions, with_wasi, &fuel_limit, errmsg);
}

void extism_compiled_plugin_free(ExtismCompiledPlugin *plugin) {
  ubiq_compiled_delete(inside(plugin));
}

// -- Plugins --

static void make_uuid(uint8_t id[EXTISM_ID_SIZE], char name[EXTISM_NAME_SIZE]) {
  digest_random(id, EXTISM_ID_SIZE);
  id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
  id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
  for (int i = 0; i < EXTISM_ID_SIZE; i++) {
    bool is_group = i == 4 || i == 6 || i == 8 || i == 10;
    name += sprintf(name, "%s%02x", is_group ? "-" : "", id[i]);
  }
}

static void make_mutex(pthread_mutex_t *mutex) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

static ExtismPlugin *make_plugin(compiled *compiled, const char *failed, char **errmsg) {
  ExtismPlugin *self = calloc(1, sizeof *self);
  ubiq_error *error = ubiq_error_no_memory();
  if (!compiled)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "the compiled plugin is NULL");
  else if (compiled->has_no_fuel)
    error = ubiq_error_new(UBIQ_CPU_LIMIT, "wasm trap: all fuel consumed by WebAssembly"); // Extism's words
  else if (self)
    error = ubiq_plugin_new(compiled, &self->plugin);
  if (error) {
    set_message(errmsg, failed, ubiq_error_message(error));
    ubiq_error_delete(error);
    free(self);
    return NULL;
  }
  make_uuid(self->id, self->name);
  make_mutex(&self->mutex);
  extism_open_output(self->plugin);
  return self;
}

ExtismPlugin *extism_plugin_new_from_compiled(const ExtismCompiledPlugin *compiled, char **errmsg) {
  return make_plugin(inside(compiled), CANNOT_CREATE, errmsg);
}

static ExtismPlugin *plugin_from(compiled *compiled, const char *failed, char **errmsg) {
  ExtismPlugin *plugin = compiled ? make_plugin(compiled, failed, errmsg) : NULL;
  ubiq_compiled_delete(compiled);
  return plugin;
}

// A plugin that is made at once cannot be compiled, whatever it was that failed; with fuel it is otherwise, in Extism too.
ExtismPlugin *extism_plugin_new(const uint8_t *wasm, ExtismSize wasm_size, const ExtismFunction **functions,
                                ExtismSize n_functions, bool with_wasi, char **errmsg) {
  return plugin_from(compile(wasm, wasm_size, functions, n_functions, with_wasi, NULL, errmsg), CANNOT_COMPILE, errmsg);
}

ExtismPlugin *extism_plugin_new_with_fuel_limit(const uint8_t *wasm, ExtismSize wasm_size,
                                                const ExtismFunction **functions, ExtismSize n_functions,
                                                bool with_wasi, uint64_t fuel_limit, char **errmsg) {
  return plugin_from(compile(wasm, wasm_size, functions, n_functions, with_wasi, &fuel_limit, errmsg), CANNOT_CREATE,
                     errmsg);
}

void extism_plugin_free(ExtismPlugin *plugin) {
  if (!plugin) return;
  ubiq_plugin_delete(plugin->plugin);
  pthread_mutex_destroy(&plugin->mutex);
  free(plugin->error);
  free(plugin);
}

const uint8_t *extism_plugin_id(ExtismPlugin *plugin) {
  return plugin ? plugin->id : NULL;
}

void extism_plugin_allow_http_response_headers(ExtismPlugin *plugin) {
  if (plugin) plugin->plugin->http.keep_headers = true;
}

const ExtismCancelHandle *extism_plugin_cancel_handle(const ExtismPlugin *plugin) {
  return plugin ? (const ExtismCancelHandle *)plugin->plugin : NULL;
}

int extism_whole_cancel(const ExtismCancelHandle *handle) {
  if (!handle) return false;
  ubiq_plugin_cancel((ubiq_plugin *)handle);
  return true;
}

static bool merge_config(ubiq_plugin *inner, const uint8_t *json, size_t size) {
  if (!inner->config_own && !map_copy(&inner->config, &inner->compiled->manifest->config)) return false;
  inner->config_own = true;
  ubiq_error *error = manifest_config_merge(&inner->config, json, size);
  bool merged = !error;
  ubiq_error_delete(error);
  return merged;
}

// Waits until no other thread calls. False within a call of this thread's own, which need not wait.
static bool wait_for_turn(ExtismPlugin *plugin) {
  return pthread_mutex_lock(&plugin->mutex) == 0;
}

static void end_turn(ExtismPlugin *plugin, bool waited) {
  if (waited) pthread_mutex_unlock(&plugin->mutex);
}

// Also from a host function of the plugin's own: the guest sees it from then on.
int extism_whole_config(ExtismPlugin *plugin, const uint8_t *json, ExtismSize json_size) {
  if (!plugin) return false;
  bool waited = wait_for_turn(plugin);
  bool merged = merge_config(plugin->plugin, json, json_size);
  end_turn(plugin, waited);
  return merged;
}

int extism_whole_function_exists(ExtismPlugin *plugin, const char *func_name) {
  return plugin && ubiq_compiled_has(plugin->plugin->compiled, func_name);
}

// False from a host function of the plugin's own, which holds the mutex.
int extism_whole_reset(ExtismPlugin *plugin) {
  if (!plugin || pthread_mutex_lock(&plugin->mutex) != 0) return false;
  ubiq_error *error = ubiq_plugin_reset(plugin->plugin);
  pthread_mutex_unlock(&plugin->mutex);
  bool done = !error;
  ubiq_error_delete(error);
  return done;
}

// -- Calls --

// What the call before left is gone, also where this one does not begin.
static int32_t call_locked(ExtismPlugin *plugin, const char *function, ubiq_bytes input, void *host_context) {
  ubiq_plugin *inner = plugin->plugin;
  inner->output = (ubiq_bytes){0};
  inner->said = (text){0};
  inner->host_context = host_context;
  const char *former = extism_log_enter(plugin->name);
  ubiq_bytes output;
  ubiq_error *error = ubiq_plugin_call(inner, function, input, &output);
  int32_t code = extism_conclude(plugin, function, error);
  extism_log_enter(former);
  inner->host_context = NULL;
  return code;
}

int32_t extism_plugin_call_with_host_context(ExtismPlugin *plugin, const char *func_name, const uint8_t *data,
                                             ExtismSize data_len, void *host_context) {
  if (!plugin) return EXTISM_CODE_FAILED;
  if (pthread_mutex_lock(&plugin->mutex) != 0) {
    extism_set_error(plugin, TEXT("cannot make reentrant calls into plugin"));
    return EXTISM_CODE_FAILED;
  }
  int32_t code = call_locked(plugin, func_name, (ubiq_bytes){data, data ? data_len : 0}, host_context);
  pthread_mutex_unlock(&plugin->mutex);
  return code;
}

int32_t extism_plugin_call(ExtismPlugin *plugin, const char *func_name, const uint8_t *data, ExtismSize data_len) {
  return extism_plugin_call_with_host_context(plugin, func_name, data, data_len, NULL);
}

const char *extism_plugin_error(ExtismPlugin *plugin) {
  if (!plugin) return NULL;
  bool waited = wait_for_turn(plugin);
  const char *error = plugin->error;
  end_turn(plugin, waited);
  return error;
}

const char *extism_error(ExtismPlugin *plugin) {
  return extism_plugin_error(plugin);
}

static ubiq_bytes output_of(ExtismPlugin *plugin) {
  bool waited = wait_for_turn(plugin);
  ubiq_bytes output = plugin->plugin->output;
  end_turn(plugin, waited);
  return output;
}

ExtismSize extism_plugin_output_length(ExtismPlugin *plugin) {
  return plugin ? output_of(plugin).size : 0;
}

const uint8_t *extism_plugin_output_data(ExtismPlugin *plugin) {
  static const uint8_t empty[1];
  if (!plugin) return NULL;
  const uint8_t *data = output_of(plugin).data;
  return data ? data : empty;
}

const char *extism_version(void) {
  return "1.41.0";
}
