// What a server does that no request asks for: turns of schedules, and events for who subscribed to them.
//
// It stands between the services, which know when something is due, and the workers, which run it. It begins after the
// workers do, rests when they are told to stop, and ends after them: what they drop is done again by the next server.
#ifndef SERVER_FRONT_BACKGROUND_H
#define SERVER_FRONT_BACKGROUND_H

#include "runtime/run/errands.h"
#include "services/services.h"

typedef struct background background;

/// `errands` are taken by workers already. `*out` is the caller's; NULL where the services keep nothing that lasts.
/// `services` and `errands` must outlive it. Errors: `internal`.
ubiq_error *background_new(services *services, errands *errands, background **out);

/// Begins nothing more. NULL is allowed.
void background_rest(background *self);

/// After the workers have ended. NULL is allowed.
void background_delete(background *self);

#endif
