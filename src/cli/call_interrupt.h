// SIGINT during `ubiq call`: the first cancels the call, a second one ends the program.
#ifndef CLI_CALL_INTERRUPT_H
#define CLI_CALL_INTERRUPT_H

#include "ubiq/plugin.h"

/// From here on SIGINT cancels the plugin's calls. One plugin at a time.
void call_interrupt_begin(ubiq_plugin *plugin);

/// SIGINT is again what it was to any program. Before the plugin is deleted.
void call_interrupt_end(void);

/// Whether SIGINT came since the beginning.
bool call_interrupted(void);

#endif
