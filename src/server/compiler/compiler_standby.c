// Which of them a process is, is where it stands: one that waits does so in the call in which it was started. Who works
// is who has the lock on a place of a file: the system gives it back when its owner ends, whatever ended that, and one
// of those that wait gets it. So nobody is elected, and there are never two.
#include "server/compiler/compiler_standby.h"

#include "base/clock.h"
#include "server/compiler/compiler_pace.h"
#include "server/compiler/compiler_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONGEST_NS      (60 * CLOCK_NS_PER_SECOND)
#define ALONE_NS        (10 * CLOCK_NS_PER_MS) ///< at most, while nobody waits
#define NAME_OF_FIRST   "ubiq compiler"
#define NAME_OF_STANDBY "ubiq standby"

enum { FIRST = 0 }; ///< the place of who works; the others are of those that wait

struct standby_notes {
  _Atomic uint64_t taken, answered; ///< requests: what differs is under way
  compiler_pace deaths;             ///< of who works alone
};

// --------------------------------------------------------------------------------------------------------- the places

static bool lock(const standby *self, int place, short kind) {
  struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = place, .l_len = 1};
  return fcntl(self->places, F_SETLK, &lock) == 0;
}

static bool take(const standby *self, int place) {
  return lock(self, place, F_WRLCK);
}

static void give_up(const standby *self, int place) {
  lock(self, place, F_UNLCK);
}

