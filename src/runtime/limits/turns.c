// Fair queueing by finish times, over virtual time, in the heap of `deadlines`. How long a turn will be is not known before
// it was given, so that a guess orders the line, and the clocks go on by what turns really took.
#include "runtime/limits/turns.h"

#include <assert.h>

enum { GUESS_SHARE = 8 }; ///< of the last turn in the guess: one in so many

bool turns_reserve(turns *self, size_t count) {
  return deadlines_reserve(&self->line, count);
}

void turns_free(turns *self) {
  deadlines_free(&self->line);
}

static uint64_t virtual_ns(const turns_share *share, uint64_t real_ns) {
  return real_ns * TURNS_WEIGHT_DEFAULT / share->weight;
}

/// Where the clock of a share that was away stands when it comes back.
static uint64_t clock_at_return(const turns *self, const turns_share *share) {
  return share->clock_ns > self->now_ns ? share->clock_ns : self->now_ns;
}

static void find_place(turns *self, turns_share *share) {
  deadlines_set(&self->line, &share->end, share->clock_ns + virtual_ns(share, share->usual_ns));
}

void turns_enter(turns *self, turns_share *share) {
  assert(share->end.place == 0);
  share->clock_ns = clock_at_return(self, share);
  find_place(self, share);
}

void turns_leave(turns *self, turns_share *share) {
  deadlines_cancel(&self->line, &share->end);
}

turns_share *turns_first(const turns *self) {
  deadline *first = deadlines_first(&self->line);
  return first == NULL ? NULL : (turns_share *)(void *)((char *)first - offsetof(turns_share, end));
}

bool turns_would_be_first(const turns *self, const turns_share *share) {
  const deadline *first = deadlines_first(&self->line);
  return first == NULL || clock_at_return(self, share) + virtual_ns(share, share->usual_ns) <= first->at_ns;
}

void turns_begin(turns *self, turns_share *share) {
  if (share->end.place == 0) share->clock_ns = clock_at_return(self, share);
  if (share->clock_ns > self->now_ns) self->now_ns = share->clock_ns;
}

static void learn(turns_share *share, uint64_t took_ns) {
  if (share->usual_ns == 0)
    share->usual_ns = took_ns;
  else
    share->usual_ns = share->usual_ns - share->usual_ns / GUESS_SHARE + took_ns / GUESS_SHARE;
}

void turns_charge(turns *self, turns_share *share, uint64_t took_ns) {
  uint64_t charged_ns = virtual_ns(share, took_ns);
  share->clock_ns += charged_ns == 0 ? 1 : charged_ns; // a turn moves the clock: nobody stays first
  share->used_ns += took_ns;
  learn(share, took_ns);
  if (share->end.place != 0) find_place(self, share);
}
