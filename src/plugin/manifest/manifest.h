/// Extism manifests: which modules a plugin is made of, and what it may do.
///
/// The format is the one of the crate `extism-manifest` 1.41, in JSON or TOML: the same keys, required and
/// optional, and keys that it does not know are refused. A manifest is immutable and counted: it may be
/// shared by threads.
#ifndef UBIQ_PLUGIN_MANIFEST_H
#define UBIQ_PLUGIN_MANIFEST_H

#include "base/buffer.h"
#include "base/map.h"
#include "base/text.h"
#include "ubiq/error.h"
#include "ubiq/plugin.h"

#define MANIFEST_MAIN "main"                                    ///< the module whose exports are called
enum { MANIFEST_PAGES_MAX = 65536 };                            ///< pages of 64 KiB that a memory can have
#define MANIFEST_VAR_BYTES_DEFAULT           UINT64_C(1048576)  ///< where max_var_bytes is absent
#define MANIFEST_HTTP_RESPONSE_BYTES_DEFAULT UINT64_C(52428800) ///< where max_http_response_bytes is absent
#define MANIFEST_MODULE_BYTES_MAX            ((size_t)1 << 30)  ///< a module larger than this is not read

typedef struct manifest_pair {
  const char *key;
  const char *value;
} manifest_pair;

typedef enum manifest_kind { MANIFEST_PATH, MANIFEST_URL, MANIFEST_DATA } manifest_kind;

typedef struct manifest_module {
  manifest_kind kind;
  const char *location;         ///< the path or URL; NULL for data
  const uint8_t *data;          ///< the bytes of the module, decoded; NULL but for data
  size_t data_size;             ///< in bytes
  const char *name;             ///< as given; NULL when absent (see `manifest_names_resolve`)
  const char *hash;             ///< expected SHA-256 in hex, as given; NULL when absent
  const char *method;           ///< of a URL, as given; NULL when absent (GET)
  const manifest_pair *headers; ///< of a URL
  size_t headers_count;
} manifest_module;

typedef struct manifest_path {
  const char *host;  ///< without the prefix `ro:`
  const char *guest; ///< where the guest finds it
  bool read_only;    ///< whether it had the prefix `ro:`
} manifest_path;

typedef struct manifest_memory {
  uint32_t max_pages;               ///< 64 KiB each, at most MANIFEST_PAGES_MAX; 0 when absent
  bool has_max_http_response_bytes; ///< else MANIFEST_HTTP_RESPONSE_BYTES_DEFAULT holds
  bool has_max_var_bytes;           ///< else MANIFEST_VAR_BYTES_DEFAULT holds
  uint64_t max_http_response_bytes;
  uint64_t max_var_bytes; ///< 0 turns vars off
} manifest_memory;

typedef struct manifest {
  const manifest_module *modules;
  size_t modules_count;
  manifest_memory memory;
  map config;             ///< strings; copy it (`map_copy`) before changing it for one plugin
  bool has_allowed_hosts; ///< absent and empty both allow none
  bool has_allowed_paths;
  bool has_timeout;
  const char *const *allowed_hosts; ///< globs, for `text_glob_match`
  size_t allowed_hosts_count;
  const manifest_path *allowed_paths;
  size_t allowed_paths_count;
  uint64_t timeout_ms;
} manifest;

typedef struct manifest_options {
  const char *name;   ///< what the manifest is called in messages; NULL: `manifest`
  bool allow_pointer; ///< take `data = {ptr, len}`, an address in this process: only for what comes through
                      ///< the C ABI
} manifest_options;

/// Parses a manifest: JSON when its first character is `{`, else TOML. `options` may be NULL. `*out` is the
/// caller's, for `manifest_delete`. Errors: `invalid_input`, naming the key, what it was and what was
/// expected.
ubiq_error *manifest_parse(const void *data, size_t size, const manifest_options *options, const manifest **out);

/// Makes a manifest of one module from bytes, which are copied. `*out` is the caller's, for
/// `manifest_delete`.
ubiq_error *manifest_from_wasm(const void *data, size_t size, const manifest **out);

/// Makes a manifest from anything that Extism takes: Wasm or WAT by its first bytes, else JSON or TOML.
ubiq_error *manifest_from_bytes(const void *data, size_t size, const manifest_options *options, const manifest **out);

/// Whether the bytes begin as Wasm (`\0asm`) or as its text format (`(module`, `;;`, `(;`) does. The rule is
/// Extism's.
bool manifest_looks_like_wasm(const void *data, size_t size);

/// NULL is allowed. Any thread.
void manifest_delete(const manifest *self);

/// The names under which modules are linked, one for each module: a single module is `main`, whatever its
/// name; an unnamed one is `main`; the last is `main` when no other was. Fails when a manifest has no module
/// or two of a name. `names` has room for `modules_count`, and what it gets is borrowed from the manifest.
ubiq_error *manifest_names_resolve(const manifest *self, const char **names);

/// Fetches a URL into `out`: at most `bytes_max` bytes.
typedef ubiq_error *(*manifest_fetch)(void *user, const manifest_module *module, size_t bytes_max, buffer *out);

typedef struct manifest_loader {
  manifest_fetch fetch;    ///< for URLs; NULL: URLs are refused (`denied`)
  void *fetch_user;        ///< handed to `fetch`
  const char *directory;   ///< what relative paths start from; NULL: the working directory
  size_t bytes_max;        ///< of a module; 0: MANIFEST_MODULE_BYTES_MAX
  const ubiq_files *files; ///< what paths name instead of files of this machine; NULL: those
} manifest_loader;

/// Gets a module's bytes from its file, its URL or the manifest itself, and checks their hash. Appends to
/// `out`, which is as it was on failure. Blocks while it reads or fetches.
ubiq_error *manifest_module_load(const manifest_module *module, const manifest_loader *loader, buffer *out);

/// Applies what `extism_plugin_config` takes, a JSON object of strings and nulls, to a plugin's config:
/// strings are set, nulls take the key away. On failure `config` is as it was.
ubiq_error *manifest_config_merge(map *config, const void *json, size_t size);

#endif
