// A binary heap from index 1 on; each member knows its place, so that it can be moved or taken out.
#include "runtime/limits/deadlines.h"

#include <assert.h>
#include <stdlib.h>

bool deadlines_reserve(deadlines *self, size_t count) {
  if (count <= self->capacity) return true;
  size_t capacity = self->capacity < 32 ? 64 : self->capacity * 2;
  if (capacity < count) capacity = count;
  deadline **heap = realloc(self->heap, (capacity + 1) * sizeof *heap);
  if (heap == NULL) return false;
  self->heap = heap;
  self->capacity = capacity;
  return true;
}

static void put(deadlines *self, size_t place, deadline *member) {
  self->heap[place] = member;
  member->place = place;
}

static void rise(deadlines *self, size_t place, deadline *member) {
  for (; place > 1 && self->heap[place / 2]->at_ns > member->at_ns; place /= 2) put(self, place, self->heap[place / 2]);
  put(self, place, member);
}

static void sink(deadlines *self, size_t place, deadline *member) {
  for (size_t child; (child = place * 2) <= self->count; place = child) {
    if (child < self->count && self->heap[child + 1]->at_ns < self->heap[child]->at_ns) child++;
    if (self->heap[child]->at_ns >= member->at_ns) break;
    put(self, place, self->heap[child]);
  }
  put(self, place, member);
}

static void settle(deadlines *self, size_t place, deadline *member) {
  if (place > 1 && self->heap[place / 2]->at_ns > member->at_ns)
    rise(self, place, member);
  else
    sink(self, place, member);
}

void deadlines_set(deadlines *self, deadline *member, uint64_t at_ns) {
  member->at_ns = at_ns;
  if (member->place == 0) {
    assert(self->count < self->capacity);
    rise(self, ++self->count, member);
  } else {
    settle(self, member->place, member);
  }
}

void deadlines_cancel(deadlines *self, deadline *member) {
  if (member->place == 0) return;
  size_t place = member->place;
  deadline *last = self->heap[self->count--];
  member->place = 0;
  if (last != member) settle(self, place, last);
}

void deadlines_free(deadlines *self) {
  free(self->heap);
  *self = (deadlines){0};
}