/// 0: nobody.
static pid_t owner_of(const standby *self, int place) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = place, .l_len = 1};
  return fcntl(self->places, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

static int open_watch(pid_t process) {
  return (int)syscall(SYS_pidfd_open, process, 0);
}

/// What tells when the place's owner ends; -1: it has none. That it is the owner's, and not of who got its number, is
/// seen afterwards.
static int watch_owner(const standby *self, int place) {
  const pid_t owner = owner_of(self, place);
  const int watch = owner == 0 ? -1 : open_watch(owner);
  if (watch < 0 || owner_of(self, place) == owner) return watch;
  close(watch);
  return -1;
}

static void forget(standby *self, int place) {
  if (self->watches[place] >= 0) close(self->watches[place]);
  self->watches[place] = -1;
}

static void forget_all(standby *self) {
  for (int place = 0; place < STANDBY_PLACES; place++) forget(self, place);
}

static bool can_watch(void) {
  const int watch = open_watch(getpid());
  if (watch >= 0) close(watch);
  return watch >= 0;
}

void standby_open(standby *self) {
  *self = (standby){.places = -1};
  for (int place = 0; place < STANDBY_PLACES; place++) self->watches[place] = -1;
  prctl(PR_SET_NAME, NAME_OF_FIRST);
  self->places = memfd_create("places", MFD_CLOEXEC);
  if (self->places < 0 || !can_watch() || !take(self, FIRST)) return;
  void *notes = mmap(NULL, sizeof *self->notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (notes != MAP_FAILED) self->notes = notes;
}

void standby_leave(standby *self) {
  forget_all(self);
  if (self->places >= 0) close(self->places);
  if (self->notes != NULL) munmap(self->notes, sizeof *self->notes);
  *self = (standby){.places = -1};
}

void standby_taken(standby *self, uint64_t request) {
  if (self->notes != NULL) atomic_store(&self->notes->taken, request);
}

void standby_answered(standby *self) {
  if (self->notes != NULL) atomic_store(&self->notes->answered, atomic_load(&self->notes->taken));
}

static void count_death(standby_notes *notes) {
  compiler_pace_count(&notes->deaths, clock_monotonic_ns());
}

/// When another is started. Those that die together are replaced together; one alone does not stay so.
static uint64_t start_ns(const standby_notes *notes, bool is_alone) {
  return notes->deaths.last_ns +
         compiler_pace_delay_ns(&notes->deaths, STANDBY_PLACES, is_alone ? ALONE_NS : LONGEST_NS);
}

// ----------------------------------------------------------------------------------------------------- one that waits

/// What the first had begun is not done again: it may be what killed it.
static void tell_lost(standby *self, int channel) {
  const compiler_reply reply = {.request = atomic_load(&self->notes->taken), .ending = COMPILER_LOST};
  if (reply.request == atomic_load(&self->notes->answered)) return;
  standby_answered(self);
  (void)!send(channel, &reply, sizeof reply, MSG_NOSIGNAL);
}

/// Ends with the server.
static void wait_for_end_of_first(const standby *self, int channel) {
  struct pollfd waits[] = {{.fd = channel}, {.fd = watch_owner(self, FIRST), .events = POLLIN}};
  if (waits[1].fd >= 0) poll(waits, 2, -1);
  if (waits[1].fd >= 0) close(waits[1].fd);
  if (poll(waits, 1, 0) > 0) _exit(EXIT_SUCCESS);
}

/// Returns when it is the first.
static void wait_for_its_turn(standby *self, int place, int channel) {
  forget_all(self);
  if (!take(self, place)) _exit(EXIT_FAILURE); // another has it
  while (!take(self, FIRST)) wait_for_end_of_first(self, channel);
  give_up(self, place);
  prctl(PR_SET_NAME, NAME_OF_FIRST);
  count_death(self->notes);
  tell_lost(self, channel);
}

// ---------------------------------------------------------------------------------------------------------- the first

static void start_other(standby *self, int place, int channel) {
  prctl(PR_SET_NAME, NAME_OF_STANDBY); // so that the other is never seen under the name of a job
  const pid_t other = fork();
  if (other == 0) {
    wait_for_its_turn(self, place, channel);
    return;
  }
  prctl(PR_SET_NAME, NAME_OF_FIRST);
  self->cannot_start = other < 0;
  if (other > 0) self->watches[place] = open_watch(other);
  if (other < 0) count_death(self->notes);
}

/// Who waits here may have been started by one that was the first before. Answers how many there are, and a place without one.
static int look_around(standby *self, int *missing) {
  int count = 0;
  *missing = FIRST;
  for (int place = FIRST + 1; place < STANDBY_PLACES; place++) {
    if (self->watches[place] < 0) self->watches[place] = watch_owner(self, place);
    count += self->watches[place] >= 0;
    if (self->watches[place] < 0) *missing = place;
  }
  return count;
}

/// Keeps the places taken. Answers how long something else may be waited for, in milliseconds; -1: any time.
static int keep_places(standby *self, int channel, bool *is_alone) {
  int missing = FIRST;
  *is_alone = false;
  while (self->notes != NULL) {
    *is_alone = look_around(self, &missing) == 0 && !self->cannot_start;
    if (missing == FIRST) return -1;
    const uint64_t now_ns = clock_monotonic_ns(), then_ns = start_ns(self->notes, *is_alone);
    if (now_ns < then_ns) return (int)((then_ns - now_ns) / CLOCK_NS_PER_MS) + 1;
    start_other(self, missing, channel);
  }
  return -1;
}

static void bury(standby *self, int place) {
  forget(self, place);
  while (waitpid(-1, NULL, WNOHANG) > 0) { // no job is under way
  }
  count_death(self->notes);
}

void standby_wait(standby *self, int channel) {
  for (;;) {
    struct pollfd waits[STANDBY_PLACES];
    bool is_alone;
    const int wait_ms = keep_places(self, channel, &is_alone);
    for (int place = FIRST + 1; place < STANDBY_PLACES; place++)
      waits[place] = (struct pollfd){.fd = self->watches[place], .events = POLLIN};
    // Work may be what kills, and is not begun where nobody is left to go on.
    waits[FIRST] = (struct pollfd){.fd = channel, .events = is_alone ? 0 : POLLIN};
    if (poll(waits, STANDBY_PLACES, wait_ms) <= 0) continue;
    for (int place = FIRST + 1; place < STANDBY_PLACES; place++)
      if (waits[place].revents != 0) bury(self, place);
    if (waits[FIRST].revents != 0) return;
  }
}
