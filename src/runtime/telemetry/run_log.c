// See the header for the design.
#include "runtime/telemetry/run_log.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/telemetry/run_log_line.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define END_NS            CLOCK_NS_PER_SECOND
#define WARNING_PERIOD_NS (60 * CLOCK_NS_PER_SECOND)

struct run_log {
  const char *path; ///< NULL: standard output
  _Atomic uint64_t dropped;
  _Atomic uint64_t warned_ns; ///< 0: never
  pthread_mutex_t lock;       // for all that follows
  int fd;
  bool is_file;                 ///< takes as much as there is room for, at once
  unsigned opened;              ///< how often
  const run_log_writer *writer; ///< wrote half a line; NULL: nobody did
  pthread_cond_t is_whole;      ///< `writer` became NULL
  uint64_t end_ns;              ///< writers that end wait no longer, by the monotonic clock; 0: none has waited yet
};

struct run_log_writer {
  run_log *log;
  uv_timer_t timer; ///< runs while there is something to write
  uint8_t *data;    ///< whole lines, but for the first after a short write
  size_t size;
  unsigned opened; ///< the log's number when the first line was half written
  bool is_halved;  ///< the beginning of the first line is in the file
  bool has_failed; ///< nothing could be written: not tried again before the timer is due
  bool is_ending;  ///< waits, because it will not try again
};

// --------------------------------------------------------------------------------------------------------- the file

static ubiq_error *open_file(const char *path, int *fd) {
  *fd = path == NULL ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                     : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
  return *fd >= 0 ? NULL : file_error(errno, path == NULL ? "standard output" : path);
}

/// Nobody's line, or the writer's, is half written. With the lock.
static void set_writer(run_log *self, const run_log_writer *writer) {
  self->writer = writer;
  if (writer == NULL) pthread_cond_broadcast(&self->is_whole);
}

static void use(run_log *self, int fd) {
  struct stat status;
  self->fd = fd;
  self->is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  self->opened++;
  set_writer(self, NULL);
}

static void open_locks(run_log *self) {
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&self->is_whole, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&self->lock, NULL);
}

ubiq_error *run_log_open(const char *path, run_log **out) {
  run_log *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->path = strcmp(path, "-") == 0 ? NULL : path;
  int fd;
  ubiq_error *error = open_file(self->path, &fd);
  if (error != NULL) {
    free(self);
    return error;
  }
  open_locks(self);
  use(self, fd);
  *out = self;
  return NULL;
}

