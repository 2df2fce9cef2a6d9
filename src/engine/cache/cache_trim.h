// Keeps the module cache's folder small: the entries used longest ago go first.
#ifndef ENGINE_CACHE_CACHE_TRIM_H
#define ENGINE_CACHE_CACHE_TRIM_H

#include "ubiq/base.h"

/// Notes that an entry was used now. What cannot be noted is not.
void cache_touch(const char *path);

/// Deletes entries of `folder` (files named by 64 hex digits) until those left have at most `bytes_max` bytes together.
/// Any number of processes at once; what cannot be deleted stays.
void cache_trim(const char *folder, uint64_t bytes_max);

#endif
