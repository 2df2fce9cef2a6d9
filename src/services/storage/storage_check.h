// Objects as somebody finds them who is not their server: copied, or looked at, while that goes on.
#ifndef SERVICES_STORAGE_STORAGE_CHECK_H
#define SERVICES_STORAGE_STORAGE_CHECK_H

#include "services/backend/backend.h"

/// Holds what a state folder has: a server goes on, but no file of an object is removed, though it has been replaced, until
/// storage_let_go. Files that are left over so go with the next start. `directory` is the state's; where it has no objects, nothing is held.
/// Errors: those of opening a file.
typedef struct storage_hold {
  int start, files; ///< descriptors; -1: not held
} storage_hold;

ubiq_error *storage_hold_files(const char *directory, storage_hold *out);
/// Twice is allowed, and what was not held.
void storage_let_go(storage_hold *self);

/// What is wrong with the objects of a state folder.
typedef struct storage_report {
  uint64_t objects;
  uint64_t missing; ///< have no file
  uint64_t damaged; ///< have a file of another size
  uint64_t unnamed; ///< files that no object names
  char first[96];   ///< of those that are missing or damaged: the file's name; empty: there is none
} storage_report;

/// Compares entries with files; holds them meanwhile. Errors: those of the backend, and of reading the folder.
ubiq_error *storage_check(const char *directory, backend *backend, storage_report *out);

#endif
