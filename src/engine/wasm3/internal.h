// What the files of the Wasm3 adapter share. Nothing outside this folder includes it.
//
// DESIGN. Wasm3 compiles to code that holds the addresses of one instance, knows one memory a runtime, and links no module
// to another. So a module here is its bytes; a store has a runtime for each module and parses them anew, compiling a
// function when it is first called; and what a module imports from another is a raw function, a trampoline, that moves
// arguments from one runtime's stack to the other's. Which function each import leads to is found out once, in the image.
//
// Parsing and compiling are what a store costs, so a store that ended is put back to how it began (reset.c) and waits in its
// image for the next to be made. What a guest can change is its memory, its globals and what lay on its stack, no more:
// tables and code are made once. A store in which Wasm3 itself failed is not used again.
#ifndef ENGINE_WASM3_INTERNAL_H
#define ENGINE_WASM3_INTERNAL_H

#include "engine/links.h"
#include "engine/wasm3/guard.h"

#include <m3_env.h>

typedef struct w3_engine {
  engine base;
  atomic_uint epoch;
} w3_engine;

typedef struct w3_module {
  links_module base;
  uint8_t *bytes;
  uint32_t size;
} w3_module;

typedef struct w3_store w3_store;

/// How many stores an image keeps for the next to be made.
enum { W3_IDLE_MAX = 16 };

typedef struct w3_image {
  engine_image base;
  w3_engine *engine;
  links links;
  atomic_flag idle_taken; ///< guards the two below. Who cannot have it does without them: a child of fork() never waits
  w3_store *idle[W3_IDLE_MAX]; ///< as they began
  size_t idle_count;
} w3_image;

typedef struct w3_instance w3_instance;

/// An import of an instance: what the raw functions get.
typedef struct w3_import {
  w3_instance *caller;
  const links_target *target;
  IM3Function callee; ///< NULL: the host
} w3_import;

struct w3_instance {
  w3_store *store;
  const links_linked *linked;
  IM3Runtime runtime;
  IM3Module module;   ///< the runtime's once it is loaded
  w3_import *imports; ///< one for each
  int64_t *globals;   ///< what each was set to first, NULL until that is known
  uint32_t *offsets;  ///< where each data segment goes
};

struct w3_store {
  engine_store base;
  w3_guard guard;
  w3_image *image;
  IM3Environment environment;
  engine_store_options options;
  ubiq_error *host_error; ///< what a host function or a tick ended the call with; owned until taken
  unsigned depth;         ///< of calls from the host
  bool is_spent;          ///< Wasm3 failed in it: how it stands is not known
  w3_instance *instances; ///< one for each module of the image
};

extern const engine_ops wasm3_ops;

enum { W3_MODULES_MAX = 16 };

/// How much of the native stack a call may use, as much as guests have on other engines.
enum { W3_NATIVE_STACK_BYTES = 512 << 10, W3_STACK_BYTES = 512 << 10, W3_PAGE_BYTES = 64 << 10 };

/// What a host function that failed, or a tick that ended the call, answers to Wasm3.
extern const char w3_ended_by_host[];

/// What Wasm3 answered, as an error of ours; NULL for success. `store` may be NULL.
ubiq_error *w3_take_error(w3_store *store, M3Result result);

/// Whether it is the guest's own fault, or the host's wish: all is well with Wasm3.
bool w3_is_trap(M3Result result);

/// Sets how far the native stack may go, seen from here.
static inline void w3_guard_set_limit(w3_guard *guard) {
  guard->stack_limit = (const char *)__builtin_frame_address(0) - W3_NATIVE_STACK_BYTES;
}

/// The raw functions behind imports.
const void *w3_enter_host(IM3Runtime runtime, IM3ImportContext context, uint64_t *stack, void *memory);
const void *w3_enter_module(IM3Runtime runtime, IM3ImportContext context, uint64_t *stack, void *memory);

/// Of Wasm3's own, but in none of its headers: links an import by its function. It takes the callback as an address.
M3Result LinkRawFunction(IM3Module module, IM3Function function, ccstr_t signature, M3RawCall callback,
                         const void *userdata);

M3Result EvaluateExpression(IM3Module module, void *value, u8 type, bytes_t *bytes, cbytes_t end);

/// Remembers how an instance is that was loaded just now.
ubiq_error *w3_instance_remember(w3_instance *instance);
/// Puts an instance back to that; false when it cannot be.
bool w3_instance_reset(w3_instance *instance);

/// A store that waits in the image; NULL when none does.
w3_store *w3_image_take(w3_image *image);
/// Hands over a store that was put back to its beginning; false when the image has enough of them.
bool w3_image_give(w3_image *image, w3_store *store);
void w3_store_free(w3_store *store);

ubiq_error *w3_link(engine *engine, const engine_link *link, engine_image **out);
void w3_image_delete(engine_image *image);
ubiq_error *w3_store_new(engine_image *image, const engine_store_options *options, engine_store **out);
void w3_store_delete(engine_store *store);
void w3_store_memory_limit(engine_store *store, uint64_t bytes);
bool w3_store_function(engine_store *store, uint32_t module, const char *name, engine_function *out);
bool w3_store_memory(engine_store *store, uint32_t place, engine_memory *out);
bool w3_caller_memory(engine_call *call, engine_memory *out);
ubiq_error *w3_call_now(engine_store *store, const engine_function *function, engine_value *values, size_t count);

#endif
