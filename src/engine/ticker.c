// See ticker.h.
//
// DESIGN: `begun` and `ended` count calls; they differ while one is under way. They are spread over LANES pairs by who
// calls, so that threads seldom share a cache line; sums are what matters. The ticker's thread ticks while anything
// has begun since it last looked. After REST_AFTER quiet ticks it announces that it rests and sleeps on a futex; a call
// that begins sees the announcement and wakes it. Both sides use sequentially consistent operations: either the call sees
// the announcement, or the thread sees the call.
// A child of fork() has no such thread: for it the ticker seems to rest, and the first call that begins starts another.
// LOCKS: `lifecycle` is held while engines come and go, and while the thread starts and ends; `mutex`, taken inside it,
// guards the list of engines, and is the only one that the thread takes. fork() takes both, so that a child finds them
// free. ticker_begin and ticker_end take none but to start the thread.
#include "engine/ticker.h"

#include "base/thread.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ENGINES_MAX = 32, REST_AFTER = 50, LANES_BITS = 6, LANES = 1 << LANES_BITS, CACHE_LINE_BYTES = 64 };
enum { TIMER_SLACK_NS = 1000 }; // the system's own is a fortieth of a period
static const uint64_t NS_PER_S = 1000000000;

typedef struct lane {
  _Alignas(CACHE_LINE_BYTES) atomic_uint begun;
  atomic_uint ended;
} lane;

// The process's one ticker: engines belong to the process, and so does time.
static struct {
  pthread_mutex_t lifecycle, mutex;
  engine *engines[ENGINES_MAX];
  size_t count;
  pthread_t thread;
  atomic_bool stop;
  atomic_bool lost; ///< this is a child of fork(): the thread is the parent's
  lane lanes[LANES];
  _Alignas(CACHE_LINE_BYTES) atomic_int resting; // the futex: 1 while the thread sleeps
} ticker = {.lifecycle = PTHREAD_MUTEX_INITIALIZER, .mutex = PTHREAD_MUTEX_INITIALIZER};

static void futex(int operation, int value) {
  syscall(SYS_futex, &ticker.resting, operation, value, NULL, NULL, 0);
}

static void wake(void) {
  atomic_store(&ticker.resting, 0);
  futex(FUTEX_WAKE_PRIVATE, INT_MAX);
}

static lane *lane_of(const void *whose) {
  return &ticker.lanes[(uint64_t)(uintptr_t)whose * UINT64_C(0x9E3779B97F4A7C15) >> (64 - LANES_BITS)];
}

static void *run(void *unused);

static int start_thread(void) {
  atomic_store(&ticker.stop, false);
  return thread_start(&ticker.thread, NULL, run, NULL);
}

// Starts the thread that fork() left behind. Where it cannot be started the next call tries again.
static void replace_thread(void) {
  pthread_mutex_lock(&ticker.lifecycle);
  if (atomic_load(&ticker.lost) && start_thread() == 0) {
    atomic_store(&ticker.lost, false);
    wake();
  }
  pthread_mutex_unlock(&ticker.lifecycle);
}

static void rouse(void) {
  if (atomic_load(&ticker.lost))
    replace_thread();
  else
    wake();
}

void ticker_begin(const void *whose) {
  atomic_fetch_add(&lane_of(whose)->begun, 1);
  if (atomic_load(&ticker.resting)) rouse();
}

void ticker_end(const void *whose) {
  atomic_fetch_add_explicit(&lane_of(whose)->ended, 1, memory_order_release);
}

static unsigned count_begun(void) {
  unsigned sum = 0;
  for (int i = 0; i < LANES; i++) sum += atomic_load(&ticker.lanes[i].begun);
  return sum;
}

static unsigned count_ended(void) {
  unsigned sum = 0;
  for (int i = 0; i < LANES; i++) sum += atomic_load_explicit(&ticker.lanes[i].ended, memory_order_acquire);
  return sum;
}

