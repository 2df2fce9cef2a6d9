// What a scenario's steps can be: a line each, a verb and what it needs.
#include "differential/driver.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void rest_millisecond(void) {
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/// The function's name and the rest of a step's line.
typedef struct named {
  char name[128];
  const char *rest;
} named;

static named split(const char *arguments) {
  named out = {0};
  size_t size = strcspn(arguments, " ");
  snprintf(out.name, sizeof out.name, "%.*s", (int)size, arguments);
  out.rest = arguments[size] ? arguments + size + 1 : "";
  return out;
}

// Line breaks are written | in steps.
static named split_input(const char *arguments) {
  named call = split(arguments);
  for (char *c = (char *)call.rest; *c; c++)
    if (*c == '|') *c = '\n';
  return call;
}

// call FUNCTION [INPUT]
static void step_call(world *world, const char *arguments) {
  named call = split_input(arguments);
  int32_t code = world->lib->plugin_call(world->plugin, call.name, (const uint8_t *)call.rest, strlen(call.rest));
  note_outcome(world, world->plugin, code);
}

// context FUNCTION [INPUT]: with a host context.
static void step_context(world *world, const char *arguments) {
  named call = split(arguments);
  int32_t code = world->lib->plugin_call_with_host_context(world->plugin, call.name, (const uint8_t *)call.rest,
                                                           strlen(call.rest), world);
  note_outcome(world, world->plugin, code);
}

// large FUNCTION BYTES: with an input of that many bytes.
static void step_large(world *world, const char *arguments) {
  named call = split(arguments);
  size_t size = strtoul(call.rest, NULL, 10);
  uint8_t *input = malloc(size + 1);
  for (size_t i = 0; i < size; i++) input[i] = (uint8_t)(i * 31 + i / 257);
  note_outcome(world, world->plugin, world->lib->plugin_call(world->plugin, call.name, input, size));
  free(input);
}

// null FUNCTION BYTES: with NULL for an input of that many bytes.
static void step_null(world *world, const char *arguments) {
  named call = split(arguments);
  note_outcome(world, world->plugin,
               world->lib->plugin_call(world->plugin, call.name, NULL, strtoul(call.rest, NULL, 10)));
}

// times COUNT FUNCTION: calls with no input; only how often each code came is noted.
static void step_times(world *world, const char *arguments) {
  named call = split(arguments);
  unsigned long count = strtoul(call.name, NULL, 10), good = 0;
  for (unsigned long i = 0; i < count; i++) good += world->lib->plugin_call(world->plugin, call.rest, NULL, 0) == 0;
  note(world, "%lu of %lu calls of %s went well", good, count, call.rest);
  note_outcome(world, world->plugin, 0);
}

