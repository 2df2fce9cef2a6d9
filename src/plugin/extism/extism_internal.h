// What the files of Extism's C ABI share.
#ifndef PLUGIN_EXTISM_EXTISM_INTERNAL_H
#define PLUGIN_EXTISM_EXTISM_INTERNAL_H

#include "extism.h"
#include "plugin/parts/function.h"
#include "plugin/parts/instance.h"

#include <pthread.h>

enum { EXTISM_CODE_FAILED = -1, EXTISM_ID_SIZE = 16, EXTISM_NAME_SIZE = 37 };

struct ExtismPlugin {
  ubiq_plugin *plugin;
  pthread_mutex_t mutex; ///< held while the plugin is called, configured or reset
  char *error;           ///< what extism_plugin_error answers; owned, NULL for none
  uint8_t id[EXTISM_ID_SIZE];
  char name[EXTISM_NAME_SIZE]; ///< the id as text
};

/// What the embedder holds: the function until a plugin takes it.
struct ExtismFunction {
  ubiq_function *function; ///< NULL once taken
};

/// Libraries do not write to their user's standard error unasked: no logs until one of extism_log_* is called.
void extism_log_quiet(void);

/// Says whose the log lines of this thread are from now on, by the plugin's id (borrowed; NULL: nobody's); answers whose
/// they were.
const char *extism_log_enter(const char *id);

// What extism.h declares with bool is defined here with int: a C bool fills one byte of the register, and JNA, P/Invoke
// and other bridges read all of it as an int.
EXTISM_API int extism_whole_cancel(const ExtismCancelHandle *handle) __asm__("extism_plugin_cancel");
EXTISM_API int extism_whole_config(ExtismPlugin *plugin, const uint8_t *json,
                                   ExtismSize json_size) __asm__("extism_plugin_config");
EXTISM_API int extism_whole_function_exists(ExtismPlugin *plugin,
                                            const char *func_name) __asm__("extism_plugin_function_exists");
EXTISM_API int extism_whole_reset(ExtismPlugin *plugin) __asm__("extism_plugin_reset");
EXTISM_API int extism_whole_log_file(const char *filename, const char *log_level) __asm__("extism_log_file");
EXTISM_API int extism_whole_log_custom(const char *log_level) __asm__("extism_log_custom");

// extism_outcome.c

/// Makes of a call's end what Extism tells: the code, and with it the error's text, log lines and a dump of memory. Takes
/// ownership of `error`.
int32_t extism_conclude(ExtismPlugin *plugin, const char *function, ubiq_error *error);
/// Sets what extism_plugin_error answers.
void extism_set_error(ExtismPlugin *plugin, text message);
/// EXTISM_ENABLE_WASI_OUTPUT gives guests the process's standard output and error.
void extism_open_output(ubiq_plugin *plugin);

#endif
