/// Logging from inside: cheap when the level is off, one record for each call when it is on.
///
/// `log_info("listening on %s", url)` speaks for the host itself; `log_from(UBIQ_LOG_INFO, name, ...)` for a
/// function. A message is made only after its level was found on. Where records go is `ubiq_log_set`'s
/// business (ubiq/log.h).
#ifndef UBIQ_BASE_LOG_H
#define UBIQ_BASE_LOG_H

#include "ubiq/log.h"

#include <stdatomic.h>

/// The level from which on records are taken. Read by `log_enabled` only.
extern atomic_int log_threshold;

/// Whether a record of this level would be taken: one relaxed load.
static inline bool log_enabled(ubiq_log_level level) {
  return (int)level >= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

/// Hands a record to the sink when its level is on. `message` is `size` bytes of UTF-8. Any thread.
void log_write(ubiq_log_level level, const char *source, const char *message, size_t size);

/// The same for a run, whose traceparent it is; NULL: none is known.
void log_write_traced(ubiq_log_level level, const char *source, const char *traceparent, const char *message,
                      size_t size);

/// Another who gets all records that the sink gets; NULL: nobody. One at a time in a process. As with the sink, records
/// under way may still reach the former one.
void log_set_listener(ubiq_log_sink listen, void *user);

/// Makes the message printf-style and hands it on; does not look at the level. Messages over 64 KiB are cut.
/// Any thread.
void log_printf(ubiq_log_level level, const char *source, const char *format, ...) UBIQ_PRINTF(3, 4);

#define log_from(level, source, ...)                                                                                   \
  do {                                                                                                                 \
    if (log_enabled(level)) log_printf(level, source, __VA_ARGS__);                                                    \
  } while (0)

#define log_trace(...) log_from(UBIQ_LOG_TRACE, "ubiq", __VA_ARGS__)
#define log_debug(...) log_from(UBIQ_LOG_DEBUG, "ubiq", __VA_ARGS__)
#define log_info(...)  log_from(UBIQ_LOG_INFO, "ubiq", __VA_ARGS__)
#define log_warn(...)  log_from(UBIQ_LOG_WARN, "ubiq", __VA_ARGS__)
#define log_error(...) log_from(UBIQ_LOG_ERROR, "ubiq", __VA_ARGS__)

/// The default sink (ubiq_log_set); `user` is not used.
void log_to_standard_error(void *user, const ubiq_log_record *record);

/// From now on the default sink writes each record as a line of JSON, for as long as the process lives.
void log_use_json(void);

/// From now on the default sink waits no longer than some milliseconds for whoever reads standard error. What finds no room is
/// counted, and told by a line once there is some.
void log_never_wait(void);

/// Makes the line that it writes with log_use_json, its end of line included: `{"time": "...", "level": "info", "source": "ubiq",
/// "message": "..."}`, and `traceparent` where it is known. The result is as log_format's.
UBIQ_NODISCARD char *log_format_json(const ubiq_log_record *record, size_t *size);

/// Makes the line that the default sink writes, its end of line included, with the control characters of
/// source and message escaped. The result is the caller's, for `free`, and `*size` bytes long; NULL when
/// memory is out.
UBIQ_NODISCARD char *log_format(const ubiq_log_record *record, bool colours, size_t *size);

#endif
