// From a bundle's file in a state's folder to a release that can be served.
#ifndef SERVER_RELEASES_RELEASE_LOAD_H
#define SERVER_RELEASES_RELEASE_LOAD_H

#include "server/releases/releases.h"

/// Loads and warms the bundle in a file. Of `record` the digest, the signature and what is granted are read, and
/// checked; project, version and size are filled in. Compiling may take `times` as long as the settings' compiler says.
/// `*out` has one owner, the caller. Blocks while modules are compiled. Errors: those of release_from_bundle;
/// `invalid_input` when the file is another than the digest says; `denied` for its signature; `quota` when compiling
/// takes too much.
ubiq_error *release_load(const releases_settings *self, const char *path, unsigned times, release_record *record,
                         release **out);

#endif
