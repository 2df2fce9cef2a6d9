// A stack of connections under a lock that is held for a few instructions.
#include "services/backend/sqlite_readers.h"

#include "services/backend/sqlite_schema.h"

void sqlite_readers_init(sqlite_readers *self, const char *path) {
  *self = (sqlite_readers){.path = path};
  pthread_mutex_init(&self->lock, NULL);
}

ubiq_error *sqlite_readers_take(sqlite_readers *self, database **out) {
  const database_settings settings = {.steps = sqlite_schema,
                                      .steps_count = sizeof sqlite_schema / sizeof sqlite_schema[0],
                                      .first = 1,
                                      .is_for_one = true,
                                      .is_for_reading = true};
  pthread_mutex_lock(&self->lock);
  *out = self->count == 0 ? NULL : self->free[--self->count];
  pthread_mutex_unlock(&self->lock);
  return *out != NULL ? NULL : database_open_with(self->path, &settings, out);
}

void sqlite_readers_give(sqlite_readers *self, database *database) {
  pthread_mutex_lock(&self->lock);
  bool is_kept = self->count < SQLITE_READERS_KEPT;
  if (is_kept) self->free[self->count++] = database;
  pthread_mutex_unlock(&self->lock);
  if (!is_kept) database_close(database);
}

void sqlite_readers_end(sqlite_readers *self) {
  while (self->count > 0) database_close(self->free[--self->count]);
  pthread_mutex_destroy(&self->lock);
}
