// Logs, dumps, and what the environment asks for: all of it the process's, so each scenario has a process of its own.
#include "differential/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT(level, then) .guest = "log", .alone = true, .steps = "log_custom " level "\n" then "\ndrain\ndrain"

// Makes the plugin once a variable of the environment is set: `how` is its name, the steps are the scenario's.
static void with(world *world, const char *name, const char *value, const char *guest, const char *function) {
  char path[512], source[600], *error = NULL, *expanded = expand(world, value);
  setenv(name, expanded, 1);
  snprintf(path, sizeof path, "{\"wasm\": [{\"path\": \"$GUESTS/%s.wasm\"}]}", guest);
  char *manifest = expand(world, path);
  snprintf(source, sizeof source, "%s", manifest);
  free(manifest);
  world->plugin = world->lib->plugin_new((const uint8_t *)source, strlen(source), NULL, 0, true, &error);
  note_error(world, "plugin", world->plugin ? NULL : error);
  if (world->plugin)
    note_outcome(world, world->plugin, world->lib->plugin_call(world->plugin, function, (const uint8_t *)"1", 1));
  unsetenv(name);
  free(expanded);
}

static void look_at(world *world, const char *name) {
  char path[512];
  uint8_t start[8] = {0};
  snprintf(path, sizeof path, "%s/%s", world->scratch, name);
  FILE *file = fopen(path, "r");
  if (!file) {
    note(world, "no file %s", name);
    return;
  }
  size_t size = fread(start, 1, sizeof start, file);
  fseek(file, 0, SEEK_END);
  long end = ftell(file);
  note(world, "a file %s: %s%s", name, end ? "with something in it" : "empty",
       size >= 4 && memcmp(start, "\0asm", 4) == 0 ? ", a Wasm binary" : "");
  fclose(file);
}

// Whether the bytes that the guest was given, or left, are in the dump.
static void look_for(world *world, const char *name, const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", world->scratch, name);
  FILE *file = fopen(path, "r");
  char *data = calloc(1, 8 << 20);
  size_t size = file ? fread(data, 1, 8 << 20, file) : 0;
  note(world, "\"%s\" is %s", text, memmem(data, size, text, strlen(text)) ? "in the dump" : "not in the dump");
  free(data);
  if (file) fclose(file);
}

static void memory_is_dumped_after_a_trap(world *world) {
  with(world, "EXTISM_MEMDUMP", "$DIR/dump", "error", "error_then_trap");
  look_at(world, "dump");
  look_for(world, "dump", "last words");
}
static void memory_is_dumped_after_an_error(world *world) {
  with(world, "EXTISM_MEMDUMP", "$DIR/dump", "error", "fail");
  look_at(world, "dump");
  look_for(world, "dump", "this function fails on purpose");
}
static void memory_is_not_dumped_after_a_code(world *world) {
  with(world, "EXTISM_MEMDUMP", "$DIR/dump", "error", "fail_silently");
  look_at(world, "dump");
}
static void memory_is_not_dumped_after_a_good_call(world *world) {
  with(world, "EXTISM_MEMDUMP", "$DIR/dump", "echo", "echo");
  look_at(world, "dump");
}
static void memory_is_not_dumped_for_a_missing_function(world *world) {
  with(world, "EXTISM_MEMDUMP", "$DIR/dump", "echo", "no_such");
  look_at(world, "dump");
}
static void memory_cannot_be_dumped(world *world) {
  with(world, "EXTISM_MEMDUMP", "$DIR/no/such/folder/dump", "error", "trap_unreachable");
}
static void the_core_is_dumped_after_a_trap(world *world) {
  with(world, "EXTISM_COREDUMP", "$DIR/core", "error", "trap_unreachable");
  look_at(world, "core");
}
static void the_core_is_not_dumped_after_an_error(world *world) {
  with(world, "EXTISM_COREDUMP", "$DIR/core", "error", "fail");
  look_at(world, "core");
}
static void the_profile_is_unknown(world *world) {
  with(world, "EXTISM_PROFILE", "nonsense", "echo", "echo");
}
static void debug_is_asked_for(world *world) {
  with(world, "EXTISM_DEBUG", "1", "echo", "echo");
}
static void the_cache_is_off(world *world) {
  with(world, "EXTISM_CACHE_CONFIG", "", "echo", "echo");
}

