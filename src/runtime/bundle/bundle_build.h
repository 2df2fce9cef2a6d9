// From a project to a bundle.
#ifndef RUNTIME_BUNDLE_BUNDLE_BUILD_H
#define RUNTIME_BUNDLE_BUNDLE_BUILD_H

#include "base/digest.h"
#include "runtime/bundle/bundle.h"
#include "runtime/project/project.h"

typedef struct bundle_built {
  buffer bytes;                        ///< the bundle's file
  char digest[DIGEST_SHA256_HEX_SIZE]; ///< its SHA-256
  char *file_name;                     ///< NAME-VERSION-DIGEST.ubiq, with the first 12 digits
} bundle_built;

/// Builds every function and puts all into one bundle: the same project, built by the same tools, makes the same bytes.
/// On success the caller owns what is in `out` (bundle_built_free). Blocks while compilers run. Errors: those of
/// build_function and bundle_pack_manifest; `too_large`.
ubiq_error *bundle_build(const project *project, bundle_built *out);

/// Twice is allowed.
void bundle_built_free(bundle_built *self);

#endif
