// Extism's C ABI: what is told of a call that ended: a code, a text, lines in the log, a dump of memory; and what the
// environment asks for with EXTISM_MEMDUMP and EXTISM_ENABLE_WASI_OUTPUT.
#include "plugin/extism/extism_internal.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CODE_TRAP = 134 };

#define LOG_SOURCE "extism::plugin"

void extism_set_error(ExtismPlugin *plugin, text message) {
  free(plugin->error);
  plugin->error = message.data ? strndup(message.data, message.size) : NULL;
}

// Without the names that are near. The function's own may have anything in it.
static text not_found(const char *message, const char *function) {
  size_t size = strlen("Function not found: ") + strlen(function);
  return (text){message, strnlen(message, size)};
}

// The texts that SDKs' users match on are Extism's.
static text text_for(const ExtismPlugin *plugin, const char *function, const ubiq_error *error) {
  const char *message = ubiq_error_message(error);
  if (plugin->plugin->said.size) return plugin->plugin->said;
  switch (ubiq_error_code(error)) {
  case UBIQ_TIMEOUT:
  case UBIQ_CANCELLED: return TEXT("timeout");
  case UBIQ_MEMORY_LIMIT: return TEXT("oom");
  case UBIQ_NOT_FOUND: return not_found(message, function);
  default: return text_of(message);
  }
}

static int32_t code_for(const ExtismPlugin *plugin, const ubiq_error *error) {
  switch (ubiq_error_code(error)) {
  case UBIQ_GUEST_ERROR: return ubiq_error_detail(error);
  case UBIQ_TRAP:
    return plugin->plugin->said.size || ubiq_error_detail(error) == HOST_FAULT ? EXTISM_CODE_FAILED : CODE_TRAP;
  case UBIQ_TIMEOUT:
  case UBIQ_CANCELLED: return CODE_TRAP;
  default: return EXTISM_CODE_FAILED;
  }
}

// A function that fails by its return value alone has no error text in Extism.
static bool fails_by_code(const ExtismPlugin *plugin, const ubiq_error *error) {
  return ubiq_error_code(error) == UBIQ_GUEST_ERROR && !plugin->plugin->said.size && !plugin->plugin->store_spent;
}

// The lines that Extism writes. Limits are what the embedder asked for, and told at a lower level.
static void log_failure(const ExtismPlugin *plugin, const char *function, const ubiq_error *error) {
  ubiq_code code = ubiq_error_code(error);
  text said = plugin->plugin->said;
  if (code == UBIQ_TIMEOUT || code == UBIQ_CANCELLED)
    log_from(UBIQ_LOG_DEBUG, LOG_SOURCE, "call to %s timed out", function);
  else if (code == UBIQ_MEMORY_LIMIT)
    log_from(UBIQ_LOG_DEBUG, LOG_SOURCE, "call to %s ran out of memory", function);
  else if (said.size)
    log_from(UBIQ_LOG_ERROR, LOG_SOURCE, "call to %s returned with error message: %.*s", function, (int)said.size,
             said.data);
  if (code != UBIQ_TIMEOUT && code != UBIQ_CANCELLED && code != UBIQ_MEMORY_LIMIT)
    log_from(UBIQ_LOG_ERROR, LOG_SOURCE, "call to %s encountered an error: %s", function, ubiq_error_message(error));
}

// The kernel's memory as the call left it.
static void dump_memory(const ExtismPlugin *plugin) {
  const char *path = getenv("EXTISM_MEMDUMP");
  if (!path || !plugin->plugin->store) return;
  engine_memory memory = plugin_kernel_memory(plugin->plugin);
  ubiq_error *error = file_write_atomic(path, 0600, memory.data, memory.size);
  if (error) log_from(UBIQ_LOG_ERROR, LOG_SOURCE, "unable to write memory dump: %s", ubiq_error_message(error));
  ubiq_error_delete(error);
}

// Errors of what was called, as against those of what ran.
static bool never_began(const ubiq_error *error) {
  ubiq_code code = ubiq_error_code(error);
  return code == UBIQ_NOT_FOUND || code == UBIQ_INVALID_INPUT;
}

int32_t extism_conclude(ExtismPlugin *plugin, const char *function, ubiq_error *error) {
  if (!error || fails_by_code(plugin, error)) {
    extism_set_error(plugin, (text){0});
  } else {
    extism_set_error(plugin, text_for(plugin, function, error));
    if (!never_began(error)) {
      log_failure(plugin, function, error);
      dump_memory(plugin);
    }
  }
  int32_t code = error ? code_for(plugin, error) : EXTISM_SUCCESS;
  ubiq_error_delete(error);
  return code;
}

// Whether a write that failed is worth another try: a signal came, or who reads a non-blocking pipe is behind and was waited
// for. Otherwise nobody takes it any more.
static bool may_go_on(int stream) {
  struct pollfd ready = {.fd = stream, .events = POLLOUT};
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  while (poll(&ready, 1, -1) < 0)
    if (errno != EINTR) return false;
  return true;
}

static void write_output(void *user, int stream, const uint8_t *data, size_t size) {
  (void)user;
  while (size > 0) {
    ssize_t written = write(stream, data, size);
    if (written == 0 || (written < 0 && !may_go_on(stream))) return;
    if (written < 0) continue;
    data += written;
    size -= (size_t)written;
  }
}

void extism_open_output(ubiq_plugin *plugin) {
  plugin_wasi_setup setup = {.input_fd = -1, .write = write_output};
  if (getenv("EXTISM_ENABLE_WASI_OUTPUT")) plugin_set_wasi(plugin, &setup);
}
