// Putting modules and manifests among the files of a bundle that is being made.
//
// A file is named after its content, so that functions that share one share it in the bundle. Manifests stand beside
// ubiq.toml, so that the paths in them lead from there, as in any project: a bundle that was unpacked is one.
#ifndef RUNTIME_BUNDLE_BUNDLE_PACK_H
#define RUNTIME_BUNDLE_BUNDLE_PACK_H

#include "base/map.h"
#include "runtime/bundle/bundle_tar.h"
#include "runtime/project/project.h"

/// What a function's code became.
typedef struct bundle_packed {
  project_origin origin; ///< PROJECT_WASM or PROJECT_MANIFEST
  char name[BUNDLE_NAME_BYTES_MAX + 1];
} bundle_packed;

/// Adds a module, binary or text form, which is assembled. `files` maps names to bytes. Errors: those of file_read_all; what
/// is no module in text form is `invalid_input`.
ubiq_error *bundle_pack_module(map *files, const char *path, bundle_packed *out);

/// Adds a manifest and its modules; what it names is a file of the bundle then. A module that stands where a manifest may
/// stand is added as one. Errors: those of reading it and its modules; `denied` for a URL, `allowed_hosts` and
/// `allowed_paths`.
ubiq_error *bundle_pack_manifest(map *files, const char *path, bundle_packed *out);

#endif
