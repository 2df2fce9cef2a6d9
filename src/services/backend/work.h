// Work that must not be lost: what is to be done at or after a time, once at least. Events for their subscriptions, turns of
// schedules, the schedules themselves, calls that nobody waits for: all are items of queues.
//
// What is taken is not marked here. One process does the work of a database, and whoever does it remembers what it has begun; after
// a kill all of that is begun again. (JetStream: a stream for each project, with one message for each item under a subject of its queue
// and its name or, when it has none, its id. One node does the work of a project and keeps an index of times and orders of it, which it reads from the
// stream when it begins; which node that is, is a key with a time to live that it renews. What is to be done at a time needs the
// server's schedules (2.12) so only where no node is to keep an index.)
#ifndef SERVICES_BACKEND_WORK_H
#define SERVICES_BACKEND_WORK_H

#include "base/text.h"
#include "ubiq/error.h"

typedef struct backend backend;

typedef enum backend_work_state {
  BACKEND_WORK_WAITING, ///< is done when it is due
  BACKEND_WORK_PAUSED,  ///< is not, until somebody says so
  BACKEND_WORK_DEAD,    ///< was tried as often as it may be; kept until it is replayed or dropped
} backend_work_state;

/// An item. In an answer it is borrowed until `each` returns.
typedef struct backend_work_item {
  uint64_t id; ///< given when it is added; grows, and is never used twice
  text project;
  text queue;        ///< who does it: bytes, at most BACKEND_WORK_NAME_MAX
  text name;         ///< no two items of a queue have the same; empty: it has none
  text order;        ///< of items of a queue with the same, only the oldest is due; empty: it waits for no other
  uint64_t due_ms;   ///< wall clock since 1970
  uint64_t added_ms; ///< given
  uint32_t attempts; ///< that were made
  uint32_t hops;     ///< events and schedules that led to it
  backend_work_state state;
  ubiq_bytes payload; ///< JSON text
  text failure;       ///< what the last attempt said; empty: nothing
} backend_work_item;

enum { BACKEND_WORK_NAME_MAX = 512 };

/// What the names of queues begin with that are asked often how they stand: their numbers are kept as they change. Others are counted when
/// somebody asks. (The index knows of all.)
#define BACKEND_WORK_COUNTED "events/"

typedef enum backend_work_action {
  BACKEND_WORK_ADD, ///< `item` but for its id and added_ms; what has its name already: the write fails with `conflict`
  BACKEND_WORK_SET, ///< adds, or takes the place of what has its name, id and all
  BACKEND_WORK_PUT, ///< adds, or gives what has its name, and waits for no other, another payload, time and state; its id stays
  BACKEND_WORK_CHANGE, ///< of the item `id`: due_ms, attempts, state and failure; `hops` are what it has then at least
  BACKEND_WORK_END,    ///< takes the item `id` away; nothing happens when it is not there
  BACKEND_WORK_CLEAR, ///< of items without names of `queue`, to which nobody adds any more, takes a portion away (`is_more`)
} backend_work_action;

typedef struct backend_work_change {
  backend_work_action action;
  bool is_expected; ///< CHANGE and END: it must be there and due at `expected_ms`, else the write fails with `conflict`
  bool is_dead;     ///< and dead, where it is expected
  bool may_pass;    ///< or rather nothing happens to it then
  bool was_passed;  ///< the answer
  bool is_more;     ///< the answer of CLEAR: there may be more of them
  uint64_t expected_ms;
  backend_work_item item; ///< the id of a new one is written here
} backend_work_change;

/// How much waits, dead and paused items included. 0: no bound.
typedef struct backend_work_limits {
  uint64_t items_max; ///< of a project
  uint64_t bytes_max; ///< of their payloads
  uint64_t names_max; ///< of items with names in a queue to which one is added by a new name
} backend_work_limits;