// A header that says who asks and not what, which every HTTP client words in its own way.
static bool is_of_client(const char *line) {
  static const char *const own[] = {"user-agent:", "accept:", "accept-encoding:", "host:", "connection:"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (strncasecmp(line, own[i], strlen(own[i])) == 0) return true;
  return false;
}

static int compare_lines(const void *a, const void *b) {
  return strcasecmp(*(char *const *)a, *(char *const *)b);
}

static void note_lines(world *world, char *text) {
  char *lines[200];
  size_t count = 0;
  for (char *line = strtok(text, "\r\n"); line && count < 200; line = strtok(NULL, "\r\n")) {
    for (char *c = line; *c && strchr(line, ':') && *c != ':'; c++) *c = (char)tolower((unsigned char)*c);
    if (!is_of_client(line)) lines[count++] = line;
  }
  qsort(lines, count, sizeof *lines, compare_lines);
  for (size_t i = 0; i < count; i++) note(world, "line: %s", lines[i]);
}

// http FUNCTION [INPUT]: as call; of the output, which is an echo of a request, the lines in order.
static void step_http(world *world, const char *arguments) {
  named call = split_input(arguments);
  int32_t code = world->lib->plugin_call(world->plugin, call.name, (const uint8_t *)call.rest, strlen(call.rest));
  char *text = strndup((const char *)world->lib->plugin_output_data(world->plugin),
                       world->lib->plugin_output_length(world->plugin));
  note(world, "code: %d", code);
  note_error(world, "error", world->lib->plugin_error(world->plugin));
  note_lines(world, text);
  free(text);
}

static void step_reset(world *world, const char *arguments) {
  (void)arguments;
  note(world, "reset: %d", world->lib->plugin_reset(world->plugin));
}

static void step_config(world *world, const char *json) {
  note(world, "config: %d", world->lib->plugin_config(world->plugin, (const uint8_t *)json, strlen(json)));
}

static void step_exists(world *world, const char *name) {
  note(world, "%s exists: %d", name, world->lib->plugin_function_exists(world->plugin, name));
}

static void step_headers(world *world, const char *arguments) {
  (void)arguments;
  world->lib->plugin_allow_http_response_headers(world->plugin);
}

// outcome: what is left of the last call.
static void step_outcome(world *world, const char *arguments) {
  (void)arguments;
  note_outcome(world, world->plugin, 0);
}

// cancel: while nothing runs.
static void step_cancel(world *world, const char *arguments) {
  (void)arguments;
  note(world, "cancel: %d", world->lib->plugin_cancel(world->lib->plugin_cancel_handle(world->plugin)));
}

static atomic_bool canceller_stops;

static void *cancel_again_and_again(void *user) {
  world *world = user;
  const ExtismCancelHandle *handle = world->lib->plugin_cancel_handle(world->plugin);
  while (!atomic_load(&canceller_stops)) {
    world->lib->plugin_cancel(handle);
    rest_millisecond();
  }
  return NULL;
}

// cancelled FUNCTION [INPUT]: while another thread cancels.
static void step_cancelled(world *world, const char *arguments) {
  pthread_t thread;
  atomic_store(&canceller_stops, false);
  pthread_create(&thread, NULL, cancel_again_and_again, world);
  step_call(world, arguments);
  atomic_store(&canceller_stops, true);
  pthread_join(thread, NULL);
}

// another: a plugin made of the same compiled one takes this one's place; the former is freed.
static void step_another(world *world, const char *arguments) {
  (void)arguments;
  char *error = NULL;
  ExtismPlugin *former = world->plugin;
  world->plugin = world->lib->plugin_new_from_compiled(world->compiled, &error);
  note(world, "another plugin: %s", world->plugin ? "made" : error);
  world->lib->plugin_free(former);
}

static void step_free_compiled(world *world, const char *arguments) {
  (void)arguments;
  world->lib->compiled_plugin_free(world->compiled);
  world->compiled = NULL;
  note(world, "the compiled plugin is freed");
}

static void step_free_plugin(world *world, const char *arguments) {
  (void)arguments;
  world->lib->plugin_free(world->plugin);
  world->plugin = NULL;
  note(world, "the plugin is freed");
}

static void step_free_functions(world *world, const char *arguments) {
  (void)arguments;
  for (size_t i = 0; i < world->functions_count; i++) world->lib->function_free((ExtismFunction *)world->functions[i]);
  world->functions_count = 0;
  note(world, "the functions are freed");
}

static void step_id(world *world, const char *arguments) {
  (void)arguments;
  const uint8_t *id = world->lib->plugin_id(world->plugin);
  note(world, "id: version %d, variant %d, %s", id[6] >> 4, id[8] >> 6,
       id == world->lib->plugin_id(world->plugin) ? "stays" : "moves");
}

static void step_log_custom(world *world, const char *level) {
  note(world, "log_custom: %d", world->lib->log_custom(*level ? level : NULL));
}

static void step_log_file(world *world, const char *arguments) {
  named file = split(arguments);
  note(world, "log_file: %d", world->lib->log_file(file.name, *file.rest ? file.rest : NULL));
}

static world *drained;

// A time and a plugin's id are replaced: they differ from run to run.
static void note_log_line(const char *data, uint64_t size) {
  char line[1024], id[40] = "";
  snprintf(line, sizeof line, "%.*s", (int)size, data);
  char *text = line;
  if (strlen(line) > 27 && line[10] == 'T' && line[26] == 'Z') text += 27;
  char *failure = strstr(text, " encountered an error: ");
  const char *kind = failure ? error_kind(failure + 23) : NULL;
  if (kind) {
    note(drained, "log: %.*s of the kind: %s", (int)(failure - text), text, kind);
    return;
  }
  char *place = strstr(text, "plugin=\"");
  if (place && strlen(place) >= 45) {
    memcpy(id, place + 8, 36);
    memset(place + 8, '#', 36);
  }
  note(drained, "log: %s%s", text == line ? "(no time) " : "", text);
}

static void step_drain(world *world, const char *arguments) {
  (void)arguments;
  drained = world;
  world->lib->log_drain(note_log_line);
  note(world, "drained");
}

// file PATH: the lines of a file, as log lines.
static void step_file(world *world, const char *path) {
  drained = world;
  FILE *file = fopen(path, "r");
  char *line = NULL;
  size_t room = 0;
  for (ssize_t size; file && (size = getline(&line, &room, file)) >= 0;) note_log_line(line, (uint64_t)size);
  note(world, "end of the file");
  free(line);
  if (file) fclose(file);
}

static const struct {
  const char *verb;
  void (*take)(world *world, const char *arguments);
  bool without_plugin;
} verbs[] = {
    {"call", step_call, false},
    {"context", step_context, false},
    {"large", step_large, false},
    {"null", step_null, false},
    {"times", step_times, false},
    {"http", step_http, false},
    {"reset", step_reset, false},
    {"config", step_config, false},
    {"exists", step_exists, false},
    {"headers", step_headers, false},
    {"outcome", step_outcome, false},
    {"cancel", step_cancel, false},
    {"cancelled", step_cancelled, false},
    {"another", step_another, false},
    {"free_compiled", step_free_compiled, true},
    {"free_plugin", step_free_plugin, false},
    {"free_functions", step_free_functions, true},
    {"id", step_id, false},
    {"log_custom", step_log_custom, true},
    {"log_file", step_log_file, true},
    {"drain", step_drain, true},
    {"file", step_file, true},
};

static void take_step(world *world, char *line, const char *told) {
  size_t size = strcspn(line, " ");
  const char *arguments = line[size] ? line + size + 1 : "";
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (strlen(verbs[i].verb) == size && strncmp(verbs[i].verb, line, size) == 0) {
      note(world, "- %s", told);
      if (world->plugin || verbs[i].without_plugin) verbs[i].take(world, arguments);
      return;
    }
  note(world, "the scenario's step is unknown: %s", line);
}

void take_steps(world *world) {
  char *steps = strdup(world->scenario->steps), *next = steps;
  for (char *told; (told = strsep(&next, "\n"));) {
    char *line = expand(world, told);
    take_step(world, line, told);
    free(line);
  }
  free(steps);
}
