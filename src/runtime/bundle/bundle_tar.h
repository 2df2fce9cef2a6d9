// The tar archive inside a bundle: POSIX ustar, plain files only.
//
// Written in one form only, so that the same files make the same bytes: no owners, no times, mode 0644. Read strictly:
// what comes in was written by anybody. Other archivers read what is written here and can make what is read here.
#ifndef RUNTIME_BUNDLE_BUNDLE_TAR_H
#define RUNTIME_BUNDLE_BUNDLE_TAR_H

#include "base/text.h"
#include "ubiq/error.h"

enum {
  BUNDLE_NAME_BYTES_MAX = 100, ///< of a file's path in the bundle, as the header has room
  BUNDLE_DEPTH_MAX = 8,        ///< parts of a path
};

typedef struct bundle_file {
  text name;          ///< its path in the bundle
  ubiq_bytes content; ///< borrowed
} bundle_file;

/// Whether a file in a bundle may have this path: at most BUNDLE_DEPTH_MAX parts of letters, digits, '.', '_' and '-', none
/// of which begins with '.', with single '/' between them.
bool bundle_name_valid(text name);

/// Appends a file whose path is valid. False when memory is out.
UBIQ_NODISCARD bool bundle_tar_append(buffer *out, const bundle_file *file);
/// Appends the archive's end.
UBIQ_NODISCARD bool bundle_tar_end(buffer *out);

/// Takes the next file off an archive; what it gives is borrowed from there. `at` is where to read, at first 0. `*found` is
/// false at the end. Errors: `invalid_input`, whose message names `archive`.
ubiq_error *bundle_tar_next(const char *archive, ubiq_bytes tar, size_t *at, bundle_file *file, bool *found);

#endif
