// Connections that read: one for each thread that reads at the moment, lent for a read.
#ifndef SERVICES_BACKEND_SQLITE_READERS_H
#define SERVICES_BACKEND_SQLITE_READERS_H

#include "base/database.h"

#include <pthread.h>

enum { SQLITE_READERS_KEPT = 64 };

typedef struct sqlite_readers {
  const char *path; ///< borrowed
  pthread_mutex_t lock;
  database *free[SQLITE_READERS_KEPT]; ///< the last given back is the first lent: its pages are in the CPU's cache
  size_t count;
} sqlite_readers;

void sqlite_readers_init(sqlite_readers *self, const char *path);
/// Lends a connection. Errors: those of database_open_with. Any thread.
ubiq_error *sqlite_readers_take(sqlite_readers *self, database **out);
/// Takes it back; nothing of it is running. Any thread.
void sqlite_readers_give(sqlite_readers *self, database *database);
/// All were given back.
void sqlite_readers_end(sqlite_readers *self);

#endif
