// Which of the two a process is, is where it stands: the second waits in the call in which the first started it.
#include "server/compiler/compiler_standby.h"

#include "base/clock.h"
#include "server/compiler/compiler_protocol.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUIET_NS       (60 * CLOCK_NS_PER_SECOND) ///< without a death: the next counts as the first
#define DELAY_NS       (100 * CLOCK_NS_PER_MS)    ///< after the second death; doubles with each
#define LONGEST_NS     (60 * CLOCK_NS_PER_SECOND)
#define NAME_OF_FIRST  "ubiq compiler"
#define NAME_OF_SECOND "ubiq standby"

struct standby_notes {
  _Atomic uint64_t taken, answered; ///< requests: what differs is under way
};

void standby_open(standby *self) {
  *self = (standby){.watch = -1};
  void *notes = mmap(NULL, sizeof *self->notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (notes != MAP_FAILED) self->notes = notes;
  prctl(PR_SET_NAME, NAME_OF_FIRST);
}

void standby_leave(standby *self) {
  if (self->watch >= 0) close(self->watch);
  if (self->notes != NULL) munmap(self->notes, sizeof *self->notes);
  *self = (standby){.watch = -1};
}

void standby_taken(standby *self, uint64_t request) {
  if (self->notes != NULL) atomic_store(&self->notes->taken, request);
}

void standby_answered(standby *self) {
  if (self->notes != NULL) atomic_store(&self->notes->answered, atomic_load(&self->notes->taken));
}

static int open_watch(pid_t process) {
  return (int)syscall(SYS_pidfd_open, process, 0);
}

static void count_death(standby *self) {
  const uint64_t now_ns = clock_monotonic_ns();
  if (now_ns - self->died_ns > QUIET_NS) self->deaths = 0;
  uint64_t delay_ns = self->deaths == 0 ? 0 : DELAY_NS << (self->deaths < 16 ? self->deaths - 1 : 15);
  if (delay_ns > LONGEST_NS) delay_ns = LONGEST_NS;
  self->deaths++;
  self->died_ns = now_ns;
  self->start_ns = now_ns + delay_ns;
}

// -------------------------------------------------------------------------------------------------------- the second

/// What the first had begun is not done again: it may be what killed it.
static void tell_lost(standby *self, int channel) {
  const compiler_reply reply = {.request = atomic_load(&self->notes->taken), .ending = COMPILER_LOST};
  if (reply.request == atomic_load(&self->notes->answered)) return;
  standby_answered(self);
  (void)!send(channel, &reply, sizeof reply, MSG_NOSIGNAL);
}

/// Ends with the server, and returns when the first has ended.
static void wait_for_its_turn(standby *self, pid_t first, int channel) {
  struct pollfd waits[] = {{.fd = open_watch(first), .events = POLLIN}, {.fd = channel}};
  if (waits[0].fd < 0 && getppid() == first) _exit(EXIT_FAILURE);
  while (waits[0].revents == 0 && waits[1].revents == 0 && getppid() == first) poll(waits, 2, -1);
  if (waits[0].fd >= 0) close(waits[0].fd);
  if (poll(&waits[1], 1, 0) > 0) _exit(EXIT_SUCCESS);
  prctl(PR_SET_NAME, NAME_OF_FIRST);
  self->other = 0;
  self->watch = -1;
  count_death(self);
  tell_lost(self, channel);
}

// --------------------------------------------------------------------------------------------------------- the first

static void start_other(standby *self, int channel) {
  const pid_t first = getpid();
  prctl(PR_SET_NAME, NAME_OF_SECOND); // so that the other is never seen under the name of a job
  const pid_t other = fork();
  if (other == 0) {
    wait_for_its_turn(self, first, channel);
    return;
  }
  prctl(PR_SET_NAME, NAME_OF_FIRST);
  self->other = other > 0 ? other : 0;
  self->watch = other > 0 ? open_watch(other) : -1;
  if (other < 0) count_death(self);
}

static void bury(standby *self) {
  while (waitpid(self->other, NULL, 0) < 0 && errno == EINTR) {
  }
  if (self->watch >= 0) close(self->watch);
  self->other = 0;
  self->watch = -1;
  count_death(self);
}

static int poll_ms(const standby *self) {
  if (self->other != 0 || self->notes == NULL) return -1;
  const uint64_t now_ns = clock_monotonic_ns();
  return now_ns >= self->start_ns ? 0 : (int)((self->start_ns - now_ns) / CLOCK_NS_PER_MS) + 1;
}

void standby_wait(standby *self, int channel) {
  for (;;) {
    const int wait_ms = poll_ms(self);
    if (wait_ms == 0) {
      start_other(self, channel);
      continue;
    }
    struct pollfd waits[] = {{.fd = channel, .events = POLLIN}, {.fd = self->watch, .events = POLLIN}};
    if (poll(waits, 2, wait_ms) <= 0) continue;
    if (waits[1].revents != 0) bury(self);
    if (waits[0].revents != 0) return;
  }
}
