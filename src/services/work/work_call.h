// What the services have in common whose things are work on the backend: a call that writes, and answers when that is on the disk.
#ifndef SERVICES_WORK_WORK_CALL_H
#define SERVICES_WORK_WORK_CALL_H

#include "services/backend/backend.h"
#include "services/services.h"

enum {
  WORK_PAYLOAD_MAX = 1 << 20,
};

/// A write that a call waits for. In the call's arena.
typedef struct work_call {
  backend_work_write write;
  service_call *call;
  void (*answer)(struct work_call *self); ///< after the write; NULL: nothing is said but that it was done
  void (*failed)(struct work_call *self); ///< nothing was written; NULL: nobody wants to know
  void *user;
  bool is_done_by_conflict; ///< what is there already is as good as what was to be written
  backend_work_change changes[];
} work_call;

/// Makes a write of `count` changes, zeroed. NULL when that was answered as a failure already: no backend, no memory.
work_call *work_call_new(service_call *call, size_t count, void (*answer)(work_call *self));

/// Starts the write. With an error, which it takes, the call fails with that instead.
void work_call_start(work_call *self, ubiq_error *error);

/// That not too many events and schedules led to the call. Errors: `denied`.
ubiq_error *work_check_hops(const service_call *call);

/// Finds one item of a queue, by its name or, when that is empty, by `id`. The item is copied into the call's arena. False when that was
/// answered as a failure already; with `what` there is no such thing.
bool work_call_find(service_call *call, text queue, text name, uint64_t id, const char *what, backend_work_item *out);

#endif
