// A process that compiles one module and ends. What it needs of files it has opened before it gives them up.
#include "server/compiler/compiler_helper.h"

#include "base/file.h"
#include "base/sanitized.h"
#include "base/text.h"
#include "server/sandbox/landlock.h"
#include "server/sandbox/privileges.h"
#include "server/sandbox/system_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  NICE = 10,
  THREAD_BYTES = 80 << 20,
  DESCRIPTORS = 64
}; ///< address space that an idle thread's heap and stack take

// ----------------------------------------------------------------------------------------------------------- limits

static uint64_t address_space(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (file != NULL && fscanf(file, "%lu", &pages) != 1) pages = 0;
  if (file != NULL) fclose(file);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static ubiq_error *limit(int resource, uint64_t most) {
  const struct rlimit limit = {most, most};
  if (setrlimit((__rlimit_resource_t)resource, &limit) == 0) return NULL;
  return ubiq_error_new(UBIQ_INTERNAL, "no limit can be set for compiling: %s", strerrordesc_np(errno));
}

/// What is written to, and, because not every kind of memory counts there, what is mapped.
static ubiq_error *limit_memory(const compiler_request *request) {
  const uint64_t threads = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) + 1;
  ubiq_error *error = limit(RLIMIT_DATA, request->memory_bytes);
  return error != NULL ? error : limit(RLIMIT_AS, address_space() + request->memory_bytes + threads * THREAD_BYTES);
}

/// Engines compile on all processors; the helper's clock is the one that counts.
static ubiq_error *limit_all(const compiler_request *request) {
  const uint64_t seconds = (request->time_ms / 1000 + 2) * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
  ubiq_error *error = limit(RLIMIT_CPU, seconds);
  if (error == NULL) error = limit(RLIMIT_CORE, 0);
  if (error == NULL) error = limit(RLIMIT_NOFILE, DESCRIPTORS);
  if (error == NULL) error = limit(RLIMIT_FSIZE, COMPILER_RESULT_BYTES_MAX);
  if (error == NULL && !SANITIZED) error = limit_memory(request); // sanitizers map terabytes
  return error;
}

/// Neither is worth failing for.
static void step_back(void) {
  setpriority(PRIO_PROCESS, 0, NICE);
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  ssize_t size = write(file, "1000", 4);
  (void)size;
  close(file);
}

// ---------------------------------------------------------------------------------------------------------- sandbox

static ubiq_error *leave_files(void) {
  landlock rules;
  ubiq_error *error = landlock_open(&rules);
  if (error == NULL) error = landlock_enforce(&rules);
  landlock_close(&rules);
  return error;
}

/// The server has told what the kernel lacks, with `auto`.
static ubiq_error *enclose(compiler_sandbox sandbox) {
  if (sandbox == COMPILER_SANDBOX_OFF) return NULL;
  ubiq_error *error = privileges_accept_no_new();
  if (error == NULL) error = privileges_hide_memory();
  if (error != NULL) return error;
  ubiq_error *files = leave_files(), *calls = system_calls_keep_computing();
  error = files != NULL ? files : calls;
  if (files != NULL && calls != NULL) ubiq_error_delete(calls);
  if (sandbox == COMPILER_SANDBOX_ON) return error;
  ubiq_error_delete(error);
  return NULL;
}

// ------------------------------------------------------------------------------------------------------------- work

static ubiq_error *put(int file, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t done = write(file, bytes, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return file_error(errno, "what was compiled");
    bytes += done;
    size -= (size_t)done;
  }
  return NULL;
}

static ubiq_error *read_input(int file, buffer *out) {
  uint8_t piece[64 << 10];
  ssize_t size;
  for (off_t at = 0; (size = pread(file, piece, sizeof piece, at)) > 0; at += size)
    if (!buffer_append(out, piece, (size_t)size)) return ubiq_error_no_memory();
  return size == 0 ? NULL : file_error(errno, "what is to be compiled");
}

static ubiq_error *compile(engine *engine, const buffer *input, uint8_t **made, size_t *size) {
  engine_module *module = NULL;
  ubiq_error *error = engine_compile(engine, input->data, input->size, &module);
  if (error == NULL) error = module->ops->serialize(module, made, size);
  engine_module_delete(module);
  return error;
}

static ubiq_error *open_engine(const compiler_request *request, engine **out) {
  const engine_ops *ops = NULL;
  engine_options options = request->options;
  options.compiles_only = true;
  ubiq_error *error = engine_find(request->engine, &ops);
  return error != NULL ? error : engine_open(ops, &options, out);
}

static ubiq_error *work(const compiler_request *request, compiler_sandbox sandbox, int input, int output) {
  engine *engine = NULL;
  buffer source = {0};
  uint8_t *made = NULL;
  size_t size = 0;
  step_back();
  ubiq_error *error = request->kind == COMPILER_COMPILE ? open_engine(request, &engine) : NULL;
  if (error == NULL) error = limit_all(request);
  if (error == NULL) error = enclose(sandbox);
  if (error == NULL) error = read_input(input, &source);
  if (error == NULL)
    error = request->kind == COMPILER_COMPILE
                ? compile(engine, &source, &made, &size)
                : engine_wat_to_wasm((const char *)source.data, source.size, &made, &size);
  if (error == NULL) error = put(output, made, size);
  free(made);
  buffer_free(&source);
  return error; // the engine ends with the process
}

/// An engine that got no memory says what the system said, some way or other.
static bool is_exhausted(ubiq_error *error) {
  return error == ubiq_error_no_memory() || strstr(ubiq_error_message(error), "Cannot allocate memory") != NULL;
}

int compiler_job_run(const compiler_request *request, int input, int output, void *user) {
  const compiler_sandbox *sandbox = user;
  ubiq_error *error = work(request, *sandbox, input, output);
  if (error == NULL) return 0;
  if (is_exhausted(error)) {
    fputs(COMPILER_NO_MEMORY " something failed\n", stderr);
    abort();
  }
  const char *message = ubiq_error_message(error);
  if (ftruncate(output, 0) != 0 || pwrite(output, message, strlen(message), 0) < 0) abort();
  return (int)ubiq_error_code(error);
}
