// The server's side. What the helper sends is copied before it is used: nobody changes it afterwards.
#include "server/compiler/compiler.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/compiler/compiler_link.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct compiler {
  uint64_t time_ms, memory_bytes;
  atomic_bool is_told;   ///< that nobody starts them anew any more
  pthread_mutex_t mutex; ///< guards what follows, but for what the link says any thread may
  compiler_link link;
  uint64_t requests; ///< ever
};

static ubiq_error *failure(const char *what) {
  return ubiq_error_new(UBIQ_INTERNAL, "compiling in another process: %s: %s", what, strerrordesc_np(errno));
}

ubiq_error *compiler_start(const compiler_settings *settings, compiler **out) {
  compiler *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->time_ms = settings->time_ms;
  self->memory_bytes = settings->memory_bytes;
  ubiq_error *error = compiler_link_open(settings->arguments, &self->link);
  if (error != NULL) {
    free(self);
    return error;
  }
  pthread_mutex_init(&self->mutex, NULL);
  *out = self;
  return NULL;
}

void compiler_delete(compiler *self) {
  if (self == NULL) return;
  compiler_link_close(&self->link);
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

// ---------------------------------------------------------------------------------------------------------- looking

static compiler_health look(compiler *self) {
  if (compiler_link_has_starter(&self->link)) return COMPILER_WELL;
  if (pthread_mutex_trylock(&self->mutex) != 0) return COMPILER_LAST; // they are at work
  const bool has_helpers = compiler_link_has_helpers(&self->link);
  pthread_mutex_unlock(&self->mutex);
  return has_helpers ? COMPILER_LAST : COMPILER_GONE;
}

compiler_health compiler_look(compiler *self) {
  const compiler_health health = look(self);
  if (health != COMPILER_WELL && !atomic_exchange(&self->is_told, true))
    log_error(
        "the process that starts those that compile for this server has ended: once they are killed, all at once, "
        "what is deployed is refused until the server is started again");
  return health;
}

uint64_t compiler_starts(const compiler *self) {
  return atomic_load(&self->link.starts);
}

// ------------------------------------------------------------------------------------------------------- answering

/// The file may have been made any size by who had it.
static ubiq_error *take(int file, size_t bytes_max, buffer *out) {
  struct stat status;
  if (fstat(file, &status) != 0) return failure("what was compiled");
  if (status.st_size < 0 || (uint64_t)status.st_size > bytes_max)
    return ubiq_error_new(UBIQ_QUOTA, "what a module was compiled to has %lld bytes; at most %zu are allowed",
                          (long long)status.st_size, bytes_max);
  size_t size = (size_t)status.st_size, before = out->size;
  if (!buffer_reserve(out, size)) return ubiq_error_no_memory();
  while (out->size - before < size) {
    size_t at = out->size - before;
    ssize_t got = pread(file, out->data + out->size, size - at, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out->size += (size_t)got;
  }
  if (out->size - before == size) return NULL;
  out->size = before;
  return failure("what was compiled");
}

static bool is_class_of_failure(uint32_t code) {
  switch (code) {
#define IS_CLASS(identifier, name, status, exit_code, text) case UBIQ_##identifier:
    UBIQ_CODES(IS_CLASS)
#undef IS_CLASS
    return true;
  default: return false;
  }
}

static ubiq_error *refused(int file, uint32_t code) {
  enum { MESSAGE_BYTES_MAX = 64 << 10 };
  buffer message = {0};
  ubiq_error *error = take(file, MESSAGE_BYTES_MAX, &message);
  const char *text = error == NULL ? buffer_string(&message) : NULL;
  if (error == NULL && text == NULL) error = ubiq_error_no_memory();
  if (error == NULL) error = ubiq_error_new(is_class_of_failure(code) ? (ubiq_code)code : UBIQ_INTERNAL, "%s", text);
  buffer_free(&message);
  return error;
}

static ubiq_error *judge(const compiler_work *work, const compiler_reply *reply, int file, buffer *out) {
  const uint64_t megabyte = UINT64_C(1) << 20;
  switch (reply->ending) {
  case COMPILER_DONE: return take(file, COMPILER_RESULT_BYTES_MAX, out);
  case COMPILER_REFUSED: return refused(file, reply->code);
  case COMPILER_OVERDUE:
    return ubiq_error_new(UBIQ_QUOTA,
                          "compiling takes longer than the %llu ms that a bundle's modules have together "
                          "(--compile-time)",
                          (unsigned long long)work->given_ms);
  case COMPILER_EXHAUSTED:
    return ubiq_error_new(UBIQ_QUOTA,
                          "compiling needs more than the %llu MiB of memory that a module has "
                          "(--compile-memory)",
                          (unsigned long long)(work->compiler->memory_bytes / megabyte));
  case COMPILER_LOST:
    return ubiq_error_new(UBIQ_UNAVAILABLE,
                          "the process that compiles for this server was killed in the middle; another "
                          "has taken its place: deploy again");
  case COMPILER_BROKEN: break;
  }
  return ubiq_error_new(UBIQ_INTERNAL, "the compiler ended in the middle: %s", reply->words);
}

// --------------------------------------------------------------------------------------------------------- asking

static ubiq_error *put(int file, ubiq_bytes bytes) {
  while (bytes.size > 0) {
    ssize_t size = write(file, bytes.data, bytes.size);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return failure("its file");
    bytes = (ubiq_bytes){bytes.data + size, bytes.size - (size_t)size};
  }
  return NULL;
}

static ubiq_error *open_files(ubiq_bytes input, int files[COMPILER_FILES]) {
  files[0] = memfd_create("module", MFD_CLOEXEC);
  files[1] = memfd_create("compiled", MFD_CLOEXEC);
  return files[0] < 0 || files[1] < 0 ? failure("no file in memory") : put(files[0], input);
}

static void tell_of_starts(const compiler *self, uint64_t before) {
  const uint64_t starts = compiler_starts(self);
  if (starts > before && before > 0)
    log_warn(
        "the processes that compile for this server had ended, all of them, or did not answer: others were started "
        "(%llu so far)",
        (unsigned long long)(starts - 1));
}

static ubiq_error *exchange(compiler *self, compiler_request *request, const int files[COMPILER_FILES],
                            compiler_reply *reply) {
  pthread_mutex_lock(&self->mutex);
  const uint64_t starts = compiler_starts(self);
  request->number = ++self->requests;
  ubiq_error *error = compiler_link_ask(&self->link, request, files, reply);
  tell_of_starts(self, starts);
  pthread_mutex_unlock(&self->mutex);
  compiler_look(self);
  if (error != NULL) log_error("%s", ubiq_error_message(error));
  return error;
}

static ubiq_error *run(compiler_work *work, compiler_request *request, ubiq_bytes input, buffer *out) {
  int files[COMPILER_FILES] = {-1, -1};
  compiler_reply reply;
  const uint64_t began_ns = clock_monotonic_ns();
  request->time_ms = work->left_ns / CLOCK_NS_PER_MS;
  request->memory_bytes = work->compiler->memory_bytes;
  ubiq_error *error = open_files(input, files);
  if (error == NULL) error = exchange(work->compiler, request, files, &reply);
  const uint64_t took_ns = clock_monotonic_ns() - began_ns;
  work->left_ns -= took_ns < work->left_ns ? took_ns : work->left_ns;
  if (error == NULL) {
    log_debug("%zu bytes were compiled in %llu ms and %llu MiB", input.size,
              (unsigned long long)(took_ns / CLOCK_NS_PER_MS), (unsigned long long)(reply.peak_bytes >> 20));
    error = judge(work, &reply, files[1], out);
  }
  for (size_t i = 0; i < COMPILER_FILES; i++)
    if (files[i] >= 0) close(files[i]);
  return error;
}

static ubiq_error *compile(void *user, const char *engine, const engine_options *options, ubiq_bytes wasm,
                           buffer *code) {
  compiler_request request = {.kind = COMPILER_COMPILE, .options = *options};
  if (strlen(engine) >= sizeof request.engine) return ubiq_error_new(UBIQ_INTERNAL, "engine %s: a long name", engine);
  memcpy(request.engine, engine, strlen(engine));
  return run(user, &request, wasm, code);
}

static ubiq_error *assemble(void *user, ubiq_bytes source, buffer *wasm) {
  compiler_request request = {.kind = COMPILER_ASSEMBLE};
  return run(user, &request, source, wasm);
}

void compiler_begin(compiler *self, unsigned times, compiler_work *out) {
  const uint64_t given_ms = self->time_ms * times;
  *out = (compiler_work){self, given_ms, given_ms * CLOCK_NS_PER_MS, {compile, assemble, out}};
}
