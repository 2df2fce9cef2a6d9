// The memory limit of a plugin: the kernel's memory and the modules' count together.
#ifndef PLUGIN_HOST_LIMITS_H
#define PLUGIN_HOST_LIMITS_H

#include "plugin/parts/instance.h"

/// The phase of the kernel's import `grow` that the kernel itself has not: a module's memory was refused to grow.
enum { LIMITS_GROW_REFUSED = 2 };

/// The import that lets the kernel grow; decides with the sum of all memories.
ubiq_error *plugin_kernel_grow(void *env, engine_call *call, engine_value *values);

/// Sets what each memory may grow to so that the sum holds, as things are now.
void plugin_update_memory_limit(plugin *plugin);

#endif
