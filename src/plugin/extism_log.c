// Extism's C ABI: logs, to a file or kept until they are drained. They are the process's, as Extism's are.
// LOCKS: `mutex` guards where lines go and the lines that are kept.
#include "plugin/extism_internal.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

// A level, or a filter such as `extism=debug,cranelift=warn`, of which our own part counts; without one it is `error`.
static bool parse_filter(const char *filter, ubiq_log_level *level) {
  *level = UBIQ_LOG_ERROR;
  text rest = text_of(filter ? filter : "error"), part;
  while (text_split(&rest, ',', &part)) {
    part = text_trim(part);
    char name[16];
    text prefix = TEXT("extism=");
    if (text_starts_with(part, prefix)) part = (text){part.data + prefix.size, part.size - prefix.size};
    if (part.size >= sizeof name) continue;
    for (size_t i = 0; i <= part.size; i++) name[i] = i < part.size ? (char)(part.data[i] | 0x20) : 0;
    if (ubiq_log_level_parse(name, level)) return true;
  }
  return true;
}

static void write_line(void *user, const ubiq_log_record *record) {
  (void)user;
  size_t size = 0;
  char *text = log_format(record, false, &size);
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

bool extism_log_file(const char *filename, const char *log_level) {
  ubiq_log_level level;
  FILE *file = open_log(filename);
  if (!file || !parse_filter(log_level, &level)) return false;
  pthread_mutex_lock(&logs.mutex);
  FILE *former = logs.file;
  logs.file = file;
  logs.configured = true;
  pthread_mutex_unlock(&logs.mutex);
  ubiq_log_set(level, write_line, NULL);
  if (former && former != stderr && former != stdout) fclose(former);
  return true;
}

static void keep_line(void *user, const ubiq_log_record *record) {
  (void)user;
  line kept = {0};
  kept.text = log_format(record, false, &kept.size);
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

bool extism_log_custom(const char *log_level) {
  ubiq_log_level level;
  if (!parse_filter(log_level, &level)) return false;
  pthread_mutex_lock(&logs.mutex);
  if (!logs.lines) logs.lines = calloc(LINES_MAX, sizeof *logs.lines);
  logs.configured = true;
  bool ready = logs.lines != NULL;
  pthread_mutex_unlock(&logs.mutex);
  if (ready) ubiq_log_set(level, keep_line, NULL);
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
