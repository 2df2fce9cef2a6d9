// The backend in the process: one SQLite database with a write-ahead log.
//
// THREADS: one thread writes. It takes what waits, makes it one transaction, and tells everybody when that is on the disk: a
// thousand writers share a sync. Reads happen on the thread that asks, each by a connection that no other thread has meanwhile.
#ifndef SERVICES_BACKEND_SQLITE_H
#define SERVICES_BACKEND_SQLITE_H

#include "services/backend/backend.h"

typedef struct sqlite_backend_settings {
  const char *path;         ///< the database's file; made when it is missing, its folder is not
  bool is_for_reading;      ///< it has to be there; nothing is written or made, and writes fail
  bool is_fleeting;         ///< nothing is synced: for tests of functions
  size_t waiting_max;       ///< writes; 0: 65,536
  size_t waiting_bytes;     ///< of their values; 0: 64 MiB
  uint64_t (*now_ms)(void); ///< wall clock since 1970; NULL: the machine's
} sqlite_backend_settings;

/// `*out` is the caller's (backend_close). Errors: those of database_open_with, `internal` when no thread can be started.
ubiq_error *sqlite_backend_open(const sqlite_backend_settings *settings, backend **out);

/// Copies a backend's database, which a server may be using, to a file that is not there yet. Errors: those of
/// database_open_with and database_copy.
ubiq_error *sqlite_backend_copy(const char *path, const char *target);

#define SQLITE_BACKEND_FILE "services.db" ///< in a state folder

#endif
