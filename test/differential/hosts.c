// Host functions that scenarios can ask for. Each notes its calls, and the end of its user data.
#include "differential/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// What a host function is made with.
typedef struct host_data {
  world *world;
  const char *name;
} host_data;

static void note_values(const host_data *data, const ExtismVal *values, ExtismSize count) {
  note(data->world, "%s is called with %d values%s", data->name, (int)count,
       values || !count ? "" : ", and none there");
  for (ExtismSize i = 0; i < count; i++) switch (values[i].t) {
    case ExtismValType_I32: note(data->world, "  i32 %d", values[i].v.i32); break;
    case ExtismValType_I64: note(data->world, "  i64 %lld", (long long)values[i].v.i64); break;
    case ExtismValType_F32: note(data->world, "  f32 %g", (double)values[i].v.f32); break;
    case ExtismValType_F64: note(data->world, "  f64 %g", values[i].v.f64); break;
    default: note(data->world, "  type %d", (int)values[i].t);
    }
}

#define HOST(function)                                                                                                 \
  static void function(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize inputs_count,                  \
                       ExtismVal *outputs, ExtismSize outputs_count, void *user)

// Every number goes back with one added; the results' types are noted.
HOST(plus_one) {
  (void)plugin;
  const host_data *data = user;
  note_values(data, inputs, inputs_count);
  for (ExtismSize i = 0; i < outputs_count; i++) {
    const ExtismVal *in = i < inputs_count ? &inputs[i] : NULL;
    note(data->world, "  result %d has type %d and is %lld", (int)i, (int)outputs[i].t, (long long)outputs[i].v.i64);
    switch (outputs[i].t) {
    case ExtismValType_I32: outputs[i].v.i32 = in ? in->v.i32 + 1 : 1; break;
    case ExtismValType_I64: outputs[i].v.i64 = in ? in->v.i64 + 1 : 1; break;
    case ExtismValType_F32: outputs[i].v.f32 = in ? in->v.f32 + 1 : 1; break;
    default: outputs[i].v.f64 = in ? in->v.f64 + 1 : 1;
    }
  }
}

// Takes what it does not look at.
HOST(count_values) {
  (void)plugin;
  (void)outputs_count;
  note_values(user, inputs, inputs_count);
  outputs[0].v.i32 = 0;
}

HOST(mixed) {
  (void)plugin;
  (void)outputs_count;
  note_values(user, inputs, inputs_count);
  outputs[0].v.f64 = inputs[0].v.i32 + (double)inputs[1].v.i64 + (double)inputs[2].v.f32 + inputs[3].v.f64;
}

HOST(pair) {
  (void)plugin;
  (void)outputs_count;
  note_values(user, inputs, inputs_count);
  outputs[0].v.i32 = (int32_t)inputs[0].v.i64;
  outputs[1].v.f64 = (double)inputs[0].v.i64 / 2;
}

// A new block with the bytes of the given one in reverse.
HOST(reverse) {
  (void)outputs_count;
  const host_data *data = user;
  const library *lib = data->world->lib;
  uint64_t block = (uint64_t)inputs[0].v.i64, size = lib->current_plugin_memory_length(plugin, block);
  note(data->world, "%s of %llu values: a block of %llu bytes", data->name, (unsigned long long)inputs_count,
       (unsigned long long)size);
  uint64_t result = lib->current_plugin_memory_alloc(plugin, size);
  uint8_t *memory = lib->current_plugin_memory(plugin);
  for (uint64_t i = 0; i < size; i++) memory[result + i] = memory[block + size - 1 - i];
  outputs[0].v.i64 = (int64_t)result;
}

// Blocks made, read, freed, freed again; lengths of what is none.
HOST(blocks) {
  (void)inputs;
  (void)inputs_count;
  (void)outputs_count;
  const host_data *data = user;
  const library *lib = data->world->lib;
  uint64_t block = lib->current_plugin_memory_alloc(plugin, 100);
  note(data->world, "a block of 100 bytes: %s, its length %llu", block ? "made" : "refused",
       (unsigned long long)lib->current_plugin_memory_length(plugin, block));
  note(data->world, "no bytes: %llu", (unsigned long long)lib->current_plugin_memory_alloc(plugin, 0));
  note(data->world, "length of 0: %llu, of the middle: %llu, of nonsense: %llu",
       (unsigned long long)lib->current_plugin_memory_length(plugin, 0),
       (unsigned long long)lib->current_plugin_memory_length(plugin, block + 3),
       (unsigned long long)lib->current_plugin_memory_length(plugin, UINT64_C(0x7fffffff00000000)));
  lib->current_plugin_memory_free(plugin, block);
  note(data->world, "length once freed: %llu", (unsigned long long)lib->current_plugin_memory_length(plugin, block));
  lib->current_plugin_memory_free(plugin, block);
  lib->current_plugin_memory_free(plugin, 0);
  lib->current_plugin_memory_free(plugin, UINT64_C(0x7fffffff00000000));
  uint64_t again = lib->current_plugin_memory_alloc(plugin, 100);
  note(data->world, "the freed block is taken again: %d", again == block);
  outputs[0].v.i64 = (int64_t)again;
}

// An allocation that cannot be.
HOST(giant) {
  (void)inputs;
  (void)inputs_count;
  (void)outputs_count;
  const host_data *data = user;
  uint64_t block = data->world->lib->current_plugin_memory_alloc(plugin, UINT64_C(1) << 33);
  note(data->world, "8 GiB: %llu", (unsigned long long)block);
  outputs[0].v.i64 = (int64_t)block;
}

