// The rest of the functions: ids, versions, NULLs, plugins made of compiled ones, reset.
#include "differential/driver.h"

#include <stdlib.h>
#include <string.h>

static void version_is_the_same(world *world) {
  note(world, "version: %s", world->lib->version());
}

static void nulls_are_taken(world *world) {
  const library *lib = world->lib;
  lib->plugin_free(NULL);
  lib->compiled_plugin_free(NULL);
  lib->function_free(NULL);
  lib->plugin_new_error_free(NULL);
  note(world, "id: %d", lib->plugin_id(NULL) != NULL);
  note(world, "call: %d", lib->plugin_call(NULL, "f", NULL, 0));
  note(world, "config: %d", lib->plugin_config(NULL, (const uint8_t *)"{}", 2));
  note(world, "exists: %d", lib->plugin_function_exists(NULL, "f"));
  note(world, "error: %d, %d", lib->plugin_error(NULL) != NULL, lib->error(NULL) != NULL);
  note(world, "output: %d of %d", lib->plugin_output_data(NULL) != NULL, (int)lib->plugin_output_length(NULL));
  note(world, "cancel handle: %d", lib->plugin_cancel_handle(NULL) != NULL);
  note(world, "memory: %d, %d, %d", lib->current_plugin_memory(NULL) != NULL,
       (int)lib->current_plugin_memory_alloc(NULL, 10), (int)lib->current_plugin_memory_length(NULL, 10));
  lib->current_plugin_memory_free(NULL, 10);
  note(world, "host context: %d", lib->current_plugin_host_context(NULL) != NULL);
}

static void errors_need_no_place(world *world) {
  ExtismPlugin *plugin = world->lib->plugin_new((const uint8_t *)"junk", 4, NULL, 0, false, NULL);
  ExtismCompiledPlugin *compiled = world->lib->compiled_plugin_new((const uint8_t *)"junk", 4, NULL, 0, false, NULL);
  note(world, "plugin: %d, compiled plugin: %d", plugin != NULL, compiled != NULL);
}

static void both_names_of_error_agree(world *world) {
  world->lib->plugin_call(world->plugin, "fail", NULL, 0);
  char *first = strdup(world->lib->error(world->plugin));
  note(world, "the same words: %d", strcmp(first, world->lib->plugin_error(world->plugin)) == 0);
  free(first);
}

static void plugins_have_ids_of_their_own(world *world) {
  ExtismPlugin *other = world->lib->plugin_new_from_compiled(world->compiled, NULL);
  note(world, "the same id: %d", memcmp(world->lib->plugin_id(world->plugin), world->lib->plugin_id(other), 16) == 0);
  world->lib->plugin_free(other);
}

static void note_shape(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize inputs_count,
                       ExtismVal *outputs, ExtismSize outputs_count, void *user) {
  (void)plugin, (void)inputs, (void)outputs;
  note(user, "called with %d inputs and %d outputs", (int)inputs_count, (int)outputs_count);
}

static void types_that_are_null_are_none(world *world) {
  static const char module[] = "(module (import \"extism:host/user\" \"host\" (func $host))"
                               " (func (export \"go\") (call $host)))";
  const ExtismFunction *function = world->lib->function_new("host", NULL, 3, NULL, 2, note_shape, world, NULL);
  char *error = NULL;
  world->plugin = world->lib->plugin_new((const uint8_t *)module, strlen(module), &function, 1, false, &error);
  note_error(world, "plugin", error);
  if (error) world->lib->plugin_new_error_free(error);
  if (world->plugin) note_outcome(world, world->plugin, world->lib->plugin_call(world->plugin, "go", NULL, 0));
  world->lib->function_free((ExtismFunction *)function);
}

static const scenario scenarios[] = {
    {.name = "api: version", .making = MAKE_NOTHING, .run = version_is_the_same},
    {.name = "api: NULLs", .making = MAKE_NOTHING, .run = nulls_are_taken},
    {.name = "api: types that are NULL", .making = MAKE_NOTHING, .run = types_that_are_null_are_none},
    {.name = "api: errors that nobody wants", .making = MAKE_NOTHING, .run = errors_need_no_place},
    {.name = "api: both names of error", .guest = "error", .run = both_names_of_error_agree},
    {.name = "api: id", .guest = "echo", .steps = "id\ncall echo text\nreset\nid"},
    {.name = "api: ids differ", .guest = "echo", .making = MAKE_COMPILED, .run = plugins_have_ids_of_their_own},
    {.name = "api: exists", .guest = "echo", .steps = "exists echo\nexists ech\nexists memory\nexists \nexists \xff"},
    {.name = "api: reset before any call", .guest = "echo", .steps = "reset\ncall echo text"},
    {.name = "api: reset drops the output",
     .guest = "echo",
     .steps = "call echo text\nreset\noutcome\ncall echo again"},
    {.name = "api: compiled", .guest = "echo", .making = MAKE_COMPILED, .steps = "call echo a\nanother\ncall echo b"},
    {.name = "api: compiled, freed before its plugins",
     .guest = "vars",
     .making = MAKE_COMPILED,
     .steps = "free_compiled\ncall count\ncall count"},
    {.name = "api: compiled junk", .source = "junk", .making = MAKE_COMPILED},
    {.name = "api: compiled with a trap at its start",
     .differs = DIFFERS_STARTS,
     .guest = "start_trap",
     .making = MAKE_COMPILED,
     .steps = "call never"},
    {.name = "api: compiled with a wrong hash",
     .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": \"00\"}]}",
     .making = MAKE_COMPILED},
};

const scenario_list api_scenarios = SCENARIO_LIST(scenarios);
