// Instances of plugins: making and ending them, and the store behind one.
//
// The store is opened at the first call, and anew after a call that left the guest spent: a command that ran to its end,
// or a start that failed half way.
#include "plugin/call/call.h"
#include "plugin/call/component.h"
#include "plugin/call/core.h"
#include "plugin/compile/overflow.h"
#include "plugin/host/completion.h"
#include "plugin/host/host_env.h"
#include "plugin/host/http.h"
#include "plugin/host/limits.h"
#include "plugin/host/wasi_glue.h"

#include <assert.h>
#include <stdlib.h>

enum { TABLE_ELEMENTS_MAX = 100000 };

void plugin_set_wasi(plugin *plugin, const plugin_wasi_setup *setup) {
  plugin->wasi_setup = *setup;
}

ubiq_error *plugin_new(compiled *compiled, const plugin_host *host, const plugin_limits *limits, plugin **out) {
  plugin *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->compiled = compiled;
  self->host = host;
  self->wasi_setup.input_fd = -1;
  if (limits) self->limits = *limits;
  alarm_init(&self->alarm);
  self->owns_compiled = host == NULL || !host->keeps_compiled;
  if (self->owns_compiled) atomic_fetch_add(&compiled->references, 1);
  ubiq_error *error = wasi_open_directories(self);
  if (error) {
    ubiq_plugin_delete(self);
    return error;
  }
  *out = self;
  return NULL;
}

void plugin_use(plugin *plugin, const plugin_host *host, const plugin_limits *limits) {
  assert(plugin->stage == STAGE_IDLE);
  plugin->host = host;
  plugin->limits = *limits;
}

struct api_guest *plugin_platform(const plugin *plugin) {
  return plugin->host ? plugin->host->platform : plugin->platform;
}

void plugin_set_platform(plugin *plugin, struct api_guest *platform) {
  plugin->platform = platform;
}

bool plugin_is_fit(const plugin *plugin) {
  return plugin->stage == STAGE_IDLE && !plugin->was_stopped && !plugin->store_spent;
}

bool compiled_has_start(const compiled *compiled) {
  return compiled->steps_count > 0;
}

ubiq_error *ubiq_plugin_new(ubiq_compiled *compiled, ubiq_plugin **out) {
  return plugin_new(compiled, NULL, NULL, out);
}

void ubiq_plugin_delete(ubiq_plugin *plugin) {
  if (!plugin) return;
  if (plugin->call) call_forget_plugin(plugin->call);
  completion_abandon(plugin);
  completion_answered(plugin);
  http_end(plugin);
  fetch_client_delete(plugin->http.client);
  free(plugin->http.headers_json);
  engine_store_delete(plugin->store);
  wasi_context_delete(plugin->wasi);
  wasi_preopens_close(plugin->preopens);
  buffer_free(&plugin->core.output);
  buffer_free(&plugin->component.request);
  buffer_free(&plugin->lines[0]);
  buffer_free(&plugin->lines[1]);
  map_free(&plugin->vars);
  map_free(&plugin->config);
  if (plugin->owns_compiled) ubiq_compiled_delete(plugin->compiled);
  alarm_free(&plugin->alarm);
  free(plugin);
}

static ubiq_error *open_store(plugin *plugin) {
  compiled *compiled = plugin->compiled;
  engine_store_options options = {.user = plugin,
                                  .part = plugin->host ? plugin->host->part : 0,
                                  .tick = budget_tick,
                                  .memory_bytes_max = compiled->memory_bytes_max,
                                  .table_elements_max = TABLE_ELEMENTS_MAX};
  ubiq_error *error = overflow_store_new(compiled, &options, &plugin->store);
  if (error) return error;
  plugin->steps_done = 0;
  plugin->target.name = NULL;
  plugin->store_spent = false;
  if (compiled->options.component) { // whose memory limit is the store's
    component_open(plugin);
    return NULL;
  }
  if (compiled->options.core) {
    core_open(plugin);
  } else if (!plugin_kernel_function(plugin, "call_begin", &plugin->begin))
    return ubiq_error_new(UBIQ_INTERNAL, "the kernel has no call_begin");
  plugin_update_memory_limit(plugin);
  return NULL;
}

static void close_store(plugin *plugin) {
  engine_store_delete(plugin->store);
  plugin->store = NULL;
  if (plugin->wasi) wasi_context_reset(plugin->wasi);
}

ubiq_error *instance_prepare(plugin *plugin) {
  if (plugin->store_spent) close_store(plugin);
  plugin->output = (ubiq_bytes){0};
  plugin->said = (text){0};
  plugin->grow_refused = false;
  host_free_later(plugin, 0, 0);
  return plugin->store ? NULL : open_store(plugin);
}

void instance_drop_call(plugin *plugin) {
  completion_abandon(plugin);
  http_end(plugin);
  if (plugin->stage == STAGE_STEPS || plugin->stage == STAGE_FUNCTION) {
    wasi_flush(plugin);
    if (plugin->fuel) plugin->fuel_used = budget_fuel_used(plugin);
    plugin->was_stopped = true;
    close_store(plugin);
    plugin->output = (ubiq_bytes){0};
    plugin->said = (text){0};
  }
  plugin->stage = STAGE_IDLE;
}
