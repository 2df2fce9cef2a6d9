// A worker: loads one libextism and runs scenarios on it, saying what it sees.
#include "differential/driver.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTES_FD = 3, LONG_BYTES = 70000, SHOWN_BYTES_MAX = 400 };

static FILE *notes;

// -- Scenarios --

static const scenario_list *const lists[] = {
    &manifest_scenarios, &call_scenarios, &failure_scenarios, &host_scenarios, &var_scenarios,
    &limit_scenarios,    &http_scenarios, &log_scenarios,     &wasi_scenarios, &api_scenarios,
};

const scenario *scenario_at(size_t index) {
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    if (index < lists[i]->count) return &lists[i]->scenarios[index];
    index -= lists[i]->count;
  }
  return NULL;
}

// -- Notes --

static void put_escaped(const char *data, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)data[i];
    if (isprint(c) && c != '\\')
      fputc(c, notes);
    else if (c == '\n')
      fputs("\\n", notes);
    else
      fprintf(notes, "\\x%02x", c);
  }
}

void note(const world *world, const char *format, ...) {
  (void)world;
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  int size = vasprintf(&text, format, arguments);
  va_end(arguments);
  if (size < 0) abort();
  put_escaped(text, (size_t)size < SHOWN_BYTES_MAX * 2 ? (size_t)size : SHOWN_BYTES_MAX * 2);
  fputc('\n', notes);
  fflush(notes);
  free(text);
}

static uint64_t hash(const uint8_t *data, size_t size) {
  uint64_t value = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < size; i++) value = (value ^ data[i]) * UINT64_C(1099511628211);
  return value;
}

void note_bytes(const world *world, const char *what, const void *data, size_t size) {
  if (size > SHOWN_BYTES_MAX)
    note(world, "%s: %zu bytes, hash %016llx", what, size, (unsigned long long)hash(data, size));
  else
    note(world, "%s: \"%.*s\"", what, (int)size, size ? (const char *)data : "");
}

void note_error(const world *world, const char *what, const char *text) {
  const char *kind = text ? error_kind(text) : NULL;
  if (kind)
    note(world, "%s: of the kind: %s", what, kind);
  else
    note(world, "%s: %s%s%s", what, text ? "\"" : "", text ? text : "none", text ? "\"" : "");
}

void note_outcome(const world *world, ExtismPlugin *plugin, int32_t code) {
  note(world, "code: %d", code);
  note_bytes(world, "output", world->lib->plugin_output_data(plugin), world->lib->plugin_output_length(plugin));
  note_error(world, "error", world->lib->plugin_error(plugin));
}

// -- Words that stand for something else --

static const char *value_of(const world *world, const char *word, size_t size, char room[24], const char *text_long) {
  snprintf(room, 24, "%d", world->port);
  const struct {
    const char *word, *value;
  } words[] = {{"GUESTS", UBIQ_GUESTS_DIR}, {"PORT", room}, {"DIR", world->scratch}, {"LONG", text_long}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strlen(words[i].word) == size && strncmp(word, words[i].word, size) == 0) return words[i].value;
  return NULL;
}

char *expand(const world *world, const char *text) {
  static char text_long[LONG_BYTES + 1];
  memset(text_long, 'L', LONG_BYTES);
  char *out = NULL, room[24];
  size_t size = 0;
  FILE *to = open_memstream(&out, &size);
  while (*text) {
    size_t length = 0;
    while (*text == '$' && isupper((unsigned char)text[1 + length])) length++;
    const char *value = length ? value_of(world, text + 1, length, room, text_long) : NULL;
    if (value) {
      fputs(value, to);
      text += 1 + length;
    } else {
      fputc(*text++, to);
    }
  }
  fclose(to);
  return out;
}

// -- Making plugins --

static char *make_source(const world *world, size_t *size) {
  const scenario *scenario = world->scenario;
  if (scenario->source) {
    char *source = scenario->source_size ? malloc(scenario->source_size) : expand(world, scenario->source);
    if (scenario->source_size) memcpy(source, scenario->source, scenario->source_size);
    *size = scenario->source_size ? scenario->source_size : strlen(source);
    return source;
  }
  char *text = NULL;
  const char *more = scenario->more;
  if (asprintf(&text, "{\"wasm\": [{\"path\": \"$GUESTS/%s.wasm\"}]%s%s}", scenario->guest, more ? ", " : "",
               more ? more : "") < 0)
    abort();
  char *source = expand(world, text);
  free(text);
  *size = strlen(source);
  return source;
}

