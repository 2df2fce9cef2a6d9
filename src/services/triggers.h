// What a project's own file says is to be done by itself: schedules and subscriptions that are there as long as the file says so.
//
// They are items like those made by the API (schedule_work.h, events.h), marked with `is_of_project`. What was put in place last is
// kept beside them, as an item of the queue "triggers", in the transaction that changed them. So what did not change is not touched,
// and keeps its next time; and what has ended because it was done once does not begin again with each start.
#ifndef SERVICES_TRIGGERS_H
#define SERVICES_TRIGGERS_H

#include "base/text.h"
#include "services/services.h"

#define TRIGGER_QUEUE "triggers"

enum { TRIGGERS_MAX = 1000, TRIGGER_NAME_MAX = 128 };

/// One of them. Texts are the owner's.
typedef struct trigger {
  const char *queue; ///< SCHEDULE_QUEUE or SUBSCRIPTION_QUEUE
  const char *name;  ///< no two of a queue have the same
  text definition;   ///< the item's payload: JSON text, in the same bytes whenever the file says the same
} trigger;

/// Puts a project's triggers in place of those that were put last: new and changed ones are set, those no longer there end. What was
/// made by the API under a trigger's name stays, and the trigger is left out with a line in the log. A schedule that rests goes on
/// resting, also when it changes. Nothing happens where nothing is kept. `now_ms` is the wall clock since 1970. Blocks until it is on
/// the disk; one thread at a time. Errors: those of the backend; then nothing has changed.
ubiq_error *triggers_apply(const services *services, text project, const trigger *list, size_t count, uint64_t now_ms);

#endif
