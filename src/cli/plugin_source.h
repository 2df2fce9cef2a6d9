// PLUGIN on a command line: where it comes from and how it is compiled, for the commands that take one.
#ifndef CLI_PLUGIN_SOURCE_H
#define CLI_PLUGIN_SOURCE_H

#include "base/buffer.h"
#include "cli/call_manifest.h"
#include "ubiq/plugin.h"

typedef struct plugin_source {
  const char *name;     ///< as given: a file, a URL, "-"
  const char *engine;   ///< NULL: the default
  uint64_t fuel;        ///< 0: not counted
  bool wasi;            ///< --wasi, or what implies it
  bool is_manifest;     ///< --manifest
  call_overlay overlay; ///< what options say over the manifest
} plugin_source;

/// Whether a file's name means standard input.
bool plugin_source_is_standard_input(const char *name);

/// Reads a file, or standard input for "-", into `out`. Errors: as file_read_all.
ubiq_error *plugin_source_read_file(const char *name, size_t bytes_max, buffer *out);

/// The last part of the name, without its suffix: "greet" for "some/greet.wasm". The caller's (free); NULL when memory is
/// out.
char *plugin_source_short_name(const plugin_source *self);

/// Compiles the plugin, or loads it when it is a compiled one. `*out` is the caller's. Errors name the plugin.
ubiq_error *plugin_source_compile(const plugin_source *self, ubiq_compiled **out);

/// Compiles the plugin to bytes for a file. The overlay is left out. `*bytes` is the caller's (free).
ubiq_error *plugin_source_precompile(const plugin_source *self, uint8_t **bytes, size_t *size);

#endif
