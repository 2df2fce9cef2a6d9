// Reading a manifest out of a bundle.
#ifndef RUNTIME_BUNDLE_MANIFEST_H
#define RUNTIME_BUNDLE_MANIFEST_H

#include "runtime/bundle.h"

/// Reads a manifest, in JSON, and puts the bundle's files in place of the paths that name them, as base64. What else it says
/// is as it was, and as little to be trusted. `*json` is the caller's (free). Errors: `invalid_input`, with the place in the
/// manifest; `not_found` when the bundle has no such manifest.
ubiq_error *bundle_manifest_read(const bundle *bundle, const char *name, char **json, size_t *size);

#endif