static void tick_all(void) {
  pthread_mutex_lock(&ticker.mutex);
  for (size_t i = 0; i < ticker.count; i++) ticker.engines[i]->ops->tick(ticker.engines[i]);
  pthread_mutex_unlock(&ticker.mutex);
}

// Sleeps until a call begins, unless one has begun since `seen` or is under way.
static void rest(unsigned seen) {
  atomic_store(&ticker.resting, 1);
  if (count_begun() != seen || atomic_load(&ticker.stop)) {
    atomic_store(&ticker.resting, 0);
    return;
  }
  while (atomic_load(&ticker.resting)) futex(FUTEX_WAIT_PRIVATE, 1);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

// Sleeps to the end of the period that began at `began_ns`, or not at all when it is past: the time between ticks does not grow
// by what waking up takes. Answers when the next period begins.
static uint64_t sleep_to_the_end(uint64_t began_ns) {
  uint64_t end_ns = began_ns + TICKER_PERIOD_US * UINT64_C(1000), now = now_ns();
  if (now >= end_ns) return now;
  struct timespec end = {.tv_sec = (time_t)(end_ns / NS_PER_S), .tv_nsec = (long)(end_ns % NS_PER_S)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
  return end_ns;
}

static void *run(void *unused) {
  (void)unused;
  unsigned seen = count_begun() - 1, quiet = 0;
  uint64_t period_ns = now_ns();
  prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
  while (!atomic_load(&ticker.stop)) {
    unsigned begun = count_begun();
    bool busy = begun != seen || begun != count_ended();
    seen = begun;
    quiet = busy ? 0 : quiet + 1;
    if (quiet > REST_AFTER) {
      rest(seen);
      quiet = 0;
      period_ns = now_ns();
    }
    period_ns = sleep_to_the_end(period_ns);
    if (busy) tick_all();
  }
  return NULL;
}

static ubiq_error *start(void) {
  int number = start_thread();
  return number ? ubiq_error_new(UBIQ_UNAVAILABLE, "cannot start the ticker thread: %s", strerror(number)) : NULL;
}

static void before_fork(void) {
  pthread_mutex_lock(&ticker.lifecycle);
  pthread_mutex_lock(&ticker.mutex);
}

static void after_fork(void) {
  pthread_mutex_unlock(&ticker.mutex);
  pthread_mutex_unlock(&ticker.lifecycle);
}

static void after_fork_in_child(void) {
  bool has_thread = ticker.count > 0;
  atomic_store(&ticker.lost, has_thread);
  atomic_store(&ticker.resting, has_thread);
  after_fork();
}

static void watch_forks(void) {
  (void)pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

static void list_append(engine *engine) {
  pthread_mutex_lock(&ticker.mutex);
  ticker.engines[ticker.count++] = engine;
  pthread_mutex_unlock(&ticker.mutex);
}

static bool list_remove(engine *engine) {
  pthread_mutex_lock(&ticker.mutex);
  size_t i = 0;
  while (i < ticker.count && ticker.engines[i] != engine) i++;
  bool found = i < ticker.count;
  if (found) ticker.engines[i] = ticker.engines[--ticker.count];
  pthread_mutex_unlock(&ticker.mutex);
  return found;
}

ubiq_error *ticker_add(engine *engine) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  ubiq_error *error = NULL;
  pthread_once(&once, watch_forks);
  pthread_mutex_lock(&ticker.lifecycle);
  if (ticker.count == ENGINES_MAX)
    error = ubiq_error_new(UBIQ_BUSY, "%d engines are open already; close one first", ENGINES_MAX);
  else if (ticker.count == 0)
    error = start();
  if (!error) list_append(engine);
  pthread_mutex_unlock(&ticker.lifecycle);
  return error;
}

static void stop_thread(void) {
  atomic_store(&ticker.stop, true);
  wake();
  if (!atomic_exchange(&ticker.lost, false)) pthread_join(ticker.thread, NULL);
}

void ticker_remove(engine *engine) {
  pthread_mutex_lock(&ticker.lifecycle);
  if (list_remove(engine) && ticker.count == 0) stop_thread();
  pthread_mutex_unlock(&ticker.lifecycle);
}
