// The body of a hub's shim: what stands between a guest's call and the host function that answers it. See hub.h.
#ifndef PLUGIN_HUB_SHIM_H
#define PLUGIN_HUB_SHIM_H

#include "engine/wasm/wasm_writer.h"
#include "plugin/hub.h"

/// What a shim calls, by its index in the hub.
typedef struct hub_shim {
  uint32_t start;  ///< the imported host function; for a slot the global that refers to it
  uint32_t type;   ///< of `start`
  uint32_t alloc;  ///< blocks: who makes room
  uint32_t finish; ///< blocks
} hub_shim;

/// Appends the body, without its size.
void hub_shim_write(const hub_function *function, const hub_shim *calls, wasm_writer *out);

#endif
