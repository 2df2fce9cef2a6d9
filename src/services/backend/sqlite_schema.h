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

    // Of an order only the oldest item that waits has state 0, those behind it 3 (sqlite_work_order.c); queues without names are counted
    // by an index that has all of that. `work_bytes` of a project is what the payloads of its items take.
    "ALTER TABLE projects ADD COLUMN work_bytes INTEGER NOT NULL DEFAULT 0;"
    "UPDATE projects SET work_bytes ="
    "  (SELECT ifnull(sum(length(payload)), 0) FROM work WHERE work.project = projects.id);"
    "DROP INDEX work_list;"
    "DROP INDEX work_order;"
    "CREATE INDEX work_order ON work (project, queue, ordering, id) WHERE ordering IS NOT NULL AND state IN (0, 3);"
    "UPDATE work SET state = 3 WHERE state = 0 AND ordering IS NOT NULL AND EXISTS (SELECT 1 FROM work o"
    "  WHERE o.project = work.project AND o.queue = work.queue AND o.ordering = work.ordering AND o.state IN (0, 3)"
    "  AND o.id < work.id);"
    "CREATE INDEX work_count ON work (project, queue, state, due_ms, name) WHERE name IS NULL;"
    "CREATE INDEX work_dead_queue ON work (project, queue, id) WHERE state = 2;",

    // The last column: who reads a row without it reads none of its pages.
    "ALTER TABLE kv ADD COLUMN attachment BLOB;",

    // Events wait for a subscription and no longer for its name: their queues are called by its id, and what nobody can be told of ends.
    // How many items such a queue has is kept (sqlite_work_counts.h).
    "DELETE FROM work WHERE queue >= CAST('events/' AS BLOB) AND queue < CAST('events0' AS BLOB) AND NOT EXISTS ("
    "  SELECT 1 FROM work s WHERE s.project = work.project AND s.queue = CAST('subscriptions' AS BLOB)"
    "  AND s.name = substr(work.queue, 8));"
    "UPDATE work SET queue = CAST('events/' || (SELECT printf('%016x', s.id) FROM work s WHERE"
    "  s.project = work.project AND s.queue = CAST('subscriptions' AS BLOB) AND s.name = substr(work.queue, 8)) AS "
    "BLOB)"
    "  WHERE queue >= CAST('events/' AS BLOB) AND queue < CAST('events0' AS BLOB);"
    "UPDATE projects SET work = (SELECT count(*) FROM work WHERE work.project = projects.id),"
    "  work_bytes = (SELECT ifnull(sum(length(payload)), 0) FROM work WHERE work.project = projects.id);"
    "CREATE TABLE work_queues ("
    "  project INTEGER NOT NULL REFERENCES projects (id), queue BLOB NOT NULL, waiting INTEGER NOT NULL,"
    "  paused INTEGER NOT NULL, dead INTEGER NOT NULL, PRIMARY KEY (project, queue)) STRICT, WITHOUT ROWID;"
    "INSERT INTO work_queues (project, queue, waiting, paused, dead)"
    "  SELECT project, queue, sum(state IN (0, 3)), sum(state = 1), sum(state = 2) FROM work"
    "  WHERE queue >= CAST('events/' AS BLOB) AND queue < CAST('events0' AS BLOB) GROUP BY project, queue;",
};

#endif
