// Logging: the process-wide level and sink, and the default sink, one line on standard error for each record.
//
// The sink and its user pointer change together, so they are copied under a lock; the sink itself runs without it. A
// line is one write(2), so lines of several threads never mix.
#include "base/log.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/text.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  MESSAGE_SIZE_MAX = 65536,  ///< bytes of a formatted message; the rest is cut
  MESSAGE_SIZE_SHORT = 1024, ///< bytes of a message that needs no allocation
  WAIT_MS = 10,              ///< for a reader, where nobody may be held up
};

atomic_int log_threshold = UBIQ_LOG_INFO;

/// The process's sink. A public call of ubiq/log.h sets it, so it is global by contract.
static struct {
  pthread_mutex_t lock; ///< for all that follows
  ubiq_log_sink write;
  void *user;
  ubiq_log_sink listen; ///< NULL: nobody listens
  void *listen_user;
} sink = {PTHREAD_MUTEX_INITIALIZER, log_to_standard_error, NULL, NULL, NULL};

/// Of the default sink. Standard error is the process's, and so is this.
static atomic_bool uses_json;

void log_use_json(void) {
  atomic_store(&uses_json, true);
}

/// Standard error where it may not hold anybody up.
static struct {
  atomic_bool is_used;
  pthread_mutex_t lock; ///< for what follows, and for the order of writes
  unsigned long long lost;
  bool is_cut; ///< the last line has no end
} unwaiting = {.lock = PTHREAD_MUTEX_INITIALIZER};

void log_never_wait(void) {
  atomic_store(&unwaiting.is_used, true);
}

/// A level's names and its colour on a terminal.
static const struct {
  const char *name;
  const char *label;  ///< as wide as the others
  const char *colour; ///< an escape sequence
} levels[] = {
    [UBIQ_LOG_TRACE] = {"trace", "TRACE", "\x1b[2m"},    [UBIQ_LOG_DEBUG] = {"debug", "DEBUG", "\x1b[36m"},
    [UBIQ_LOG_INFO] = {"info", "INFO ", "\x1b[32m"},     [UBIQ_LOG_WARN] = {"warn", "WARN ", "\x1b[33m"},
    [UBIQ_LOG_ERROR] = {"error", "ERROR", "\x1b[1;31m"}, [UBIQ_LOG_OFF] = {"off", "OFF  ", ""},
};

enum { LEVELS_COUNT = sizeof levels / sizeof levels[0] };

void ubiq_log_set(ubiq_log_level from, ubiq_log_sink write, void *user) {
  pthread_mutex_lock(&sink.lock);
  sink.write = write == NULL ? log_to_standard_error : write;
  sink.user = user;
  pthread_mutex_unlock(&sink.lock);
  atomic_store_explicit(&log_threshold, (int)from, memory_order_relaxed);
}

void log_set_listener(ubiq_log_sink listen, void *user) {
  pthread_mutex_lock(&sink.lock);
  sink.listen = listen;
  sink.listen_user = user;
  pthread_mutex_unlock(&sink.lock);
}

ubiq_log_level ubiq_log_level_get(void) {
  return (ubiq_log_level)atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

bool ubiq_log_level_parse(const char *name, ubiq_log_level *level) {
  for (int i = 0; name != NULL && i < LEVELS_COUNT; i++) {
    if (text_equal_ignoring_case(text_of(name), text_of(levels[i].name))) {
      *level = (ubiq_log_level)i;
      return true;
    }
  }
  return false;
}

const char *ubiq_log_level_name(ubiq_log_level level) {
  return (unsigned)level < LEVELS_COUNT ? levels[level].name : "off";
}

static void hand_on(ubiq_log_level level, const char *source, const char *traceparent, const char *message,
                    size_t size) {
  ubiq_log_record record = {
      .level = level,
      .time_ns = clock_realtime_ns(),
      .source = source,
      .message = message,
      .message_size = size,
      .traceparent = traceparent,
  };
  pthread_mutex_lock(&sink.lock);
  ubiq_log_sink write = sink.write;
  void *user = sink.user;
  ubiq_log_sink listen = sink.listen;
  void *listen_user = sink.listen_user;
  pthread_mutex_unlock(&sink.lock);
  write(user, &record);
  if (listen != NULL) listen(listen_user, &record);
}

void log_write(ubiq_log_level level, const char *source, const char *message, size_t size) {
  log_write_traced(level, source, NULL, message, size);
}

void log_write_traced(ubiq_log_level level, const char *source, const char *traceparent, const char *message,
                      size_t size) {
  if (log_enabled(level)) hand_on(level, source, traceparent, message, size);
}

void log_printf(ubiq_log_level level, const char *source, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  char small[MESSAGE_SIZE_SHORT];
  int length = vsnprintf(small, sizeof small, format, arguments);
  va_end(arguments);

  size_t size = length < 0 ? 0 : (size_t)length;
  if (size > MESSAGE_SIZE_MAX) size = MESSAGE_SIZE_MAX;
  char *large = size < sizeof small ? NULL : malloc(size + 1);
  if (large != NULL) {
    vsnprintf(large, size + 1, format, again);
  } else if (size >= sizeof small) {
    size = sizeof small - 1; // no memory for the rest
  }
  va_end(again);
  hand_on(level, source, NULL, large != NULL ? large : small, size);
  free(large);
}

static bool format_line(buffer *out, const ubiq_log_record *record, bool colours) {
  char time[CLOCK_TEXT_SIZE];
  clock_format(record->time_ns, time);
  unsigned level = (unsigned)record->level < LEVELS_COUNT ? (unsigned)record->level : UBIQ_LOG_OFF;
  const char *colour = colours ? levels[level].colour : "";
  return buffer_printf(out, "%s %s%s%s ", time, colour, levels[level].label, colours ? "\x1b[0m" : "") &&
         text_escape(out, text_of(record->source)) && buffer_append_string(out, ": ") &&
         text_escape(out, (text){record->message, record->message_size}) && buffer_append_byte(out, '\n');
}

static bool format_json(buffer *out, const ubiq_log_record *record) {
  char time[CLOCK_TEXT_SIZE];
  clock_format(record->time_ns, time);
  const char *traceparent = record->traceparent;
  return buffer_printf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"source\":", time,
                       ubiq_log_level_name(record->level)) &&
         json_write_text(out, text_of(record->source)) && buffer_append_string(out, ",\"message\":") &&
         json_write_text(out, (text){record->message, record->message_size}) &&
         (traceparent == NULL ||
          (buffer_append_string(out, ",\"traceparent\":") && json_write_text(out, text_of(traceparent)))) &&
         buffer_append_string(out, "}\n");
}

