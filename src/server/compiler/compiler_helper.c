// One job at a time: what is waited for is its end, its time, and the server's end.
#include "server/compiler/compiler_helper.h"

#include "base/clock.h"
#include "server/compiler/compiler_standby.h"
#include "server/sandbox/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHANNEL = STDIN_FILENO };

typedef struct helper {
  compiler_job job;
  void *user;
  standby standby;
} helper;

// --------------------------------------------------------------------------------------------------------- requests

static bool receive(compiler_request *request, int files[COMPILER_FILES]) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(COMPILER_FILES * sizeof(int))];
  } control;
  struct iovec part = {request, sizeof *request};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  ssize_t size;
  while ((size = recvmsg(CHANNEL, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  const struct cmsghdr *header = size == (ssize_t)sizeof *request ? CMSG_FIRSTHDR(&message) : NULL;
  if (header == NULL || header->cmsg_len != CMSG_LEN(COMPILER_FILES * sizeof(int))) return false;
  memcpy(files, CMSG_DATA(header), COMPILER_FILES * sizeof(int));
  return true;
}

// ------------------------------------------------------------------------------------------------------------ a job

/// In the job's process: what it says goes to the helper, as much of it as there is room for.
static _Noreturn void become_job(helper *self, pid_t parent, const compiler_request *request,
                                 const int files[COMPILER_FILES], int words) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILURE); // it has ended already
  standby_leave(&self->standby);
  dup2(words, STDOUT_FILENO);
  dup2(words, STDERR_FILENO);
  close(CHANNEL);
  _exit(self->job(request, files[0], files[1], self->user));
}

/// Answers false when the server has ended.
static bool wait_for_end(pid_t job, uint64_t time_ms, bool *is_overdue) {
  const uint64_t until_ns = clock_monotonic_ns() + time_ms * CLOCK_NS_PER_MS;
  struct pollfd waits[] = {{.fd = (int)syscall(SYS_pidfd_open, job, 0), .events = POLLIN}, {.fd = CHANNEL}};
  bool is_over = false;
  while (!is_over && !*is_overdue && waits[1].revents == 0 && waits[0].fd >= 0) {
    const uint64_t now = clock_monotonic_ns();
    const uint64_t left_ms = now < until_ns ? (until_ns - now) / CLOCK_NS_PER_MS + 1 : 0;
    const int ready = poll(waits, 2, left_ms < 1000 ? (int)left_ms : 1000);
    is_over = ready > 0 && waits[0].revents != 0;
    *is_overdue = !is_over && left_ms == 0;
  }
  if (waits[0].fd >= 0) close(waits[0].fd);
  return waits[1].revents == 0;
}

static void read_words(int words, char out[COMPILER_WORDS_BYTES]) {
  ssize_t size = read(words, out, COMPILER_WORDS_BYTES - 1);
  out[size > 0 ? size : 0] = '\0';
}

/// Rust's library says so before it ends; others are taken to have run out of memory when they had used most of it.
static bool is_exhausted(const compiler_request *request, const compiler_reply *reply, int number) {
  if (number != SIGABRT && number != SIGSEGV && number != SIGBUS) return false;
  return strstr(reply->words, COMPILER_NO_MEMORY) != NULL || reply->peak_bytes > request->memory_bytes / 2;
}

static void describe(const compiler_request *request, int status, compiler_reply *reply) {
  if (WIFEXITED(status)) {
    reply->code = (uint32_t)WEXITSTATUS(status);
    reply->ending = reply->code == 0 ? COMPILER_DONE : COMPILER_REFUSED;
    return;
  }
  const int number = WTERMSIG(status);
  size_t used = strlen(reply->words);
  reply->ending = number == SIGXCPU                      ? COMPILER_OVERDUE
                  : is_exhausted(request, reply, number) ? COMPILER_EXHAUSTED
                                                         : COMPILER_BROKEN;
  snprintf(reply->words + used, sizeof reply->words - used, "%ssignal %d (%s)", used > 0 ? ": " : "", number,
           strsignal(number));
}

/// Whatever it was that ended it, nothing of it is left afterwards.
static bool finish(pid_t job, const compiler_request *request, int words, compiler_reply *reply) {
  bool is_overdue = false;
  struct rusage used = {0};
  int status = 0;
  bool goes_on = wait_for_end(job, request->time_ms, &is_overdue);
  if (is_overdue || !goes_on) kill(job, SIGKILL);
  while (wait4(job, &status, 0, &used) < 0 && errno == EINTR) {
  }
  reply->peak_bytes = (uint64_t)used.ru_maxrss * 1024;
  read_words(words, reply->words);
  describe(request, status, reply);
  if (is_overdue) reply->ending = COMPILER_OVERDUE;
  return goes_on;
}

static bool answer(helper *self, const compiler_request *request, const int files[COMPILER_FILES]) {
  compiler_reply reply = {.request = request->number, .ending = COMPILER_BROKEN};
  int words[2];
  bool goes_on = true;
  if (pipe2(words, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  const pid_t parent = getpid();
  pid_t job = fork();
  if (job == 0) become_job(self, parent, request, files, words[1]);
  close(words[1]);
  if (job > 0)
    goes_on = finish(job, request, words[0], &reply);
  else
    snprintf(reply.words, sizeof reply.words, "no process can be started: %s", strerrordesc_np(errno));
  close(words[0]);
  return goes_on && send(CHANNEL, &reply, sizeof reply, MSG_NOSIGNAL) == (ssize_t)sizeof reply;
}

int compiler_helper_run(compiler_job job, void *user) {
  static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT}; // the server ends us when it is done with us
  helper self = {.job = job, .user = user};
  for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) signal(ignored[i], SIG_IGN);
  standby_open(&self.standby);
  bool goes_on = true;
  while (goes_on) {
    compiler_request request;
    int files[COMPILER_FILES];
    standby_wait(&self.standby, CHANNEL);
    if (!receive(&request, files)) break;
    standby_taken(&self.standby, request.number);
    goes_on = answer(&self, &request, files);
    standby_answered(&self.standby);
    for (size_t i = 0; i < COMPILER_FILES; i++) close(files[i]);
  }
  return EXIT_SUCCESS;
}
