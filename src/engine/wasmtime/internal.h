// What the files of the Wasmtime adapter share. Nothing outside this folder includes it.
#ifndef ENGINE_WASMTIME_INTERNAL_H
#define ENGINE_WASMTIME_INTERNAL_H

#include "engine/engine.h"
#include "engine/wasmtime/memory.h"

#include <pthread.h>
#include <wasm.h>
#include <wasmtime.h>

/// One of Wasmtime's engines. All that it makes counts its users in the engine, in modules and in types, which threads that
/// make stores of one engine take from each other: so there are several, each with modules of its own (part.c).
enum { WT_PARTS_MAX = 16, WT_KEPT_MAX = 8 };

typedef struct wt_part {
  _Alignas(64) wasm_engine_t *engine;
  wasm_engine_t *large; ///< for modules with much memory, which is ours (memory.h); NULL: the engine has none such
  wt_memories memories; ///< of `large`
  atomic_uint stores;   ///< that are in use
  pthread_mutex_t lock;
  struct wt_store *kept[WT_KEPT_MAX]; ///< to be used again, the oldest first (rewind.c); guarded by `lock`
  atomic_uint kept_count;             ///< changed with the lock
} wt_part;

typedef struct wt_engine {
  engine base;
  uint32_t parts_count;
  uint32_t places; ///< of each part for stores that suspend
  wt_pagemap pagemap;
  wt_part parts[WT_PARTS_MAX]; ///< modules are compiled by the first
} wt_engine;

/// Whether memories of ended stores wait in the pool until there are several to be given back to the system. Large ones would
/// hold too much meanwhile.
static inline bool wt_gives_back_later(const engine_options *options) {
  return options->memory_bytes_max > 0 && options->memory_bytes_max < UINT64_C(4) << 30;
}

/// Whether there are memories of ours for modules that have much: where code checks bounds.
static inline bool wt_has_large(const engine_options *options) {
  return wt_gives_back_later(options) && !options->fuel;
}

/// The engine that a module, or an image of one, belongs to.
static inline wasm_engine_t *wt_part_engine(const wt_part *part, bool is_large) {
  return is_large ? part->large : part->engine;
}

typedef struct wt_module {
  engine_module base;
  wt_engine *engine;
  wasmtime_module_t *module;       ///< NULL: it is a component
  wasmtime_component_t *component; ///< NULL: it is a module
  bool is_large;                   ///< of `large` of the engine's first part
} wt_module;

/// A host function as its image keeps it: `env` of the callbacks that Wasmtime calls.
typedef struct wt_host {
  engine_host_function function;
  bool late; ///< bound through a slot when a store is made
} wt_host;

typedef struct wt_linked {
  wasmtime_module_t *module; ///< of the engine's first part; a share of its own
  engine_binding *bindings;  ///< copies; names owned by the image
  size_t bindings_count;
} wt_linked;

/// Of one module in the pool, and so of a store that may begin anew.
enum { WT_START_MEMORIES_MAX = 4, WT_TABLES_MAX = 4 };

/// What a memory holds in a store that was just made: zeros but for `bytes`, which stand at `from` .. `to`.
typedef struct wt_start_memory {
  uint32_t place; ///< in the image's list
  size_t size, from, to;
  uint8_t *bytes; ///< owned
} wt_start_memory;

/// How stores of an image begin.
typedef struct wt_start {
  wt_start_memory memories[WT_START_MEMORIES_MAX];
  uint32_t memories_count;
} wt_start;

enum { WT_START_NONE, WT_START_ONE_MADE, WT_START_SETTLED };

/// An image as one part of the engine has it.
typedef struct wt_image_part {
  wasmtime_linker_t *linker;
  wasmtime_instance_pre_t *hub;
  wasmtime_module_t **modules; ///< shares of its own; as many as the image has
  atomic_uint start_state;     ///< WT_START_*
  _Atomic(wt_start *) start;   ///< NULL: not known, or its stores cannot begin anew
} wt_image_part;

