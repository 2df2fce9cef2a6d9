// The sandbox is told by a word, so that the two programs need not agree on anything but that.
#include "cli/serve_compiler.h"

#include "cli/command.h"
#include "server/compiler/compiler_starter.h"
#include "server/sandbox/privileges.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

void serve_compiler_options(serve_compiler *self, option list[SERVE_COMPILER_OPTIONS]) {
  *self = (serve_compiler){.time_ms = 60 * 1000, .memory_bytes = UINT64_C(2) << 30};
  const option options[SERVE_COMPILER_OPTIONS] = {
      {"compile-time", 0, OPTION_DURATION, "TIME", "time to compile the modules of a bundle (default 60s)",
       &self->time_ms, 1, DAY_MS},
      {"compile-memory", 0, OPTION_SIZE, "SIZE", "memory to compile one of them (default 2GiB)", &self->memory_bytes, 1,
       0},
  };
  memcpy(list, options, sizeof options);
}

ubiq_error *serve_compiler_start(serve_compiler *self, const char *sandbox) {
  const char *const arguments[] = {"ubiq", SERVE_COMPILER_ARGUMENT, sandbox, NULL};
  const compiler_settings settings = {arguments, self->time_ms, self->memory_bytes};
  return compiler_start(&settings, &self->compiler);
}

void serve_compiler_end(serve_compiler *self) {
  compiler_delete(self->compiler);
  self->compiler = NULL;
}

static bool is_socket(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode);
}

static compiler_sandbox sandbox_named(const char *name) {
  if (strcmp(name, "off") == 0) return COMPILER_SANDBOX_OFF;
  return strcmp(name, "on") == 0 ? COMPILER_SANDBOX_ON : COMPILER_SANDBOX_AUTO;
}

int serve_compiler_main(int count, char **arguments) {
  if (count != 1 || !is_socket(STDIN_FILENO))
    return command_fail(ubiq_error_new(UBIQ_INVALID_INPUT,
                                       SERVE_COMPILER_ARGUMENT " is for `ubiq serve` alone; to "
                                                               "compile a plugin say `ubiq compile`"));
  compiler_sandbox sandbox = sandbox_named(arguments[0]);
  privileges_close_inherited();
  ubiq_error *error = compiler_starter_enclose(sandbox);
  if (error != NULL) return command_fail(error);
  return compiler_starter_run(compiler_job_run, &sandbox, COMPILER_START_LONGEST_MS);
}
