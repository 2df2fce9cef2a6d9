// What ends is seen by its socket alone: nothing is signalled and nothing is polled for.
#include "server/compiler/compiler_link.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum {
  SLACK_MS = 10 * 1000, ///< that others may be late with their answers
  TRIES = 2,            ///< to find somebody who takes a request
};

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

static int spawn(const char *const *arguments, int control, pid_t *starter) {
  char *kept[ENTRIES_MAX + 1];
  posix_spawn_file_actions_t actions;
  choose_environment(kept);
  int number = posix_spawn_file_actions_init(&actions);
  if (number != 0) return number;
  number = posix_spawn_file_actions_adddup2(&actions, control, STDIN_FILENO);
  if (number == 0)
    number = posix_spawn(starter, "/proc/self/exe", &actions, NULL, (char *const *)(void *)arguments, kept);
  posix_spawn_file_actions_destroy(&actions);
  return number;
}

static ubiq_error *failure(const char *what, int number) {
  return ubiq_error_new(UBIQ_INTERNAL, "compiling in another process: %s: %s", what, strerrordesc_np(number));
}

/// Nothing is to be asked while something is to be heard.
static bool ask_for_channel(compiler_link *self) {
  if (!self->is_asked) self->is_asked = send(self->control, "", 1, MSG_NOSIGNAL) == 1;
  return self->is_asked;
}

