/// What the files of the differential test share: the library under test, scenarios, and what is noted of them.
///
/// A scenario is run on the official libextism and on ours, each in a process of its own (see main.c). Everything that
/// can be seen from outside is noted, a line for each thing, and the notes are compared.
#ifndef UBIQ_TEST_DIFFERENTIAL_DRIVER_H
#define UBIQ_TEST_DIFFERENTIAL_DRIVER_H

#include "differential/differences.h"

#include "extism.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// All functions of libextism that are not deprecated: X(name without extism_).
#define LIBRARY_FUNCTIONS(X)                                                                                           \
  X(plugin_id)                                                                                                         \
  X(current_plugin_host_context)                                                                                       \
  X(current_plugin_memory)                                                                                             \
  X(current_plugin_memory_alloc)                                                                                       \
  X(current_plugin_memory_length)                                                                                      \
  X(current_plugin_memory_free)                                                                                        \
  X(function_new)                                                                                                      \
  X(function_free)                                                                                                     \
  X(function_set_namespace)                                                                                            \
  X(compiled_plugin_new)                                                                                               \
  X(compiled_plugin_new_with_fuel_limit)                                                                               \
  X(compiled_plugin_free)                                                                                              \
  X(plugin_new)                                                                                                        \
  X(plugin_new_from_compiled)                                                                                          \
  X(plugin_new_with_fuel_limit)                                                                                        \
  X(plugin_allow_http_response_headers)                                                                                \
  X(plugin_new_error_free)                                                                                             \
  X(plugin_free)                                                                                                       \
  X(plugin_cancel_handle)                                                                                              \
  X(plugin_cancel)                                                                                                     \
  X(plugin_config)                                                                                                     \
  X(plugin_function_exists)                                                                                            \
  X(plugin_call)                                                                                                       \
  X(plugin_call_with_host_context)                                                                                     \
  X(error)                                                                                                             \
  X(plugin_error)                                                                                                      \
  X(plugin_output_length)                                                                                              \
  X(plugin_output_data)                                                                                                \
  X(log_file)                                                                                                          \
  X(log_custom)                                                                                                        \
  X(log_drain)                                                                                                         \
  X(plugin_reset)                                                                                                      \
  X(version)

typedef struct library {
#define LIBRARY_FIELD(name) __typeof__(&extism_##name) name;
  LIBRARY_FUNCTIONS(LIBRARY_FIELD)
#undef LIBRARY_FIELD
} library;

enum { HOSTS_MAX = 16 };

/// What a scenario has while it runs.
typedef struct world {
  const library *lib;
  const struct scenario *scenario;
  ExtismCompiledPlugin *compiled; ///< NULL unless the scenario asks for one
  ExtismPlugin *plugin;           ///< NULL when there is none
  const ExtismFunction *functions[HOSTS_MAX];
  size_t functions_count;
  int port;            ///< of the HTTP server, on 127.0.0.1
  const char *scratch; ///< a folder of the worker's own
} world;

/// How the plugin is made.
typedef enum making { MAKE_PLUGIN, MAKE_COMPILED, MAKE_NOTHING } making;

/// What a scenario asks of an engine that not every engine can do, beside fuel.
typedef enum demand {
  DEMANDS_NOTHING,
  DEMANDS_FEATURE, ///< it may be refused
  DEMANDS_MERGING, ///< the hub and the guest are one module; elsewhere it is a guess what a refused growth led to
} demand;

/// One scenario. In `source`, `more` and `steps` these words stand for something else: $GUESTS, $PORT, $DIR (a folder of
/// the worker's own, empty at its start), $LONG (70,000 times the letter L).
typedef struct scenario {
  const char *name;          ///< unique
  const char *guest;         ///< the module is $GUESTS/<guest>.wasm, by a manifest
  const char *more;          ///< JSON that follows "wasm" in that manifest; NULL: nothing
  const char *source;        ///< instead of `guest`: what is handed to the library
  size_t source_size;        ///< of a source with NULs in it; else 0
  const char *hosts;         ///< host functions that it is given, by their names in hosts.c, separated by commas
  const char *steps;         ///< what is done, a line for each step: steps.c
  void (*run)(world *world); ///< done after the steps; may be NULL
  uint64_t fuel;             ///< 0: not limited, unless `no_fuel` is set
  bool no_fuel;              ///< a limit of 0
  bool wasi;
  demand demands;
  bool alone; ///< needs a process of its own: it sets what is the process's
  making making;
  unsigned seconds; ///< after which it counts as never ending; 0: 300
  difference differs;
  bool races; ///< libextism's answer depends on timing, so that it may be ours
} scenario;

typedef struct scenario_list {
  const scenario *scenarios;
  size_t count;
} scenario_list;

#define SCENARIO_LIST(array)                                                                                           \
  { array, sizeof(array) / sizeof *(array) }

extern const scenario_list manifest_scenarios, call_scenarios, failure_scenarios, host_scenarios, var_scenarios,
    limit_scenarios, http_scenarios, log_scenarios, wasi_scenarios, api_scenarios;

/// Notes a thing that was seen: one line. What is not printable is escaped.
void note(const world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Notes bytes: as text where they are short, by their length and a hash else.
void note_bytes(const world *world, const char *what, const void *data, size_t size);

/// Notes an error's text, or what kind of error it is where the words are each library's own (words.c). May be NULL.
void note_error(const world *world, const char *what, const char *text);
/// The kind; NULL where the words matter. A constant.
const char *error_kind(const char *text);

/// Notes what the last call of a plugin left: code, output, error.
void note_outcome(const world *world, ExtismPlugin *plugin, int32_t code);

/// `text` with the words that stand for something else replaced. The caller's.
char *expand(const world *world, const char *text);

/// Makes the plugin that the scenario asks for; notes why not where it cannot.
void world_open(world *world);
void world_close(world *world);

/// Does the scenario's steps.
void take_steps(world *world);

/// Makes the host functions named in `names` and adds them to the world's.
void add_hosts(world *world, const char *names);

/// Runs scenarios from the `first` on until one wants a process of its own; never returns. The exit code says whether the
/// library could be loaded.
enum { WORKER_CANNOT_LOAD = 3 };
_Noreturn void work(const char *library, size_t first, int port, const char *scratch);

/// The scenario at a place among all of them; NULL past the end.
const scenario *scenario_at(size_t index);

#endif
