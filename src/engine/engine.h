// What the rest of the project asks of a WebAssembly engine, and nothing else.
//
// An engine is one const table of functions (engine_ops). An `image` is a set of modules whose imports were resolved
// once: module 0, the hub, imports host functions only; every later module imports only what earlier modules export. A
// hub that was merged with the only module behind it (wasm_merge.h) is alone.
// A `store` is one instantiated image: one plugin's world, used by one thread at a time. Functions are looked up once
// and called by handle. No guest code runs before the first call: start sections are lifted out of the modules before
// they are compiled (see wasm.h).
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/wasm/wasm.h"
#include "ubiq/error.h"

#include <stdatomic.h>

typedef struct engine engine;
typedef struct engine_module engine_module;
typedef struct engine_image engine_image;
typedef struct engine_store engine_store;

/// A WebAssembly value as engines keep it raw: 16 bytes, little-endian.
typedef union engine_value {
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
  uint8_t v128[16];
} engine_value;

/// A function of a store, resolved. Meaningful for that store alone.
typedef struct engine_function {
  uint64_t opaque[2];
} engine_function;

/// A linear memory as it is now. Fetch it again after every call into the guest: growing may move it.
typedef struct engine_memory {
  uint8_t *data;
  size_t size; ///< in bytes
} engine_memory;

/// What a host function is told about the call it answers.
typedef struct engine_call {
  engine_store *store;
  void *user;   ///< what the store was made with
  void *caller; ///< the engine's own; lets engine_caller_memory find the calling module's memory
} engine_call;

/// A host function: arguments in `values[0..]`, results written to `values[0..]`. An error ends the guest's call with
/// that error. Must not block for long and must not call into the store.
typedef ubiq_error *(*engine_host_callback)(void *env, engine_call *call, engine_value *values);

/// Asked whether what a waiting host function waits for is there. When it is, writes the results to `values[0..]`,
/// or sets `*error`, and answers true.
typedef bool (*engine_ready_callback)(void *env, engine_call *call, engine_value *values, ubiq_error **error);

/// A function that the hub imports from the host.
typedef struct engine_host_function {
  const char *module; ///< import module name
  const char *name;   ///< import name
  const wasm_signature *signature;
  engine_host_callback call;                  ///< does it, or begins it when `ready` is set
  engine_ready_callback ready;                ///< NULL for a function that never waits
  void (*wait)(void *env, engine_call *call); ///< blocks the thread until ready; for stores that cannot suspend
  void *env;                                  ///< passed to the callbacks; outlives the image
  const char *slot; ///< in a suspending image, for a function that waits: name of the hub's exported mutable global
                    ///< of type (ref null $signature) that the engine fills with it; NULL when it is imported
} engine_host_function;

/// What one import of a later module is bound to: export `name` of module `module` of the image.
typedef struct engine_binding {
  uint32_t module;
  const char *name;
} engine_binding;

typedef struct engine_link_module {
  engine_module *module;
  const engine_binding *bindings; ///< one for each import, in order; none for the hub
  size_t bindings_count;
} engine_link_module;

/// The detail of an error of class `trap` that the instruction `unreachable` made; the engine's other traps have none.
enum { ENGINE_TRAP_UNREACHABLE = 1 };

/// Instead of a memory's place: callers have memories of their own, or none is there.
enum { ENGINE_MEMORY_BY_CALLER = UINT16_MAX - 1, ENGINE_MEMORY_NONE = UINT16_MAX };

typedef struct engine_link {
  const engine_link_module *modules; ///< [0] is the hub
  size_t modules_count;
  const engine_binding *memories; ///< what engine_store_memory finds, by its place here; the names outlive the image
  size_t memories_count;
  uint32_t caller_memory;                ///< what engine_caller_memory finds: a place, or one of ENGINE_MEMORY_*
  const engine_host_function *functions; ///< what the hub imports, in any order
  size_t functions_count;
  bool suspends; ///< calls run on fibers (engine_call_start); otherwise on the caller's stack (engine_call_now)
  const char
      *rewind; ///< of an image of one module: export, () -> i32, that puts back all but the memories and says how many
               ///< there are (wasm_merge.h), for engines that use instances again; outlives the image. NULL: none
} engine_link;

