// Rows in memory: answered as long as nobody wrote since, and never as they were before somebody did, be it this process or another.
#include "services/backend/sqlite_rows.h"

#include "unit/services/backend/backend_testing.h"

#include <sys/wait.h>

// ------------------------------------------------------------------------------------------------ by transactions of ours

typedef struct fixture {
  folder folder;
  database *writer, *other; ///< another process has the other
  sqlite_rows rows;
} fixture;

static const char *const tables[] = {"CREATE TABLE things (number INTEGER)"};

static database *open_one(const fixture *self) {
  const database_settings settings = {.steps = tables, .steps_count = 1, .first = 1, .is_log = true};
  database *made = NULL;
  assert_success(database_open_with(self->folder.file, &settings, &made));
  return made;
}

static int set_up(void **state) {
  static fixture self;
  folder_make(&self.folder);
  self.writer = open_one(&self);
  self.other = open_one(&self);
  assert_success(sqlite_rows_begin(&self.rows, self.writer));
  assert_non_null(self.rows.kept);
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  sqlite_rows_end(&self->rows);
  database_close(self->other);
  database_close(self->writer);
  folder_remove(&self->folder);
  return 0;
}

static void insert(database *database) {
  static const char statement[] = "INSERT INTO things VALUES (1)";
  assert_success(database_run(database, statement, NULL, 0));
}

static void begin(fixture *self) {
  assert_success(database_begin(self->writer));
  sqlite_rows_begun(&self->rows);
}

static void commit(fixture *self, bool wrote) {
  assert_success(database_end(self->writer, NULL));
  sqlite_rows_committed(&self->rows, wrote);
}

/// A transaction that changes no row that is kept.
static void write_something(fixture *self) {
  begin(self);
  insert(self->writer);
  commit(self, true);
}

static void note(backend_kv_read *operation) {
  found *out = operation->user;
  note_found(operation);
  assert_null(operation->error);
  assert_true(out->is_found);
}

static backend_kv_read read_of(text key, found *out) {
  return (backend_kv_read){.place = PLACE, .key = key, .done = note, .user = out};
}

/// As if SQLite had answered so.
static void keep_at(fixture *self, text key, uint64_t turn, const char *value, uint64_t expires_ms) {
  found out = {0};
  backend_kv_read operation = read_of(key, &out);
  operation.entry = (backend_kv_entry){.key = key,
                                       .value = {(const uint8_t *)value, strlen(value)},
                                       .media_type = TEXT("text/plain"),
                                       .version = 7,
                                       .expires_ms = expires_ms};
  sqlite_rows_keep(&self->rows, &operation, turn);
}

static uint64_t turn_of(const fixture *self, text key) {
  const backend_kv_read operation = read_of(key, NULL);
  return sqlite_rows_turn(&self->rows, &operation);
}

static void keep(fixture *self, const char *key, const char *value) {
  keep_at(self, text_of(key), turn_of(self, text_of(key)), value, 0);
}

static bool answers(fixture *self, text key, const char *value) {
  found out = {0};
  backend_kv_read operation = read_of(key, &out);
  if (!sqlite_rows_answer(&self->rows, &operation, 1000)) return false;
  assert_string_equal(out.value, value);
  assert_string_equal(out.media_type, "text/plain");
  assert_int_equal(out.version, 7);
  return true;
}

static void a_row_is_answered_over_transactions_that_do_not_change_it(void **state) {
  fixture *self = *state;
  keep(self, "a", "1");
  assert_false(answers(self, TEXT("a"), "1")); // of when, nobody knows yet
  write_something(self);
  keep(self, "a", "1");
  assert_true(answers(self, TEXT("a"), "1"));
  for (int i = 0; i < 10; i++) write_something(self);
  assert_true(answers(self, TEXT("a"), "1"));
  assert_false(answers(self, TEXT("b"), "1"));
  begin(self);
  insert(self->writer);
  assert_true(answers(self, TEXT("a"), "1")); // nothing of the transaction is seen yet
  commit(self, true);
  begin(self);
  commit(self, false);
  assert_true(answers(self, TEXT("a"), "1"));
}

