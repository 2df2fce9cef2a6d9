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

/// The item, which has an order and waited as its first, is about to be taken away or to wait no more. The next one becomes the first;
/// `*due_ms` is when it is due, UINT64_MAX: there is none.
ubiq_error *sqlite_work_order_leave(database *database, uint64_t id, uint64_t *due_ms);

/// The item, which has an order, is about to wait, as it did before or not: behind an older one, or before what was the first.
ubiq_error *sqlite_work_order_return(database *database, uint64_t id, bool *is_behind);

#endif