/// What a tick (see engine_activity_begin) decides for the run that it interrupts.
typedef enum engine_tick_action { ENGINE_TICK_GO_ON, ENGINE_TICK_YIELD } engine_tick_action;

/// Called inside a running call about once a tick, on the thread that runs it. An error ends the call with it.
typedef ubiq_error *(*engine_tick_callback)(void *user, engine_tick_action *action);

typedef struct engine_store_options {
  void *user;                  ///< handed to host functions and to `tick`; borrowed
  uint32_t part;               ///< of the engine, modulo its number of parts; another one's if that is full
  engine_tick_callback tick;   ///< NULL: nothing interrupts
  uint64_t memory_bytes_max;   ///< for each memory; see engine_store_memory_limit
  uint64_t table_elements_max; ///< for each table
} engine_store_options;

/// How a suspendable call stands.
typedef enum engine_state {
  ENGINE_DONE,    ///< finished: results are in the values, or an error was returned
  ENGINE_YIELDED, ///< gave way at a tick or in the engine's own work: engine_call_resume goes on
  ENGINE_WAITING, ///< a host function waits: engine_call_resume goes on once it is ready, and does nothing before
} engine_state;

/// What an engine can do that not all can.
enum {
  ENGINE_CAN_SUSPEND = 1u << 0,     ///< engine_call_start; without it host functions that wait block the thread
  ENGINE_CAN_INTERRUPT = 1u << 1,   ///< calls engine_store_options.tick
  ENGINE_CAN_FUEL = 1u << 2,        ///< engine_options.fuel
  ENGINE_CAN_SERIALIZE = 1u << 3,   ///< serialize, deserialize
  ENGINE_LINKS_MODULES = 1u << 4,   ///< modules import memories, tables and globals of each other, not only functions
  ENGINE_HAS_MEMORIES = 1u << 5,    ///< a module may have several memories (the proposal multi-memory)
  ENGINE_VALIDATES = 1u << 7,       ///< compile refuses what is not valid; others' modules see engine_validate first
  ENGINE_HAS_SMALL_PAGES = 1u << 6, ///< pages of one byte (the proposal custom-page-sizes)
  ENGINE_NAMES_FUNCTIONS = 1u << 8, ///< messages of traps tell the functions that they came through
};

/// How an engine is opened. Engines are dear: a process opens a few, by size class (plugin/parts/engines.h).
typedef struct engine_options {
  uint64_t memory_bytes_max; ///< the largest linear memory that a pooled slot holds; 0: no pool, memories as they come
  uint32_t stores_max;       ///< how many stores may exist at once; sizes the pool
  uint32_t fibers_max;       ///< how many calls may be suspended at once, in a pool
  uint32_t parts;            ///< into how many the engine is divided that share nothing when stores are made, run and
                             ///< ended; 0: one. Stores and calls are for all parts together. Engines may have fewer
  bool fuel;                 ///< count fuel (costs speed: the code is another)
  size_t stack_bytes;        ///< a fiber's stack; 0 for the default
  bool compiles_only;        ///< nothing is instantiated: the code is the same, and no address space is reserved
} engine_options;

struct engine_component_ops;