static void nothing_is_answered_between_a_commit_and_knowing_what_it_changed(void **state) {
  fixture *self = *state;
  write_something(self);
  keep(self, "a", "1");
  keep(self, "b", "2");
  uint64_t turn = turn_of(self, TEXT("a"));
  begin(self);
  insert(self->writer);
  assert_success(database_end(self->writer, NULL));
  assert_false(answers(self, TEXT("a"), "1"));
  assert_false(answers(self, TEXT("b"), "2"));
  sqlite_rows_changed(&self->rows, PLACE, TEXT("a"), NULL);
  sqlite_rows_committed(&self->rows, true);
  keep_at(self, TEXT("a"), turn, "1", 0); // by who read it before
  assert_false(answers(self, TEXT("a"), "1"));
  assert_true(answers(self, TEXT("b"), "2"));
}

static void what_is_put_is_kept_where_it_was_read_of_late(void **state) {
  fixture *self = *state;
  const backend_kv_entry entry = {
      .key = TEXT("a"), .value = {(const uint8_t *)"2", 1}, .media_type = TEXT("text/plain"), .version = 7};
  write_something(self);
  keep(self, "a", "1");
  uint64_t turn = turn_of(self, TEXT("a"));
  begin(self);
  insert(self->writer);
  assert_success(database_end(self->writer, NULL));
  sqlite_rows_changed(&self->rows, PLACE, TEXT("a"), &entry);
  sqlite_rows_changed(&self->rows, PLACE, TEXT("b"), &entry);
  sqlite_rows_committed(&self->rows, true);
  keep_at(self, TEXT("a"), turn, "1", 0); // by who read it before
  assert_true(answers(self, TEXT("a"), "2"));
  assert_false(answers(self, TEXT("b"), "2"));
}

static void what_another_process_commits_ends_all_that_is_kept(void **state) {
  fixture *self = *state;
  write_something(self);
  keep(self, "a", "1");
  insert(self->other);
  assert_false(answers(self, TEXT("a"), "1"));
  uint64_t turn = turn_of(self, TEXT("a"));
  write_something(self);
  assert_false(answers(self, TEXT("a"), "1"));
  keep_at(self, TEXT("a"), turn, "1", 0); // it may have been read before the other wrote
  assert_false(answers(self, TEXT("a"), "1"));
  keep(self, "a", "2");
  assert_true(answers(self, TEXT("a"), "2"));
}

static void a_commit_of_another_process_right_behind_ours_is_not_taken_for_ours(void **state) {
  fixture *self = *state;
  for (int wrote = 0; wrote < 2; wrote++) {
    write_something(self);
    keep(self, "a", "1");
    begin(self);
    if (wrote) insert(self->writer);
    assert_success(database_end(self->writer, NULL));
    insert(self->other);
    sqlite_rows_committed(&self->rows, wrote);
    assert_false(answers(self, TEXT("a"), "1"));
    write_something(self);
    assert_false(answers(self, TEXT("a"), "1"));
  }
}

