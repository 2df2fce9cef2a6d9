// Lists: few keys are made at once, and all that wait for one are told together.
#include "services/cache/cache_locks.h"

#include "base/clock.h"
#include "base/digest.h"

#include <stdlib.h>

static void told_add(cache_told *self, cache_waiter *waiter) {
  waiter->next = NULL;
  *self->last = waiter;
  self->last = &waiter->next;
}

void cache_told_tell(cache_told *self) {
  for (cache_waiter *waiter = self->first, *next; waiter != NULL; waiter = next) {
    next = waiter->next;
    cache_outcome outcome = waiter->entry != NULL ? CACHE_FOUND : waiter->lock[0] != '\0' ? CACHE_LOCKED : CACHE_TAKEN;
    waiter->done(waiter, outcome);
  }
}

static void make_token(char out[CACHE_LOCK_SIZE]) {
  uint8_t random[(CACHE_LOCK_SIZE - 1) / 2];
  digest_random(random, sizeof random);
  text_hex(random, sizeof random, out);
}

held_lock **cache_locks_find(cache_locks *self, text key) {
  held_lock **at = &self->first;
  while (*at != NULL && !text_equal((text){(*at)->key, (*at)->key_size}, key)) at = &(*at)->next;
  return at;
}

static void end_lock(cache_locks *self, held_lock **at) {
  held_lock *ended = *at;
  *at = ended->next;
  self->count--;
  free(ended);
}

/// Ends locks that were held too long and that nobody waits for.
static void drop_late_locks(cache_locks *self, uint64_t now_ns) {
  for (held_lock **at = &self->first; *at != NULL;) {
    if ((*at)->until_ns <= now_ns && (*at)->waiters == NULL)
      end_lock(self, at);
    else
      at = &(*at)->next;
  }
}

held_lock *cache_locks_add(cache_locks *self, text key, uint64_t now_ns) {
  if (self->count == CACHE_LOCKS_MAX) drop_late_locks(self, now_ns);
  held_lock *made = self->count == CACHE_LOCKS_MAX ? NULL : malloc(sizeof *made + key.size);
  if (made == NULL) return NULL;
  *made = (held_lock){.next = self->first, .key_size = key.size};
  made->last = &made->waiters;
  memcpy(made->key, key.data, key.size);
  self->first = made;
  self->count++;
  return made;
}

/// Takes the first waiter out of a lock's list.
static cache_waiter *take_waiter(cache_locks *self, held_lock *lock) {
  cache_waiter *waiter = lock->waiters;
  lock->waiters = waiter->next;
  if (lock->waiters == NULL) lock->last = &lock->waiters;
  self->waiters_count--;
  return waiter;
}

void cache_locks_give(held_lock *lock, cache_waiter *waiter, uint64_t now_ns) {
  make_token(lock->lock);
  memcpy(waiter->lock, lock->lock, sizeof lock->lock);
  lock->until_ns = now_ns + waiter->hold_ms * CLOCK_NS_PER_MS;
}

bool cache_locks_pass_on(cache_locks *self, held_lock **at, uint64_t now_ns, cache_told *told) {
  if ((*at)->waiters == NULL) {
    end_lock(self, at);
    return false;
  }
  cache_waiter *waiter = take_waiter(self, *at);
  cache_locks_give(*at, waiter, now_ns);
  told_add(told, waiter);
  return true;
}

void cache_locks_hand_out(cache_locks *self, held_lock **at, cache_entry *entry, cache_told *told) {
  while ((*at)->waiters != NULL) {
    cache_waiter *waiter = take_waiter(self, *at);
    waiter->entry = cache_entry_hold(entry);
    told_add(told, waiter);
  }
  end_lock(self, at);
}

bool cache_locks_wait(cache_locks *self, held_lock *lock, cache_waiter *waiter) {
  if (self->waiters_count == CACHE_WAITERS_MAX) return false;
  *lock->last = waiter;
  lock->last = &waiter->next;
  self->waiters_count++;
  return true;
}

bool cache_locks_leave(cache_locks *self, cache_waiter *waiter) {
  held_lock *held = *cache_locks_find(self, waiter->key);
  cache_waiter **at = held == NULL ? NULL : &held->waiters;
  while (at != NULL && *at != NULL && *at != waiter) at = &(*at)->next;
  if (at == NULL || *at == NULL) return false;
  *at = waiter->next;
  if (*at == NULL) held->last = at;
  self->waiters_count--;
  return true;
}

void cache_locks_free(cache_locks *self) {
  while (self->first != NULL) end_lock(self, &self->first);
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/// Takes those that waited long enough out of a lock's list; answers when the next has.
static uint64_t take_late(cache_locks *self, held_lock *lock, uint64_t now_ns, cache_told *told) {
  uint64_t next_ns = UINT64_MAX;
  for (cache_waiter **at = &lock->waiters; *at != NULL;) {
    cache_waiter *waiter = *at;
    if (waiter->until_ns > now_ns) {
      next_ns = least(next_ns, waiter->until_ns);
      at = &waiter->next;
      continue;
    }
    *at = waiter->next;
    if (*at == NULL) lock->last = at;
    self->waiters_count--;
    told_add(told, waiter);
  }
  return next_ns;
}

uint64_t cache_locks_look(cache_locks *self, uint64_t now_ns, cache_told *told) {
  uint64_t next_ns = UINT64_MAX;
  for (held_lock **at = &self->first; *at != NULL;) {
    next_ns = least(next_ns, take_late(self, *at, now_ns, told));
    if ((*at)->until_ns <= now_ns && !cache_locks_pass_on(self, at, now_ns, told)) continue;
    if ((*at)->waiters != NULL) next_ns = least(next_ns, (*at)->until_ns);
    at = &(*at)->next;
  }
  return next_ns;
}
