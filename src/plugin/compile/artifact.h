// Compiled plugins in files: a manifest with its modules and the native code that they were compiled to.
//
// Such a file is made by and for one user on one machine: it is authenticated with the key of the user's module cache,
// and nothing in it is looked at before that. It is loaded as a plugin is compiled, but for the code, which is found in
// the file by what it was made from, as the module cache finds its entries: so everything that is checked in compiling
// is checked in loading, and code that is not that of these modules, imports and host functions cannot be had.
#ifndef PLUGIN_COMPILE_ARTIFACT_H
#define PLUGIN_COMPILE_ARTIFACT_H

#include "base/buffer.h"
#include "ubiq/plugin.h"

/// Of a file's name.
#define ARTIFACT_SUFFIX ".ubiqc"

/// A file's content, found to be ours and to fit this machine.
typedef struct artifact artifact;

/// Whether the bytes begin as a compiled plugin does.
bool artifact_recognize(const uint8_t *bytes, size_t size);

/// Authenticates the bytes, which are borrowed as long as the artefact lives, and compares the engine, its version and
/// the CPU. `*out` is the caller's, for artifact_close. Errors: those of ubiq_compiled_load.
ubiq_error *artifact_open(const uint8_t *bytes, size_t size, artifact **out);
void artifact_close(artifact *self);

/// The manifest, in JSON, whose modules are addresses within the artefact. Other keys than `wasm` may be changed before it
/// is handed to artifact_load. `*out` is the caller's (free).
ubiq_error *artifact_manifest(const artifact *self, char **out, size_t *size);

/// As ubiq_compiled_load, with a manifest that artifact_manifest made.
ubiq_error *artifact_load(const artifact *self, const char *manifest, size_t size, const ubiq_compile_options *options,
                          ubiq_compiled **out);

#endif
