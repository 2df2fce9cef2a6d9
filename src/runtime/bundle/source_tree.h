// What a project's folder holds, as far as builds and watching care: which files there are and when they changed.
//
// Hidden files, what editors keep beside a file (*~), what builds make (*.wasm, *.ubiq, target/, build/, out/, dist/) and what
// package managers bring (node_modules/) are left out.
#ifndef RUNTIME_BUNDLE_SOURCE_TREE_H
#define RUNTIME_BUNDLE_SOURCE_TREE_H

#include "ubiq/error.h"

enum { SOURCE_TREE_FILES_MAX = 20000 }; ///< a tree with more is looked at no further

typedef struct source_tree {
  uint64_t newest_ns;   ///< when the newest file changed, since 1970
  uint64_t fingerprint; ///< another one whenever a file or folder came or went, or a file changed
} source_tree;

/// Called with each folder of the tree, the root first. The path is borrowed for the call.
typedef void (*source_tree_visit)(void *user, const char *directory);

/// Walks a tree. `visit` may be NULL.
ubiq_error *source_tree_scan(const char *root, source_tree_visit visit, void *user, source_tree *out);

/// When a file changed last, in nanoseconds since 1970; 0 when there is none.
uint64_t source_file_changed_ns(const char *path);

#endif
