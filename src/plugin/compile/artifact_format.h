/// What a compiled plugin in a file is made of, and how it is written, authenticated and read.
///
/// A header (what it is, in which format, which key, how long, MAC), then the parts of artifact_content in order: numbers
/// as 8 bytes, little-endian, everything else with its length before it.
#ifndef UBIQ_PLUGIN_ARTIFACT_FORMAT_H
#define UBIQ_PLUGIN_ARTIFACT_FORMAT_H

#include "base/arena.h"
#include "engine/cache/cache_set.h"
#include "plugin/compile/artifact.h"

typedef struct artifact_module {
  const char *name; ///< as the manifest gives it; NULL when it does not
  ubiq_bytes wasm;
} artifact_module;

typedef struct artifact_content {
  const char *made_by; ///< "ubiq 1.2.3"
  const char *engine;  ///< the engine's name
  const char *version; ///< the engine's
  const char *cpu;     ///< see engine/cpu.h
  const char *name;    ///< ubiq_compile_options
  uint64_t class;      ///< engine_class
  uint64_t suspends;   ///< ubiq_compile_options, as are the next three
  uint64_t wasi;
  uint64_t fuel;
  uint64_t memory_bytes_max;
  ubiq_bytes manifest; ///< JSON, without `wasm`
  artifact_module *modules;
  size_t modules_count;
  cache_set codes;
} artifact_content;

/// Writes a content under the user's key. `*bytes` is the caller's (free). Errors: `unavailable` when there is no key.
ubiq_error *artifact_seal(const artifact_content *content, uint8_t **bytes, size_t *size);

/// Authenticates the bytes and reads the content, which refers to them and to `strings`; end it with cache_set_free of its
/// codes. Errors: `invalid_input`, `denied`, `unavailable` when there is no key.
ubiq_error *artifact_unseal(const uint8_t *bytes, size_t size, arena *strings, artifact_content *out);

/// Reads what stands behind the header. For artifact_unseal and its fuzz target: nothing is authenticated.
ubiq_error *artifact_read(ubiq_bytes payload, arena *strings, artifact_content *out);

#endif
