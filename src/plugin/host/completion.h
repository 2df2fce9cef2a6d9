// Host functions that are completed later: how the engine begins one and asks for its answer.
#ifndef PLUGIN_HOST_COMPLETION_H
#define PLUGIN_HOST_COMPLETION_H

#include "plugin/plugin.h"
#include "ubiq/function.h"

/// The engine's way in to a function with `start`: `env` is the ubiq_function.
ubiq_error *function_begin(void *env, engine_call *call, engine_value *values);
bool function_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error);
void function_wait(void *env, engine_call *call);

/// What the plugin waits for is of no interest any more. Nothing happens when it waits for nothing.
void completion_abandon(plugin *plugin);

/// The guest has a copy of what the last one answered.
void completion_answered(plugin *plugin);

#endif
