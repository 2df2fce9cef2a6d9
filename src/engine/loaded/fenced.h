// Limits for the modules of an image (engine/wasm/wasm_fence.h), for engines that find what an import leads to by its names.
#ifndef ENGINE_LOADED_FENCED_H
#define ENGINE_LOADED_FENCED_H

#include "engine/links.h"
#include "engine/wasm/wasm_fence.h"

/// Copies the module at that place as `request` says, but for its `imports`, which get the names of what they lead to: a host
/// function is export N of module `host`, N being its place among the hub's imports; anything else an export of module N,
/// the place of the module that defines it. `*out` is owned by the caller (free).
ubiq_error *fenced_copy(const links *links, uint32_t place, const char *host, wasm_fence_request request, uint8_t **out,
                        size_t *out_size);

#endif
