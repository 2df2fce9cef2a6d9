// The functions of extism:host/env that the host itself provides: config, vars, logs; HTTP is in http.c. They take
// ownership of the blocks that guests pass, as Extism's do, and never call back into the engine.
#include "plugin/host/host_env.h"
#include "plugin/host/http.h"

#include "base/log.h"
#include "plugin/host/completion.h"
#include "plugin/parts/blocks.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

ubiq_error *host_fault(ubiq_error *error) {
  ubiq_error *fault = ubiq_error_new(UBIQ_TRAP, "%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return ubiq_error_with_detail(fault, HOST_FAULT);
}

ubiq_error *host_argument(const plugin *plugin, uint64_t offset, const char *what, ubiq_bytes *out) {
  engine_memory memory = plugin_kernel_memory(plugin);
  *out = (ubiq_bytes){0};
  if (offset == 0 || blocks_get(&memory, offset, out)) return NULL;
  return host_fault(ubiq_error_new(UBIQ_TRAP, "invalid handle offset for %s: %llu", what, (unsigned long long)offset));
}

static ubiq_error *text_argument(const plugin *plugin, uint64_t offset, const char *what, text *out) {
  ubiq_bytes bytes;
  ubiq_error *error = host_argument(plugin, offset, what, &bytes);
  if (!error && !text_utf8_valid(bytes.data, bytes.size))
    error = host_fault(ubiq_error_new(UBIQ_TRAP, "the %s that the guest passed is not valid UTF-8", what));
  *out = (text){(const char *)bytes.data, bytes.size};
  return error;
}

static void free_argument(const plugin *plugin, uint64_t offset) {
  engine_memory memory = plugin_kernel_memory(plugin);
  if (offset) blocks_free(&memory, offset);
}

void host_free_later(plugin *plugin, uint64_t first, uint64_t second) {
  plugin->spent[0] = first;
  plugin->spent[1] = second;
}

void host_free_spent(plugin *plugin) {
  for (int i = 0; i < 2; i++) free_argument(plugin, plugin->spent[i]);
  host_free_later(plugin, 0, 0);
}

ubiq_error *host_finish(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  uint64_t offset = (uint64_t)values[0].i64;
  if (offset == 0)
    return ubiq_error_new(UBIQ_MEMORY_LIMIT, "out of memory: no room for an answer of %zu bytes", plugin->answer.size);
  engine_memory memory = plugin_kernel_memory(plugin);
  uint8_t *place = engine_memory_span(&memory, offset, plugin->answer.size);
  if (!place) return ubiq_error_new(UBIQ_INTERNAL, "the kernel gave a block outside of its memory");
  memcpy(place, plugin->answer.data, plugin->answer.size);
  host_free_spent(plugin);
  http_answered(plugin);
  completion_answered(plugin);
  return NULL;
}

// Looks a key up and prepares the value as the answer; absent is no block (0).
static ubiq_error *answer_from(plugin *plugin, const map *map, const char *what, engine_value *values) {
  uint64_t offset = (uint64_t)values[0].i64;
  text key;
  ubiq_error *error = text_argument(plugin, offset, what, &key);
  if (error) return error;
  ubiq_bytes value = {0};
  bool found = map_get(map, key, &value);
  host_free_later(plugin, offset, 0);
  plugin->answer = (plugin_answer){value.data, value.size};
  values[0].i64 = found ? (int64_t)value.size : 0;
  if (values[0].i64 == 0) host_free_spent(plugin);
  return NULL;
}

static ubiq_error *config_get(void *env, engine_call *call, engine_value *values) {
  (void)env;
  return answer_from(call->user, plugin_config(call->user), "config key", values);
}

static ubiq_error *var_get(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  return answer_from(plugin, &plugin->vars, "var key", values);
}

// What libextism counts for a var beside its key and value: a String and a Vec of Rust.
enum { VAR_OVERHEAD_BYTES = 48 };

static uint64_t var_bytes_max(const plugin *plugin) {
  const manifest_memory *memory = &plugin->compiled->manifest->memory;
  return memory->has_max_var_bytes ? memory->max_var_bytes : MANIFEST_VAR_BYTES_DEFAULT;
}

static ubiq_error *store_var(plugin *plugin, text key, ubiq_bytes value) {
  uint64_t size =
      plugin->vars.bytes + plugin->vars.count * VAR_OVERHEAD_BYTES + key.size + value.size + VAR_OVERHEAD_BYTES;
  if (size > var_bytes_max(plugin)) return ubiq_error_new(UBIQ_QUOTA, "Variable store is full");
  return map_set(&plugin->vars, key, value.data, value.size) ? NULL : ubiq_error_no_memory();
}

static ubiq_error *var_set(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  uint64_t key_offset = (uint64_t)values[0].i64, value_offset = (uint64_t)values[1].i64;
  if (var_bytes_max(plugin) == 0) return ubiq_error_new(UBIQ_DENIED, "Vars are disabled by this host");
  text key;
  ubiq_bytes value;
  ubiq_error *error = text_argument(plugin, key_offset, "var key", &key);
  if (!error) error = host_argument(plugin, value_offset, "var value", &value);
  if (error) return error;
  if (value_offset == 0)
    map_remove(&plugin->vars, key);
  else
    error = store_var(plugin, key, value);
  if (!error) {
    free_argument(plugin, value_offset);
    free_argument(plugin, key_offset);
  }
  return error;
}

static void log_message(plugin *plugin, ubiq_log_level level, text message) {
  if (plugin->host && plugin->host->log)
    plugin->host->log(plugin->host->user, level, message.data, message.size);
  else
    log_write(level, plugin->compiled->name, message.data, message.size);
}

// What is no UTF-8 is said with escapes.
static ubiq_error *log_bytes(plugin *plugin, ubiq_log_level level, text message) {
  if (text_utf8_valid(message.data, message.size)) {
    log_message(plugin, level, message);
    return NULL;
  }
  buffer escaped = {0};
  bool ok = text_escape(&escaped, message);
  if (ok) log_message(plugin, level, (text){(const char *)escaped.data, escaped.size});
  buffer_free(&escaped);
  return ok ? NULL : ubiq_error_no_memory();
}

// `env` is the level.
static ubiq_error *log_call(void *env, engine_call *call, engine_value *values) {
  plugin *plugin = call->user;
  ubiq_log_level level = (ubiq_log_level)(intptr_t)env;
  uint64_t offset = (uint64_t)values[0].i64;
  ubiq_error *error = NULL;
  if (log_enabled(level)) {
    ubiq_bytes message;
    error = host_argument(plugin, offset, "log message", &message);
    if (!error) error = log_bytes(plugin, level, (text){(const char *)message.data, message.size});
  }
  if (!error) free_argument(plugin, offset);
  return error;
}

static ubiq_error *log_trace_call(void *env, engine_call *call, engine_value *values) {
  (void)env;
  return log_call((void *)(intptr_t)UBIQ_LOG_TRACE, call, values);
}
static ubiq_error *log_debug_call(void *env, engine_call *call, engine_value *values) {
  (void)env;
  return log_call((void *)(intptr_t)UBIQ_LOG_DEBUG, call, values);
}
static ubiq_error *log_info_call(void *env, engine_call *call, engine_value *values) {
  (void)env;
  return log_call((void *)(intptr_t)UBIQ_LOG_INFO, call, values);
}
static ubiq_error *log_warn_call(void *env, engine_call *call, engine_value *values) {
  (void)env;
  return log_call((void *)(intptr_t)UBIQ_LOG_WARN, call, values);
}
static ubiq_error *log_error_call(void *env, engine_call *call, engine_value *values) {
  (void)env;
  return log_call((void *)(intptr_t)UBIQ_LOG_ERROR, call, values);
}

static ubiq_error *get_log_level(void *env, engine_call *call, engine_value *values) {
  (void)env;
  (void)call;
  ubiq_log_level level = ubiq_log_level_get();
  values[0].i32 = level == UBIQ_LOG_OFF ? INT32_MAX : (int32_t)level;
  return NULL;
}

static const wasm_type I64[] = {WASM_TYPE_I64, WASM_TYPE_I64};
static const wasm_type I32[] = {WASM_TYPE_I32};
#define SIGNATURE(in, in_count, out, out_count)                                                                        \
  { in, out, in_count, out_count }

static const host_entry entries[] = {
    {"config_get", "1.0", SIGNATURE(I64, 1, I64, 1), true, config_get, NULL},
    {"get_log_level", "1.6", SIGNATURE(NULL, 0, I32, 1), false, get_log_level, NULL},
    {"http_headers", "1.8", SIGNATURE(NULL, 0, I64, 1), true, http_headers_call, NULL},
    {"http_request", "1.0", SIGNATURE(I64, 2, I64, 1), true, http_request_call, http_request_ready},
    {"http_status_code", "1.0", SIGNATURE(NULL, 0, I32, 1), false, http_status_code_call, NULL},
    {"log_debug", "1.0", SIGNATURE(I64, 1, NULL, 0), false, log_debug_call, NULL},
    {"log_error", "1.0", SIGNATURE(I64, 1, NULL, 0), false, log_error_call, NULL},
    {"log_info", "1.0", SIGNATURE(I64, 1, NULL, 0), false, log_info_call, NULL},
    {"log_trace", "1.6", SIGNATURE(I64, 1, NULL, 0), false, log_trace_call, NULL},
    {"log_warn", "1.0", SIGNATURE(I64, 1, NULL, 0), false, log_warn_call, NULL},
    {"var_get", "1.0", SIGNATURE(I64, 1, I64, 1), true, var_get, NULL},
    {"var_set", "1.0", SIGNATURE(I64, 2, NULL, 0), false, var_set, NULL},
};

const host_entry *host_entry_find(const char *name) {
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
    if (strcmp(entries[i].name, name) == 0) return &entries[i];
  return NULL;
}
