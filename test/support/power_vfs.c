// LOCKS: one, over all files: this is for tests.
#include "support/power_vfs.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, SLOTS = 4096 };

/// A sector that is not on the disk.
typedef struct sector {
  sqlite3_int64 number;
  struct sector *next;
  unsigned char bytes[SECTOR];
} sector;

/// A file, whoever has it open.
typedef struct shared_file {
  struct shared_file *next;
  char *name;
  sqlite3_int64 size; ///< as the process sees it
  sector *slots[SLOTS];
} shared_file;

typedef struct power_file {
  sqlite3_file base;
  shared_file *shared; ///< NULL: of no name
  sqlite3_file *real;  ///< behind this struct
} power_file;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static shared_file *files;
static sqlite3_vfs vfs;
static sqlite3_vfs *real;
static unsigned long long chance;
static bool is_forgetful;
static atomic_bool is_full, is_broken;

static power_file *of(sqlite3_file *file) {
  return (power_file *)file;
}

static unsigned next_chance(void) {
  chance ^= chance << 13;
  chance ^= chance >> 7;
  chance ^= chance << 17;
  return (unsigned)(chance >> 33);
}

// -------------------------------------------------------------------------------------------------------------- sectors

static sector **find(shared_file *self, sqlite3_int64 number) {
  sector **at = &self->slots[number % SLOTS];
  while (*at != NULL && (*at)->number != number) at = &(*at)->next;
  return at;
}

static int write_through(power_file *self, const sector *sector) {
  sqlite3_int64 from = sector->number * SECTOR;
  sqlite3_int64 size = self->shared->size - from < SECTOR ? self->shared->size - from : SECTOR;
  return size <= 0 ? SQLITE_OK : self->real->pMethods->xWrite(self->real, sector->bytes, (int)size, from);
}

static void drop(sector **at) {
  sector *gone = *at;
  *at = gone->next;
  free(gone);
}

/// The sector as the process sees it.
static void read_sector(power_file *self, sqlite3_int64 number, unsigned char out[SECTOR]) {
  const sector *kept = *find(self->shared, number);
  memset(out, 0, SECTOR);
  if (kept != NULL)
    memcpy(out, kept->bytes, SECTOR);
  else
    self->real->pMethods->xRead(self->real, out, SECTOR, number * SECTOR); // short at the end: zeros
}

static void write_sector(power_file *self, sqlite3_int64 number, int at, const unsigned char *bytes, int size) {
  sector **place = find(self->shared, number);
  if (*place == NULL) {
    sector *made = calloc(1, sizeof *made);
    assert(made != NULL);
    made->number = number;
    read_sector(self, number, made->bytes);
    *place = made;
  }
  memcpy((*place)->bytes + at, bytes, (size_t)size);
  if (next_chance() % 4 != 0) return;
  write_through(self, *place); // the disk took it early; it is kept as well, so that a sync writes it again
}

// -------------------------------------------------------------------------------------------------------------- methods

static int power_close(sqlite3_file *file) {
  return of(file)->real->pMethods->xClose(of(file)->real);
}

static int power_read(sqlite3_file *file, void *out, int size, sqlite3_int64 from) {
  power_file *self = of(file);
  if (self->shared == NULL) return self->real->pMethods->xRead(self->real, out, size, from);
  pthread_mutex_lock(&lock);
  sqlite3_int64 there = self->shared->size - from;
  int full = there >= size ? size : there < 0 ? 0 : (int)there;
  unsigned char bytes[SECTOR];
  for (int done = 0; done < full;) {
    int at = (int)((from + done) % SECTOR);
    int part = SECTOR - at < full - done ? SECTOR - at : full - done;
    read_sector(self, (from + done) / SECTOR, bytes);
    memcpy((char *)out + done, bytes + at, (size_t)part);
    done += part;
  }
  pthread_mutex_unlock(&lock);
  if (full == size) return SQLITE_OK;
  memset((char *)out + full, 0, (size_t)(size - full));
  return SQLITE_IOERR_SHORT_READ;
}

static int power_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 from) {
  power_file *self = of(file);
  if (self->shared == NULL) return self->real->pMethods->xWrite(self->real, bytes, size, from);
  if (atomic_load(&is_full)) return SQLITE_FULL;
  pthread_mutex_lock(&lock);
  if (from + size > self->shared->size) self->shared->size = from + size;
  for (int done = 0; done < size;) {
    int at = (int)((from + done) % SECTOR);
    int part = SECTOR - at < size - done ? SECTOR - at : size - done;
    write_sector(self, (from + done) / SECTOR, at, (const unsigned char *)bytes + done, part);
    done += part;
  }
  pthread_mutex_unlock(&lock);
  return SQLITE_OK;
}

/// A shorter file is so at once: the names and sizes of files are the journal's of a file system.
static int power_truncate(sqlite3_file *file, sqlite3_int64 size) {
  power_file *self = of(file);
  if (self->shared == NULL) return self->real->pMethods->xTruncate(self->real, size);
  pthread_mutex_lock(&lock);
  self->shared->size = size;
  for (int i = 0; i < SLOTS; i++)
    for (sector **at = &self->shared->slots[i]; *at != NULL;) {
      if ((*at)->number * SECTOR >= size)
        drop(at);
      else
        at = &(*at)->next;
    }
  int result = self->real->pMethods->xTruncate(self->real, size);
  pthread_mutex_unlock(&lock);
  return result;
}

