// Why a run was not let in: the reasons behind the outcome `busy`, which requests are answered for with 429.
#ifndef RUNTIME_LIMITS_BUSY_H
#define RUNTIME_LIMITS_BUSY_H

typedef enum busy_reason {
  BUSY_OTHER,         ///< of the machine: memory, mappings, a service; nothing here found it out
  BUSY_FUNCTION_FULL, ///< as many runs of its function are under way and wait as may
  BUSY_SERVER_FULL,   ///< and of all functions
  BUSY_NO_PLACE,      ///< it waited, and no place came free in time
  BUSY_NO_TURN,       ///< it had its place, and its turn did not come in time
  BUSY_REASONS,
} busy_reason;

/// `function_full`, ... A constant.
const char *busy_reason_name(busy_reason reason);

#endif
