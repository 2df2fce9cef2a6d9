// link: -Wl,--wrap=sqlite3_prepare_v3
// How SQLite means to find what the backend asks for: by an index, with nothing to be sorted.
#include "unit/services/backend/sqlite_testing.h"

#include <sqlite3.h>
#include <string.h>

/// What is as it should be: there are few projects.
static const char *const expected[] = {"SCAN p"};

static atomic_int explained; ///< statements
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static buffer slow; ///< steps that are none of those; guarded by `lock`
static bool is_short;

int __real_sqlite3_prepare_v3(sqlite3 *database, const char *statement, int size, unsigned flags, sqlite3_stmt **out,
                              const char **tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *database, const char *statement, int size, unsigned flags, sqlite3_stmt **out,
                              const char **tail);

static void look_at(const char *statement, const char *step) {
  if (strstr(step, "SCAN ") == NULL && strstr(step, "TEMP B-TREE") == NULL) return;
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
    if (strcmp(step, expected[i]) == 0) return;
  pthread_mutex_lock(&lock);
  is_short = !buffer_printf(&slow, "%s: %s\n", step, statement) || is_short;
  pthread_mutex_unlock(&lock);
}

static void explain(sqlite3 *database, const char *statement) {
  char *asked = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", statement);
  sqlite3_stmt *steps = NULL;
  if (sqlite3_prepare_v2(database, asked, -1, &steps, NULL) == SQLITE_OK)
    while (sqlite3_step(steps) == SQLITE_ROW) look_at(statement, (const char *)sqlite3_column_text(steps, 3));
  sqlite3_finalize(steps);
  sqlite3_free(asked);
  atomic_fetch_add(&explained, 1);
}

int __wrap_sqlite3_prepare_v3(sqlite3 *database, const char *statement, int size, unsigned flags, sqlite3_stmt **out,
                              const char **tail) {
  static const char *const kinds[] = {"SELECT", "UPDATE", "DELETE"};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strncmp(statement, kinds[i], 6) == 0) explain(database, statement);
  return __real_sqlite3_prepare_v3(database, statement, size, flags, out, tail);
}

static int set_up(void **state) {
  atomic_store(&explained, 0);
  return fixture_begin(state, 1000);
}

static int end_all(void **state) {
  buffer_free(&slow);
  return tear_down(state);
}

static void assert_quick(int least) {
  pthread_mutex_lock(&lock);
  const char *found = slow.size == 0 ? "" : buffer_string(&slow);
  pthread_mutex_unlock(&lock);
  assert_string_equal(found, "");
  assert_false(is_short);
  assert_true(atomic_load(&explained) >= least);
}

static void end_list(backend_kv_list *operation) {
  assert_success(operation->error);
}

static void pass_entry(backend_kv_list *operation, const backend_kv_entry *entry, size_t size) {
  (void)operation;
  (void)entry;
  (void)size;
}

static void keys_and_values_are_found_by_indexes(void **state) {
  fixture *self = *state;
  put_now(self->backend, "a", "1");
  (void)get_now(self->backend, TEXT("a"));
  backend_kv_change changes[] = {{.action = BACKEND_KV_INCREMENT, .key = TEXT("a"), .amount = 1},
                                 {.action = BACKEND_KV_DELETE, .key = TEXT("a")},
                                 put_of("b", "1")};
  changes[2].expires_ms = fake_now() + 10;
  backend_kv_write operation = {.place = PLACE, .changes = changes, .count = 3, .limits = LIMITS};
  assert_success(write_now(self->backend, &operation));
  atomic_fetch_add(&fake_now_ms, 10);
  operation.limits = (backend_kv_limits){1, 100}; // full: what expired is looked for
  operation.changes = &(backend_kv_change){.action = BACKEND_KV_PUT, .key = TEXT("c")};
  operation.count = 1;
  assert_success(write_now(self->backend, &operation));
  for (int i = 0; i < 4; i++) {
    backend_kv_list list = {.place = PLACE,
                            .is_after = i % 2 == 1,
                            .after = TEXT("a"),
                            .limit = 1,
                            .wants_values = i > 1,
                            .each = pass_entry,
                            .done = end_list};
    backend_kv_list_start(self->backend, &list);
  }
  backend_kv_usage usage;
  assert_success(backend_kv_usage_now(self->backend, TEXT("shop"), &usage));
  assert_quick(12);
}