static int power_sync(sqlite3_file *file, int flags) {
  (void)flags; // what reaches the other file is safe: the machine does not fail in a test
  power_file *self = of(file);
  if (self->shared == NULL || is_forgetful) return SQLITE_OK;
  if (atomic_load(&is_broken)) return SQLITE_IOERR_FSYNC;
  int result = SQLITE_OK;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < SLOTS; i++)
    while (self->shared->slots[i] != NULL) {
      if (result == SQLITE_OK) result = write_through(self, self->shared->slots[i]);
      drop(&self->shared->slots[i]);
    }
  pthread_mutex_unlock(&lock);
  return result;
}

static int power_size(sqlite3_file *file, sqlite3_int64 *size) {
  power_file *self = of(file);
  if (self->shared == NULL) return self->real->pMethods->xFileSize(self->real, size);
  pthread_mutex_lock(&lock);
  *size = self->shared->size;
  pthread_mutex_unlock(&lock);
  return SQLITE_OK;
}

static int power_lock(sqlite3_file *file, int level) {
  return of(file)->real->pMethods->xLock(of(file)->real, level);
}

static int power_unlock(sqlite3_file *file, int level) {
  return of(file)->real->pMethods->xUnlock(of(file)->real, level);
}

static int power_check(sqlite3_file *file, int *out) {
  return of(file)->real->pMethods->xCheckReservedLock(of(file)->real, out);
}

/// Hints about sizes would reach the real file.
static int power_control(sqlite3_file *file, int operation, void *argument) {
  bool is_hint = operation == SQLITE_FCNTL_SIZE_HINT || operation == SQLITE_FCNTL_CHUNK_SIZE;
  return is_hint ? SQLITE_NOTFOUND : of(file)->real->pMethods->xFileControl(of(file)->real, operation, argument);
}

static int power_sector(sqlite3_file *file) {
  (void)file;
  return SECTOR;
}

static int power_features(sqlite3_file *file) {
  (void)file;
  return 0; // nothing is promised: pages can be torn
}

static int power_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
  return of(file)->real->pMethods->xShmMap(of(file)->real, page, size, extend, out);
}

static int power_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  return of(file)->real->pMethods->xShmLock(of(file)->real, offset, count, flags);
}

static void power_shm_barrier(sqlite3_file *file) {
  of(file)->real->pMethods->xShmBarrier(of(file)->real);
}

static int power_shm_unmap(sqlite3_file *file, int is_deleted) {
  return of(file)->real->pMethods->xShmUnmap(of(file)->real, is_deleted);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = power_close,
    .xRead = power_read,
    .xWrite = power_write,
    .xTruncate = power_truncate,
    .xSync = power_sync,
    .xFileSize = power_size,
    .xLock = power_lock,
    .xUnlock = power_unlock,
    .xCheckReservedLock = power_check,
    .xFileControl = power_control,
    .xSectorSize = power_sector,
    .xDeviceCharacteristics = power_features,
    .xShmMap = power_shm_map,
    .xShmLock = power_shm_lock,
    .xShmBarrier = power_shm_barrier,
    .xShmUnmap = power_shm_unmap,
};

// ----------------------------------------------------------------------------------------------------- the file system

static shared_file *share(const char *name, sqlite3_file *opened) {
  shared_file *self = files;
  while (self != NULL && strcmp(self->name, name) != 0) self = self->next;
  if (self != NULL) return self;
  self = calloc(1, sizeof *self);
  assert(self != NULL);
  self->name = strdup(name);
  opened->pMethods->xFileSize(opened, &self->size);
  self->next = files;
  files = self;
  return self;
}

static int power_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags) {
  (void)self;
  power_file *made = of(file);
  *made = (power_file){.real = (sqlite3_file *)(made + 1)};
  int result = real->xOpen(real, name, made->real, flags, out_flags);
  if (result != SQLITE_OK) return result;
  made->base.pMethods = &methods;
  if (name == NULL) return SQLITE_OK;
  pthread_mutex_lock(&lock);
  made->shared = share(name, made->real);
  pthread_mutex_unlock(&lock);
  return SQLITE_OK;
}

static int power_delete(sqlite3_vfs *self, const char *name, int sync_folder) {
  (void)self;
  pthread_mutex_lock(&lock);
  for (shared_file *file = files; file != NULL; file = file->next) {
    if (strcmp(file->name, name) != 0) continue;
    file->size = 0;
    for (int i = 0; i < SLOTS; i++)
      while (file->slots[i] != NULL) drop(&file->slots[i]);
  }
  pthread_mutex_unlock(&lock);
  return real->xDelete(real, name, sync_folder);
}

void power_vfs_install(unsigned long long seed, bool forgets_synced) {
  real = sqlite3_vfs_find(NULL);
  chance = seed * 2654435761u + 88172645463325252u;
  is_forgetful = forgets_synced;
  vfs = *real;
  vfs.zName = "power";
  vfs.szOsFile = (int)sizeof(power_file) + real->szOsFile;
  vfs.xOpen = power_open;
  vfs.xDelete = power_delete;
  sqlite3_vfs_register(&vfs, 1);
}

void power_vfs_fill(bool full) {
  atomic_store(&is_full, full);
}

void power_vfs_break(bool broken) {
  atomic_store(&is_broken, broken);
}
