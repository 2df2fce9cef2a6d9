// `ubiq logs`: what a server logs. Following is asking again, with the number of the last record that came.
#include "base/text.h"
#include "cli/admin_client.h"
#include "cli/call_report.h"
#include "server/telemetry/log_ring.h"

#include <stdlib.h>
#include <unistd.h>

typedef struct logs {
  admin_client client;
  bool follows;
  uint64_t count;
  const char *function, *level;
  bool colours;
  uint64_t after;
} logs;

/// A colour for a level that is worse than usual.
static const char *colour_of(const logs *self, const char *level) {
  if (!self->colours) return "";
  return strcmp(level, "error") == 0 ? "\033[31m" : strcmp(level, "warn") == 0 ? "\033[33m" : "";
}

static ubiq_error *print_line(const logs *self, yyjson_val *record) {
  const char *level = admin_client_text(record, "level"), *colour = colour_of(self, level);
  const char *message = admin_client_text(record, "message");
  buffer shown = {0};
  if (!text_escape(&shown, text_of(message))) return ubiq_error_no_memory();
  printf("%s %s%-5s%s %s: %.*s\n", admin_client_text(record, "time"), colour, level, *colour == '\0' ? "" : "\033[0m",
         admin_client_text(record, "source"), (int)shown.size, (const char *)shown.data);
  buffer_free(&shown);
  return NULL;
}

static ubiq_error *print_json(yyjson_val *record) {
  char *text = yyjson_val_write(record, 0, NULL);
  if (text == NULL) return ubiq_error_no_memory();
  puts(text);
  free(text);
  return NULL;
}

static ubiq_error *print_all(logs *self, yyjson_val *root) {
  size_t index, max;
  yyjson_val *record;
  ubiq_error *error = NULL;
  yyjson_arr_foreach(yyjson_obj_get(root, "records"), index, max, record) if (error == NULL) error =
      self->client.json ? print_json(record) : print_line(self, record);
  self->after = yyjson_get_uint(yyjson_obj_get(root, "last"));
  return error != NULL ? error : call_report_write((ubiq_bytes){NULL, 0}); // nobody to read it, nobody to follow
}

static bool append_query(buffer *path, const char *name, const char *value) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
  bool good = value == NULL || buffer_printf(path, "&%s=", name);
  for (; good && value != NULL && *value != '\0'; value++)
    good = strchr(plain, *value) != NULL ? buffer_append_byte(path, (uint8_t)*value)
                                         : buffer_printf(path, "%%%02X", (unsigned char)*value);
  return good;
}

/// Asks once: at first for what was, then for what comes.
static ubiq_error *ask(logs *self, bool is_first) {
  buffer path = {0};
  bool good = buffer_printf(&path, "/v1/logs?count=%llu&after=%llu&wait_ms=%d",
                            (unsigned long long)(is_first ? self->count : LOG_RING_RECORDS_MAX),
                            (unsigned long long)self->after, is_first ? 0 : LOG_RING_WAIT_MS_MAX) &&
              append_query(&path, "source", self->function) && append_query(&path, "level", self->level);
  const char *text = good ? buffer_string(&path) : NULL;
  yyjson_doc *answer = NULL;
  ubiq_error *error = text == NULL
                          ? ubiq_error_no_memory()
                          : admin_client_ask(&self->client, &(admin_question){.method = "GET", .path = text}, &answer);
  if (error == NULL) error = print_all(self, yyjson_doc_get_root(answer));
  yyjson_doc_free(answer);
  buffer_free(&path);
  return error;
}

static int run(const command *command, int count, char **arguments) {
  logs self = {.count = 100};
  option list[ADMIN_CLIENT_OPTIONS + 4];
  admin_client_options(&self.client, list);
  const option own[] = {
      {"follow", 'f', OPTION_FLAG, NULL, "go on with what is logged from now on", &self.follows, 0, 0},
      {"lines", 'n', OPTION_NUMBER, "N", "how many of the last (default 100)", &self.count, 0, LOG_RING_RECORDS_MAX},
      {"function", 0, OPTION_TEXT, "NAME", "of this function alone; `ubiq` is the server itself", &self.function, 0, 0},
      {"level", 0, OPTION_TEXT, "LEVEL", "from this level on: debug, info, warn, error", &self.level, 0, 0},
  };
  memcpy(list + ADMIN_CLIENT_OPTIONS, own, sizeof own);
  options given = {.list = list, .count = ADMIN_CLIENT_OPTIONS + 4};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  self.colours = isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL;
  ubiq_error *error = ask(&self, true);
  while (error == NULL && self.follows) error = ask(&self, false);
  return error == NULL ? EXIT_OK : admin_client_fail(&self.client, error);
}

const command command_logs = {
    .name = "logs",
    .usage = "[OPTIONS]",
    .summary = "show what a server and its functions log",
    .details = "A server that is deployed to keeps its last 4096 log lines, of the levels that its --log-level lets "
               "through, in\n"
               "memory. With --json each line is a JSON object.\n",
    .run = run,
};
