// The body of a hub's shim: what stands between a guest's call and the host function that answers it, or between the host and
// a guest without a kernel. See hub.h.
#ifndef PLUGIN_COMPILE_HUB_SHIM_H
#define PLUGIN_COMPILE_HUB_SHIM_H

#include "engine/wasm/wasm_writer.h"
#include "plugin/compile/hub.h"

/// What a shim calls, by its index in the hub.
typedef struct hub_shim {
  uint32_t start;  ///< the imported host function; for a slot the global that refers to it
  uint32_t type;   ///< of `start`
  uint32_t alloc;  ///< blocks: who makes room
  uint32_t free;   ///< HUB_GUEST_CALL: the guest's
  uint32_t handle; ///< the same
  uint32_t finish; ///< blocks
} hub_shim;

/// Parameters of a HUB_GUEST_CALL, each an i32: it frees the two blocks, whose place may be 0 for none, has room made for a name
/// and an input behind each other, calls `finish` with the place of that, which is not returned from where there is no such
/// place, and then the guest's handle for JSON. The result is that one's.
enum {
  HUB_CALL_NAME_SIZE,
  HUB_CALL_INPUT_SIZE,
  HUB_CALL_ANSWER_PLACE,
  HUB_CALL_ANSWER_SIZE,
  HUB_CALL_BLOCK_PLACE,
  HUB_CALL_BLOCK_SIZE,
  HUB_CALL_PARAMS,
};

/// Appends the body, without its size.
void hub_shim_write(const hub_function *function, const hub_shim *calls, wasm_writer *out);

#endif
