// What WASI asks of a plugin: its output as log lines, its directories, its clocks.
#ifndef PLUGIN_HOST_WASI_GLUE_H
#define PLUGIN_HOST_WASI_GLUE_H

#include "plugin/parts/instance.h"

extern const wasi_binding plugin_wasi_binding;
/// Opens the directories of the manifest's allowed_paths, where there is WASI. Errors: as wasi_preopens_open.
ubiq_error *wasi_open_directories(plugin *plugin);
/// Says what is left of unfinished lines.
void wasi_flush(plugin *plugin);

#endif
