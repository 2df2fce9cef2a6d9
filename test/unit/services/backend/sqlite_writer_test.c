// Group commit: who shares a transaction, whom a failure takes along, and what happens when too much waits.
#include "base/clock.h"
#include "services/backend/sqlite_writer.h"
#include "unit/services/backend/backend_testing.h"

typedef struct fixture {
  folder folder;
  database *database;
  sqlite_writer *writer;
} fixture;

static uint64_t now_ms(void) {
  return clock_realtime_ns() / CLOCK_NS_PER_MS;
}

static const char *const tables[] = {"CREATE TABLE things (name TEXT UNIQUE, parent TEXT REFERENCES things (name)"
                                     " DEFERRABLE INITIALLY DEFERRED)"};

static int set_up(void **state) {
  static fixture self;
  folder_make(&self.folder);
  const database_settings settings = {
      .steps = tables, .steps_count = 1, .first = 1, .is_log = true, .is_for_one = true};
  assert_success(database_open_with(self.folder.file, &settings, &self.database));
  const sqlite_writer_settings writer = {
      .database = self.database, .waiting_max = 8, .waiting_bytes = 1000, .now_ms = now_ms};
  assert_success(sqlite_writer_start(&writer, &self.writer));
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  sqlite_writer_stop(self->writer);
  database_close(self->database);
  folder_remove(&self->folder);
  return 0;
}

/// Inserts up to two rows; may wait for a flag first, or fail behind the first.
typedef struct insertion {
  sqlite_job job;
  const char *first, *second, *parent;
  signal_flag *entered, *gate;
  bool fails;
  signal_flag done;
  ubiq_error *error;
} insertion;

static ubiq_error *insert(database *database, const char *name, const char *parent) {
  static const char statement[] = "INSERT INTO things VALUES (?, ?)";
  const database_value values[] = {database_text(name), database_text(parent)};
  return database_run(database, statement, values, 2);
}

static ubiq_error *apply(sqlite_job *job, database *database, uint64_t now) {
  (void)now;
  insertion *self = (insertion *)job;
  if (self->entered != NULL) flag_set(self->entered);
  if (self->gate != NULL) flag_wait(self->gate);
  ubiq_error *error = insert(database, self->first, self->parent);
  if (error == NULL && self->second != NULL) error = insert(database, self->second, NULL);
  if (error == NULL && self->fails) error = ubiq_error_new(UBIQ_CONFLICT, "not this one");
  return error;
}

static void done(sqlite_job *job, ubiq_error *error) {
  insertion *self = (insertion *)job;
  self->error = error;
  flag_set(&self->done);
}

static void add(fixture *self, insertion *insertion) {
  insertion->job.apply = apply;
  insertion->job.done = done;
  insertion->job.bytes = 100;
  flag_init(&insertion->done);
  assert_success(sqlite_writer_add(self->writer, &insertion->job));
}

/// Adds one that holds the writer up, so that what is added next is one group.
static void hold_up(fixture *self, insertion *first, signal_flag *gate) {
  signal_flag entered;
  flag_init(&entered);
  flag_init(gate);
  first->entered = &entered;
  first->gate = gate;
  add(self, first);
  flag_wait(&entered);
}

static ubiq_error *take_count(void *user, sqlite3_stmt *row) {
  *(int64_t *)user = sqlite3_column_int64(row, 0);
  return NULL;
}

