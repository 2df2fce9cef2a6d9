// The server's side. What the helper sends is copied before it is used: nobody changes it afterwards.
#include "server/compiler/compiler.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/compiler/compiler_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SLACK_MS = 10 * 1000 }; ///< that a helper may be late with its answer

struct compiler {
  uint64_t time_ms, memory_bytes;
  pid_t helper;
  pthread_mutex_t mutex; ///< guards what follows
  int channel;           ///< -1: the helpers are lost
  uint64_t requests;     ///< ever
};

static ubiq_error *failure(const char *what) {
  return ubiq_error_new(UBIQ_INTERNAL, "compiling in another process: %s: %s", what, strerrordesc_np(errno));
}

static ubiq_error *is_lost(void) {
  return ubiq_error_new(UBIQ_UNAVAILABLE, "the processes that compile for this server have ended; restart the server");
}

// -------------------------------------------------------------------------------------------------------- starting

/// What of the environment the loader and sanitizers want; anything else may be a secret.
static bool is_kept(const char *entry) {
  static const char *const kept[] = {"LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS="};
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
    if (strncmp(entry, kept[i], strlen(kept[i])) == 0) return true;
  return false;
}

enum { ENTRIES_MAX = 8 };

static void choose_environment(char *out[ENTRIES_MAX + 1]) {
  size_t count = 0;
  for (char **entry = environ; entry != NULL && *entry != NULL && count < ENTRIES_MAX; entry++)
    if (is_kept(*entry)) out[count++] = *entry;
  out[count] = NULL;
}

static int spawn(const char *const *arguments, int channel, pid_t *helper) {
  char *kept[ENTRIES_MAX + 1];
  posix_spawn_file_actions_t actions;
  choose_environment(kept);
  int number = posix_spawn_file_actions_init(&actions);
  if (number != 0) return number;
  number = posix_spawn_file_actions_adddup2(&actions, channel, STDIN_FILENO);
  if (number == 0)
    number = posix_spawn(helper, "/proc/self/exe", &actions, NULL, (char *const *)(void *)arguments, kept);
  posix_spawn_file_actions_destroy(&actions);
  return number;
}

ubiq_error *compiler_start(const compiler_settings *settings, compiler **out) {
  int ends[2];
  compiler *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    free(self);
    return failure("no socket");
  }
  *self = (compiler){.time_ms = settings->time_ms, .memory_bytes = settings->memory_bytes, .channel = ends[0]};
  pthread_mutex_init(&self->mutex, NULL);
  errno = spawn(settings->arguments, ends[1], &self->helper);
  ubiq_error *error = errno == 0 ? NULL : failure("it cannot be started");
  close(ends[1]);
  if (error != NULL)
    compiler_delete(self);
  else
    *out = self;
  return error;
}

static void lose(compiler *self) {
  if (self->channel >= 0) close(self->channel);
  self->channel = -1;
}

void compiler_delete(compiler *self) {
  if (self == NULL) return;
  lose(self);
  while (self->helper > 0 && waitpid(self->helper, NULL, 0) < 0 && errno == EINTR) {
  }
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

// -------------------------------------------------------------------------------------------------------- talking

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

static ubiq_error *send_request(const compiler *self, compiler_request *request, const int files[COMPILER_FILES]) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(COMPILER_FILES * sizeof(int))];
  } control = {0};
  struct iovec part = {request, sizeof *request};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(COMPILER_FILES * sizeof(int));
  memcpy(CMSG_DATA(header), files, COMPILER_FILES * sizeof(int));
  ssize_t size;
  while ((size = sendmsg(self->channel, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
  }
  return size == (ssize_t)sizeof *request ? NULL : is_lost();
}

static int poll_ms(uint64_t left_ns) {
  enum { A_WHILE_MS = 60 * 1000 };
  const uint64_t left_ms = left_ns / CLOCK_NS_PER_MS + 1;
  return left_ms < A_WHILE_MS ? (int)left_ms : A_WHILE_MS;
}

static ubiq_error *receive_reply(const compiler *self, uint64_t time_ms, compiler_reply *reply) {
  const uint64_t until_ns = clock_monotonic_ns() + (time_ms + SLACK_MS) * CLOCK_NS_PER_MS;
  struct pollfd wait = {.fd = self->channel, .events = POLLIN};
  int ready = 0;
  for (uint64_t now; ready == 0 && (now = clock_monotonic_ns()) < until_ns;) {
    ready = poll(&wait, 1, poll_ms(until_ns - now));
    if (ready < 0 && errno == EINTR) ready = 0;
    if (ready <= 0) continue;
    if (recv(self->channel, reply, sizeof *reply, MSG_DONTWAIT) != (ssize_t)sizeof *reply) return is_lost();
    if (reply->request != self->requests) ready = 0; // of one before, whose helper was killed as it had answered
  }
  if (ready <= 0) return is_lost();
  reply->words[sizeof reply->words - 1] = '\0';
  return NULL;
}

static ubiq_error *exchange(compiler *self, compiler_request *request, const int files[COMPILER_FILES],
                            compiler_reply *reply) {
  pthread_mutex_lock(&self->mutex);
  request->number = ++self->requests;
  ubiq_error *error = self->channel < 0 ? is_lost() : send_request(self, request, files);
  if (error == NULL) error = receive_reply(self, request->time_ms, reply);
  if (error != NULL && self->channel >= 0) {
    log_error(
        "the processes that compile for this server have ended: what is deployed is refused until it is started again");
    lose(self);
  }
  pthread_mutex_unlock(&self->mutex);
  return error;
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
