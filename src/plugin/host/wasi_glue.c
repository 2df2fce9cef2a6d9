// WASI for plugins: a context for each instance, made when the guest first asks for something. What a function writes to
// its standard output and error becomes log lines.
#include "plugin/host/wasi_glue.h"

#include "base/file.h"
#include "base/log.h"
#include "plugin/parts/stubs.h"
#include "wasi/abi.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES_MAX = 64 << 10 };

// What Rust's library says before it gives up.
static bool says_out_of_memory(const char *line, size_t size) {
  static const char start[] = "memory allocation of ", end[] = " bytes failed";
  return size > sizeof start && memcmp(line, start, sizeof start - 1) == 0 && memmem(line, size, end, sizeof end - 1);
}

static void say(plugin *plugin, int stream, const char *line, size_t size) {
  if (stream == 2 && plugin->compiled->options.component) plugin->grow_refused |= says_out_of_memory(line, size);
  ubiq_log_level level = stream == 2 ? UBIQ_LOG_WARN : UBIQ_LOG_INFO;
  if (!log_enabled(level)) return;
  if (plugin->host && plugin->host->log)
    plugin->host->log(plugin->host->user, level, line, size);
  else
    log_write(level, plugin->compiled->name, line, size);
}

// Whole lines are said at once; the rest waits for its end, for a full line, or for the end of the call.
static void take_output(void *user, int stream, const uint8_t *data, size_t size) {
  plugin *plugin = user;
  if (plugin->wasi_setup.write) {
    plugin->wasi_setup.write(plugin->wasi_setup.user, stream, data, size);
    return;
  }
  buffer *line = &plugin->lines[stream == 2];
  while (size) {
    const uint8_t *end = memchr(data, '\n', size);
    size_t part = end ? (size_t)(end - data) : size;
    if (part > LINE_BYTES_MAX - line->size) part = LINE_BYTES_MAX - line->size;
    if (!buffer_append(line, data, part)) return;
    bool ended = end == data + part;
    if (ended || line->size == LINE_BYTES_MAX) {
      say(plugin, stream, (const char *)line->data, line->size);
      buffer_clear(line);
    }
    data += part + ended;
    size -= part + ended;
  }
}

void wasi_flush(plugin *plugin) {
  for (int i = 0; i < 2; i++)
    if (plugin->lines[i].size) {
      say(plugin, i + 1, (const char *)plugin->lines[i].data, plugin->lines[i].size);
      buffer_clear(&plugin->lines[i]);
    }
}

static void wait_until(void *user, uint64_t deadline_ns) {
  ((plugin *)user)->wake_at_ns = deadline_ns;
}

// Asked while a wait blocks the caller's thread; on a loop its owner asks.
static ubiq_error *interrupted(void *user) {
  return ((plugin *)user)->host ? NULL : plugin_overdue(user);
}

// Relative ones start where the manifest's modules do. `hosts` gets the joined paths, for free.
static ubiq_error *open_directories(plugin *plugin, wasi_directory *directories, char **hosts) {
  const manifest *manifest = plugin->compiled->manifest;
  for (size_t i = 0; i < manifest->allowed_paths_count; i++) {
    const manifest_path *path = &manifest->allowed_paths[i];
    hosts[i] = file_path_join(plugin->compiled->directory, path->host);
    if (!hosts[i]) return ubiq_error_no_memory();
    directories[i] = (wasi_directory){.host = hosts[i], .guest = path->guest, .read_only = path->read_only};
  }
  ubiq_error *error = wasi_preopens_open(directories, manifest->allowed_paths_count, &plugin->preopens);
  return ubiq_error_wrap(error, "allowed_paths");
}

ubiq_error *wasi_open_directories(plugin *plugin) {
  size_t count = plugin->compiled->manifest->allowed_paths_count;
  if (!plugin->compiled->options.wasi || count == 0) return NULL;
  wasi_directory *directories = calloc(count, sizeof *directories);
  char **hosts = calloc(count, sizeof *hosts);
  ubiq_error *error = directories && hosts ? open_directories(plugin, directories, hosts) : ubiq_error_no_memory();
  for (size_t i = 0; hosts && i < count; i++) free(hosts[i]);
  free(hosts);
  free(directories);
  return error;
}

// The wall clock may be a test's; it is asked for each time, because instances are made before who uses them is known.
static uint64_t tell_time(void *user, uint32_t clock) {
  const plugin *plugin = user;
  const plugin_stubs *stubs = plugin->host ? plugin->host->stubs : NULL;
  uint64_t realtime_ns;
  if (clock == WASI_CLOCK_REALTIME && stubs && stubs->realtime && stubs->realtime(stubs->user, &realtime_ns))
    return realtime_ns;
  return wasi_clock_of_system(clock);
}

static wasi_context *find_context(void *user) {
  plugin *plugin = user;
  if (plugin->wasi) return plugin->wasi;
  const plugin_wasi_setup *setup = &plugin->wasi_setup;
  const char *name = plugin->compiled->name;
  wasi_options options = {
      .arguments = setup->arguments_count ? setup->arguments : &name,
      .arguments_count = setup->arguments_count ? setup->arguments_count : 1,
      .environment = setup->environment,
      .environment_count = setup->environment_count,
      .input_fd = setup->input_fd,
      .preopens = plugin->preopens,
      .write = take_output,
      .wait = plugin->compiled->options.suspends ? wait_until : NULL,
      .interrupted = interrupted,
      .clock = plugin->host && plugin->host->stubs ? tell_time : NULL,
      .user = plugin,
  };
  ubiq_error *error = wasi_context_new(&options, &plugin->wasi);
  if (error) log_error("%s: WASI: %s", name, ubiq_error_message(error));
  ubiq_error_delete(error);
  return plugin->wasi;
}

const wasi_binding plugin_wasi_binding = {.context = find_context};
