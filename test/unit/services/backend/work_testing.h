/// Work on the embedded backend, written and read at once.
#ifndef UBIQ_TEST_WORK_TESTING_H
#define UBIQ_TEST_WORK_TESTING_H

#include "unit/services/backend/sqlite_testing.h"

enum { SEEN_MAX = 64 };

static inline void work_written(backend_work_write *operation) {
  flag_set(operation->user);
}

static inline ubiq_error *write_within(backend *backend, backend_work_change *changes, size_t count,
                                       backend_work_limits limits) {
  signal_flag flag;
  flag_init(&flag);
  backend_work_write operation = {.project = TEXT("shop"),
                                  .changes = changes,
                                  .count = count,
                                  .limits = limits,
                                  .done = work_written,
                                  .user = &flag};
  backend_work_write_start(backend, &operation);
  flag_wait(&flag);
  return operation.error;
}

static inline ubiq_error *write_work(backend *backend, backend_work_change *changes, size_t count, uint64_t items_max) {
  return write_within(backend, changes, count, (backend_work_limits){.items_max = items_max});
}

static inline backend_work_change item_of(const char *queue, const char *name, uint64_t due_ms) {
  return (backend_work_change){
      .action = BACKEND_WORK_ADD,
      .item = {
          .queue = text_of(queue), .name = text_of(name), .due_ms = due_ms, .payload = {(const uint8_t *)"{}", 2}}};
}

static inline uint64_t add(backend *backend, const char *queue, const char *name, uint64_t due_ms) {
  backend_work_change change = item_of(queue, name, due_ms);
  assert_success(write_work(backend, &change, 1, 0));
  return change.item.id;
}

static inline uint64_t add_in_order(backend *backend, const char *order, uint64_t due_ms) {
  backend_work_change change = item_of("mail", "", due_ms);
  change.item.order = text_of(order);
  assert_success(write_work(backend, &change, 1, 0));
  return change.item.id;
}

static inline backend_work_change change_of(uint64_t id, uint64_t due_ms, backend_work_state state) {
  return (backend_work_change){.action = BACKEND_WORK_CHANGE, .item = {.id = id, .due_ms = due_ms, .state = state}};
}

static inline void end(backend *backend, uint64_t id) {
  backend_work_change change = {.action = BACKEND_WORK_END, .item = {.id = id}};
  assert_success(write_work(backend, &change, 1, 0));
}

typedef struct seen {
  uint64_t ids[SEEN_MAX];
  size_t count;
  backend_work_item last; ///< without its texts
  uint64_t next_ms;
  bool is_more;
} seen;

static inline void note(seen *self, const backend_work_item *item) {
  assert_true(self->count < SEEN_MAX);
  self->ids[self->count++] = item->id;
  self->last = *item;
}

static inline void note_due(backend_work_due *operation, const backend_work_item *item) {
  note(operation->user, item);
}

static inline void note_listed(backend_work_list *operation, const backend_work_item *item) {
  note(operation->user, item);
}

static inline seen due(backend *backend, uint64_t now_ms, backend_work_cursor *after, size_t limit) {
  seen out = {0};
  backend_work_due operation = {.now_ms = now_ms, .limit = limit, .each = note_due, .user = &out};
  if (after != NULL) operation.after = *after;
  assert_success(backend_work_due_now(backend, &operation));
  if (after != NULL) *after = operation.after;
  out.next_ms = operation.next_ms;
  return out;
}

static inline seen list(backend *backend, backend_work_list *operation) {
  seen out = {0};
  operation->project = TEXT("shop");
  operation->each = note_listed;
  operation->user = &out;
  assert_success(backend_work_list_now(backend, operation));
  out.is_more = operation->is_more;
  return out;
}

static inline void assert_ids(const seen *seen, size_t count, const uint64_t *ids) {
  assert_int_equal(seen->count, count);
  for (size_t i = 0; i < count; i++) assert_int_equal(seen->ids[i], ids[i]);
}

#define IDS(...)                                                                                                       \
  sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (const uint64_t[]) {                                           \
    __VA_ARGS__                                                                                                        \
  }

#endif