static void a_log_that_begins_anew_ends_nothing_but_what_was_changed(void **state) {
  fixture *self = *state;
  write_something(self);
  keep(self, "a", "1");
  int result = sqlite3_wal_checkpoint_v2(database_handle(self->writer), NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  assert_int_equal(result, SQLITE_OK);
  write_something(self); // the first page of the log again
  assert_true(answers(self, TEXT("a"), "1"));
}

static void a_failed_transaction_ends_all_that_is_kept(void **state) {
  fixture *self = *state;
  write_something(self);
  keep(self, "a", "1");
  begin(self);
  insert(self->writer);
  ubiq_error_delete(database_end(self->writer, ubiq_error_new(UBIQ_INTERNAL, "of the test")));
  sqlite_rows_failed(&self->rows);
  assert_false(answers(self, TEXT("a"), "1"));
  write_something(self);
  assert_false(answers(self, TEXT("a"), "1"));
}

static void rows_that_went_without_their_keys_end_all_that_is_kept(void **state) {
  fixture *self = *state;
  write_something(self);
  keep(self, "a", "1");
  begin(self);
  insert(self->writer);
  sqlite_rows_swept(&self->rows);
  commit(self, true);
  assert_false(answers(self, TEXT("a"), "1"));
  keep(self, "a", "1");
  write_something(self);
  assert_true(answers(self, TEXT("a"), "1"));
}

static void what_expired_and_attachments_are_not_answered(void **state) {
  fixture *self = *state;
  write_something(self);
  keep_at(self, TEXT("soon"), turn_of(self, TEXT("soon")), "1", 1001);
  keep_at(self, TEXT("now"), turn_of(self, TEXT("now")), "1", 1000);
  assert_true(answers(self, TEXT("soon"), "1"));
  assert_false(answers(self, TEXT("now"), "1"));
  found out = {0};
  backend_kv_read operation = read_of(TEXT("soon"), &out);
  operation.wants_attachment = true;
  assert_false(sqlite_rows_answer(&self->rows, &operation, 0));
}

static void places_and_keys_that_read_alike_are_others(void **state) {
  fixture *self = *state;
  found out = {0};
  write_something(self);
  keep(self, "ab", "1");
  const backend_place places[] = {
      {TEXT("shop"), TEXT("a")}, {TEXT("sho"), TEXT("p")}, {TEXT("shopa"), {NULL, 0}}, {TEXT("sho"), {NULL, 0}}};
  const text keys[] = {TEXT("b"), TEXT("ab"), TEXT("b"), TEXT("pab")};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    backend_kv_read operation = read_of(keys[i], &out);
    operation.place = places[i];
    assert_false(sqlite_rows_answer(&self->rows, &operation, 0));
  }
}

static void a_key_that_is_too_long_is_not_kept(void **state) {
  fixture *self = *state;
  static char bytes[70000];
  memset(bytes, 'k', sizeof bytes);
  write_something(self);
  const size_t sizes[] = {1500, 1536, sizeof bytes};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    const text key = {bytes, sizes[i]};
    keep_at(self, key, turn_of(self, key), "1", 0);
    sqlite_rows_changed(&self->rows, PLACE, (text){bytes, sizes[i] + 1}, NULL);
    assert_int_equal(answers(self, key, "1"), i == 0);
  }
}

// --------------------------------------------------------------------------------------------------------- by a backend

/// A process of its own that counts a key up when it is told to, and tells the version.
typedef struct counter {
  pid_t process;
  int ask[2], tell[2];
} counter;

static backend *open_backend(const char *file) {
  backend *made = NULL;
  const sqlite_backend_settings settings = {.path = file, .is_fleeting = true};
  assert_success(sqlite_backend_open(&settings, &made));
  return made;
}

static uint64_t count_up(backend *backend) {
  backend_kv_change change = {.action = BACKEND_KV_INCREMENT, .key = TEXT("count"), .amount = 1};
  assert_success(change_now(backend, &change));
  return change.version_now;
}

static void count_when_told(const counter *self, const char *file) {
  char byte;
  uint64_t version = 0; // first that the database is there
  close(self->ask[1]);
  backend *backend = open_backend(file);
  while (write(self->tell[1], &version, sizeof version) == sizeof version && read(self->ask[0], &byte, 1) == 1)
    version = count_up(backend);
  backend_close(backend);
  _exit(0);
}

static uint64_t counter_hear(const counter *self) {
  uint64_t version = 0;
  assert_int_equal(read(self->tell[0], &version, sizeof version), sizeof version);
  return version;
}

