// The instance of a pinned function: one in the process, which any worker's run takes, has for itself, and puts back.
//
// DESIGN: the instance comes to the run, and not the request to the instance: nothing of one that is in no call belongs to
// a thread, and the function's `max` of 1 lets one run in at a time, whichever worker it is on (places.h). So neither bodies
// nor cancellations travel between threads. An instance that is lost, to a trap for example, is started again by the worker
// that lost it: at once the first time, and later and later until a run on it goes well.
// LOCKS: a mutex each, held for a few instructions. Any thread.
#ifndef RUNTIME_POOL_PIN_H
#define RUNTIME_POOL_PIN_H

#include "ubiq/base.h"

typedef struct pin pin;
struct instance;

typedef enum pin_state {
  PIN_ABSENT,     ///< nobody has started it yet
  PIN_TAKEN,      ///< it is being started, or a run has it
  PIN_READY,      ///< a run may take it
  PIN_RESTARTING, ///< it was lost and is started again, when its time has come
} pin_state;

typedef struct pin_status {
  pin_state state;
  uint64_t restarts; ///< how often it was lost
  uint64_t wait_ms;  ///< PIN_RESTARTING: until it is started again
} pin_status;

/// The word for a state: `absent`, `taken`, `ready`, `restarting`.
const char *pin_state_name(pin_state state);

/// NULL when memory is out. Owned by the caller; worker 0 is to start the instance.
pin *pin_new(void);
/// Ends the instance too. NULL is allowed.
void pin_delete(pin *self);

/// Takes the instance; `*out` NULL: there is none, and the caller makes it. Either way it is the caller's, who puts it back or
/// loses it. False: it was lost and is not to be started before `*wait_ms` milliseconds have passed.
bool pin_take(pin *self, uint64_t now_ms, struct instance **out, uint64_t *wait_ms);

/// Puts the instance back. `went_well`: after a run on it. False: another is there, and this one stays the caller's. That is so
/// only where a newer release has raised the function's `max` while this one's last runs end.
bool pin_put(pin *self, struct instance *instance, bool went_well);

/// Says that there is no instance any more. The result is in how many milliseconds `worker` shall start it again.
uint64_t pin_lose(pin *self, unsigned worker, uint64_t now_ms);

/// Whether a worker shall start the instance now; if so it is the caller's, as after pin_take.
bool pin_claim(pin *self, unsigned worker, uint64_t now_ms);

/// Whether pin_claim would answer true.
bool pin_is_wanted(pin *self, unsigned worker, uint64_t now_ms);

/// How it is. Times are milliseconds of the monotonic clock, as loops have them.
void pin_look(pin *self, uint64_t now_ms, pin_status *out);

#endif