typedef struct engine_ops {
  const char *name;
  const char *version;
  const char *build;         ///< of which sources of ours it is made; NULL unless it serializes
  uint32_t capabilities;     ///< ENGINE_CAN_* and so on
  uint64_t memory_bytes_max; ///< of one memory with 32-bit addresses
  uint32_t modules_max;      ///< of an image, the hub included

  ubiq_error *(*open)(const engine_options *options, engine **out);
  void (*close)(engine *engine);
  ubiq_error *(*wat_to_wasm)(const char *text, size_t size, uint8_t **wasm,
                             size_t *wasm_size);             ///< of the default alone
  ubiq_error *(*validate)(const uint8_t *wasm, size_t size); ///< of the default alone
  ubiq_error *(*compile)(engine *engine, const uint8_t *wasm, size_t size, engine_module **out);
  ubiq_error *(*serialize)(engine_module *module, uint8_t **bytes, size_t *size);
  ubiq_error *(*deserialize)(engine *engine, const uint8_t *bytes, size_t size, engine_module **out);
  void (*module_delete)(engine_module *module);

  ubiq_error *(*link)(engine *engine, const engine_link *link, engine_image **out);
  void (*image_delete)(engine_image *image);

  ubiq_error *(*store_new)(engine_image *image, const engine_store_options *options, engine_store **out);
  void (*store_delete)(engine_store *store);
  void (*store_memory_limit)(engine_store *store, uint64_t bytes);
  bool (*store_function)(engine_store *store, uint32_t module, const char *name, engine_function *out);
  bool (*store_memory)(engine_store *store, uint32_t place, engine_memory *out);
  bool (*caller_memory)(engine_call *call, engine_memory *out);
  ubiq_error *(*fuel_set)(engine_store *store, uint64_t fuel);
  uint64_t (*fuel_get)(engine_store *store);

  ubiq_error *(*call_now)(engine_store *store, const engine_function *function, engine_value *values, size_t count);
  ubiq_error *(*call_start)(engine_store *store, const engine_function *function, const wasm_signature *signature,
                            engine_value *values, engine_state *state);
  ubiq_error *(*call_resume)(engine_store *store, engine_state *state);
  void (*tick)(engine *engine);
  const struct engine_component_ops *components; ///< component.h; NULL: it has no components
} engine_ops;

/// An engine that this project knows, present or not.
typedef struct engine_known {
  const char *name;
  const engine_ops *linked; ///< NULL: a shared object of its own (load.h)
  const char *how;          ///< to get it when it is absent
} engine_known;

/// All that are known, the first being the default. Constant.
const engine_known *engine_list(size_t *count);

/// What UBIQ_ENGINE in the environment says, or the default's name. Borrowed.
const char *engine_default_name(void);

/// The engine called `name` (NULL: the default's), loaded when it has to be. Errors: `not_found` lists those there are, or
/// says how to get an absent one; `unavailable` for one that was built for another version. Any thread.
ubiq_error *engine_find(const char *name, const engine_ops **ops);

/// Assembles a module's text form (WAT), whichever engine is to run it. `*wasm` is owned by the caller (free). Errors:
/// `invalid_input`.
ubiq_error *engine_wat_to_wasm(const char *text, size_t size, uint8_t **wasm, size_t *wasm_size);

/// Checks a module (binary form) against the standard, for engines without ENGINE_VALIDATES. Errors: `invalid_input`.
ubiq_error *engine_validate(const uint8_t *wasm, size_t size);

// Every object begins with a pointer to its engine's table, so that the calls below need no lookup.
struct engine {
  const engine_ops *ops;
  engine_options options; ///< how it was opened
};
struct engine_module {
  const engine_ops *ops;
  atomic_size_t more_owners; ///< beside the first
};
struct engine_image {
  const engine_ops *ops;
};
struct engine_store {
  const engine_ops *ops;
};

/// Opens an engine; the caller owns it and closes it after everything made from it.
static inline ubiq_error *engine_open(const engine_ops *ops, const engine_options *options, engine **out) {
  ubiq_error *error = ops->open(options, out);
  if (!error) (*out)->options = *options;
  return error;
}
static inline void engine_close(engine *engine) {
  if (engine) engine->ops->close(engine);
}

