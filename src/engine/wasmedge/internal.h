// What the files of the WasmEdge adapter share. Nothing outside this folder includes it.
//
// DESIGN. WasmEdge's interpreter has no limit for the depth of calls, keeps its limits for memory in the engine, ends the
// process where a stack or a table finds no memory, and cannot be interrupted and go on. Imports are resolved by the names
// of modules, and what a module exports again is refused. So when modules are linked, after WasmEdge has checked them as
// they came, they are copied with limits put into the code (wasm_fence.h) and imports named after where they lead.
//
// LOCKS: that of the engine's list of stores alone.
#ifndef ENGINE_WASMEDGE_INTERNAL_H
#define ENGINE_WASMEDGE_INTERNAL_H

#include "engine/loaded/fenced.h"
#include "engine/loaded/running.h"

#include <wasmedge/wasmedge.h>

typedef struct edge_engine {
  engine base;
  WasmEdge_ConfigureContext *configuration;
  bool fuel;
  running_list stores; ///< a tick sets off the fences of those that run
} edge_engine;

/// A module that was checked.
typedef struct edge_module {
  links_module base;
  uint8_t *bytes;
  size_t size;
} edge_module;

typedef struct edge_image {
  engine_image base;
  edge_engine *engine;
  links links;
  WasmEdge_ASTModuleContext **parsed; ///< each module, its imports named after what they lead to
} edge_image;

/// A host function of a store: what its callback gets.
typedef struct edge_bound {
  struct edge_store *store;
  const engine_host_function *host;
} edge_bound;

typedef struct edge_instance {
  WasmEdge_ModuleInstanceContext *instance;
  WasmEdge_GlobalInstanceContext *stack, *due, *pages, *elements; ///< see wasm_fence.h
} edge_instance;

typedef struct edge_store {
  engine_store base;
  edge_image *image;
  engine_store_options options;
  WasmEdge_StatisticsContext *statistics; ///< counts fuel; NULL where it is not counted
  WasmEdge_ExecutorContext *executor;
  WasmEdge_StoreContext *names;
  WasmEdge_ModuleInstanceContext *hosts; ///< the module that exports the host functions, and what fenced code calls
  edge_bound *bound;                     ///< one for each import of the hub
  edge_instance *instances;              ///< one for each module of the image
  WasmEdge_MemoryInstanceContext **memories;
  ubiq_error *host_error; ///< what a host function or a tick ended the call with; owned until taken
  uint64_t fuel_limit;    ///< of the statistics
  running running;
} edge_store;

enum { EDGE_MODULES_MAX = 16, EDGE_PAGE_BYTES = 64 << 10 };

/// How many values, of 16 bytes, the frames of a call may take.
enum { EDGE_STACK_VALUES = 512 << 10 };

/// The module that the host functions are exported by; the others are named by their place.
#define EDGE_HOST_MODULE "host"
#define EDGE_ASK_IMPORT  "ask"

extern const engine_ops wasmedge_ops;

/// Reads and checks a module. `*out` is owned by the caller.
ubiq_error *edge_parse(const edge_engine *engine, const uint8_t *bytes, size_t size, WasmEdge_ASTModuleContext **out);

/// What WasmEdge reports, as an error of ours; NULL for success. `store` may be NULL.
ubiq_error *edge_take_result(edge_store *store, WasmEdge_Result result);

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
