// Rows of kv that were read of late, in memory: who reads one again asks neither SQLite nor the system, as long as nobody has written since, this
// process or another.
//
// SQLite tells all processes that a transaction was committed by the header of its log's index, which is in memory that they share: its layout is
// part of SQLite's file format (https://sqlite.org/walformat.html, 2.2). What is kept is as of one such header, told by its checksum: a reader that
// sees another asks SQLite. The writer knows which keys it changed. Within a transaction nobody else writes, so if the header it finds there is not
// the one that it left, others wrote, and all that is kept goes; and the header after its own commit has a counter of changes that it knows.
//
// THREADS: any reads; what is of the writer is said by its thread alone.
#ifndef SERVICES_BACKEND_SQLITE_ROWS_H
#define SERVICES_BACKEND_SQLITE_ROWS_H

#include "base/database.h"
#include "base/memo.h"
#include "services/backend/backend.h"

#include <stdatomic.h>

enum { SQLITE_ROWS_BYTES_MAX = 8 << 20 };

/// Zeroed, it keeps nothing.
typedef struct sqlite_rows {
  memo *kept;                   ///< NULL: nothing is
  const volatile void *headers; ///< of the log's index, the writer's connection's
  atomic_ullong state;          ///< the checksum of the header as of which what is kept is so; 0: it is not known to be
  // The writer's.
  uint32_t changes; ///< the header's counter when the transaction began
  bool is_known;    ///< it was found
  bool is_swept;    ///< the transaction removed rows whose keys nobody wrote down
} sqlite_rows;

/// `writer` is the connection that writes, and is open until `sqlite_rows_end`. Where its log's index cannot be looked at, nothing is kept.
/// Errors: `internal` when memory is out.
ubiq_error *sqlite_rows_begin(sqlite_rows *self, database *writer);
void sqlite_rows_end(sqlite_rows *self);

/// Answers by what is kept, `done` included; false: ask SQLite.
bool sqlite_rows_answer(sqlite_rows *self, backend_kv_read *operation, uint64_t now_ms);
/// To be asked before SQLite is: see memo_turn.
uint64_t sqlite_rows_turn(const sqlite_rows *self, const backend_kv_read *operation);
/// Keeps what SQLite answered, without its attachment.
void sqlite_rows_keep(sqlite_rows *self, const backend_kv_read *operation, uint64_t turn);

// The writer, in this order: it has begun a transaction; rows went in it; it was committed, and what that changed; that it is done with, unless it
// failed.

void sqlite_rows_begun(sqlite_rows *self);
void sqlite_rows_swept(sqlite_rows *self);
/// `entry` is what the key has now: kept where the key was read of late. NULL: whatever it has, it is to be read.
void sqlite_rows_changed(sqlite_rows *self, backend_place place, text key, const backend_kv_entry *entry);
/// `wrote`: it changed the database at all.
void sqlite_rows_committed(sqlite_rows *self, bool wrote);
void sqlite_rows_failed(sqlite_rows *self);

#endif