/// Compiles a module, or where the engine has them a component, (binary form). The module may be used by several images and threads; owned by the caller. Errors:
/// `invalid_input`; `too_large` when the engine's pool cannot hold it and an engine without one could.
static inline ubiq_error *engine_compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out) {
  return engine->ops->compile(engine, wasm, size, out);
}
/// One more owner; returns the same module. Any thread.
static inline engine_module *engine_module_retain(engine_module *module) {
  atomic_fetch_add_explicit(&module->more_owners, 1, memory_order_relaxed);
  return module;
}
/// One owner less; the last ends it. NULL is allowed. Any thread.
static inline void engine_module_delete(engine_module *module) {
  if (module && atomic_fetch_sub(&module->more_owners, 1) == 0) module->ops->module_delete(module);
}

/// Resolves the imports of a set of modules once and for all. The image holds what it needs of the modules; the host
/// functions' `env` and strings must outlive it. Any number of threads may make stores from one image at once.
static inline ubiq_error *engine_link_modules(engine *engine, const engine_link *link, engine_image **out) {
  return engine->ops->link(engine, link, out);
}
static inline void engine_image_delete(engine_image *image) {
  if (image) image->ops->image_delete(image);
}

/// Instantiates an image. Runs no guest code. Errors: `busy` when the engine's pool is used up, `memory_limit` when a
/// module's initial memory is larger than allowed.
static inline ubiq_error *engine_store_new(engine_image *image, const engine_store_options *options,
                                           engine_store **out) {
  return image->ops->store_new(image, options, out);
}
/// Ends a store; a suspended call is dropped without running any more of it.
static inline void engine_store_delete(engine_store *store) {
  if (store) store->ops->store_delete(store);
}

/// Sets how large, in bytes, each memory may grow from now on.
static inline void engine_store_memory_limit(engine_store *store, uint64_t bytes) {
  store->ops->store_memory_limit(store, bytes);
}

/// Finds an exported function of module `module` of the store's image; false when there is none.
static inline bool engine_store_function(engine_store *store, uint32_t module, const char *name, engine_function *out) {
  return store->ops->store_function(store, module, name, out);
}
/// The memory at `place` of engine_link.memories as it is now; false when there is none.
static inline bool engine_store_memory(engine_store *store, uint32_t place, engine_memory *out) {
  return store->ops->store_memory(store, place, out);
}

/// The memory that the calling module exports as "memory"; false when it has none.
static inline bool engine_caller_memory(engine_call *call, engine_memory *out) {
  return call->store->ops->caller_memory(call, out);
}

/// The checked way to a guest's bytes: NULL unless `offset .. offset + size` lies within the memory.
static inline uint8_t *engine_memory_span(const engine_memory *memory, uint64_t offset, uint64_t size) {
  return offset <= memory->size && size <= memory->size - offset ? memory->data + offset : NULL;
}

static inline ubiq_error *engine_fuel_set(engine_store *store, uint64_t fuel) {
  return store->ops->fuel_set(store, fuel);
}
static inline uint64_t engine_fuel_get(engine_store *store) {
  return store->ops->fuel_get(store);
}

/// Calls on the caller's stack. `values` has room for the larger of the parameters and the results.
static inline ubiq_error *engine_call_now(engine_store *store, const engine_function *function, engine_value *values,
                                          size_t count) {
  return store->ops->call_now(store, function, values, count);
}

/// Begins a call on a fiber (stores of suspending images). `values` has room for the larger of parameters and results
/// and must stay until the call is done. One call at a time a store.
static inline ubiq_error *engine_call_start(engine_store *store, const engine_function *function,
                                            const wasm_signature *signature, engine_value *values,
                                            engine_state *state) {
  return store->ops->call_start(store, function, signature, values, state);
}
static inline ubiq_error *engine_call_resume(engine_store *store, engine_state *state) {
  return store->ops->call_resume(store, state);
}

#endif