/// Makes changes, all or none.
/// (An atomic batch publish (2.12). ADD with a name expects that its subject has no message, SET takes what is there away, as a stream
/// with one message a subject does; CHANGE and PUT are a message in the place of the one before, whose sequence they expect, and END a
/// marker that expires. An id is the sequence of an item's first message, which the later ones carry in a header. CLEAR is a purge of the
/// queue's subjects, all at once. Limits: kept by the node that has the index, so that two nodes may pass them by what they write at the
/// same moment.)
typedef struct backend_work_write {
  text project;
  backend_work_change *changes;
  size_t count;
  backend_work_limits limits;
  bool is_quiet;                                 ///< whoever watches is not told of what is due by it: who writes knows
  void (*done)(struct backend_work_write *self); ///< once, by any thread
  void *user;
  // The answer. Errors: `conflict`, `not_found` (CHANGE of what is not there), `quota`, `busy`, `unavailable`, `internal`.
  ubiq_error *error; ///< owned by whoever made the operation
} backend_work_write;

/// Where a walk over what is due stands; zeroed: at the beginning.
typedef struct backend_work_cursor {
  uint64_t due_ms, id;
} backend_work_cursor;

/// What of all projects, or of one queue's items without names, is due at `now_ms`, by time and age, behind `after` (of a queue: from the
/// first on). Or of one order of a queue: its first and those that wait behind it, by age, behind after.id, as far as they would be due one
/// after the other. Moves `after`. Blocks for a read.
typedef struct backend_work_due {
  uint64_t now_ms;
  text project, queue; ///< empty: all
  text order;          ///< empty: none
  backend_work_cursor after;
  size_t limit;
  void (*each)(struct backend_work_due *self, const backend_work_item *item);
  void *user;
  // The answer.
  uint64_t
      next_ms; ///< when the first is due that is not yet (of all), or now_ms when the limit was reached; UINT64_MAX: nothing
} backend_work_due;

/// Items of a queue that have names, by those; or a project's dead ones, of a queue or of all, by age; or one by its id.
/// (The subjects under a filter; sorted and cut to a page by the client, as lists of keys are.)
typedef struct backend_work_list {
  text project;
  bool of_all;       ///< those of a queue that have names, of all projects, by project
  text queue;        ///< empty: all, and it is for dead ones or has an id
  int state;         ///< BACKEND_WORK_DEAD, or -1: any
  text name;         ///< the one with this name; empty: all
  text after_name;   ///< of named ones behind this; empty: from the first on
  uint64_t after_id; ///< of dead ones behind this
  uint64_t only_id;  ///< 0: all
  size_t limit;
  void (*each)(struct backend_work_list *self, const backend_work_item *item);
  void *user;
  // The answer.
  bool is_more;
} backend_work_list;

/// How a queue stands. (From the index; on a node that has none of the project, by asking the one that has.)
typedef struct backend_work_count {
  uint64_t waiting, paused, dead;
  uint64_t
      oldest_ms; ///< when the first that waits is or was due (of a counted queue: the first without a name); 0: none waits
} backend_work_count;

/// The same of a project's counted queues, by queue; those that have nothing are left out.
typedef struct backend_work_counts {
  text project;
  void (*each)(struct backend_work_counts *self, text queue, const backend_work_count *count);
  void *user;
} backend_work_counts;

typedef struct backend_work_ops {
  void (*write)(backend *self, backend_work_write *operation);
  ubiq_error *(*due)(backend *self, backend_work_due *operation);
  ubiq_error *(*list)(backend *self, backend_work_list *operation);
  ubiq_error *(*count)(backend *self, text project, text queue, backend_work_count *out);
  ubiq_error *(*counts)(backend *self, backend_work_counts *operation);
  /// Whom to tell, on any thread, that something is due at `due_ms` which was not before: what was added or changed, and what an
  /// older item of its order has made way for. NULL: nobody. (By the consumer that fills the index.)
  void (*watch)(backend *self, void (*added)(void *user, uint64_t due_ms), void *user);
  /// The clock was set back: what waits for a time later than now, of all projects, is due earlier by as much. Goes on behind the call,
  /// portion by portion; whoever watches is told of each. `by_ms` 0: by as much as the newest item was added later than now, for a process
  /// that begins. (The node that has the index publishes each anew.)
  void (*hurry)(backend *self, uint64_t by_ms);
} backend_work_ops;

#endif