/// The line as a string of the caller's; NULL when memory is out.
static char *take_line(buffer *line, bool good, size_t *size) {
  *size = line->size;
  char *string = good ? buffer_take_string(line) : NULL;
  buffer_free(line);
  return string;
}

char *log_format(const ubiq_log_record *record, bool colours, size_t *size) {
  buffer line = {0};
  bool good = format_line(&line, record, colours);
  return take_line(&line, good, size);
}

char *log_format_json(const ubiq_log_record *record, size_t *size) {
  buffer line = {0};
  bool good = format_json(&line, record);
  return take_line(&line, good, size);
}

/// Writes all of it, unless standard error is gone; there is nobody to tell then.
static void write_all(const char *data, size_t size) {
  while (size > 0) {
    ssize_t written = write(STDERR_FILENO, data, size);
    if (written <= 0) return;
    data += written;
    size -= (size_t)written;
  }
}

/// Whether a pipe, or a terminal, takes PIPE_BUF bytes without waiting; true also where writing fails at once.
static bool is_taken(int wait_ms) {
  struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
  return poll(&reader, 1, wait_ms) > 0;
}

/// Writes what finds room; false when not all of it did.
static bool write_what_fits(const char *data, size_t size, int wait_ms) {
  size_t whole = size;
  while (size > 0 && is_taken(wait_ms)) {
    ssize_t written = write(STDERR_FILENO, data, size < PIPE_BUF ? size : PIPE_BUF);
    if (written <= 0) return true;
    data += written;
    size -= (size_t)written;
  }
  if (size > 0 && size < whole) unwaiting.is_cut = true;
  return size == 0;
}

static char *format_as_asked(const ubiq_log_record *record, size_t *size) {
  bool json = atomic_load_explicit(&uses_json, memory_order_relaxed);
  bool colours = !json && isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
  return json ? log_format_json(record, size) : log_format(record, colours, size);
}

/// Says how many were lost; false while there is no room for that either.
static bool tell_lost(void) {
  char message[96];
  size_t size = 0;
  int length = snprintf(message, sizeof message, "log lines were lost because nobody read them: %llu", unwaiting.lost);
  const ubiq_log_record record = {.level = UBIQ_LOG_WARN,
                                  .time_ns = clock_realtime_ns(),
                                  .source = "ubiq",
                                  .message = message,
                                  .message_size = (size_t)length};
  if (!is_taken(0)) return false;
  if (unwaiting.is_cut) write_all("\n", 1);
  unwaiting.is_cut = false;
  char *line = format_as_asked(&record, &size);
  bool good = line != NULL && write_what_fits(line, size, 0);
  if (good) unwaiting.lost = 0;
  free(line);
  return good;
}

static void write_or_drop(const char *line, size_t size) {
  pthread_mutex_lock(&unwaiting.lock);
  bool has_room = unwaiting.lost == 0 || tell_lost();
  if (!has_room || !write_what_fits(line, size, WAIT_MS)) unwaiting.lost++;
  pthread_mutex_unlock(&unwaiting.lock);
}

void log_to_standard_error(void *user, const ubiq_log_record *record) {
  static const char lost[] = "ubiq: a log record is lost: out of memory\n";
  (void)user;
  size_t size = sizeof lost - 1;
  char *made = format_as_asked(record, &size);
  const char *line = made == NULL ? lost : made;
  if (made == NULL) size = sizeof lost - 1;
  if (atomic_load_explicit(&unwaiting.is_used, memory_order_relaxed))
    write_or_drop(line, size);
  else
    write_all(line, size);
  free(made);
}
