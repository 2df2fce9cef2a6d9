/// An inbox: how other threads hand work over to the thread of a loop.
///
/// Who posts first rings, and what is posted until the loop has looked comes along: one wake for many. The last of its
/// holders frees it, so that who holds one may post whether or not its thread is still there.
///
/// LOCKS: one, held for a few stores and while `ring` runs.
#ifndef UBIQ_BASE_INBOX_H
#define UBIQ_BASE_INBOX_H

#include "ubiq/base.h"

typedef struct inbox inbox;

/// What is handed over; embedded in what it is about.
typedef struct inbox_item {
  struct inbox_item *next;
  void (*take)(struct inbox_item *self); ///< called on the inbox's thread; may free the item
} inbox_item;

/// Makes an inbox with one holder. `ring` is called, on any thread, when there is something to take and has not been before.
/// NULL when memory is out.
UBIQ_NODISCARD inbox *inbox_new(void (*ring)(void *user), void *user);

/// One more holder; returns the same inbox. Any thread.
inbox *inbox_retain(inbox *self);
/// One holder less; the last ends it. NULL is allowed. Any thread.
void inbox_release(inbox *self);

/// Posts an item. False when the inbox is closed: the item is still the caller's. Any thread.
UBIQ_NODISCARD bool inbox_post(inbox *self, inbox_item *item);

/// Takes what was posted, in order. The inbox's thread.
void inbox_take(inbox *self);

/// Takes what was posted, and nothing more is from now on; `ring` is not called any more. The inbox's thread.
void inbox_close(inbox *self);

#endif
