// The service storage: objects, bytes by path, of a project or of a function with `private = true`.
//
// A small object's bytes are kept beside its entry in the backend, so that one sync of that has both; a larger one's are a file of the
// state folder, `objects/ID`, which is written, named and synced before its entry says that it is there, and never changed afterwards.
// So a reader sees the old bytes or the new ones, and what a crash leaves is at most a file that no entry names: it is removed at the
// next start. Paths are keys of the backend and never names of files.
//
// THREADS: files are read and written by threads of its own, which also wait for the backend; handlers only hand calls over. What is in
// rows alone is asked for and answered without them. Uploads are kept in memory with a file each, and go with the process.
#ifndef SERVICES_STORAGE_STORAGE_H
#define SERVICES_STORAGE_STORAGE_H

#include "services/backend/backend.h"
#include "services/service.h"

enum {
  STORAGE_PATH_MAX = 1024,       ///< bytes
  STORAGE_METADATA_MAX = 2048,   ///< bytes
  STORAGE_OBJECTS_MAX = 1000000, ///< of all projects
  STORAGE_ROW_MAX = 64 << 10,    ///< bytes of an object that is kept in its row, as a server has it
  STORAGE_ANSWER_MAX = 8 << 20,  ///< bytes of one answer: what is larger is read in ranges
};

#define STORAGE_DIRECTORY "objects"  ///< in a state folder; in it, beside the files:
#define STORAGE_LOCK      ".lock"    ///< shared by who uses the folder
#define STORAGE_COPYING   ".copying" ///< shared by who copies it (storage_check.h)

typedef struct storage storage;

typedef struct storage_settings {
  const char *directory; ///< the state's; `objects` is made in it
  struct backend *backend;
  bool is_fleeting;   ///< nothing is synced
  uint64_t row_max;   ///< bytes of an object that is kept in its row; 0: all are files
  uint64_t upload_ms; ///< an upload to which nothing comes is dropped after; 0: an hour
} storage_settings;

/// Removes the files that no entry names, unless another process uses the folder. Borrows the backend. `*out` is the caller's. Errors:
/// those of making the folder and of reading entries, `internal` when no thread can be started.
ubiq_error *storage_open(const storage_settings *settings, storage **out);

/// Bytes of a project's objects and uploads. Any thread.
uint64_t storage_used(storage *self, text project);

/// What there is now.
typedef struct storage_counts {
  uint64_t bytes;   ///< of all projects' objects and uploads
  uint64_t uploads; ///< under way
  uint64_t waiting; ///< calls, for a thread
} storage_counts;

/// Any thread.
void storage_count(storage *self, storage_counts *out);

/// Ends what waits, each call with its answer. Before the backend's end. NULL is allowed.
void storage_close(storage *self);

#endif
