// Whose turn it is: functions share a worker's time by their weights, whatever the number and length of their runs.
//
// Each has a clock of its own, its virtual time, that goes on with the time its turns took, slower the more it weighs. The
// next turn is for the one whose clock will stand furthest behind after a turn as long as its turns usually are. So all
// clocks go on together (with weights 1 and 3, one gets a quarter of the time and one three quarters), and one whose turns
// are short has them before those with long ones, however many these are. Who comes back in line has its clock set forward to
// where the others are: time in which a function wanted none is not saved up.
//
// Every step takes logarithmic time in the functions in line. One thread at a time.
#ifndef RUNTIME_LIMITS_TURNS_H
#define RUNTIME_LIMITS_TURNS_H

#include "runtime/limits/deadlines.h"

enum {
  TURNS_WEIGHT_DEFAULT = 100,
  TURNS_WEIGHT_MAX = 10000,
};

/// A function's share, embedded in its owner. Zeroed but for the weight: not in line, and its clock at 0.
typedef struct turns_share {
  deadline end;      ///< where its clock will stand after its next turn; set while it is in line
  uint64_t clock_ns; ///< its virtual time: nanoseconds of a share of the default weight
  uint64_t usual_ns; ///< how long its turns usually are; 0: not known
  uint64_t used_ns;  ///< all its turns together
  uint32_t weight;   ///< from 1 to TURNS_WEIGHT_MAX
} turns_share;

/// A zeroed one is empty and needs no initialisation.
typedef struct turns {
  deadlines line;  ///< the shares that want a turn
  uint64_t now_ns; ///< the furthest that any clock stood when its share began a turn
} turns;

/// Makes room for `count` shares in all, so that turns_enter cannot fail. False when memory is out.
UBIQ_NODISCARD bool turns_reserve(turns *self, size_t count);
void turns_free(turns *self);

/// Puts a share in line. It must not be there.
void turns_enter(turns *self, turns_share *share);

/// Takes a share out of the line; nothing happens when it is not there.
void turns_leave(turns *self, turns_share *share);

/// Whose turn it is, or NULL when nobody is in line.
turns_share *turns_first(const turns *self);

/// Whether a share that is not in line would be the first if it entered now.
bool turns_would_be_first(const turns *self, const turns_share *share);

/// Says that a share begins a turn: the first in line, or one that would be. Who wants another turn after it stays in line.
void turns_begin(turns *self, turns_share *share);

/// Says how long a turn took, whether its share is in line or not.
void turns_charge(turns *self, turns_share *share, uint64_t took_ns);

#endif
