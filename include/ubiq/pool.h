/// Pools: instances of one compiled plugin, made ahead and shared by any number of threads.
///
/// By default an instance is used once: who gets one finds it as it was made, and it ends when it is given back. That is
/// cheap (some microseconds), and no call sees anything of another.
#ifndef UBIQ_POOL_H
#define UBIQ_POOL_H

#include "ubiq/plugin.h"

UBIQ_BEGIN

/// A pool. Any thread, several at once.
typedef struct ubiq_pool ubiq_pool;

typedef struct ubiq_pool_options {
  uint32_t min;     ///< instances that are kept ready; 0: none. The thread that gives one back makes the next
  uint32_t max;     ///< instances there may be at once, ready and in use; 0: 1000, or `min` where that is more
  uint64_t wait_ms; ///< how long who finds every place taken waits for one, in order of arrival; 0: not at all
  bool reuse; ///< instances are used again: the guest's own memory and variables are kept from one to the next use,
      ///< its Extism memory is not. One whose call was stopped, by a trap, a limit or by dropping it, is never used again
  uint64_t
      idle_ms; ///< with `reuse`: a ready instance beyond `min` that nobody used for so long is ended, the next time
               ///< the pool is used; 0: never
} ubiq_pool_options;

/// How a pool is at one moment.
typedef struct ubiq_pool_status {
  uint32_t ready;   ///< instances that wait for a use
  uint32_t busy;    ///< instances in use, those being made for one included
  uint32_t waiting; ///< callers that wait for a place
  uint64_t made;    ///< instances made since the pool was made
} ubiq_pool_status;

/// Makes a pool with `min` instances ready; it keeps `compiled` alive. `options` may be NULL. Owned by the caller. Any
/// thread. Errors: `invalid_input` (`max` less than `min`), and those of making an instance: `busy` (no place for another
/// in this process), `memory_limit`, `internal`.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_pool_new(ubiq_compiled *compiled, const ubiq_pool_options *options,
                                                  ubiq_pool **out);

/// Closes a pool: ready instances end now, those in use when they are given back, and whoever waits for one or asks later
/// is told `unavailable`. Frees nothing of the pool itself, so that any thread may be in any call of it meanwhile. Never
/// waits. Again: nothing happens.
UBIQ_API void ubiq_pool_close(ubiq_pool *pool);

/// Closes a pool and ends it. When this is called no other call of the pool is under way, and none begins later, but
/// ubiq_pool_release: instances may still be out, and the pool's memory goes when the last is given back. Where threads
/// use a pool: ubiq_pool_close it, join them, delete it. NULL is allowed.
UBIQ_API void ubiq_pool_delete(ubiq_pool *pool);

/// Takes an instance for the caller's own use, by one thread at a time, until ubiq_pool_release. Errors: `busy` (no place
/// within `wait_ms`), `unavailable` (the pool was closed), and those of making an instance.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_pool_acquire(ubiq_pool *pool, ubiq_plugin **out);

/// Gives an instance back, in whatever state it is; what was borrowed from it ends. Any thread. NULL is allowed.
UBIQ_API void ubiq_pool_release(ubiq_pool *pool, ubiq_plugin *plugin);

/// Calls a function on an instance of the pool. Waiting for a place is part of the call's `timeout_ms` and ends with it,
/// if that is less than `wait_ms`. `options` may be NULL. On success `*output` is a copy that the caller ends with
/// ubiq_pool_output_delete. Errors: those of ubiq_plugin_call_with and of ubiq_pool_acquire; `*output` is empty then.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_pool_call(ubiq_pool *pool, const char *function, ubiq_bytes input,
                                                   const ubiq_call_options *options, ubiq_bytes *output);

/// Ends an output of ubiq_pool_call. An empty one is allowed.
UBIQ_API void ubiq_pool_output_delete(ubiq_bytes output);

/// How the pool is now.
UBIQ_API void ubiq_pool_look(ubiq_pool *pool, ubiq_pool_status *out);

UBIQ_END

#endif
