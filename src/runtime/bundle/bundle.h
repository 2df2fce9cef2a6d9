// A bundle: a project that was built into one file, NAME.ubiq, and needs nothing else to be served.
//
// It is a tar archive, compressed with zstd, of a ubiq.toml, of the modules and of the Extism manifests that this names:
// no sources, no build commands, and nothing that leads out of it. A bundle comes from anybody. It is held in memory
// whole: the names of its files are compared, and never reach the operating system.
//
// A bundle never changes once it is read: any thread.
#ifndef RUNTIME_BUNDLE_BUNDLE_H
#define RUNTIME_BUNDLE_BUNDLE_H

#include "base/text.h"
#include "ubiq/error.h"

#define BUNDLE_SUFFIX ".ubiq"

enum {
  BUNDLE_BYTES_MAX = 64 << 20,           ///< of the file
  BUNDLE_UNPACKED_BYTES_MAX = 256 << 20, ///< of all that it holds
  BUNDLE_FILES_MAX = 4096,
};

typedef struct bundle bundle;

/// Reads a bundle and checks all of its form; what its files say is the business of those who read them. `*out` is the
/// caller's, for bundle_delete. Errors: those of file_read_all; `invalid_input` and `too_large` for what is wrong with it.
ubiq_error *bundle_read(const char *path, bundle **out);

/// The same from bytes, borrowed for the call; `name` stands for the file in messages.
ubiq_error *bundle_parse(const char *name, ubiq_bytes bytes, bundle **out);

/// The same from the archive that a bundle's file holds compressed. Takes what is in `tar` over, also on failure.
ubiq_error *bundle_from_tar(const char *name, buffer *tar, bundle **out);

/// What it is called in messages.
const char *bundle_name(const bundle *self);

/// A file's bytes, borrowed from the bundle; false when there is none of this name.
bool bundle_find(const bundle *self, text name, ubiq_bytes *content);

/// NULL is allowed.
void bundle_delete(bundle *self);

#endif
