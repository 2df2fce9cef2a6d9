/// Logging: levels, records, and where they go.
///
/// A record goes to one sink, a function of the embedder's. The level is checked before a message is made.
#ifndef UBIQ_LOG_H
#define UBIQ_LOG_H

#include "ubiq/base.h"

UBIQ_BEGIN

typedef enum ubiq_log_level {
  UBIQ_LOG_TRACE = 0,
  UBIQ_LOG_DEBUG = 1,
  UBIQ_LOG_INFO = 2,
  UBIQ_LOG_WARN = 3,
  UBIQ_LOG_ERROR = 4,
  UBIQ_LOG_OFF = 5,
} ubiq_log_level;

/// One record. Everything is borrowed for the length of the call.
typedef struct ubiq_log_record {
  ubiq_log_level level;
  uint64_t time_ns;        ///< wall clock, nanoseconds since 1970
  const char *source;      ///< who spoke: a function's or plugin's name, or "ubiq" for the host itself
  const char *message;     ///< UTF-8, not ended by NUL
  size_t message_size;     ///< in bytes
  const char *traceparent; ///< of the run that spoke (W3C Trace Context); NULL: of none, or nobody asks for it
} ubiq_log_record;

/// Takes a record. May be called from any thread, also from several at once.
typedef void (*ubiq_log_sink)(void *user, const ubiq_log_record *record);

/// Sets where the records of the whole process go, and from which level on. A NULL sink is the default one: one line for
/// each record on standard error. Until this is called it is that one, from `info` on. Any thread; records under way may
/// still reach the former sink.
UBIQ_API void ubiq_log_set(ubiq_log_level from, ubiq_log_sink sink, void *user);

/// The level from which on records are taken. Any thread.
UBIQ_API ubiq_log_level ubiq_log_level_get(void);

/// Reads a level's name (`trace`, `debug`, `info`, `warn`, `error`, `off`); false when `name` is none.
UBIQ_API bool ubiq_log_level_parse(const char *name, ubiq_log_level *level);

/// A level's name. A constant.
UBIQ_API const char *ubiq_log_level_name(ubiq_log_level level);

UBIQ_END

#endif