ubiq_error *run_log_reopen(run_log *self) {
  if (self->path == NULL) return NULL;
  int fd;
  ubiq_error *error = open_file(self->path, &fd);
  if (error != NULL) return error;
  pthread_mutex_lock(&self->lock);
  close(self->fd);
  use(self, fd);
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

uint64_t run_log_dropped(const run_log *self) {
  return atomic_load_explicit(&self->dropped, memory_order_relaxed);
}

void run_log_close(run_log *self) {
  if (self == NULL) return;
  close(self->fd);
  pthread_cond_destroy(&self->is_whole);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

/// Counts a line that is lost, and says so once a minute.
static void drop(run_log *self) {
  uint64_t dropped = atomic_fetch_add_explicit(&self->dropped, 1, memory_order_relaxed) + 1;
  uint64_t now_ns = clock_monotonic_ns(), warned_ns = atomic_load(&self->warned_ns);
  if (warned_ns != 0 && now_ns - warned_ns < WARNING_PERIOD_NS) return;
  if (atomic_compare_exchange_strong(&self->warned_ns, &warned_ns, now_ns))
    log_warn("%s: runs are not written down, %llu so far: the disk is full, or nobody reads",
             self->path == NULL ? "standard output" : self->path, (unsigned long long)dropped);
}

// ---------------------------------------------------------------------------------------------------------- writing

static void forget(run_log_writer *self, size_t size) {
  self->size -= size;
  memmove(self->data, self->data + size, self->size);
}

/// How much of what is there may be written at once. What is no file takes PIPE_BUF bytes without waiting when it takes any;
/// no line is longer, so that there is one to end with.
static size_t portion(const run_log_writer *self) {
  if (self->log->is_file || self->size <= PIPE_BUF) return self->size;
  const uint8_t *end = memrchr(self->data, '\n', PIPE_BUF);
  return end == NULL ? PIPE_BUF : (size_t)(end - self->data) + 1;
}

/// Until when a writer may wait, by the monotonic clock; 0: not at all. All that end wait until the same moment.
static uint64_t patience_until_ns(const run_log_writer *self) {
  run_log *log = self->log;
  if (!self->is_ending) return 0;
  if (log->end_ns == 0) log->end_ns = clock_monotonic_ns() + END_NS;
  return log->end_ns;
}

static bool is_writable_now(int fd, int wait_ms) {
  struct pollfd wanted = {.fd = fd, .events = POLLOUT};
  return poll(&wanted, 1, wait_ms) > 0 && (wanted.revents & POLLOUT) != 0;
}

static bool is_writable(const run_log_writer *self) {
  if (is_writable_now(self->log->fd, 0)) return true;
  uint64_t until_ns = patience_until_ns(self), now_ns = clock_monotonic_ns();
  if (until_ns <= now_ns) return false;
  return is_writable_now(self->log->fd, (int)((until_ns - now_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS));
}

/// Waits for whoever wrote half a line, as long as may be. False: the file is still theirs.
static bool is_for(const run_log_writer *self) {
  run_log *log = self->log;
  bool is_late = !self->is_ending;
  while (log->writer != NULL && log->writer != self && !is_late) {
    uint64_t until_ns = patience_until_ns(self);
    const struct timespec until = {.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_SECOND),
                                   .tv_nsec = (long)(until_ns % CLOCK_NS_PER_SECOND)};
    is_late = pthread_cond_timedwait(&log->is_whole, &log->lock, &until) != 0;
  }
  return log->writer == NULL || log->writer == self;
}

/// Writes a portion. False: nothing more can be written now.
static bool write_portion(run_log_writer *self) {
  run_log *log = self->log;
  if (!is_writable(self)) return false;
  ssize_t written = write(log->fd, self->data, portion(self));
  if (written <= 0) return written < 0 && errno == EINTR;
  self->is_halved = self->data[written - 1] != '\n';
  self->opened = log->opened;
  set_writer(log, self->is_halved ? self : NULL);
  forget(self, (size_t)written);
  return true;
}

/// The rest of a line whose beginning is in a file that is no longer written to is of no use.
static void forget_half(run_log_writer *self) {
  if (!self->is_halved || self->opened == self->log->opened) return;
  self->is_halved = false;
  const uint8_t *end = memchr(self->data, '\n', self->size);
  forget(self, end == NULL ? self->size : (size_t)(end - self->data) + 1);
  drop(self->log);
}

/// With the lock.
static void write_all(run_log_writer *self) {
  forget_half(self);
  if (is_for(self))
    while (self->size > 0 && write_portion(self)) continue;
  self->has_failed = self->size > 0;
}

static void write_out(run_log_writer *self) {
  if (pthread_mutex_trylock(&self->log->lock) != 0) return;
  write_all(self);
  pthread_mutex_unlock(&self->log->lock);
}

static void wait_a_little(run_log_writer *self);

static void on_time(uv_timer_t *timer) {
  run_log_writer *self = timer->data;
  write_out(self);
  if (self->size > 0) wait_a_little(self);
}

static void wait_a_little(run_log_writer *self) {
  uv_timer_start(&self->timer, on_time, RUN_LOG_DELAY_MS, 0);
}

// ------------------------------------------------------------------------------------------------------- the writer

run_log_writer *run_log_writer_new(run_log *log, uv_loop_t *loop) {
  run_log_writer *self = calloc(1, sizeof *self);
  uint8_t *data = malloc(RUN_LOG_BUFFER_BYTES);
  if (self == NULL || data == NULL) {
    free(self);
    free(data);
    return NULL;
  }
  self->log = log;
  self->data = data;
  uv_timer_init(loop, &self->timer);
  uv_unref((uv_handle_t *)&self->timer);
  self->timer.data = self;
  return self;
}

/// Where a line may be written; NULL: nowhere, and it is dropped.
static char *place_for_line(run_log_writer *self) {
  if (self->size + RUN_LOG_LINE_MAX <= RUN_LOG_BUFFER_BYTES) return (char *)self->data + self->size;
  drop(self->log);
  return NULL;
}

static void add_line(run_log_writer *self, size_t size) {
  if (self->size == 0) wait_a_little(self);
  self->size += size;
  if (self->size >= RUN_LOG_WRITE_BYTES && !self->has_failed) write_out(self);
}

void run_log_add(run_log_writer *self, const run_record *record) {
  char *place = place_for_line(self);
  if (place != NULL) add_line(self, run_log_line(record, place));
}

void run_log_add_refusal(run_log_writer *self, const refusal_record *record) {
  char *place = place_for_line(self);
  if (place != NULL) add_line(self, run_log_refusal_line(record, place));
}

static void is_closed(uv_handle_t *handle) {
  run_log_writer *self = handle->data;
  free(self->data);
  free(self);
}

/// With the lock, whose holders keep it for no longer than until `end_ns`.
static void write_rest(run_log_writer *self) {
  self->is_ending = true;
  write_all(self);
  if (self->log->writer == self) set_writer(self->log, NULL);
}

static void drop_rest(run_log_writer *self) {
  for (size_t i = 0; i < self->size; i++)
    if (self->data[i] == '\n') drop(self->log);
}

void run_log_writer_close(run_log_writer *self) {
  if (self == NULL) return;
  pthread_mutex_lock(&self->log->lock);
  write_rest(self);
  pthread_mutex_unlock(&self->log->lock);
  drop_rest(self);
  uv_close((uv_handle_t *)&self->timer, is_closed);
}
