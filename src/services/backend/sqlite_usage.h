// What each project keeps and which version it gave last: counted in memory on the writer's thread, and written once a transaction.
#ifndef SERVICES_BACKEND_SQLITE_USAGE_H
#define SERVICES_BACKEND_SQLITE_USAGE_H

#include "base/map.h"
#include "services/backend/sqlite_writer.h"

typedef struct sqlite_project {
  int64_t id;
  uint64_t sequence; ///< the last version
  uint64_t keys;
  uint64_t bytes;
  uint64_t work;       ///< items (work.h)
  uint64_t work_bytes; ///< of their payloads
  bool is_changed;     ///< since it was read or written: it is in the list of those
  struct sqlite_project *next_changed;
} sqlite_project;

/// A zeroed one is empty. The writer's thread alone.
typedef struct sqlite_usage {
  map names; ///< a project's name: a pointer to its numbers, owned
  map ids;   ///< the bytes of its id: the same pointer
  sqlite_project *changed;
} sqlite_usage;

/// A project's numbers, which are read or made when they are not known. Outside of savepoints. Borrowed until
/// sqlite_usage_forget. Errors: SQLite's.
ubiq_error *sqlite_usage_enter(sqlite_usage *self, database *database, text project, sqlite_project **out);
/// Says that a project's numbers are others now.
void sqlite_usage_change(sqlite_usage *self, sqlite_project *project);
/// Counts what was removed from the project of this id.
ubiq_error *sqlite_usage_remove(sqlite_usage *self, database *database, int64_t id, uint64_t bytes);

ubiq_error *sqlite_usage_flush(sqlite_usage *self, database *database);
void sqlite_usage_forget(sqlite_usage *self);

#endif