typedef struct wt_image {
  engine_image base;
  wt_engine *engine;
  _Atomic(wt_image_part *) parts[WT_PARTS_MAX]; ///< the first from the beginning, others when they are first needed
  pthread_mutex_t making;                       ///< held while one of them is made
  wt_linked *modules;                           ///< [0] is the hub, whose bindings are empty
  size_t modules_count;
  engine_binding *memories;
  size_t memories_count;
  uint32_t caller_memory;
  wt_host *hosts;
  size_t hosts_count;
  const char *rewind; ///< export of the only module (engine_link); NULL: stores of the image do not begin anew
  bool suspends;
  bool is_large; ///< its only module is
} wt_image;

enum {
  WT_MODULES_MAX = 16,
  WT_MEMORIES_KNOWN = 8, // memories at a later place are looked up each time
  // A larger memory is given back to the system as soon as its store ends; others wait in the pool for a few more.
  WT_MEMORY_LINGERS_BYTES = 2 << 20,
  // Of all memories of a store that is used again: the kernel's, and two pages. Writing them costs less than looking at them.
  WT_WRITTEN_BYTES_MAX = 160 << 10,
  // More is not looked at either: it takes longer the more there is.
  WT_LARGE_BYTES_MAX = 16 << 20,
  // Of calls that may suspend, and of host functions that wait: a store holds these values, and there are many stores.
  WT_CALL_VALUES_MAX = 6,
  WT_WAIT_VALUES_MAX = 8,
};

/// A call that may suspend, from its start to its end.
typedef struct wt_call {
  wasmtime_call_future_t *future; ///< NULL: no call under way
  wasmtime_func_t function;       ///< the future refers to it
  const wasm_signature *signature;
  engine_value *values;
  wasmtime_val_t args[WT_CALL_VALUES_MAX];
  wasmtime_val_t results[WT_CALL_VALUES_MAX];
  wasm_trap_t *trap;
  wasmtime_error_t *error;
} wt_call;

/// A host function that waits: what it needs to finish later.
typedef struct wt_wait {
  const wt_host *host; ///< NULL: nothing waits
  wasmtime_caller_t *caller;
  wasmtime_val_t *results;
  wasm_trap_t **trap;
  engine_value values[WT_WAIT_VALUES_MAX];
  bool failed; ///< its first half failed: ready at once
} wt_wait;

enum { WT_FOUND_MAX = 4, WT_FOUND_NAME_BYTES = 40 };

/// A function that was looked up.
typedef struct wt_found {
  char name[WT_FOUND_NAME_BYTES];
  engine_function function;
} wt_found;

typedef struct wt_store {
  engine_store base;
  wt_engine *engine;
  wt_image *image; ///< NULL: of a component (component.h)
  wt_image_part *image_part;
  wt_part *part;
  wasmtime_store_t *store;
  wasmtime_context_t *context;
  engine_store_options options;
  ubiq_error *host_error;       ///< what a host function or a tick ended the call with; owned until taken
  bool has_failed;              ///< a call has ended with an error
  wt_found found[WT_FOUND_MAX]; ///< of stores that may begin anew: what was looked up stays as it is
  uint32_t found_count;
  bool is_large;        ///< its memories are ours (memory.h)
  bool has_limit;       ///< `limit_bytes` was set
  uint64_t limit_bytes; ///< of each memory
  bool on_fiber;        ///< a suspendable call is being polled: a tick may yield
  bool in_call;         ///< a tick may interrupt
  wasmtime_memory_t memories[WT_MEMORIES_KNOWN];
  uint32_t memories_known;        ///< bit i: memories[i] was looked up and is there
  wasmtime_instance_t *instances; ///< of each of the image's modules; behind the store
  wt_wait wait;
  wt_call call;
} wt_store;

extern const engine_ops wasmtime_ops;

/// Turns what Wasmtime reports into one of ours and frees it. `store` may be NULL. NULL when nothing is reported.
ubiq_error *wt_take_error(wt_store *store, wasmtime_error_t *error, wasm_trap_t *trap);

/// The callbacks behind every host function: raw, and for one that waits in an image that suspends.
wasm_trap_t *wt_host_enter(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count);
void wt_host_begin(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *args, size_t args_count,
                   wasmtime_val_t *results, size_t results_count, wasm_trap_t **trap,
                   wasmtime_async_continuation_t *continuation);

