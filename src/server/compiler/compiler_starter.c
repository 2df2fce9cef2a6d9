// Helpers, those that wait for their place, and jobs are one process group, and whose parent ends becomes a child of the
// starter: so it buries them all, and knows when none is left.
#include "server/compiler/compiler_starter.h"

#include "base/clock.h"
#include "server/compiler/compiler_pace.h"
#include "server/sandbox/privileges.h"
#include "server/sandbox/system_calls.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "ubiq starter"

enum { CONTROL = STDIN_FILENO };

typedef struct starter {
  compiler_job job;
  void *user;
  uint64_t longest_ns;
  compiler_pace pace;
  pid_t group;    ///< of those that were started last; 0: none
  sigset_t usual; ///< the signals that are blocked while it waits, and in helpers
} starter;

ubiq_error *compiler_starter_enclose(compiler_sandbox sandbox) {
  ubiq_error *error = privileges_accept_no_new();
  if (error != NULL || sandbox == COMPILER_SANDBOX_OFF) return error;
  error = system_calls_keep_starting();
  if (sandbox == COMPILER_SANDBOX_ON) return error;
  ubiq_error_delete(error); // the server has told what the kernel lacks
  return NULL;
}

// ------------------------------------------------------------------------------------------------------------ the end

static void bury(void) {
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
}

/// Ends all that are left of those that were started last. As long as one of them is a child of ours, buried it is not, and
/// the group's number is nobody else's.
static void end_group(starter *self) {
  siginfo_t any;
  if (self->group > 0 && waitid(P_PGID, (id_t)self->group, &any, WEXITED | WNOHANG | WNOWAIT) == 0)
    kill(-self->group, SIGKILL);
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
  }
  self->group = 0;
}

// ---------------------------------------------------------------------------------------------------------- a helper

/// In the helper's process: its channel takes the place of the server's, of which it gets nothing.
static _Noreturn void become_helper(const starter *self, const int ends[2]) {
  setpgid(0, 0);
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_SETMASK, &self->usual, NULL);
  if (dup2(ends[1], CONTROL) < 0) _exit(EXIT_FAILURE);
  close(ends[0]);
  close(ends[1]);
  exit(compiler_helper_run(self->job, self->user));
}

/// Answers 0 or an errno.
static int start_helper(starter *self, int *channel) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return errno;
  const pid_t helper = fork();
  const int number = helper < 0 ? errno : 0;
  if (helper == 0) become_helper(self, ends);
  close(ends[1]);
  if (helper < 0) {
    close(ends[0]);
    return number;
  }
  setpgid(helper, helper); // whoever of the two is first
  self->group = helper;
  *channel = ends[0];
  return 0;
}

// ------------------------------------------------------------------------------------------------------------ answers

static uint32_t left_ms(const starter *self) {
  const uint64_t now_ns = clock_monotonic_ns();
  const uint64_t then_ns =
      self->pace.last_ns + compiler_pace_delay_ns(&self->pace, COMPILER_STARTS_FREELY, self->longest_ns);
  return now_ns < then_ns ? (uint32_t)((then_ns - now_ns) / CLOCK_NS_PER_MS) + 1 : 0;
}

static void send_started(compiler_started *started, int channel) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec part = {started, sizeof *started};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (channel >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control.room;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &channel, sizeof channel);
  }
  while (sendmsg(CONTROL, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

/// Whoever asks for another has lost the last one, or says so: that is ended in any case.
static void answer(starter *self) {
  compiler_started started = {.wait_ms = left_ms(self)};
  int channel = -1;
  if (started.wait_ms == 0) {
    end_group(self);
    compiler_pace_count(&self->pace, clock_monotonic_ns());
    started.number = start_helper(self, &channel);
  }
  send_started(&started, channel);
  if (channel >= 0) close(channel);
}

// ------------------------------------------------------------------------------------------------------------ waiting

/// That there is one is enough for the call that waits to return.
static void notice(int number) {
  (void)number;
}

/// Ends are noticed while it waits, and at no other time.
static void begin(starter *self) {
  static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT}; // the server ends us when it is done with us
  const struct sigaction action = {.sa_handler = notice};
  sigset_t ends;
  for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) signal(ignored[i], SIG_IGN);
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ends, &self->usual);
  sigdelset(&self->usual, SIGCHLD);
  sigaction(SIGCHLD, &action, NULL);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  prctl(PR_SET_NAME, NAME);
}

/// Answers false when the server has ended.
static bool wait_to_be_asked(const starter *self) {
  struct pollfd wait = {.fd = CONTROL, .events = POLLIN};
  char byte;
  do bury();
  while (ppoll(&wait, 1, NULL, &self->usual) <= 0);
  ssize_t size;
  while ((size = recv(CONTROL, &byte, sizeof byte, 0)) < 0 && errno == EINTR) {
  }
  return size == (ssize_t)sizeof byte;
}

int compiler_starter_run(compiler_job job, void *user, uint64_t longest_ms) {
  starter self = {.job = job, .user = user, .longest_ns = longest_ms * CLOCK_NS_PER_MS};
  begin(&self);
  while (wait_to_be_asked(&self)) answer(&self);
  end_group(&self);
  return EXIT_SUCCESS;
}
