// Where services keep what must last: one interface, SQLite in the process (sqlite.h) or, later, NATS JetStream. A service
// never knows which it has, so that everything here is promised by both; each operation says how JetStream will keep it.
//
// What both promise:
//  - Keys and prefixes are bytes, compared byte for byte; lists are ordered by them. (JetStream: keys are escaped to the
//    alphabet of its subjects, two hexadecimal digits a byte, which keeps their order; lists are sorted by the client.)
//  - A place is a project and, for what is private to one of its functions, that function. Places know nothing of each other.
//    (A bucket for each project, the function's name as a token of the subject.)
//  - "Done" means on the disk: what was acknowledged is there after the process or the power is gone. (A stream with
//    storage = file on servers with sync_interval = always; the publish's acknowledgement.)
//  - What was acknowledged is seen by every later read, whoever asks. (Reads go to the stream's leader: no direct get.)
//  - A write that failed changed nothing, with one exception: after `unavailable` or `internal` it may have been kept
//    although nobody could be told. (The same for an acknowledgement that did not arrive.) A conditional write can be
//    repeated without harm.
//  - A version is a number that grows with every change in a project and is never used twice, so that a key that was deleted and
//    made again never looks unchanged. (The stream's sequence number.)
//  - No operation blocks its caller but for a short read; when too much waits, it fails with `busy`. (A read is a request to the
//    leader; those that are said to block, all of them for threads that may, wait for its answer.)
//
// Operations are structs that the caller owns and fills in, and `done` ends: it is called exactly once, by any thread, during the call
// already perhaps, and takes the answer. Until then the struct and what it points to stay where they are; afterwards nothing of
// it is touched. An operation cannot be taken back: it takes no longer than a disk does.
//
// A new service adds its structs and functions to `backend_ops`; work that must not be lost has its own header (work.h). Secrets
// and metadata of objects: kv of places that no function has; objects' bytes: files (the object store).
#ifndef SERVICES_BACKEND_BACKEND_H
#define SERVICES_BACKEND_BACKEND_H

#include "base/buffer.h"
#include "base/text.h"
#include "services/backend/work.h"
#include "ubiq/error.h"

/// Whose it is. Names are those of ubiq.toml, without control characters; a project whose name begins with one is a service's own place.
typedef struct backend_place {
  text project;
  text function; ///< empty: what the project's functions share
} backend_place;

// ------------------------------------------------------------------------------------------------------- keys and values

/// A value as it is kept. In an answer it is borrowed until `done` or `each` returns.
typedef struct backend_kv_entry {
  text key; ///< bytes; may hold any
  ubiq_bytes value;
  text media_type;       ///< of bytes; empty: the value is JSON text
  ubiq_bytes attachment; ///< bytes beside the value. Where a read asks for them; of a list the size alone
  uint64_t version;      ///< of its last change
  uint64_t expires_ms;   ///< wall clock since 1970; from then on it is not seen. 0: never
} backend_kv_entry;

/// Looks a key up. (A get of the last message of the key's subject; one whose time has come counts as none. Where there is an attachment,
/// that is the message's body, and the value, some KiB at most, one of its headers: so lists take headers alone.)
typedef struct backend_kv_read {
  backend_place place;
  text key;
  bool wants_attachment;
  void (*done)(struct backend_kv_read *self);
  void *user;
  // The answer. Errors: `unavailable`, `internal`.
  ubiq_error *error; ///< owned by whoever made the operation
  bool is_found;
  backend_kv_entry entry;
} backend_kv_read;

/// Lists keys that begin with `prefix`, behind `after`, in order. Each page is one moment's, or (JetStream) at least nothing is in it
/// that was not there while it was made; between two pages keys may come and go,
/// but none that was there all the time is left out or told twice, because a page goes on behind a key and not at a number.
/// (The subjects of a bucket under a filter, with values only where they are wanted; sorted, and cut to a page.)
typedef struct backend_kv_list {
  backend_place place;
  text prefix;
  bool is_after; ///< else from the first on
  text after;    ///< need not be there
  size_t limit;
  bool wants_values; ///< else entries come without
  void (*each)(struct backend_kv_list *self, const backend_kv_entry *entry, size_t value_size);
  void (*done)(struct backend_kv_list *self);
  void *user;
  // The answer. Errors: as for a read.
  ubiq_error *error;
  bool is_more; ///< there are keys behind the last
} backend_kv_list;

typedef enum backend_kv_action {
  BACKEND_KV_PUT,
  BACKEND_KV_DELETE,    ///< of a key that is not there: nothing happens
  BACKEND_KV_INCREMENT, ///< of a key that is not there: it begins at 0
  BACKEND_KV_CHECK,     ///< nothing but that the condition must hold
} backend_kv_action;

typedef enum backend_kv_condition {
  BACKEND_KV_ALWAYS,
  BACKEND_KV_IF_ABSENT,
  BACKEND_KV_IF_VERSION, ///< it is there, with this version
} backend_kv_condition;

/// Why a write was refused by what is there.
typedef enum backend_kv_refusal {
  BACKEND_KV_REFUSED_NOT,
  BACKEND_KV_REFUSED_CONDITION, ///< of a change
  BACKEND_KV_REFUSED_LIMIT,     ///< of what the project may keep: `quota`
  BACKEND_KV_REFUSED_VALUE,     ///< to be incremented: it is no integer, or would pass the bounds
} backend_kv_refusal;

/// Numbers stay where JSON keeps them exact: from -(2^53 - 1) to 2^53 - 1.
#define BACKEND_KV_NUMBER_MAX INT64_C(9007199254740991)