static void counter_begin(counter *self, const char *file) {
  assert_int_equal(pipe(self->ask), 0);
  assert_int_equal(pipe(self->tell), 0);
  self->process = fork();
  assert_true(self->process >= 0);
  if (self->process == 0) count_when_told(self, file);
  close(self->ask[0]);
  close(self->tell[1]);
  assert_int_equal(counter_hear(self), 0);
}

static uint64_t counter_count(const counter *self) {
  assert_int_equal(write(self->ask[1], "", 1), 1);
  return counter_hear(self);
}

static void counter_end(const counter *self) {
  int status = -1;
  close(self->ask[1]);
  assert_int_equal(waitpid(self->process, &status, 0), self->process);
  assert_int_equal(status, 0);
  close(self->tell[0]);
}

static void what_another_process_was_told_is_read_from_then_on(void **state) {
  (void)state;
  enum { ROUNDS = 300 };
  folder folder;
  counter counter;
  folder_make(&folder);
  counter_begin(&counter, folder.file); // before there is another thread
  backend *backend = open_backend(folder.file);
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t version = i % 3 == 0 ? count_up(backend) : counter_count(&counter);
    for (int j = 0; j < 3; j++) assert_int_equal(get_now(backend, TEXT("count")).version, version);
  }
  backend_close(backend);
  counter_end(&counter);
  folder_remove(&folder);
}

// Several threads read a key and count it up, by two backends on one database: who was told of a version reads none before it, and no reader
// sees versions go back.

enum { THREADS = 4, COUNTS = 300 };

typedef struct counting {
  backend *writing, *reading;
  _Atomic uint64_t *told; ///< the newest version that somebody was told of
  pthread_t thread;
  bool failed;
} counting;

static void raise_to(_Atomic uint64_t *self, uint64_t version) {
  uint64_t now = atomic_load(self);
  while (now < version && !atomic_compare_exchange_weak(self, &now, version)) continue;
}

static void *count_and_read(void *user) {
  counting *self = user;
  uint64_t last = 0;
  for (int i = 0; i < COUNTS; i++) {
    raise_to(self->told, count_up(self->writing));
    for (int j = 0; j < 5; j++) {
      uint64_t at_least = atomic_load(self->told);
      uint64_t version = get_now(self->reading, TEXT("count")).version;
      if (version < at_least || version < last) self->failed = true;
      last = version;
    }
  }
  return NULL;
}

static void no_reader_sees_less_than_anybody_was_told(void **state) {
  (void)state;
  folder folder;
  _Atomic uint64_t told = 0;
  counting all[THREADS];
  folder_make(&folder);
  backend *backends[] = {open_backend(folder.file), open_backend(folder.file)};
  count_up(backends[0]);
  for (int i = 0; i < THREADS; i++) {
    all[i] = (counting){.writing = backends[i == 0], .reading = backends[i % 2], .told = &told};
    assert_int_equal(pthread_create(&all[i].thread, NULL, count_and_read, &all[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(all[i].thread, NULL), 0);
    assert_false(all[i].failed);
  }
  backend_close(backends[0]);
  backend_close(backends[1]);
  folder_remove(&folder);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_another_process_was_told_is_read_from_then_on),
      TEST(a_row_is_answered_over_transactions_that_do_not_change_it),
      TEST(nothing_is_answered_between_a_commit_and_knowing_what_it_changed),
      TEST(what_is_put_is_kept_where_it_was_read_of_late),
      TEST(what_another_process_commits_ends_all_that_is_kept),
      TEST(a_commit_of_another_process_right_behind_ours_is_not_taken_for_ours),
      TEST(a_log_that_begins_anew_ends_nothing_but_what_was_changed),
      TEST(a_failed_transaction_ends_all_that_is_kept),
      TEST(rows_that_went_without_their_keys_end_all_that_is_kept),
      TEST(what_expired_and_attachments_are_not_answered),
      TEST(places_and_keys_that_read_alike_are_others),
      TEST(a_key_that_is_too_long_is_not_kept),
      cmocka_unit_test(no_reader_sees_less_than_anybody_was_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
