// Bytes of small objects that were written or read of late, by the objects' ids, under which they never change: reading them from their row takes a
// system call for each page. Any thread.
#ifndef SERVICES_STORAGE_STORAGE_RECENT_H
#define SERVICES_STORAGE_STORAGE_RECENT_H

#include "base/buffer.h"

typedef struct storage_recent storage_recent;

/// NULL when memory is out.
storage_recent *storage_recent_new(void);

/// Appends a part of an object's bytes. False when they are not there, or memory is out.
UBIQ_NODISCARD bool storage_recent_read(storage_recent *self, const char *id, uint64_t from, size_t size, buffer *out);

/// Keeps a copy, if there is memory, in the place of the oldest of a few.
void storage_recent_keep(storage_recent *self, const char *id, ubiq_bytes bytes);

/// NULL is allowed.
void storage_recent_delete(storage_recent *self);

#endif