static void write_cache_config(world *world, const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/cache.toml", world->scratch);
  FILE *file = fopen(path, "w");
  char *expanded = expand(world, text);
  fputs(expanded, file);
  free(expanded);
  fclose(file);
}

static void the_cache_is_elsewhere(world *world) {
  write_cache_config(world, "[cache]\ndirectory = \"$DIR/modules\"\n");
  with(world, "EXTISM_CACHE_CONFIG", "$DIR/cache.toml", "big_data", "dirty");
  char path[512];
  snprintf(path, sizeof path, "%s/modules", world->scratch);
  FILE *folder = fopen(path, "r");
  note(world, "the folder is %s", folder ? "there" : "not there");
  if (folder) fclose(folder);
}
static void the_cache_config_is_missing(world *world) {
  with(world, "EXTISM_CACHE_CONFIG", "$DIR/no-such.toml", "echo", "echo");
}
static void the_cache_config_is_malformed(world *world) {
  write_cache_config(world, "this is = = no TOML");
  with(world, "EXTISM_CACHE_CONFIG", "$DIR/cache.toml", "echo", "echo");
}
static void the_cache_config_has_an_unknown_field(world *world) {
  write_cache_config(world, "[cache]\nno_such = 1\n");
  with(world, "EXTISM_CACHE_CONFIG", "$DIR/cache.toml", "echo", "echo");
}
static void the_cache_folder_is_relative(world *world) {
  write_cache_config(world, "[cache]\ndirectory = \"here\"\n");
  with(world, "EXTISM_CACHE_CONFIG", "$DIR/cache.toml", "echo", "echo");
}