ubiq_error *wt_open(const engine_options *options, engine **out);
void wt_close(engine *engine);
ubiq_error *wt_wat_to_wasm(const char *text, size_t size, uint8_t **wasm, size_t *wasm_size);
ubiq_error *wt_validate(const uint8_t *wasm, size_t size);
ubiq_error *wt_compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out);
ubiq_error *wt_serialize(engine_module *module, uint8_t **bytes, size_t *size);
ubiq_error *wt_deserialize(engine *engine, const uint8_t *bytes, size_t size, engine_module **out);
void wt_module_delete(engine_module *module);
void wt_tick(engine *engine);

/// Whether a module is one whose stores are used again and begin with more memory than is written as a whole, or grow; but not
/// with more than is worth looking at, nor with much data (large.c).
bool wt_needs_large(const engine_options *options, const uint8_t *wasm, size_t size);

ubiq_error *wt_link(engine *engine, const engine_link *link, engine_image **out);
void wt_image_delete(engine_image *image);

/// What part `index` of the engine has of an image, made now if it has not been. Any thread.
ubiq_error *wt_image_part_get(wt_image *image, uint32_t index, wt_image_part **out);
void wt_image_part_delete(wt_image_part *part, size_t modules_count);

/// The part of the engine for one more store, which is counted there: the one that is asked for, or another if that is full.
uint32_t wt_part_take(wt_engine *engine, uint32_t wanted);
void wt_part_give_back(wt_part *part);

/// Sees how stores of its image begin, from one that was just made, if that is still to be seen.
void wt_start_learn(wt_store *store);
void wt_start_forget(wt_image_part *part);

/// Reads what the memories of a store that was just made hold. False: they cannot be put back.
bool wt_contents_read(wt_store *store, wt_start *start);
/// Puts that back. False: it cannot be, and the store is good for nothing more.
bool wt_contents_write(wt_store *store, const wt_start *start);
void wt_contents_free(wt_start *start);

/// Puts a store that is done with back to how it began, and keeps it in place of ending it. False: it has to be ended.
bool wt_keep(wt_store *store);
/// A store that was kept, as new but for its options; NULL when there is none of this image with these limits.
wt_store *wt_kept_take(wt_part *part, const wt_image *image, const engine_store_options *options);
/// Ends those that are kept of an image (NULL: all).
void wt_kept_end(wt_part *part, const wt_image *image);
/// Ends some that are kept when there are more stores in all than places.
void wt_kept_make_room(wt_part *part, uint32_t places);
/// Ends a store, which is counted no more.
void wt_store_end(wt_store *store);

/// Opens Wasmtime's store for one whose engine, part and options are set, and ends it; its place is not given back.
void wt_store_open(wt_store *store);
void wt_store_close(wt_store *store);
/// What a store uses of the engine's pool has just been taken: for ThreadSanitizer alone.
void wt_store_taken(const wt_store *store);

ubiq_error *wt_store_new(engine_image *image, const engine_store_options *options, engine_store **out);
void wt_store_delete(engine_store *store);
void wt_store_memory_limit(engine_store *store, uint64_t bytes);
bool wt_store_function(engine_store *store, uint32_t module, const char *name, engine_function *out);
bool wt_store_memory(engine_store *store, uint32_t place, engine_memory *out);
bool wt_caller_memory(engine_call *call, engine_memory *out);
ubiq_error *wt_fuel_set(engine_store *store, uint64_t fuel);
uint64_t wt_fuel_get(engine_store *store);

ubiq_error *wt_call_now(engine_store *store, const engine_function *function, engine_value *values, size_t count);
ubiq_error *wt_call_start(engine_store *store, const engine_function *function, const wasm_signature *signature,
                          engine_value *values, engine_state *state);
ubiq_error *wt_call_resume(engine_store *store, engine_state *state);

/// Raw values to and from the tagged ones of Wasmtime's suspendable calls.
void wt_values_in(const wasm_type *types, size_t count, const engine_value *raw, wasmtime_val_t *tagged);
void wt_values_out(const wasm_type *types, size_t count, const wasmtime_val_t *tagged, engine_value *raw);

#endif
