// Writing TOML: the ubiq.toml of a bundle.
#ifndef RUNTIME_BUNDLE_BUNDLE_TOML_H
#define RUNTIME_BUNDLE_BUNDLE_TOML_H

#include "base/buffer.h"
#include "yyjson.h"

/// Appends an object as a TOML document, which toml_parse reads as the same values. Every value came from TOML: none is
/// null, no number is outside of 64 bits with a sign. False when memory is out.
UBIQ_NODISCARD bool bundle_toml_write(buffer *out, yyjson_mut_val *root);

#endif
