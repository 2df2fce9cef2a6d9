// Compiled modules kept on disk, so that a module is compiled once a machine and not once a process.
//
// An entry's name is a hash of the module, the engine and its settings; its content carries a MAC with a key that only
// this user can read, because serialized modules are native code. The folder is $XDG_CACHE_HOME/ubiq/modules, else
// ~/.cache/ubiq/modules; it is 0700 and must be the user's own. UBIQ_CACHE names another folder, or turns the cache
// off when it is empty. An entry that does not verify is compiled again. All entries together take at most 1 GiB: those
// used longest ago go. A cache that cannot be used is no error.
#ifndef ENGINE_CACHE_CACHE_H
#define ENGINE_CACHE_CACHE_H

#include "engine/compiler.h"

/// As engine_compile, through the cache. `settings` names what changes the compiled code besides engine and version. What is
/// not in the cache is compiled by `compiler`; NULL, and for engines that cannot serialize: by this thread. Any thread, any
/// number of processes.
ubiq_error *cache_compile(engine *engine, const char *settings, const engine_compiler *compiler, const uint8_t *wasm,
                          size_t size, engine_module **out);

#endif
