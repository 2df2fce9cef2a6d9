/// Calls in turns: for embedders with an event loop of their own. One thread can have thousands of calls under way.
///
/// The plugin is compiled with `suspends`. Its call runs when it is resumed: until it is done, until it has used up its
/// turn (some milliseconds), or until it waits, in a host function with `start` (ubiq/function.h), for an HTTP request of
/// the guest's own, or because the guest sleeps. Who waits is resumed after `wake` was called or when ubiq_call_wait_ms has
/// passed. HTTP requests run on threads of libubiq's, up to 64 at once.
///
/// How many calls may be suspended at once depends on ubiq_compile_options.memory_bytes_max: about 10,000 where it is set
/// and at most 64 MiB (the kernel's vm.max_map_count bounds it), 256 otherwise; one more ends with `busy`.
#ifndef UBIQ_CALL_H
#define UBIQ_CALL_H

#include "ubiq/plugin.h"

UBIQ_BEGIN

/// A call in turns. One thread at a time, the same as its plugin; ubiq_call_cancel from any.
typedef struct ubiq_call ubiq_call;

typedef enum ubiq_call_state {
  UBIQ_CALL_DONE,    ///< it has its result
  UBIQ_CALL_READY,   ///< its turn is over: resume it when others had theirs
  UBIQ_CALL_WAITING, ///< resume it after `wake`, or when ubiq_call_wait_ms has passed
} ubiq_call_state;

/// Begins a call; guest code runs in ubiq_call_resume alone, and its time counts from the first one. `input` is borrowed
/// until the call is done. `options` may be NULL; `cpu_ms` counts the time spent in turns. `wake` (may be NULL) is called
/// from any thread, also while the call has its turn, and also needlessly: it tells the owner's loop to resume the call. It
/// must not use the call or its plugin itself, nor wait for a lock that is held while the call is resumed, cancelled
/// (ubiq_plugin_cancel too) or deleted, while its plugin is deleted or given back (ubiq_plugin_delete, ubiq_pool_release),
/// or by who completes a host function (ubiq/function.h): all these call `wake`, or wait until another thread's returned.
/// Owned by the caller. Errors: `not_found`, `invalid_input`, `busy` (the plugin is being called already), `internal`.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_call_start(ubiq_plugin *plugin, const char *function, ubiq_bytes input,
                                                    const ubiq_call_options *options, void (*wake)(void *user),
                                                    void *user, ubiq_call **out);

/// Lets the call go on. One that is done stays so; one that waits and was resumed too early still waits.
UBIQ_API ubiq_call_state ubiq_call_resume(ubiq_call *call);

/// How long its owner may leave the call alone, in milliseconds: until its deadline, or until the guest slept; 0 unless it
/// waits. UINT64_MAX: until `wake`.
UBIQ_API uint64_t ubiq_call_wait_ms(const ubiq_call *call);

/// Why the call failed, as ubiq_plugin_call lists; NULL when it did not, or is not done. Borrowed until the call is
/// deleted.
UBIQ_API const ubiq_error *ubiq_call_error(const ubiq_call *call);

/// The output of a call that is done; borrowed until its plugin is called again, reset or deleted.
UBIQ_API ubiq_bytes ubiq_call_output(const ubiq_call *call);

/// Has the call end with `cancelled` when it is resumed next, also if what it waited for is there by then, and wakes it;
/// within a turn, as ubiq_plugin_cancel does. The guest is dropped as by ubiq_call_delete, unless it has its turn. Nothing
/// happens when the call is done. Any thread while the call exists.
UBIQ_API void ubiq_call_cancel(ubiq_call *call);

/// Ends a call in whatever state it is. The guest of one that is not done is dropped where it stands, and the plugin's next
/// call finds a fresh one. When this returns, no `wake` is under way. NULL is allowed.
UBIQ_API void ubiq_call_delete(ubiq_call *call);

UBIQ_END

#endif