ubiq_error *compiler_link_open(const char *const *arguments, compiler_link *out) {
  int ends[2];
  *out = (compiler_link){.control = -1, .channel = -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failure("no socket", errno);
  out->control = ends[0];
  const int number = spawn(arguments, ends[1], &out->starter);
  close(ends[1]);
  if (number != 0) {
    out->starter = 0;
    compiler_link_close(out);
    return failure("it cannot be started", number);
  }
  ask_for_channel(out);
  return NULL;
}

static void lose_channel(compiler_link *self) {
  if (self->channel >= 0) close(self->channel);
  self->channel = -1;
}

void compiler_link_close(compiler_link *self) {
  lose_channel(self);
  if (self->control >= 0) close(self->control);
  self->control = -1;
  while (self->starter > 0 && waitpid(self->starter, NULL, 0) < 0 && errno == EINTR) {
  }
  self->starter = 0;
}

// --------------------------------------------------------------------------------------------------------- who is there

static bool is_closed(int socket) {
  struct pollfd look = {.fd = socket};
  return poll(&look, 1, 0) > 0;
}

bool compiler_link_has_starter(const compiler_link *self) {
  return !is_closed(self->control);
}

/// What the starter has said before it ended counts.
bool compiler_link_has_helpers(const compiler_link *self) {
  compiler_started heard;
  if (self->channel >= 0) return !is_closed(self->channel);
  return self->is_asked && recv(self->control, &heard, sizeof heard, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static ubiq_error *is_lost(compiler_link *self) {
  if (self->starter > 0 && waitpid(self->starter, NULL, WNOHANG) > 0) self->starter = 0;
  return ubiq_error_new(UBIQ_UNAVAILABLE,
                        "the processes that compile for this server have ended, and so has what starts them; restart "
                        "the server");
}

static uint64_t until_ns(uint64_t time_ms) {
  return clock_monotonic_ns() + time_ms * CLOCK_NS_PER_MS;
}

static int poll_ms(uint64_t left_ns) {
  enum { A_WHILE_MS = 60 * 1000 };
  const uint64_t left_ms = left_ns / CLOCK_NS_PER_MS + 1;
  return left_ms < A_WHILE_MS ? (int)left_ms : A_WHILE_MS;
}

/// Waits for one of `events`, or the other side's end. False when the time is over.
static bool wait_for(int socket, short events, uint64_t until) {
  struct pollfd wait = {.fd = socket, .events = events};
  int ready = 0;
  for (uint64_t now; ready <= 0 && (now = clock_monotonic_ns()) < until;) ready = poll(&wait, 1, poll_ms(until - now));
  return ready > 0;
}

// ---------------------------------------------------------------------------------------------------------- a channel

/// What the starter says, and the channel that comes with it. False when it has ended.
static bool hear(compiler_link *self, compiler_started *out) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {out, sizeof *out};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  ssize_t size;
  while ((size = recvmsg(self->control, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  self->is_asked = false;
  const struct cmsghdr *header = size == (ssize_t)sizeof *out ? CMSG_FIRSTHDR(&message) : NULL;
  if (header == NULL) return size == (ssize_t)sizeof *out;
  memcpy(&self->channel, CMSG_DATA(header), sizeof self->channel);
  atomic_fetch_add(&self->starts, 1);
  return true;
}

static ubiq_error *hear_in_time(compiler_link *self, uint64_t until, compiler_started *out) {
  if (!wait_for(self->control, POLLIN, until + SLACK_MS * CLOCK_NS_PER_MS))
    return ubiq_error_new(UBIQ_UNAVAILABLE,
                          "the process that starts those that compile for this server does not answer: deploy again");
  return hear(self, out) ? NULL : is_lost(self);
}

/// Where there is not enough time, nobody waits.
static ubiq_error *wait_to_ask_again(compiler_link *self, const compiler_started *refused, uint64_t until) {
  const uint64_t then = until_ns(refused->wait_ms);
  if (then > until)
    return ubiq_error_new(UBIQ_UNAVAILABLE,
                          "the processes that compile for this server were killed again and again; others are started "
                          "in %u s: deploy again then",
                          refused->wait_ms / 1000 + 1);
  wait_for(self->control, 0, then);
  return NULL;
}

static ubiq_error *weigh(compiler_link *self, const compiler_started *heard, uint64_t until) {
  if (heard->wait_ms > 0) return wait_to_ask_again(self, heard, until);
  return heard->number == 0 ? NULL : failure("it cannot be started", heard->number);
}

static ubiq_error *find_channel(compiler_link *self, uint64_t until) {
  ubiq_error *error = NULL;
  while (error == NULL && self->channel < 0) {
    compiler_started heard = {0};
    error = ask_for_channel(self) ? hear_in_time(self, until, &heard) : is_lost(self);
    if (error == NULL) error = weigh(self, &heard, until);
  }
  return error;
}

// ---------------------------------------------------------------------------------------------------------- a request

typedef enum outcome {
  ANSWERED,
  UNTAKEN, ///< nobody was there any more
  CUT,     ///< all of them ended after one had taken it
  LATE,
} outcome;

static bool send_request(const compiler_link *self, compiler_request *request, const int files[COMPILER_FILES]) {
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
  return size == (ssize_t)sizeof *request;
}

/// A socket whose other side was closed with something unread in it says that it was reset.
static outcome receive_reply(const compiler_link *self, const compiler_request *request, compiler_reply *reply) {
  const uint64_t until = until_ns(request->time_ms + SLACK_MS);
  while (wait_for(self->channel, POLLIN, until)) {
    const ssize_t size = recv(self->channel, reply, sizeof *reply, MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size < 0 && errno == ECONNRESET) return UNTAKEN;
    if (size != (ssize_t)sizeof *reply) return CUT;
    reply->words[sizeof reply->words - 1] = '\0';
    if (reply->request == request->number)
      return ANSWERED; // else of one before, whose helper was killed as it had answered
  }
  return LATE;
}

static ubiq_error *conclude(compiler_link *self, outcome outcome, compiler_reply *reply) {
  if (outcome == ANSWERED) return NULL;
  if (outcome == LATE)
    return ubiq_error_new(UBIQ_UNAVAILABLE,
                          "the process that compiles for this server does not answer, and is replaced: deploy again");
  if (!compiler_link_has_starter(self)) return is_lost(self);
  reply->ending = COMPILER_LOST;
  return NULL;
}

ubiq_error *compiler_link_ask(compiler_link *self, compiler_request *request, const int files[COMPILER_FILES],
                              compiler_reply *reply) {
  const uint64_t until = until_ns(request->time_ms);
  outcome outcome = UNTAKEN;
  for (unsigned i = 0; outcome == UNTAKEN && i < TRIES; i++) {
    ubiq_error *error = find_channel(self, until);
    if (error != NULL) return error;
    outcome = send_request(self, request, files) ? receive_reply(self, request, reply) : UNTAKEN;
    if (outcome != ANSWERED) lose_channel(self);
  }
  return conclude(self, outcome, reply);
}
