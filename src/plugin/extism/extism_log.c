// Extism's C ABI: logs, to a file or kept until they are drained. They are the process's, as Extism's are.
// LOCKS: `mutex` guards where lines go and the lines that are kept.
#include "plugin/extism/extism_internal.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINES_MAX = 10000 };

typedef struct line {
  char *text;
  size_t size;
} line;

// The process's log.
static struct {
  pthread_mutex_t mutex;
  bool configured;
  FILE *file;
  line *lines; ///< a ring of LINES_MAX, made when lines are first kept
  size_t first, count;
} logs = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void extism_log_quiet(void) {
  pthread_mutex_lock(&logs.mutex);
  if (!logs.configured) ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  logs.configured = true;
  pthread_mutex_unlock(&logs.mutex);
}

// Whom the calling thread's log lines are of: the id of the plugin that it calls.
static _Thread_local const char *speaker;

const char *extism_log_enter(const char *id) {
  const char *former = speaker;
  speaker = id;
  return former;
}

// A word, or its number as `tracing` counts them.
static bool parse_level(text name, ubiq_log_level *level) {
  static const ubiq_log_level numbered[] = {UBIQ_LOG_OFF,  UBIQ_LOG_ERROR, UBIQ_LOG_WARN,
                                            UBIQ_LOG_INFO, UBIQ_LOG_DEBUG, UBIQ_LOG_TRACE};
  char string[16];
  if (name.size == 1 && name.data[0] >= '0' && name.data[0] <= '5') {
    *level = numbered[name.data[0] - '0'];
    return true;
  }
  if (name.size >= sizeof string) return false;
  memcpy(string, name.data, name.size);
  string[name.size] = '\0';
  return ubiq_log_level_parse(string, level);
}

// Takes one part of a filter: `debug` is for everybody, `extism=debug` for us, `cranelift=debug` for others, and `extism`
// alone is all that we say.
static void take_directive(text part, ubiq_log_level *level, bool *is_ours) {
  const char *equals = memchr(part.data, '=', part.size);
  text target = {part.data, equals ? (size_t)(equals - part.data) : part.size};
  bool names_us = text_starts_with(target, TEXT("extism"));
  if (equals && names_us)
    *is_ours |= parse_level((text){equals + 1, part.size - target.size - 1}, level);
  else if (!equals && names_us)
    *level = UBIQ_LOG_TRACE, *is_ours = true;
  else if (!equals && !*is_ours)
    parse_level(part, level);
}

// A level, or a filter such as `extism=debug,cranelift=warn`. One that has no word for us is `off`.
static ubiq_log_level parse_filter(const char *filter) {
  ubiq_log_level level = UBIQ_LOG_OFF;
  bool is_ours = false;
  text rest = text_of(filter && *filter ? filter : "error"), part;
  while (text_split(&rest, ',', &part)) take_directive(text_trim(part), &level, &is_ours);
  return level;
}

// A line as Extism writes it: `2026-11-21T13:15:23.554123Z  INFO extism::pdk: a message plugin="ID"`. What guests say is
// of `extism::pdk`; whatever else there is says who it is.
static char *format(const ubiq_log_record *record, size_t *size) {
  static const char *const labels[] = {"TRACE", "DEBUG", " INFO", " WARN", "ERROR", "  OFF"};
  bool is_named = strcmp(record->source, "ubiq") == 0 || text_starts_with(text_of(record->source), TEXT("extism::"));
  time_t seconds = (time_t)(record->time_ns / CLOCK_NS_PER_SECOND);
  struct tm date;
  char time[32];
  gmtime_r(&seconds, &date);
  strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &date);
  buffer line = {0};
  bool ok = buffer_printf(&line, "%s.%06uZ %s %s: ", time, (unsigned)(record->time_ns % CLOCK_NS_PER_SECOND / 1000),
                          labels[record->level], is_named ? record->source : "extism::pdk") &&
            text_escape(&line, (text){record->message, record->message_size}) &&
            (!speaker || buffer_printf(&line, " plugin=\"%s\"", speaker)) && buffer_append_byte(&line, '\n');
  *size = line.size;
  char *string = ok ? buffer_take_string(&line) : NULL;
  buffer_free(&line);
  return string;
}

static void write_line(void *user, const ubiq_log_record *record) {
  (void)user;
  size_t size = 0;
  char *text = format(record, &size);
  pthread_mutex_lock(&logs.mutex);
  if (text && logs.file) {
    fwrite(text, 1, size, logs.file);
    fflush(logs.file);
  }
  pthread_mutex_unlock(&logs.mutex);
  free(text);
}

static FILE *open_log(const char *name) {
  if (!name || strcmp(name, "-") == 0 || strcmp(name, "stderr") == 0) return stderr;
  return strcmp(name, "stdout") == 0 ? stdout : fopen(name, "ae");
}

int extism_whole_log_file(const char *filename, const char *log_level) {
  FILE *file = open_log(filename);
  if (!file) return false;
  pthread_mutex_lock(&logs.mutex);
  FILE *former = logs.file;
  logs.file = file;
  logs.configured = true;
  pthread_mutex_unlock(&logs.mutex);
  ubiq_log_set(parse_filter(log_level), write_line, NULL);
  if (former && former != stderr && former != stdout) fclose(former);
  return true;
}

static void keep_line(void *user, const ubiq_log_record *record) {
  (void)user;
  line kept = {0};
  kept.text = format(record, &kept.size);
  pthread_mutex_lock(&logs.mutex);
  if (kept.text && logs.lines) {
    if (logs.count == LINES_MAX) {
      free(logs.lines[logs.first].text);
      logs.first = (logs.first + 1) % LINES_MAX;
      logs.count--;
    }
    logs.lines[(logs.first + logs.count++) % LINES_MAX] = kept;
    kept.text = NULL;
  }
  pthread_mutex_unlock(&logs.mutex);
  free(kept.text);
}

int extism_whole_log_custom(const char *log_level) {
  pthread_mutex_lock(&logs.mutex);
  if (!logs.lines) logs.lines = calloc(LINES_MAX, sizeof *logs.lines);
  logs.configured = true;
  bool ready = logs.lines != NULL;
  pthread_mutex_unlock(&logs.mutex);
  if (ready) ubiq_log_set(parse_filter(log_level), keep_line, NULL);
  return ready;
}

static bool take_line(line *out) {
  pthread_mutex_lock(&logs.mutex);
  bool some = logs.count > 0;
  if (some) {
    *out = logs.lines[logs.first];
    logs.first = (logs.first + 1) % LINES_MAX;
    logs.count--;
  }
  pthread_mutex_unlock(&logs.mutex);
  return some;
}

// The handler may log and may be slow: it is called without the lock.
void extism_log_drain(ExtismLogDrainFunctionType handler) {
  line line;
  while (take_line(&line)) {
    handler(line.text, line.size);
    free(line.text);
  }
}
