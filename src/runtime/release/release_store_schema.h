// The tables of a state folder's database.
#ifndef RUNTIME_RELEASE_RELEASE_STORE_SCHEMA_H
#define RUNTIME_RELEASE_RELEASE_STORE_SCHEMA_H

/// `choice` has at most one row. Numbers only grow: they are the order in which releases came.
#define RELEASE_STORE_SCHEMA                                                                                           \
  "CREATE TABLE releases ("                                                                                            \
  "  number INTEGER PRIMARY KEY AUTOINCREMENT,"                                                                        \
  "  digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64),"                                                         \
  "  project TEXT NOT NULL, version TEXT NOT NULL,"                                                                    \
  "  size INTEGER NOT NULL, received_ms INTEGER NOT NULL,"                                                             \
  "  signature BLOB, note TEXT NOT NULL) STRICT;"                                                                      \
  "CREATE TABLE choice ("                                                                                              \
  "  id INTEGER PRIMARY KEY CHECK (id = 1),"                                                                           \
  "  current TEXT REFERENCES releases (digest) DEFERRABLE INITIALLY DEFERRED,"                                         \
  "  previous TEXT REFERENCES releases (digest) DEFERRABLE INITIALLY DEFERRED,"                                        \
  "  canary TEXT REFERENCES releases (digest) DEFERRABLE INITIALLY DEFERRED,"                                          \
  "  canary_percent INTEGER NOT NULL, failures_permille_max INTEGER NOT NULL,"                                         \
  "  requests_min INTEGER NOT NULL, window_s INTEGER NOT NULL) STRICT;"                                                \
  "CREATE TABLE tokens ("                                                                                              \
  "  id TEXT PRIMARY KEY, hash BLOB NOT NULL, name TEXT NOT NULL, may_change INTEGER NOT NULL,"                        \
  "  created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT"

/// Version 2. Permissions are lines; NULL in `tokens`: whatever `may_change` says; `granted` NULL: whatever the operator grants.
#define RELEASE_STORE_PERMISSIONS                                                                                      \
  "ALTER TABLE tokens ADD COLUMN allowed TEXT;"                                                                        \
  "ALTER TABLE tokens ADD COLUMN granted TEXT;"                                                                        \
  "ALTER TABLE releases ADD COLUMN granted TEXT"

#endif
