// Of items with one order only the oldest is due. It alone has the state of what waits; those behind it have one of their own, which is in
// no index of what is due, so that a long line of one order costs nothing while it waits. What enters or leaves the line sees to that.
//
// INVARIANT: of the items of an order that wait, the oldest has state 0 and all others SQLITE_WORK_BEHIND.
#ifndef SERVICES_BACKEND_SQLITE_WORK_ORDER_H
#define SERVICES_BACKEND_SQLITE_WORK_ORDER_H

#include "base/database.h"
#include "services/backend/work.h"

/// Beside those of backend_work_state.
enum { SQLITE_WORK_BEHIND = 3 };

/// Whether an item that is to be added, which is younger than all others, has to wait behind one of its order.
ubiq_error *sqlite_work_order_enter(database *database, int64_t project, const backend_work_item *item,
                                    bool *is_behind);

/// That `n` waits and has the order of `x`; for the index work_order.
#define SQLITE_WORK_OF_ITS_ORDER                                                                                       \
  "n.project = x.project AND n.queue = x.queue AND n.ordering = x.ordering AND n.ordering IS NOT NULL"                 \
  " AND n.state IN (0, 3)"

/// The item is the first of its order now: the one before it was taken away, or is about to wait no more.
ubiq_error *sqlite_work_order_lead(database *database, uint64_t id);

/// The item, which has an order, is about to wait, as it did before or not: behind an older one, or before what was the first.
ubiq_error *sqlite_work_order_return(database *database, uint64_t id, bool *is_behind);

#endif
