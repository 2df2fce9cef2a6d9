// The manifest that `ubiq call` hands to the plugin layer: what PLUGIN leads to, with the options laid over it.
#ifndef CLI_CALL_MANIFEST_H
#define CLI_CALL_MANIFEST_H

#include "base/buffer.h"
#include "cli/options.h"

/// What options say about the plugin. An option that was not given leaves what the manifest says.
typedef struct call_overlay {
  option_list config;           ///< KEY=VALUE
  const char *set_config;       ///< a JSON object of strings; NULL: none
  option_list allowed_hosts;    ///< globs
  option_list allowed_paths;    ///< HOST:GUEST or PATH, `ro:` before it
  const char *memory_max;       ///< pages, or a size with a unit; NULL: as the manifest says
  uint64_t timeout_ms;          ///< 0: as the manifest says
  uint64_t http_response_bytes; ///< UINT64_MAX: as the manifest says
  uint64_t var_bytes;           ///< UINT64_MAX: as the manifest says
} call_overlay;

/// Says what is wrong with the options by themselves. Errors: `invalid_input`, naming the option.
ubiq_error *call_overlay_check(const call_overlay *self);

/// Frees the lists.
void call_overlay_free(call_overlay *self);

/// Where a plugin comes from.
typedef struct call_origin {
  const char *name;      ///< as the command line says it; an http or https URL needs no bytes
  ubiq_bytes bytes;      ///< a module, its text form, or a manifest; the result refers to a module's
  bool is_manifest;      ///< `--manifest`: it is one, whatever it looks like
  const char *directory; ///< put before a manifest's relative allowed_paths; NULL: they stay as they are
  bool has_addresses;    ///< of modules, in a manifest that is ours
} call_origin;

/// Whether PLUGIN is fetched rather than read.
bool call_is_url(const char *name);

/// Makes the manifest, in JSON. `*out` is the caller's (free); the bytes of the origin must live as long as it does.
/// Errors: `invalid_input`, for a manifest by its line and column or the way to the key, for an option by its name.
ubiq_error *call_manifest_make(const call_origin *origin, const call_overlay *overlay, char **out, size_t *size);

#endif