static void work_written(backend_work_write *operation) {
  flag_set(operation->user);
}

static void write_work(backend *backend, backend_work_change *changes, size_t count) {
  signal_flag flag;
  flag_init(&flag);
  backend_work_write operation = {
      .project = TEXT("shop"), .changes = changes, .count = count, .done = work_written, .user = &flag};
  backend_work_write_start(backend, &operation);
  flag_wait(&flag);
  assert_success(operation.error);
}

static void pass_due(backend_work_due *operation, const backend_work_item *item) {
  (void)operation;
  (void)item;
}

static void pass_item(backend_work_list *operation, const backend_work_item *item) {
  (void)operation;
  (void)item;
}

static void pass_count(backend_work_counts *operation, text queue, const backend_work_count *count) {
  (void)operation;
  (void)queue;
  (void)count;
}

static void list_work(backend *backend, backend_work_list list) {
  list.project = TEXT("shop");
  list.limit = 10;
  list.each = pass_item;
  assert_success(backend_work_list_now(backend, &list));
}

static void work_is_found_by_indexes(void **state) {
  fixture *self = *state;
  const backend_work_item item = {.queue = TEXT("mail"), .order = TEXT("o"), .due_ms = 1};
  backend_work_change added[] = {{BACKEND_WORK_ADD, .item = item},
                                 {BACKEND_WORK_ADD, .item = item},
                                 {BACKEND_WORK_ADD, .item = {.queue = TEXT(BACKEND_WORK_COUNTED "1")}},
                                 {BACKEND_WORK_SET, .item = {.queue = TEXT("list"), .name = TEXT("n")}}};
  write_work(self->backend, added, 4);
  backend_work_change changed[] = {{BACKEND_WORK_CHANGE, .item = {.id = added[1].item.id}},
                                   {BACKEND_WORK_END, .item = {.id = added[0].item.id}},
                                   {BACKEND_WORK_SET, .item = {.queue = TEXT("list"), .name = TEXT("n")}}};
  write_work(self->backend, changed, 3);
  backend_work_due due = {.now_ms = 10, .limit = 10, .each = pass_due};
  assert_success(backend_work_due_now(self->backend, &due));
  due.project = TEXT("shop");
  due.queue = TEXT("mail");
  assert_success(backend_work_due_now(self->backend, &due));
  list_work(self->backend, (backend_work_list){.of_all = true, .queue = TEXT("list"), .state = -1});
  list_work(self->backend, (backend_work_list){.only_id = 1, .state = -1});
  list_work(self->backend, (backend_work_list){.queue = TEXT("list"), .name = TEXT("n"), .state = -1});
  list_work(self->backend, (backend_work_list){.queue = TEXT("list"), .state = -1});
  list_work(self->backend, (backend_work_list){.state = BACKEND_WORK_DEAD});
  list_work(self->backend, (backend_work_list){.queue = TEXT("mail"), .state = BACKEND_WORK_DEAD});
  backend_work_counts counts = {.project = TEXT("shop"), .each = pass_count};
  assert_success(backend_work_counts_now(self->backend, &counts));
  backend_work_count count;
  assert_success(backend_work_count_now(self->backend, TEXT("shop"), TEXT(BACKEND_WORK_COUNTED "1"), &count));
  backend_work_change cleared[] = {{BACKEND_WORK_PUT, .item = {.queue = TEXT("list"), .name = TEXT("n")}},
                                   {BACKEND_WORK_CLEAR, .item = {.queue = TEXT("mail")}}};
  write_work(self->backend, cleared, 2);
  assert_quick(19);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, end_all)
  const struct CMUnitTest tests[] = {
      TEST(keys_and_values_are_found_by_indexes),
      TEST(work_is_found_by_indexes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