HOST(context) {
  (void)inputs;
  (void)inputs_count;
  (void)outputs_count;
  const host_data *data = user;
  const void *context = data->world->lib->current_plugin_host_context(plugin);
  note(data->world, "the host context is %s", !context ? "NULL" : context == data->world ? "the caller's" : "another");
  outputs[0].v.i64 = 0;
}

// Configures the plugin that calls it; answers the name of what it set.
HOST(configure) {
  (void)inputs;
  (void)inputs_count;
  (void)outputs_count;
  static const char json[] = "{\"greeting\": \"set inside\"}";
  const host_data *data = user;
  const library *lib = data->world->lib;
  note(data->world, "configured from inside: %d",
       lib->plugin_config(data->world->plugin, (const uint8_t *)json, strlen(json)));
  uint64_t block = lib->current_plugin_memory_alloc(plugin, strlen("greeting"));
  memcpy(lib->current_plugin_memory(plugin) + block, "greeting", strlen("greeting"));
  outputs[0].v.i64 = (int64_t)block;
}

// Resets the plugin that calls it.
HOST(reset_inside) {
  (void)plugin;
  (void)inputs;
  (void)inputs_count;
  (void)outputs_count;
  const host_data *data = user;
  note(data->world, "reset from inside: %d", data->world->lib->plugin_reset(data->world->plugin));
  outputs[0].v.i64 = 0;
}

// Calls the plugin that calls it.
HOST(reenter) {
  (void)plugin;
  (void)inputs;
  (void)inputs_count;
  (void)outputs_count;
  const host_data *data = user;
  int32_t code = data->world->lib->plugin_call(data->world->plugin, "go", NULL, 0);
  note(data->world, "the plugin called from inside: %d, %s", code, data->world->lib->plugin_error(data->world->plugin));
  outputs[0].v.i64 = 0;
}

#define I32 ExtismValType_I32
#define I64 ExtismValType_I64
#define F32 ExtismValType_F32
#define F64 ExtismValType_F64

static const struct {
  const char *name;      ///< in scenarios
  const char *imported;  ///< NULL: the same
  const char *namespace; ///< NULL: not set
  ExtismValType inputs[4];
  ExtismSize inputs_count;
  ExtismValType outputs[2];
  ExtismSize outputs_count;
  ExtismFunctionType function;
} hosts[] = {
    {"host_i32", NULL, NULL, {I32}, 1, {I32}, 1, plus_one},
    {"host_i64", NULL, NULL, {I64}, 1, {I64}, 1, plus_one},
    {"host_f32", NULL, NULL, {F32}, 1, {F32}, 1, plus_one},
    {"host_f64", NULL, NULL, {F64}, 1, {F64}, 1, plus_one},
    {"host_nothing", NULL, NULL, {0}, 0, {0}, 0, plus_one},
    {"host_mixed", NULL, NULL, {I32, I64, F32, F64}, 4, {F64}, 1, mixed},
    {"host_pair", NULL, "my/namespace", {I64}, 1, {I32, F64}, 2, pair},
    {"host_reverse", NULL, NULL, {I64}, 1, {I64}, 1, reverse},
    {"second_reverse", "host_reverse", NULL, {I64}, 1, {I64}, 1, reverse},
    {"wrong_reverse", "host_reverse", NULL, {I32}, 1, {I64}, 1, reverse},
    {"vector", NULL, NULL, {ExtismValType_V128}, 1, {I32}, 1, count_values},
    {"external", NULL, NULL, {ExtismValType_ExternRef}, 1, {I32}, 1, count_values},
    {"function", NULL, NULL, {ExtismValType_FuncRef}, 1, {I32}, 1, count_values},
    {"elsewhere", "host_reverse", "else/where", {I64}, 1, {I64}, 1, reverse},
    {"own_alloc", "alloc", "extism:host/env", {I64}, 1, {I64}, 1, plus_one},
    {"own_config_get", "config_get", "extism:host/env", {I64}, 1, {I64}, 1, reverse},
    {"old_reverse", "host_reverse", "env", {I64}, 1, {I64}, 1, reverse},
    {"wasi_clock", "clock_time_get", "wasi_snapshot_preview1", {I32, I64, I32}, 3, {I32}, 1, plus_one},
    {"blocks", "host", NULL, {0}, 0, {I64}, 1, blocks},
    {"giant", "host", NULL, {0}, 0, {I64}, 1, giant},
    {"context", "host", NULL, {0}, 0, {I64}, 1, context},
    {"reenter", "host", NULL, {0}, 0, {I64}, 1, reenter},
    {"configure", "host", NULL, {0}, 0, {I64}, 1, configure},
    {"reset_inside", "host", NULL, {0}, 0, {I64}, 1, reset_inside},
};

static void end(void *user) {
  host_data *data = user;
  note(data->world, "the user data of %s ends", data->name);
  free(data);
}

static void add_host(world *world, const char *name) {
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    if (strcmp(hosts[i].name, name) != 0) continue;
    host_data *data = malloc(sizeof *data);
    *data = (host_data){world, hosts[i].name};
    ExtismFunction *function =
        world->lib->function_new(hosts[i].imported ? hosts[i].imported : name, hosts[i].inputs, hosts[i].inputs_count,
                                 hosts[i].outputs, hosts[i].outputs_count, hosts[i].function, data, end);
    if (hosts[i].namespace) world->lib->function_set_namespace(function, hosts[i].namespace);
    world->functions[world->functions_count++] = function;
    return;
  }
  note(world, "the scenario's host function is unknown: %s", name);
}

void add_hosts(world *world, const char *names) {
  char *copy = strdup(names), *next = copy;
  for (char *name; (name = strsep(&next, ","));) add_host(world, name);
  free(copy);
}
