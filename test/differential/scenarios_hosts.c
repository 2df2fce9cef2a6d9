// Host functions: every type of value, namespaces, blocks, the host context, the end of user data.
#include "differential/driver.h"

#include <stdlib.h>

#define HOST_MODULE                                                                                                    \
  "(module (import \"extism:host/user\" \"host\" (func $host (result i64))) (func (export \"go\") (result i32) "       \
  "(drop (call $host)) (i32.const 0)))"
#define ALL_TYPES "host_i32,host_i64,host_f32,host_f64,host_nothing,host_mixed,host_pair"

static void two_plugins_take_one_function(world *world) {
  static const char module[] = "(module)";
  char *error = NULL;
  add_hosts(world, "host_reverse");
  for (int i = 0; i < 2; i++) {
    ExtismPlugin *plugin = world->lib->plugin_new((const uint8_t *)module, sizeof module - 1, world->functions,
                                                  world->functions_count, false, &error);
    note_error(world, "error", plugin ? NULL : error);
    if (plugin) world->lib->plugin_free(plugin);
    if (error) world->lib->plugin_new_error_free(error);
  }
}

static void a_null_function_is_given(world *world) {
  static const char module[] = "(module)";
  char *error = NULL;
  const ExtismFunction *functions[1] = {NULL};
  ExtismPlugin *plugin =
      world->lib->plugin_new((const uint8_t *)module, sizeof module - 1, functions, 1, false, &error);
  note_error(world, "error", plugin ? NULL : error);
  if (plugin) world->lib->plugin_free(plugin);
  if (error) world->lib->plugin_new_error_free(error);
}

static void functions_without_a_place_are_ignored(world *world) {
  static const char module[] = "(module)";
  ExtismPlugin *plugin = world->lib->plugin_new((const uint8_t *)module, sizeof module - 1, NULL, 7, false, NULL);
  note(world, "a plugin: %d", plugin != NULL);
  if (plugin) world->lib->plugin_free(plugin);
}

static void name_that_is_no_utf8(world *world) {
  ExtismFunction *function = world->lib->function_new("\xff", NULL, 0, NULL, 0, NULL, NULL, NULL);
  note(world, "a function: %d", function != NULL);
  world->lib->function_free(function);
}

static void end_of_null(void *user) {
  (void)user;
  abort();
}

static void user_data_that_is_null_is_not_ended(world *world) {
  ExtismFunction *function = world->lib->function_new("f", NULL, 0, NULL, 0, NULL, NULL, end_of_null);
  world->lib->function_free(function);
  note(world, "freed");
}

