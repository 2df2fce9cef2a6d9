// The last log records of the process, for who asks over the admin API. Standard error gets them all the same.
//
// LOCKS: one, around the records; held for a copy. Any thread; readers wait on a condition.
#ifndef SERVER_TELEMETRY_LOG_RING_H
#define SERVER_TELEMETRY_LOG_RING_H

#include "ubiq/log.h"
#include "yyjson.h"

enum {
  LOG_RING_RECORDS_MAX = 4096,
  LOG_RING_BYTES_MAX = 4 << 20,
  LOG_RING_WAIT_MS_MAX = 20 * 1000,
};

typedef struct log_ring log_ring;

/// Which records are wanted.
typedef struct log_wish {
  uint64_t after;     ///< the number of the last that is known; 0: none is
  uint32_t count_max; ///< the newest of them, when more have come
  uint32_t wait_ms;   ///< how long to wait for one, when there is none
  const char *source; ///< only of this function, or "ubiq"; NULL: of all
  ubiq_log_level from;
} log_wish;

/// Takes the process's records from now on, at the level that is set. One at a time in a process. NULL when memory is out.
log_ring *log_ring_new(void);

/// Appends what is wished for to `list`: {"number", "time", "level", "source", "message"}. `*last` is the number of the
/// newest record that was looked at, for the next wish. False when memory is out.
bool log_ring_read(log_ring *self, const log_wish *wish, yyjson_mut_doc *document, yyjson_mut_val *list,
                   uint64_t *last);

/// Nobody waits any more, now or later.
void log_ring_close(log_ring *self);

/// Lets the records go where they went before. Nobody may be reading. NULL is allowed.
void log_ring_delete(log_ring *self);

#endif
