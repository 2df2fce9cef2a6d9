// Bytes that were read or written of late, by their keys, so that reading them again asks nobody: as many as fit in a bound; what was not found for
// longest makes room. Any thread.
//
// Whoever fills it with what is kept elsewhere, and may change there, asks for the key's turn before it reads: what was dropped meanwhile is then
// not kept as it was before.
#ifndef UBIQ_BASE_MEMO_H
#define UBIQ_BASE_MEMO_H

#include "base/text.h"
#include "ubiq/base.h"

typedef struct memo memo;
/// The bytes of a key as they were when they were kept: they never change.
typedef struct memo_item memo_item;

/// Of at most so many bytes, what it takes to keep them included. NULL when memory is out.
memo *memo_new(size_t bytes_max);
/// Nothing of it is held any more. NULL is allowed.
void memo_delete(memo *self);

/// Holds what is kept under a key until `memo_release`; NULL: nothing is.
memo_item *memo_find(memo *self, text key);
ubiq_bytes memo_bytes(const memo_item *item);
/// NULL is allowed.
void memo_release(memo_item *item);

/// Changes whenever something is dropped that the key may be; see above.
uint64_t memo_turn(memo *self, text key);
/// Keeps a copy of the parts, one behind the other, in the place of what is under the key: if there is memory, if it is no large part of all that
/// may be kept, and if nothing was dropped since `turn`.
void memo_keep(memo *self, text key, uint64_t turn, const ubiq_bytes *parts, size_t count);
/// Whether there was something.
bool memo_drop(memo *self, text key);
void memo_drop_all(memo *self);

#endif
