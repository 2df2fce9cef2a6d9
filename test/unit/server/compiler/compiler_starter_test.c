// What a server may ask the process for that starts those that compile: whatever it sends, there is one helper at a time.
#include "server/compiler/compiler_starter.h"

#include "base/clock.h"
#include "unit/base/testing.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HOUR_MS = 3600 * 1000, SOON_MS = 1 };

/// Helpers of these tests are given nothing to do.
static int refuse(const compiler_request *request, int input, int output, void *user) {
  (void)request;
  (void)input;
  (void)output;
  (void)user;
  return 1;
}

typedef struct fixture {
  pid_t starter;
  int control;
} fixture;

static fixture start(uint64_t longest_ms) {
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const pid_t starter = fork();
  assert_true(starter >= 0);
  if (starter == 0) {
    dup2(ends[1], STDIN_FILENO);
    close(ends[0]);
    close(ends[1]);
    _exit(compiler_starter_run(refuse, NULL, longest_ms));
  }
  close(ends[1]);
  return (fixture){starter, ends[0]};
}

static void finish(const fixture *self) {
  int status = 0;
  close(self->control);
  assert_int_equal(waitpid(self->starter, &status, 0), self->starter);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/// Answers the channel that comes; -1: none does.
static int hear(const fixture *self, compiler_started *out) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {out, sizeof *out};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  int channel = -1;
  assert_int_equal(recvmsg(self->control, &message, MSG_CMSG_CLOEXEC), sizeof *out);
  const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL) memcpy(&channel, CMSG_DATA(header), sizeof channel);
  return channel;
}

static int ask(const fixture *self, compiler_started *out) {
  assert_int_equal(send(self->control, "", 1, MSG_NOSIGNAL), 1);
  return hear(self, out);
}

static bool is_closed(int channel) {
  struct pollfd look = {.fd = channel};
  return poll(&look, 1, 0) == 1;
}

/// As soon as whoever had the other end has come so far, or the test hangs.
static void wait_until_closed(int channel) {
  struct pollfd look = {.fd = channel};
  assert_int_equal(poll(&look, 1, -1), 1);
}

static void who_asks_for_another_helper_has_one(void **state) {
  (void)state;
  const fixture self = start(SOON_MS);
  compiler_started started;
  int before = -1;
  for (int i = 0; i < 50; i++) {
    int channel = ask(&self, &started);
    while (started.wait_ms > 0) channel = ask(&self, &started);
    assert_int_equal(started.number, 0);
    assert_true(channel >= 0 && !is_closed(channel));
    assert_true(before < 0 || is_closed(before)); // it has ended before the next began
    if (before >= 0) close(before);
    before = channel;
  }
  close(before);
  finish(&self);
}

static void who_asks_too_often_is_told_when_and_keeps_what_it_has(void **state) {
  (void)state;
  const fixture self = start(HOUR_MS);
  compiler_started started;
  int channel = -1, another = ask(&self, &started);
  for (; started.wait_ms == 0; another = ask(&self, &started)) { // a machine that is slow to ask has more of them
    if (channel >= 0) close(channel);
    channel = another;
  }
  assert_int_equal(another, -1);
  assert_int_equal(started.number, 0);
  assert_false(is_closed(channel));
  close(channel);
  finish(&self);
}

static void whatever_is_sent_is_a_byte_that_asks(void **state) {
  (void)state;
  const fixture self = start(SOON_MS);
  compiler_started started;
  char much[4096];
  int ends[2], channel;
  memset(much, 0xff, sizeof much);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
  memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
  struct iovec part = {much, sizeof much};
  const struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  assert_int_equal(sendmsg(self.control, &message, 0), sizeof much);
  channel = hear(&self, &started);
  assert_true(channel >= 0 && started.wait_ms == 0);
  close(ends[1]);
  assert_true(is_closed(ends[0])); // what came with it was not taken
  close(ends[0]);
  close(channel);
  finish(&self);
}

static void helpers_end_before_their_starter(void **state) {
  (void)state;
  const fixture self = start(SOON_MS);
  compiler_started started;
  const int channel = ask(&self, &started);
  assert_true(channel >= 0);
  finish(&self); // although the channel is open
  assert_true(is_closed(channel));
  close(channel);
}

static void a_starter_that_is_killed_is_seen_to_be_gone_while_its_helper_goes_on(void **state) {
  (void)state;
  const fixture self = start(SOON_MS);
  compiler_started started;
  const int channel = ask(&self, &started);
  assert_true(channel >= 0);
  assert_int_equal(kill(self.starter, SIGKILL), 0);
  assert_int_equal(waitpid(self.starter, NULL, 0), self.starter);
  wait_until_closed(self.control); // no helper keeps it
  assert_false(is_closed(channel));
  close(self.control);
  close(channel);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_asks_for_another_helper_has_one),
      cmocka_unit_test(who_asks_too_often_is_told_when_and_keeps_what_it_has),
      cmocka_unit_test(whatever_is_sent_is_a_byte_that_asks),
      cmocka_unit_test(helpers_end_before_their_starter),
      cmocka_unit_test(a_starter_that_is_killed_is_seen_to_be_gone_while_its_helper_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
