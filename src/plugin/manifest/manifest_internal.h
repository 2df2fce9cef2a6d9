/// What the files of the manifest share: the block that a manifest lives in.
#ifndef UBIQ_PLUGIN_MANIFEST_INTERNAL_H
#define UBIQ_PLUGIN_MANIFEST_INTERNAL_H

#include "base/arena.h"
#include "plugin/manifest/manifest.h"

/// A manifest with its strings. `content` comes first, so that its address is the block's.
typedef struct manifest_block {
  manifest content;
  arena strings; ///< everything that `content` points to, but for its config
} manifest_block;

/// An empty manifest; NULL when memory is out.
manifest_block *manifest_block_new(void);

#endif
