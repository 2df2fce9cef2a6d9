// What is told of pools: numbers that the worker who has a pool writes, and any other thread reads.
//
// A function has one block of numbers for each pool of it, one a worker. Only the pool's worker writes a block, without
// locking anything or waiting for anybody; who reads adds the blocks up.
#ifndef RUNTIME_POOL_POOL_GAUGES_H
#define RUNTIME_POOL_POOL_GAUGES_H

#include "base/counter.h"
#include "ubiq/base.h"

#include <pthread.h>
#include <stdatomic.h>

/// Why an instance ended.
typedef enum pool_end {
  POOL_END_USED,    ///< it was for one run, and had that
  POOL_END_STOPPED, ///< its run trapped, met a limit, was cancelled, or its guest ended itself
  POOL_END_RUNS,    ///< it has had all the runs that it may have
  POOL_END_AGE,     ///< it was too old for another
  POOL_END_IDLE,    ///< it was ready, and not needed any more
  POOL_END_ROOM,    ///< it was ready, and its place was needed
  POOL_END_CLOSED,  ///< its release is over
  POOL_ENDS,
} pool_end;

/// The word for a reason, as in JSON and metrics: `used`, `stopped`, ...
const char *pool_end_name(pool_end end);

typedef struct pool_gauges {
  atomic_uint busy, ready, starting, demand, target;
  _Atomic uint64_t made;         ///< instances, those that were started ahead included
  _Atomic uint64_t made_ahead;   ///< started before a run asked for them
  _Atomic uint64_t found_ready;  ///< runs that got an instance which was ready
  _Atomic uint64_t start_failed; ///< instances whose start ahead failed
  _Atomic uint64_t ended[POOL_ENDS];
  unsigned worker;          ///< whose pool it is; never changes
  struct pool_gauges *next; ///< of the same function; guarded by the board's mutex
} pool_gauges;

/// All blocks of one function. Any thread.
typedef struct pool_board {
  pthread_mutex_t mutex; ///< guards the list and `problem`
  pool_gauges *first;    ///< owned
  char *problem;         ///< owned: why the last start ahead failed; NULL: it did not
} pool_board;

/// The sum of a function's blocks.
typedef struct pool_stats {
  uint32_t workers; ///< that have a pool of it, or had one
  uint32_t busy, ready, starting, demand, target;
  uint64_t made, made_ahead, found_ready, start_failed;
  uint64_t ended[POOL_ENDS];
} pool_stats;

/// NULL when memory is out. Owned by the caller.
pool_board *pool_board_new(void);
/// NULL is allowed.
void pool_board_delete(pool_board *self);

/// A worker's block, made when it has none; lives as long as the board. NULL when memory is out.
pool_gauges *pool_board_join(pool_board *self, unsigned worker);

/// Says why a start ahead failed, or with NULL that one went well. The text is copied.
void pool_board_say(pool_board *self, const char *problem);

/// A copy of what was said last, for free; NULL: nothing, or memory is out.
char *pool_board_problem(pool_board *self);

void pool_board_sum(pool_board *self, pool_stats *out);

/// A block's worker only: nobody else writes it. What it counts it adds by counter_add.
static inline void pool_gauge_set(atomic_uint *gauge, uint32_t value) {
  atomic_store_explicit(gauge, value, memory_order_relaxed);
}

#endif
