// The tables of the services' database, version by version. A step that was in a release is never changed.
#ifndef SERVICES_BACKEND_SQLITE_SCHEMA_H
#define SERVICES_BACKEND_SQLITE_SCHEMA_H

/// `sequence` is the last version that was given in a project, `keys` and `bytes` what its kv holds. Values have rows of their own order,
/// because large ones in the order of keys would make every search a long way.
static const char *const sqlite_schema[] = {
    "CREATE TABLE projects ("
    "  id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE,"
    "  sequence INTEGER NOT NULL, keys INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;"
    "CREATE TABLE kv ("
    "  id INTEGER PRIMARY KEY, project INTEGER NOT NULL REFERENCES projects (id),"
    "  function BLOB NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL,"
    "  expires_ms INTEGER, media_type BLOB, value BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX kv_key ON kv (project, function, key);"
    "CREATE INDEX kv_expiry ON kv (expires_ms, project) WHERE expires_ms IS NOT NULL;",

    // Work (work.h). `work` of a project is how many items it has.
    "ALTER TABLE projects ADD COLUMN work INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE work ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, project INTEGER NOT NULL REFERENCES projects (id),"
    "  queue BLOB NOT NULL, name BLOB, ordering BLOB, due_ms INTEGER NOT NULL, added_ms INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL, hops INTEGER NOT NULL, state INTEGER NOT NULL,"
    "  payload BLOB NOT NULL, failure BLOB) STRICT;"
    "CREATE INDEX work_due ON work (due_ms, id) WHERE state = 0;"
    "CREATE INDEX work_list ON work (project, queue, ifnull(name, x''), id);"
    "CREATE UNIQUE INDEX work_name ON work (project, queue, name) WHERE name IS NOT NULL;"
    "CREATE INDEX work_dead ON work (project, id) WHERE state = 2;"
    "CREATE INDEX work_order ON work (project, queue, ordering, id) WHERE ordering IS NOT NULL AND state = 0;",
};

#endif
