// Where compiled modules are kept; see cache.h for what the folder is.
#ifndef ENGINE_CACHE_CACHE_FOLDER_H
#define ENGINE_CACHE_CACHE_FOLDER_H

#include "ubiq/error.h"

/// The module cache's folder, for `free`; `*out` is NULL where the cache is turned off. UBIQ_CACHE names it, or turns it
/// off when it is empty. Else EXTISM_CACHE_CONFIG does, as for libextism: empty turns the cache off, otherwise it is a
/// TOML file, of which `cache.directory` counts. Else it is in the user's cache. Errors: `invalid_input` (a
/// configuration that is malformed), `not_found`, `internal`.
ubiq_error *cache_folder(char **out);

#endif
