// link: -Wl,--wrap=sqlite3_step
// A database of ours: its versions, statements that are kept, and copies.
#include "base/database.h"
#include "unit/base/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static int set_up(void **state) {
  (void)state;
  snprintf(path, sizeof path, "/tmp/ubiq-database-XXXXXX");
  int descriptor = mkstemp(path);
  assert_true(descriptor >= 0);
  close(descriptor);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  unlink(path);
  return 0;
}

static const char *const steps[] = {"CREATE TABLE things (name TEXT)", "ALTER TABLE things ADD size INTEGER"};

static database *open_steps(int first, int count) {
  database *made = NULL;
  const database_settings settings = {.steps = steps, .steps_count = count, .first = first};
  assert_success(database_open_with(path, &settings, &made));
  return made;
}

static void an_older_version_is_brought_to_the_newest(void **state) {
  (void)state;
  database *database = open_steps(1, 1);
  assert_success(database_query(database, "INSERT INTO things VALUES ('a')", NULL, 0, NULL, NULL));
  database_close(database);
  database = open_steps(1, 2);
  assert_success(database_query(database, "UPDATE things SET size = 1 WHERE name = 'a'", NULL, 0, NULL, NULL));
  database_close(database);
  database_close(open_steps(1, 2));
}

static void a_newer_version_is_refused(void **state) {
  (void)state;
  database_close(open_steps(1, 2));
  database *made = NULL;
  const database_settings settings = {.steps = steps, .steps_count = 1, .first = 1};
  char message[128];
  snprintf(message, sizeof message, "%s: has version 2, which this ubiq does not know; expected at most 1", path);
  assert_fails(database_open_with(path, &settings, &made), UBIQ_INVALID_INPUT, message);
}

static void a_step_that_fails_leaves_the_older_version(void **state) {
  (void)state;
  database_close(open_steps(1, 1));
  static const char *const wrong[] = {"", "CREATE TABLE more (name TEXT); CREATE TABLE things (name TEXT)"};
  database *made = NULL;
  const database_settings settings = {.steps = wrong, .steps_count = 2, .first = 1};
  ubiq_error *error = database_open_with(path, &settings, &made);
  assert_non_null(error);
  ubiq_error_delete(error);
  database *again = open_steps(1, 1);
  ubiq_error *missing = database_query(again, "SELECT * FROM more", NULL, 0, NULL, NULL);
  assert_non_null(missing);
  ubiq_error_delete(missing);
  database_close(again);
}

static void a_statement_is_prepared_once_and_begun_empty(void **state) {
  (void)state;
  static const char statement[] = "SELECT ?";
  database *database = open_steps(1, 1);
  sqlite3_stmt *first = NULL, *second = NULL;
  const database_value value = database_number(7);
  bool is_row = false;
  assert_success(database_ask_one(database, statement, &value, 1, &first, &is_row));
  assert_true(is_row);
  assert_int_equal(sqlite3_column_int64(first, 0), 7);
  assert_success(database_ask_one(database, statement, NULL, 0, &second, &is_row));
  assert_ptr_equal(first, second);
  assert_int_equal(sqlite3_column_type(second, 0), SQLITE_NULL);
  database_close(database);
}

static void a_statement_that_is_none_has_no_rows(void **state) {
  (void)state;
  static const char statement[] = "SELECT nothing FROM nowhere";
  database *database = open_steps(1, 1);
  sqlite3_stmt *rows = (sqlite3_stmt *)database;
  bool is_row = true;
  ubiq_error *error = database_ask_one(database, statement, NULL, 0, &rows, &is_row);
  assert_non_null(error);
  ubiq_error_delete(error);
  assert_null(rows);
  assert_false(is_row);
  database_close(database);
}

static bool another_opens; ///< at the next beginning of a transaction: it takes the steps first
int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);

int __wrap_sqlite3_step(sqlite3_stmt *statement) {
  if (another_opens && strcmp(sqlite3_sql(statement), "BEGIN IMMEDIATE") == 0) {
    another_opens = false;
    database_close(open_steps(1, 2));
  }
  return __real_sqlite3_step(statement);
}

static void steps_that_another_process_takes_meanwhile_are_taken_once(void **state) {
  (void)state;
  database_close(open_steps(1, 1));
  another_opens = true;
  database_close(open_steps(1, 2));
  assert_false(another_opens);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(an_older_version_is_brought_to_the_newest),  TEST(a_newer_version_is_refused),
      TEST(a_step_that_fails_leaves_the_older_version), TEST(a_statement_is_prepared_once_and_begun_empty),
      TEST(a_statement_that_is_none_has_no_rows),       TEST(steps_that_another_process_takes_meanwhile_are_taken_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
