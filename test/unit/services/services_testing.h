/// Services on a backend in a folder of its own: what the tests of each begin and end with.
#ifndef UBIQ_TEST_SERVICES_TESTING_H
#define UBIQ_TEST_SERVICES_TESTING_H

#include "services/config/secrets.h"
#include "services/storage/storage.h"
#include "unit/services/calling.h"

typedef struct fixture {
  folder folder;
  services services;
  uint64_t row_max; ///< of the storage: 0, all objects are files
} fixture;

/// Opens the backend, which does not wait for the disk; what else a test needs is its own to open.
static inline fixture *fixture_open(void **state) {
  static fixture self;
  self = (fixture){0};
  folder_make(&self.folder);
  const sqlite_backend_settings settings = {.path = self.folder.file, .is_fleeting = true};
  assert_success(sqlite_backend_open(&settings, &self.services.backend));
  *state = &self;
  return &self;
}

static inline int fixture_close(void **state) {
  fixture *self = *state;
  storage_close(self->services.storage);
  secrets_close(self->services.secrets);
  backend_close(self->services.backend);
  folder_remove(&self->folder);
  return 0;
}

static inline int fixture_set_up(void **state) {
  fixture_open(state);
  return 0;
}

static inline void fixture_open_storage(fixture *self) {
  const storage_settings settings = {
      .directory = self->folder.path, .backend = self->services.backend, .row_max = self->row_max};
  assert_success(storage_open(&settings, &self->services.storage));
}

/// As a server that starts anew would.
static inline void fixture_open_storage_again(fixture *self) {
  storage_close(self->services.storage);
  self->services.storage = NULL;
  fixture_open_storage(self);
}

#endif
