// What the files of the WasmEdge adapter share. Nothing outside this folder includes it.
//
// DESIGN. WasmEdge's interpreter has no limit for the depth of calls, keeps its limits for memory in the engine, ends the
// process where a stack or a table finds no memory, and cannot be interrupted and go on. So limits are put into the code
// (wasm_fence.h), after WasmEdge has checked it as it came. Imports are resolved by the names of modules, and what a
// module exports again is refused: so names are written anew when modules are linked, after where they lead.
//
// LOCKS: the engine's `mutex` guards the list of running stores, whose fences its tick sets off.
#ifndef ENGINE_WASMEDGE_INTERNAL_H
#define ENGINE_WASMEDGE_INTERNAL_H

#include "engine/engine.h"
#include "engine/wasm_fence.h"

#include <pthread.h>
#include <wasmedge/wasmedge.h>

typedef struct edge_store edge_store;

typedef struct edge_engine {
  engine base;
  WasmEdge_ConfigureContext *configuration;
  bool fuel;
  pthread_mutex_t mutex;
  edge_store *running; ///< a list
} edge_engine;

/// A module that was checked, with limits put in; shared by the module and its images.
typedef struct edge_code {
  atomic_size_t owners;
  uint8_t *bytes;
  size_t size;
  wasm_module *wasm; ///< as it was
  wasm_fence_sizes sizes;
} edge_code;

typedef struct edge_module {
  engine_module base;
  edge_code *code;
} edge_module;

/// Where an import leads.
typedef struct edge_target {
  const engine_host_function *host; ///< NULL: to another module
  uint32_t module;                  ///< its place in the image
  uint32_t import;                  ///< which import of the hub a host function is
  const char *name;                 ///< of the other module's export
} edge_target;

typedef struct edge_linked {
  edge_code *code;
  edge_target *targets; ///< one for each import
  WasmEdge_ASTModuleContext *parsed;
} edge_linked;

/// A memory of an image.
typedef struct edge_memory {
  uint32_t module;
  const char *name;
} edge_memory;

typedef struct edge_image {
  engine_image base;
  edge_engine *engine;
  engine_host_function *hosts;
  size_t hosts_count;
  edge_linked *modules; ///< [0] is the hub
  size_t modules_count;
  edge_memory *memories;
  size_t memories_count;
  uint32_t caller_memory;
} edge_image;

/// A host function of a store: what its callback gets.
typedef struct edge_bound {
  edge_store *store;
  const engine_host_function *host;
} edge_bound;

typedef struct edge_instance {
  WasmEdge_ModuleInstanceContext *instance;
  WasmEdge_GlobalInstanceContext *stack, *due, *pages, *elements; ///< see wasm_fence.h
} edge_instance;

struct edge_store {
  engine_store base;
  edge_image *image;
  engine_store_options options;
  WasmEdge_StatisticsContext *statistics; ///< counts fuel; NULL where it is not counted
  WasmEdge_ExecutorContext *executor;
  WasmEdge_StoreContext *names;
  WasmEdge_ModuleInstanceContext *hosts;   ///< the module that exports the host functions
  WasmEdge_FunctionInstanceContext *fence; ///< what fenced code calls
  edge_bound *bound;                       ///< one for each import of the hub
  edge_instance *instances;                ///< one for each module of the image
  WasmEdge_MemoryInstanceContext **memories;
  ubiq_error *host_error;   ///< what a host function or a tick ended the call with; owned until taken
  uint64_t fuel_limit;      ///< of the statistics
  unsigned depth;           ///< of calls from the host
  edge_store *next, **link; ///< in the list of running stores
};

enum { EDGE_MODULES_MAX = 16, EDGE_PAGE_BYTES = 64 << 10 };

/// How many values, of 16 bytes, the frames of a call may take.
enum { EDGE_STACK_VALUES = 512 << 10 };

/// The module that the host functions are exported by; the others are named by their place.
#define EDGE_HOST_MODULE "host"

extern const engine_ops wasmedge_ops;

edge_code *edge_code_retain(edge_code *code);
void edge_code_release(edge_code *code);

/// Reads and checks a module. `*out` is owned by the caller.
ubiq_error *edge_parse(const edge_engine *engine, const uint8_t *bytes, size_t size, WasmEdge_ASTModuleContext **out);

/// Copies a linked module's bytes with the names of its imports after its targets. `*out` is owned by the caller (free).
ubiq_error *edge_name_imports(const edge_linked *linked, uint8_t **out, size_t *out_size);
/// The name of a place, as in imports.
void edge_place_name(uint32_t place, char name[static 12]);

/// What WasmEdge reports, as an error of ours; NULL for success. `store` may be NULL.
ubiq_error *edge_take_result(edge_store *store, WasmEdge_Result result);

/// Whether values of all its types can be passed, and there are not too many.
bool edge_crosses(const wasm_signature *signature);
WasmEdge_FunctionTypeContext *edge_function_type(const wasm_signature *signature);
/// The callback behind every host function; `data` is an edge_bound.
WasmEdge_Result edge_enter_host(void *data, const WasmEdge_CallingFrameContext *frame, const WasmEdge_Value *arguments,
                                WasmEdge_Value *results);
/// What fenced code calls; `data` is the store.
WasmEdge_Result edge_enter_fence(void *data, const WasmEdge_CallingFrameContext *frame, const WasmEdge_Value *arguments,
                                 WasmEdge_Value *results);
void edge_set_global(WasmEdge_GlobalInstanceContext *global, uint32_t value);

ubiq_error *edge_link(engine *engine, const engine_link *link, engine_image **out);
void edge_image_delete(engine_image *image);
ubiq_error *edge_store_new(engine_image *image, const engine_store_options *options, engine_store **out);
void edge_store_delete(engine_store *store);
void edge_store_memory_limit(engine_store *store, uint64_t bytes);
bool edge_store_function(engine_store *store, uint32_t module, const char *name, engine_function *out);
bool edge_store_memory(engine_store *store, uint32_t place, engine_memory *out);
bool edge_caller_memory(engine_call *call, engine_memory *out);
ubiq_error *edge_fuel_set(engine_store *store, uint64_t fuel);
uint64_t edge_fuel_get(engine_store *store);
ubiq_error *edge_call_now(engine_store *store, const engine_function *function, engine_value *values, size_t count);
void edge_tick(engine *engine);

#endif
