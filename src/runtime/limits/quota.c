// See the header for the design.
#include "runtime/limits/quota.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SCARCE_MAX = 4 }; ///< how many there may be for each worker and none be kept by who does not use it

enum { AHEAD_MAX = 16 }; ///< of spare ones that a share takes beyond the one that is needed, so that it seldom has to

/// What a worker says about itself; a cache line each would be more memory than it is worth.
typedef struct wish {
  atomic_uint wanted;
  atomic_bool is_short;
  atomic_bool was_told; ///< that there is one for it
} wish;

struct quota {
  _Atomic(int64_t) spare; ///< what nobody holds; below 0 after the total became smaller
  atomic_uint total;
  atomic_uint short_count; ///< workers that are short
  unsigned workers;
  quota_tell tell;
  void *user;
  wish wishes[]; ///< as many as workers
};

quota *quota_new(unsigned workers, uint32_t total, quota_tell tell, void *user) {
  quota *self = calloc(1, sizeof *self + workers * sizeof self->wishes[0]);
  if (self == NULL) return NULL;
  atomic_init(&self->spare, total);
  atomic_init(&self->total, total);
  self->workers = workers;
  self->tell = tell;
  self->user = user;
  return self;
}

void quota_delete(quota *self) {
  free(self);
}

void quota_set_total(quota *self, uint32_t total) {
  uint32_t before = atomic_exchange(&self->total, total);
  atomic_fetch_add(&self->spare, (int64_t)total - (int64_t)before);
}

uint32_t quota_total(const quota *self) {
  return atomic_load_explicit(&self->total, memory_order_relaxed);
}

/// Tells the next worker after `worker` that is short, and is not itself.
static void tell_next(quota *self, unsigned worker) {
  for (unsigned i = 1; i < self->workers; i++) {
    unsigned other = (worker + i) % self->workers;
    if (!atomic_load(&self->wishes[other].is_short)) continue;
    atomic_store(&self->wishes[other].was_told, true);
    self->tell(self->user, other);
    return;
  }
}

static void set_short(quota_share *share, bool is_short) {
  if (share->is_short == is_short) return;
  share->is_short = is_short;
  atomic_store(&share->quota->wishes[share->worker].is_short, is_short);
  if (is_short)
    atomic_fetch_add(&share->quota->short_count, 1);
  else
    atomic_fetch_sub(&share->quota->short_count, 1);
}

/// Takes up to `count` of what nobody holds.
static uint32_t take_spare(quota *self, uint32_t count) {
  int64_t spare = atomic_load(&self->spare), taken;
  do {
    if (spare <= 0) return 0;
    taken = spare < count ? spare : count;
  } while (!atomic_compare_exchange_weak(&self->spare, &spare, spare - taken));
  return (uint32_t)taken;
}

static void return_spare(quota_share *share, uint32_t count) {
  quota *quota = share->quota;
  share->held -= count;
  bool any_spare = atomic_fetch_add(&quota->spare, count) + count > 0;
  if (any_spare && atomic_load(&quota->short_count) > 0) tell_next(quota, share->worker);
}

/// How many to take at once: more than one only where plenty are left for the others.
static uint32_t handful(const quota *self) {
  int64_t plenty = atomic_load_explicit(&self->spare, memory_order_relaxed) / (2 * (int64_t)self->workers);
  return plenty < 1 ? 1 : plenty > AHEAD_MAX ? AHEAD_MAX : (uint32_t)plenty;
}

static wish *wish_of(const quota_share *share) {
  return &share->quota->wishes[share->worker];
}

static bool are_others_short(const quota_share *share) {
  return atomic_load_explicit(&share->quota->short_count, memory_order_relaxed) > share->is_short;
}

/// Whether `held` is more of the total than what this worker wants is of what all want.
static bool is_more_than_fair(const quota_share *share, uint64_t held) {
  const quota *quota = share->quota;
  uint64_t all = 0, own = atomic_load_explicit(&wish_of(share)->wanted, memory_order_relaxed);
  for (unsigned i = 0; i < quota->workers; i++)
    all += atomic_load_explicit(&quota->wishes[i].wanted, memory_order_relaxed);
  return held * all > quota_total(quota) * own;
}

static void say_wanted(const quota_share *share, uint32_t wanted) {
  atomic_store_explicit(&wish_of(share)->wanted, wanted, memory_order_relaxed);
}

static void become_short(quota_share *share) {
  wish *wish = wish_of(share);
  if (atomic_load_explicit(&wish->wanted, memory_order_relaxed) <= share->used) say_wanted(share, share->used + 1);
  set_short(share, true);
}

static bool may_take_spare(const quota_share *share) {
  return !are_others_short(share) || atomic_load(&wish_of(share)->was_told) ||
         !is_more_than_fair(share, (uint64_t)share->held + 1);
}

bool quota_take_spare(quota_share *share) {
  uint32_t taken = 0;
  if (may_take_spare(share)) {
    taken = take_spare(share->quota, handful(share->quota));
    if (taken == 0) {
      // Said before it is looked at again: who gives something back meanwhile either sees that, or left it to be found.
      become_short(share);
      taken = take_spare(share->quota, 1);
    }
  }
  if (taken == 0) {
    become_short(share);
    return false;
  }
  share->held += taken;
  atomic_store(&wish_of(share)->was_told, false);
  set_short(share, false);
  return true;
}

/// Where there are few, others would wait for what a worker held and did not use until that is settled.
static bool is_scarce(const quota *self) {
  return self->workers > 1 && quota_total(self) <= SCARCE_MAX * self->workers;
}

void quota_give_back(quota_share *share, uint32_t wanted) {
  quota *quota = share->quota;
  assert(share->used > 0);
  share->used--;
  if (atomic_load_explicit(&quota->spare, memory_order_relaxed) < 0 || is_scarce(quota)) {
    say_wanted(share, wanted);
    return_spare(share, 1);
  } else if (are_others_short(share)) {
    say_wanted(share, wanted);
    if (is_more_than_fair(share, share->held)) return_spare(share, 1);
  }
}

void quota_share_settle(quota_share *share, uint32_t wanted) {
  if (share->held == 0 && wanted == 0 && !share->is_short && !share->has_asked) return;
  say_wanted(share, wanted);
  share->has_asked = wanted > 0;
  set_short(share, false);
  uint32_t kept = share->peak > share->used ? share->peak : share->used;
  share->peak = share->used;
  if (share->held > kept) return_spare(share, share->held - kept);
}

bool quota_share_was_told(quota_share *share, uint32_t wanted) {
  if (!atomic_load(&wish_of(share)->was_told)) return false;
  if (wanted > share->used) return true;
  atomic_store(&wish_of(share)->was_told, false);
  set_short(share, false);
  say_wanted(share, wanted);
  if (atomic_load(&share->quota->spare) > 0 && are_others_short(share)) tell_next(share->quota, share->worker);
  return true;
}

void quota_share_end(quota_share *share) {
  assert(share->used == 0);
  share->peak = 0;
  quota_share_settle(share, 0);
}