static const scenario scenarios[] = {
    {.name = "host: each type of value",
     .guest = "host_types",
     .hosts = ALL_TYPES,
     .steps = "call call_i32\ncall call_i64\ncall call_f32\ncall call_f64\ncall call_nothing\ncall call_mixed\ncall "
              "call_pair"},
    {.name = "host: one of many is missing", .guest = "host_types", .hosts = "host_i32,host_i64,host_f32"},
    {.name = "host: a block",
     .guest = "host",
     .hosts = "host_reverse",
     .steps = "call reverse some words\ncall reverse"},
    {.name = "host: a large block", .guest = "host", .hosts = "host_reverse", .steps = "large reverse 300000"},
    {.name = "host: a hundred blocks",
     .guest = "host",
     .hosts = "host_reverse",
     .steps = "call reverse_100 some words"},
    {.name = "host: no block", .guest = "host", .hosts = "host_reverse", .steps = "call reverse_bad"},
    {.name = "host: more functions than are wanted",
     .guest = "host",
     .hosts = "host_reverse,host_i32",
     .steps = "call reverse words"},
    {.name = "host: two of one name",
     .guest = "host",
     .hosts = "host_reverse,second_reverse",
     .steps = "call reverse words"},
    {.name = "host: of another type", .guest = "host", .hosts = "wrong_reverse", .steps = "call reverse words"},
    {.name = "host: a vector",
     .differs = DIFFERS_TYPES,
     .source = "(module (import \"extism:host/user\" \"vector\" (func $f (param v128) (result i32))) (func (export "
               "\"f\") (result i32) (call $f (v128.const i32x4 1 2 3 4))))",
     .hosts = "vector",
     .steps = "call f"},
    {.name = "host: a reference that is null",
     .differs = DIFFERS_TYPES,
     .source = "(module (import \"extism:host/user\" \"external\" (func $f (param externref) (result i32))) (func "
               "(export \"f\") (result i32) (call $f (ref.null extern))))",
     .hosts = "external",
     .steps = "call f"},
    {.name = "host: a function that is passed",
     .differs = DIFFERS_TYPES,
     .source = "(module (import \"extism:host/user\" \"function\" (func $f (param funcref) (result i32))) (func $g) "
               "(elem declare func $g) (func (export \"f\") (result i32) (call $f (ref.func $g))))",
     .hosts = "function",
     .steps = "call f"},
    {.name = "host: in another namespace", .guest = "host", .hosts = "elsewhere", .steps = "call reverse words"},
    {.name = "host: in another namespace, found",
     .source = "(module (import \"else/where\" \"host_reverse\" (func $h (param i64) (result i64))) (func (export "
               "\"f\") (result i32) (drop (call $h (i64.const 0))) (i32.const 0)))",
     .hosts = "elsewhere",
     .steps = "call f"},
    {.name = "host: in place of the kernel's alloc",
     .differs = DIFFERS_REPLACED,
     .guest = "echo",
     .hosts = "own_alloc",
     .steps = "call echo text"},
    {.name = "host: in place of config_get",
     .guest = "config",
     .hosts = "own_config_get",
     .steps = "call config some key"},
    {.name = "host: under env",
     .source = "(module (import \"env\" \"host_reverse\" (func $h (param i64) (result i64))) (func (export \"f\") "
               "(result i32) (drop (call $h (i64.const 0))) (i32.const 0)))",
     .hosts = "old_reverse",
     .steps = "call f"},
    {.name = "host: in place of one of WASI's",
     .source = "(module (import \"wasi_snapshot_preview1\" \"clock_time_get\" (func $h (param i32 i64 i32) (result "
               "i32))) (memory (export \"memory\") 1) (func (export \"f\") (result i32) (call $h (i32.const 41) "
               "(i64.const 0) (i32.const 0))))",
     .hosts = "wasi_clock",
     .wasi = true,
     .steps = "call f"},
    {.name = "host: blocks made and freed",
     .differs = DIFFERS_REUSE,
     .source = HOST_MODULE,
     .hosts = "blocks",
     .steps = "call go\ncall go"},
    {.name = "host: more memory than there is", .source = HOST_MODULE, .hosts = "giant", .steps = "call go\ncall go"},
    {.name = "host: the host context",
     .source = HOST_MODULE,
     .hosts = "context",
     .steps = "call go\ncontext go\ncall go\ncontext no_such\ncall go"},
    {.name = "host: the plugin called from inside",
     .differs = DIFFERS_REENTRY,
     .source = HOST_MODULE,
     .hosts = "reenter",
     .steps = "call go",
     .seconds = 8},
    {.name = "host: one that configures its plugin",
     .source = "(module (import \"extism:host/user\" \"host\" (func $host (result i64)))"
               " (import \"extism:host/env\" \"config_get\" (func $get (param i64) (result i64)))"
               " (import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))"
               " (import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))"
               " (func (export \"go\") (result i32) (local $value i64)"
               "  (local.set $value (call $get (call $host)))"
               "  (call $output (local.get $value) (call $length (local.get $value))) (i32.const 0)))",
     .hosts = "configure",
     .steps = "call go\nconfig {}\ncall go"},
    {.name = "host: one that resets its plugin",
     .differs = DIFFERS_REENTRY,
     .source = HOST_MODULE,
     .hosts = "reset_inside",
     .steps = "call go\ncall go",
     .seconds = 8},
    {.name = "host: the end of user data, functions freed last",
     .guest = "host",
     .hosts = "host_reverse",
     .steps = "call reverse a\nfree_plugin\nfree_functions"},
    {.name = "host: the end of user data, functions freed first",
     .guest = "host",
     .hosts = "host_reverse",
     .steps = "free_functions\ncall reverse a\nfree_plugin"},
    {.name = "host: the end of user data, with a compiled plugin",
     .guest = "host",
     .hosts = "host_reverse",
     .making = MAKE_COMPILED,
     .steps = "free_functions\ncall reverse a\nanother\ncall reverse b\nfree_compiled\ncall reverse c\nfree_plugin"},
    {.name = "host: the end of user data, the compiled plugin freed last",
     .guest = "host",
     .hosts = "host_reverse",
     .making = MAKE_COMPILED,
     .steps = "free_plugin\nfree_compiled\nfree_functions"},
    {.name = "host: the end of user data when the plugin cannot be made",
     .source = "junk",
     .hosts = "host_reverse,host_i32"},
    {.name = "host: one function for two plugins", .making = MAKE_NOTHING, .run = two_plugins_take_one_function},
    {.name = "host: a function that is NULL", .making = MAKE_NOTHING, .run = a_null_function_is_given},
    {.name = "host: functions that are NULL", .making = MAKE_NOTHING, .run = functions_without_a_place_are_ignored},
    {.name = "host: a name that is no UTF-8", .making = MAKE_NOTHING, .run = name_that_is_no_utf8},
    {.name = "host: user data that is NULL", .making = MAKE_NOTHING, .run = user_data_that_is_null_is_not_ended},
};

const scenario_list host_scenarios = SCENARIO_LIST(scenarios);