/// One change of a key.
typedef struct backend_kv_change {
  backend_kv_action action;
  backend_kv_condition condition; ///< when it is not so, the write fails
  uint64_t version;               ///< of IF_VERSION
  text key;
  ubiq_bytes value;      ///< of a put
  text media_type;       ///< of a put; empty: JSON text
  ubiq_bytes attachment; ///< of a put; `data` NULL: none
  uint64_t expires_ms;   ///< of a put; of an increment for a key that it makes. 0: never
  int64_t amount;        ///< of an increment: to a JSON integer, which keeps its expiry
  // The answer.
  bool was_there;
  uint64_t version_now; ///< 0: it is not there
  int64_t number;       ///< of an increment
} backend_kv_change;

/// How much a project may keep, all its places together; a value's size is that of its key, bytes, media type and attachment.
/// What expired counts until it is swept, which a project that has no room left is not refused for.
typedef struct backend_kv_limits {
  uint64_t keys_max;
  uint64_t bytes_max;
} backend_kv_limits;

/// Makes changes, all or none, in their order; later ones see earlier ones, and a key may come twice. Writes of one caller that were
/// handed over one after the other happen in this order.
/// (One change: a publish with Nats-Expected-Last-Subject-Sequence. Several: an atomic batch publish (JetStream 2.12), each message
/// with its own; a conflict refuses the batch. An increment: read, then publish if the version is the same, again until it is. Expiry:
/// a message's own TTL. Limits: of the bucket's stream, bytes exactly, keys by its count of subjects.)
typedef struct backend_kv_write {
  backend_place place;
  backend_kv_change *changes;
  size_t count; ///< at least 1
  backend_kv_limits limits;
  void (*done)(struct backend_kv_write *self);
  void *user;
  // The answer. Errors: `conflict` (see `refusal`), `quota` (of the project, or the disk is full), `busy` (too many wait),
  // `unavailable`, `internal`.
  ubiq_error *error;
  backend_kv_refusal refusal;
  size_t failed; ///< which change was refused
} backend_kv_write;

/// What a project keeps, for its quotas to be compared with, and for metrics; as of the last write, what expired and is not swept
/// included. (The stream's state: its bytes, and how many subjects it has.)
typedef struct backend_kv_usage {
  uint64_t keys;
  uint64_t bytes;
  uint64_t work_items; ///< work.h
  uint64_t work_bytes;
} backend_kv_usage;

// ------------------------------------------------------------------------------------------------------------ the whole

/// Numbers since the backend was opened; any may be read while they change. Of this process alone.
/// (Counted by the client: acknowledgements, refusals, batches, publishes that are not acknowledged yet.)
typedef struct backend_counts {
  uint64_t writes;  ///< that were kept
  uint64_t refused; ///< that failed, for whatever reason
  uint64_t groups;  ///< syncs of the disk that they took
  uint64_t waiting; ///< now
} backend_counts;

typedef struct backend_ops {
  const char *name; ///< "sqlite"
  void (*kv_read)(backend *self, backend_kv_read *operation);
  void (*kv_list)(backend *self, backend_kv_list *operation);
  void (*kv_write)(backend *self, backend_kv_write *operation);
  ubiq_error *(*kv_usage)(backend *self, text project, backend_kv_usage *out);
  const backend_work_ops *work;
  void (*count)(backend *self, backend_counts *out);
  void (*close)(backend *self);
} backend_ops;

/// What every backend begins with.
struct backend {
  const backend_ops *ops;
};

/// Any thread, all of these.
static inline void backend_kv_read_start(backend *self, backend_kv_read *operation) {
  self->ops->kv_read(self, operation);
}

static inline void backend_kv_list_start(backend *self, backend_kv_list *operation) {
  self->ops->kv_list(self, operation);
}

static inline void backend_kv_write_start(backend *self, backend_kv_write *operation) {
  self->ops->kv_write(self, operation);
}

/// Blocks for a read. Errors: as for a read.
static inline ubiq_error *backend_kv_usage_now(backend *self, text project, backend_kv_usage *out) {
  return self->ops->kv_usage(self, project, out);
}

static inline void backend_work_write_start(backend *self, backend_work_write *operation) {
  self->ops->work->write(self, operation);
}

/// Blocks for a read, as the next three do. Errors: `unavailable`, `internal`.
static inline ubiq_error *backend_work_due_now(backend *self, backend_work_due *operation) {
  return self->ops->work->due(self, operation);
}

static inline ubiq_error *backend_work_list_now(backend *self, backend_work_list *operation) {
  return self->ops->work->list(self, operation);
}

static inline ubiq_error *backend_work_count_now(backend *self, text project, text queue, backend_work_count *out) {
  return self->ops->work->count(self, project, queue, out);
}

static inline ubiq_error *backend_work_counts_now(backend *self, backend_work_counts *operation) {
  return self->ops->work->counts(self, operation);
}

static inline void backend_work_watch(backend *self, void (*added)(void *user, uint64_t due_ms), void *user) {
  self->ops->work->watch(self, added, user);
}

static inline void backend_work_hurry(backend *self, uint64_t by_ms) {
  self->ops->work->hurry(self, by_ms);
}

static inline void backend_count(backend *self, backend_counts *out) {
  self->ops->count(self, out);
}

/// Ends what waits, each with its answer, and closes. No operation may be started any more. NULL is allowed.
/// (Waits for the acknowledgements that are under way, some seconds at most; what is not answered by then is `unavailable`.)
static inline void backend_close(backend *self) {
  if (self != NULL) self->ops->close(self);
}

#endif
