/// Compiled plugins as bytes, for a file: compiled once, loaded without compiling.
///
/// They hold native code, and so they are for the one who made them: they carry a MAC under the key of the user's module
/// cache and are refused wherever that key is another, or where the engine, its version or the CPU does not fit. Nothing
/// that may come from elsewhere, a manifest, a bundle, a URL, can lead to one.
#ifndef UBIQ_ARTIFACT_H
#define UBIQ_ARTIFACT_H

#include "ubiq/plugin.h"

UBIQ_BEGIN

/// Compiles a plugin to bytes. `source` and `options` are as in ubiq_compiled_new. Modules that the manifest names by path
/// or URL become part of the bytes; a path in `allowed_paths` stays as it is. On success `*artifact` is owned by the
/// caller (free). Any thread.
/// Errors: those of ubiq_compiled_new, and `unavailable` when the user has no place for a key.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_precompile(const uint8_t *source, size_t size,
                                                    const ubiq_compile_options *options, uint8_t **artifact,
                                                    size_t *artifact_size);

/// Whether bytes begin as those of ubiq_precompile do. Says nothing on whether they can be loaded.
UBIQ_API bool ubiq_is_precompiled(const uint8_t *bytes, size_t size);

/// Makes a compiled plugin of what ubiq_precompile made; nothing is compiled, until more instances of it are alive at once
/// than a pool has places for (4,000 in this process): then its modules are, once. `artifact` is borrowed for the call.
/// `options` may be NULL. Of them `functions` are given again: those that the plugin imports, with the same types. `name`,
/// `directory` and `fuel` stand over what was said in compiling when they are not NULL or 0, the smaller
/// `memory_bytes_max` holds, `wasi` is as it was. `engine` and `suspends`, and whether fuel is counted at all, must be as
/// they were; `untrusted` is refused. On success `*out` is owned by the caller. Any thread.
/// Errors: `invalid_input` (not such bytes, cut short, another engine or other functions than it was compiled for),
/// `denied` (another user's or machine's, changed since), `unavailable` (another version of the engine, another CPU, no
/// key), `internal`.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_compiled_load(const uint8_t *artifact, size_t size,
                                                       const ubiq_compile_options *options, ubiq_compiled **out);

UBIQ_END

#endif