static const scenario scenarios[] = {
    {.name = "log: nothing was asked for", .guest = "log", .alone = true, .steps = "call all\ncall level\ndrain"},
    {.name = "log: from trace on", .differs = DIFFERS_LOGS_WORDS, KEPT("trace", "call level")},
    {.name = "log: from info on", KEPT("info", "call all\ncall level")},
    {.name = "log: from warn on", KEPT("warn", "call all\ncall level")},
    {.name = "log: from error on", KEPT("error", "call all\ncall level")},
    {.name = "log: no level", KEPT("", "call all\ncall level")},
    {.name = "log: in capitals", KEPT("INFO", "call all\ncall level")},
    {.name = "log: off", KEPT("off", "call all\ncall level")},
    {.name = "log: an unknown level", .differs = DIFFERS_LOGS_WORDS, KEPT("loud", "call all\ncall level")},
    {.name = "log: level 1", KEPT("1", "call all\ncall level")},
    {.name = "log: level 3", KEPT("3", "call all\ncall level")},
    {.name = "log: level 0", KEPT("0", "call all\ncall level")},
    {.name = "log: a filter with a number", KEPT("cranelift=1,extism=2", "call all\ncall level")},
    {.name = "log: a filter", KEPT("extism=warn", "call all\ncall level")},
    {.name = "log: a filter of another library", KEPT("cranelift=trace", "call all")},
    {.name = "log: a filter of two libraries", KEPT("cranelift=error,extism=info", "call all\ncall level")},
    {.name = "log: what is not clean", .differs = DIFFERS_LOGS_WORDS, KEPT("info", "call ugly")},
    {.name = "log: of the input", KEPT("info", "call info some words\ncall info")},
    {.name = "log: no block", KEPT("error", "call bad_block")},
    {.name = "log: no block below the level", .guest = "log", .alone = true, .steps = "call bad_block"},
    {.name = "log: a thousand",
     .differs = DIFFERS_REUSE,
     .guest = "log",
     .alone = true,
     .steps = "log_custom error\ncall thousand\ndrain"},
    {.name = "log: a call that fails", .guest = "error", .alone = true, .steps = "log_custom error\ncall fail\ndrain"},
    {.name = "log: a call that traps",
     .guest = "error",
     .alone = true,
     .steps = "log_custom error\ncall trap_unreachable\ndrain"},
    {.name = "log: a call that fails by its code",
     .guest = "error",
     .alone = true,
     .steps = "log_custom error\ncall fail_silently\ndrain"},
    {.name = "log: two plugins",
     .guest = "log",
     .alone = true,
     .making = MAKE_COMPILED,
     .steps = "log_custom info\ncall info one\nanother\ncall info two\ndrain"},
    {.name = "log: to a file",
     .guest = "log",
     .alone = true,
     .steps = "log_file $DIR/log info\ncall all\nfile $DIR/log"},
    {.name = "log: to a file, no level",
     .guest = "log",
     .alone = true,
     .steps = "log_file $DIR/log\ncall all\nfile $DIR/log"},
    {.name = "log: to a file that is there",
     .guest = "log",
     .alone = true,
     .steps = "log_file $DIR/log info\ncall info one\ncall info two\nfile $DIR/log"},
    {.name = "log: to a file that cannot be",
     .differs = DIFFERS_LOGS_AGAIN,
     .guest = "log",
     .alone = true,
     .steps = "log_file $DIR/no/such/folder info"},
    {.name = "log: a second time",
     .differs = DIFFERS_LOGS_AGAIN,
     .guest = "log",
     .alone = true,
     .steps = "log_custom info\nlog_custom error\ncall all\nlog_file $DIR/log info\ndrain"},

    {.name = "dump: memory after a trap", .making = MAKE_NOTHING, .run = memory_is_dumped_after_a_trap},
    {.name = "dump: memory after an error", .making = MAKE_NOTHING, .run = memory_is_dumped_after_an_error},
    {.name = "dump: memory after a code", .making = MAKE_NOTHING, .run = memory_is_not_dumped_after_a_code},
    {.name = "dump: memory after a good call", .making = MAKE_NOTHING, .run = memory_is_not_dumped_after_a_good_call},
    {.name = "dump: memory after a missing function",
     .making = MAKE_NOTHING,
     .run = memory_is_not_dumped_for_a_missing_function},
    {.name = "dump: memory to nowhere", .making = MAKE_NOTHING, .run = memory_cannot_be_dumped},
    {.name = "dump: core after a trap",
     .differs = DIFFERS_CORE_DUMPS,
     .making = MAKE_NOTHING,
     .run = the_core_is_dumped_after_a_trap},
    {.name = "dump: core after an error", .making = MAKE_NOTHING, .run = the_core_is_not_dumped_after_an_error},
    {.name = "environment: a profile that is unknown", .making = MAKE_NOTHING, .run = the_profile_is_unknown},
    {.name = "environment: debug", .making = MAKE_NOTHING, .run = debug_is_asked_for},
    {.name = "cache: off", .making = MAKE_NOTHING, .run = the_cache_is_off},
    {.name = "cache: elsewhere", .demands = DEMANDS_FEATURE, .making = MAKE_NOTHING, .run = the_cache_is_elsewhere},
    {.name = "cache: a file that is missing",
     .differs = DIFFERS_CACHE,
     .making = MAKE_NOTHING,
     .run = the_cache_config_is_missing},
    {.name = "cache: a file that is malformed",
     .differs = DIFFERS_CACHE,
     .making = MAKE_NOTHING,
     .run = the_cache_config_is_malformed},
    {.name = "cache: a file with an unknown field",
     .differs = DIFFERS_CACHE,
     .making = MAKE_NOTHING,
     .run = the_cache_config_has_an_unknown_field},
    {.name = "cache: a folder that is relative",
     .differs = DIFFERS_CACHE,
     .making = MAKE_NOTHING,
     .run = the_cache_folder_is_relative},
};

const scenario_list log_scenarios = SCENARIO_LIST(scenarios);
