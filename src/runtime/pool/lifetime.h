// How long an instance of a function lives.
#ifndef RUNTIME_POOL_LIFETIME_H
#define RUNTIME_POOL_LIFETIME_H

#include <stdint.h>

typedef enum lifetime_kind {
  LIFETIME_REQUEST, ///< for one run, which sees nothing of any other
  LIFETIME_REUSE,   ///< for one run after the other, until one of them was stopped or a limit below is reached
  LIFETIME_PINNED,  ///< one in the process, from the release's beginning to its end
} lifetime_kind;

typedef struct lifetime {
  lifetime_kind kind;
  uint64_t runs_max;   ///< that an instance serves; 0: any number. LIFETIME_REUSE alone
  uint64_t age_ms_max; ///< after which an instance gets no more runs; 0: any. LIFETIME_REUSE alone
} lifetime;

#endif