static int64_t rows(fixture *self, const char *name) {
  sqlite3 *handle = NULL;
  sqlite3_stmt *statement = NULL;
  assert_int_equal(sqlite3_open_v2(self->folder.file, &handle, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(handle, "SELECT count(*) FROM things WHERE name = ?", -1, &statement, NULL),
                   SQLITE_OK);
  sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  int64_t count = 0;
  ubiq_error_delete(take_count(&count, statement));
  sqlite3_finalize(statement);
  sqlite3_close(handle);
  return count;
}

static void what_arrives_meanwhile_shares_one_group(void **state) {
  fixture *self = *state;
  insertion jobs[4] = {{.first = "0"}, {.first = "1"}, {.first = "2"}, {.first = "3"}};
  signal_flag gate;
  hold_up(self, &jobs[0], &gate);
  for (int i = 1; i < 4; i++) add(self, &jobs[i]);
  flag_set(&gate);
  for (int i = 0; i < 4; i++) {
    flag_wait(&jobs[i].done);
    assert_success(jobs[i].error);
    assert_int_equal(rows(self, jobs[i].first), 1);
  }
  backend_counts counts;
  sqlite_writer_count(self->writer, &counts);
  assert_int_equal(counts.groups, 2);
  assert_int_equal(counts.writes, 4);
}

static void a_job_that_fails_leaves_its_neighbours(void **state) {
  fixture *self = *state;
  insertion jobs[4] = {{.first = "0"}, {.first = "1"}, {.first = "2", .second = "2b", .fails = true}, {.first = "3"}};
  signal_flag gate;
  hold_up(self, &jobs[0], &gate);
  for (int i = 1; i < 4; i++) add(self, &jobs[i]);
  flag_set(&gate);
  for (int i = 0; i < 4; i++) flag_wait(&jobs[i].done);
  assert_fails(jobs[2].error, UBIQ_CONFLICT, "not this one");
  assert_success(jobs[1].error);
  assert_success(jobs[3].error);
  assert_int_equal(rows(self, "1"), 1);
  assert_int_equal(rows(self, "2"), 0);
  assert_int_equal(rows(self, "2b"), 0);
  assert_int_equal(rows(self, "3"), 1);
}

/// The reference to nothing is found only by the commit.
static void when_the_commit_fails_the_whole_group_is_told(void **state) {
  fixture *self = *state;
  insertion jobs[3] = {{.first = "0"}, {.first = "1"}, {.first = "2", .parent = "nobody"}};
  signal_flag gate;
  hold_up(self, &jobs[0], &gate);
  for (int i = 1; i < 3; i++) add(self, &jobs[i]);
  flag_set(&gate);
  for (int i = 0; i < 3; i++) flag_wait(&jobs[i].done);
  assert_success(jobs[0].error);
  for (int i = 1; i < 3; i++) {
    assert_int_equal(ubiq_error_code(jobs[i].error), UBIQ_INTERNAL);
    ubiq_error_delete(jobs[i].error);
    assert_int_equal(rows(self, jobs[i].first), 0);
  }
  insertion after = {.first = "1"};
  add(self, &after);
  flag_wait(&after.done);
  assert_success(after.error);
}

static void more_jobs_than_may_wait_are_refused_as_busy(void **state) {
  fixture *self = *state;
  insertion first = {.first = "first"}, jobs[8] = {{.first = NULL}};
  char names[8][2];
  signal_flag gate;
  hold_up(self, &first, &gate);
  for (int i = 0; i < 8; i++) {
    snprintf(names[i], sizeof names[i], "%d", i);
    jobs[i].first = names[i];
    add(self, &jobs[i]);
  }
  insertion one_more = {.job = {.apply = apply, .done = done, .bytes = 1}, .first = "more"};
  assert_fails(sqlite_writer_add(self->writer, &one_more.job), UBIQ_BUSY,
               "too many writes wait for the disk; try again later");
  flag_set(&gate);
  flag_wait(&first.done);
  for (int i = 0; i < 8; i++) flag_wait(&jobs[i].done);
  assert_int_equal(rows(self, "7"), 1);
  assert_int_equal(rows(self, "more"), 0);
}

static void more_bytes_than_may_wait_are_refused_as_busy(void **state) {
  fixture *self = *state;
  insertion first = {.first = "first"}, second = {.first = "second"};
  signal_flag gate;
  hold_up(self, &first, &gate);
  add(self, &second);
  insertion one_more = {.job = {.apply = apply, .done = done, .bytes = 901}, .first = "more"};
  assert_fails(sqlite_writer_add(self->writer, &one_more.job), UBIQ_BUSY,
               "too many writes wait for the disk; try again later");
  flag_set(&gate);
  flag_wait(&first.done);
  flag_wait(&second.done);
}

static void stopping_does_what_waits_first(void **state) {
  fixture *self = *state;
  insertion first = {.first = "first"}, second = {.first = "second"};
  signal_flag gate;
  hold_up(self, &first, &gate);
  add(self, &second);
  flag_set(&gate);
  sqlite_writer_stop(self->writer);
  self->writer = NULL;
  assert_int_equal(rows(self, "second"), 1);
  flag_wait(&first.done);
  flag_wait(&second.done);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(what_arrives_meanwhile_shares_one_group),       TEST(a_job_that_fails_leaves_its_neighbours),
      TEST(when_the_commit_fails_the_whole_group_is_told), TEST(more_jobs_than_may_wait_are_refused_as_busy),
      TEST(more_bytes_than_may_wait_are_refused_as_busy),  TEST(stopping_does_what_waits_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
