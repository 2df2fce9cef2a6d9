// What a component asks the host for, by hostcall (call/component.h).
#ifndef PLUGIN_HOST_COMPONENT_HOST_H
#define PLUGIN_HOST_COMPONENT_HOST_H

#include "engine/component.h"
#include "plugin/parts/instance.h"

/// The one name that hostcall knows.
#define COMPONENT_INVOKE_HOST "InvokeHost"

/// What InvokeHost is given for the place of a request, which is in no memory of the guest's (ubiq_plugin_block).
enum { COMPONENT_REQUEST_PLACE = 1 };

/// hostcall's two halves; `env` is the embedder's function COMPONENT_INVOKE_HOST, or NULL.
ubiq_error *component_host_call(void *env, component_call *call, const component_value *arguments, size_t count,
                                component_value *result);
bool component_host_answered(void *env, component_call *call, component_value *result, ubiq_error **error);

#endif