static void note_new(world *world, const char *what, bool made, char *error) {
  if (made)
    note(world, "%s: made", what);
  else
    note_error(world, what, error);
  if (error) world->lib->plugin_new_error_free(error);
}

static void make_compiled(world *world, const uint8_t *source, size_t size) {
  const scenario *scenario = world->scenario;
  char *error = NULL;
  const ExtismFunction **functions = world->functions;
  size_t count = world->functions_count;
  world->compiled = scenario->fuel || scenario->no_fuel
                        ? world->lib->compiled_plugin_new_with_fuel_limit(source, size, functions, count,
                                                                          scenario->wasi, scenario->fuel, &error)
                        : world->lib->compiled_plugin_new(source, size, functions, count, scenario->wasi, &error);
  note_new(world, "compiled plugin", world->compiled, error);
  if (!world->compiled) return;
  error = NULL;
  world->plugin = world->lib->plugin_new_from_compiled(world->compiled, &error);
  note_new(world, "plugin", world->plugin, error);
}

static void make_plugin(world *world, const uint8_t *source, size_t size) {
  const scenario *scenario = world->scenario;
  char *error = NULL;
  const ExtismFunction **functions = world->functions;
  size_t count = world->functions_count;
  world->plugin = scenario->fuel || scenario->no_fuel
                      ? world->lib->plugin_new_with_fuel_limit(source, size, functions, count, scenario->wasi,
                                                               scenario->fuel, &error)
                      : world->lib->plugin_new(source, size, functions, count, scenario->wasi, &error);
  note_new(world, "plugin", world->plugin, error);
}

void world_open(world *world) {
  if (world->scenario->hosts) add_hosts(world, world->scenario->hosts);
  if (world->scenario->making == MAKE_NOTHING) return;
  size_t size = 0;
  char *source = make_source(world, &size);
  if (world->scenario->making == MAKE_COMPILED)
    make_compiled(world, (const uint8_t *)source, size);
  else
    make_plugin(world, (const uint8_t *)source, size);
  free(source);
}

void world_close(world *world) {
  if (world->plugin) world->lib->plugin_free(world->plugin);
  if (world->compiled) world->lib->compiled_plugin_free(world->compiled);
  for (size_t i = 0; i < world->functions_count; i++) world->lib->function_free((ExtismFunction *)world->functions[i]);
}

// -- The worker --

static library load(const char *path) {
  library lib;
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    fprintf(stderr, "%s\n", dlerror());
    exit(WORKER_CANNOT_LOAD);
  }
#define LIBRARY_LOAD(name)                                                                                             \
  *(void **)&lib.name = dlsym(handle, "extism_" #name);                                                                \
  if (!lib.name) {                                                                                                     \
    fprintf(stderr, "%s has no extism_" #name "\n", path);                                                             \
    exit(WORKER_CANNOT_LOAD);                                                                                          \
  }
  LIBRARY_FUNCTIONS(LIBRARY_LOAD)
#undef LIBRARY_LOAD
  return lib;
}

static void run(const library *lib, const scenario *scenario, int port, const char *scratch) {
  world world = {.lib = lib, .scenario = scenario, .port = port, .scratch = scratch};
  world_open(&world);
  if (world.plugin && scenario->steps) take_steps(&world);
  if (scenario->run && (world.plugin || scenario->making == MAKE_NOTHING)) scenario->run(&world);
  world_close(&world);
}

_Noreturn void work(const char *path, size_t first, int port, const char *scratch) {
  const char *only = getenv("DIFFERENTIAL_ONLY");
  notes = fdopen(NOTES_FD, "w");
  library lib = load(path);
  size_t done = 0;
  for (size_t i = first; scenario_at(i); i++) {
    const scenario *scenario = scenario_at(i);
    if (only && !strstr(scenario->name, only)) continue;
    if (scenario->alone && done) break;
    char folder[256];
    snprintf(folder, sizeof folder, "%s/%d-%zu", scratch, getpid(), i);
    mkdir(folder, 0700);
    fprintf(notes, "@begin %zu\n", i);
    fflush(notes);
    run(&lib, scenario, port, folder);
    fprintf(notes, "@end %zu\n", i);
    fflush(notes);
    done++;
    if (scenario->alone) break;
  }
  exit(0);
}
