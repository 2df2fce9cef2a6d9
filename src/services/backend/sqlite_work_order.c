#include "services/backend/sqlite_work_order.h"

#include "services/backend/sqlite_work.h"

ubiq_error *sqlite_work_order_enter(database *database, int64_t project, const backend_work_item *item,
                                    bool *is_behind) {
  static const char statement[] = "SELECT id FROM work WHERE project = ? AND queue = ? AND ordering = ?"
                                  " AND ordering IS NOT NULL AND state IN (0, 3) LIMIT 1";
  const database_value values[] = {database_number(project), database_blob(item->queue.data, item->queue.size),
                                   database_blob(item->order.data, item->order.size)};
  uint64_t first;
  *is_behind = false;
  if (item->order.size == 0 || item->state != BACKEND_WORK_WAITING) return NULL;
  return sqlite_work_number(database, statement, values, 3, is_behind, &first);
}

static ubiq_error *set_state(database *database, const char *statement, uint64_t id) {
  const database_value value = database_number((int64_t)id);
  return database_run(database, statement, &value, 1);
}

ubiq_error *sqlite_work_order_lead(database *database, uint64_t id) {
  static const char statement[] = "UPDATE work SET state = 0 WHERE id = ?";
  return set_state(database, statement, id);
}

#define OF_ITS_ORDER "FROM work x JOIN work n ON " SQLITE_WORK_OF_ITS_ORDER " WHERE x.id = ?"

static ubiq_error *push_back(database *database, uint64_t id) {
  static const char statement[] =
      "UPDATE work SET state = 3 WHERE id = (SELECT n.id " OF_ITS_ORDER " AND n.id > x.id ORDER BY n.id LIMIT 1)";
  return set_state(database, statement, id);
}

ubiq_error *sqlite_work_order_return(database *database, uint64_t id, bool *is_behind) {
  static const char statement[] = "SELECT n.id " OF_ITS_ORDER " AND n.id < x.id LIMIT 1";
  const database_value value = database_number((int64_t)id);
  uint64_t older;
  ubiq_error *error = sqlite_work_number(database, statement, &value, 1, is_behind, &older);
  return error != NULL || *is_behind ? error : push_back(database, id);
}
