/// A backend with a clock that the test sets.
#ifndef UBIQ_TEST_SQLITE_TESTING_H
#define UBIQ_TEST_SQLITE_TESTING_H

#include "unit/services/backend/backend_testing.h"
#include "unit/services/fake_clock.h"

typedef struct fixture {
  folder folder;
  backend *backend;
} fixture;

static inline void open_at(fixture *self) {
  const sqlite_backend_settings settings = {.path = self->folder.file, .now_ms = fake_now};
  assert_success(sqlite_backend_open(&settings, &self->backend));
}

static inline int fixture_begin(void **state, uint64_t now_ms) {
  static fixture self;
  atomic_store(&fake_now_ms, now_ms);
  folder_make(&self.folder);
  open_at(&self);
  *state = &self;
  return 0;
}

static inline int tear_down(void **state) {
  fixture *self = *state;
  backend_close(self->backend);
  folder_remove(&self->folder);
  return 0;
}

#endif
