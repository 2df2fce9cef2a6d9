// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/release/release_store.h"

#include "runtime/release/release_store_schema.h"

#include "unit/base/alloc_failure.h"
#include "unit/runtime/runtime_testing.h"

#include <dirent.h>

static char *folder;
static release_store *store;

static const char *state_path(void) {
  return folder_path(folder, "state");
}

static void open_again(bool serve) {
  release_store_close(store);
  store = NULL;
  assert_success(release_store_open(state_path(), serve, &store));
}

static int open_store(void **state) {
  (void)state;
  folder = folder_make();
  return release_store_open(state_path(), true, &store) == NULL ? 0 : -1;
}

static int close_store(void **state) {
  (void)state;
  release_store_close(store);
  store = NULL;
  folder_remove(folder);
  return 0;
}

static release_record record(unsigned number) {
  release_record made = {.project = "shop", .version = "1.0", .size = number, .received_ms = number};
  snprintf(made.digest, sizeof made.digest, "%064x", number);
  return made;
}

/// Receives a bundle as a server does, up to its row.
static void receive(unsigned number) {
  int descriptor;
  char *path;
  const release_record made = record(number);
  assert_success(release_store_receive(store, &descriptor, &path));
  assert_int_equal(write(descriptor, "bundle", 6), 6);
  close(descriptor);
  assert_success(release_store_keep(store, path, made.digest));
  free(path);
}

static void deploy(unsigned number, release_choice *choice) {
  const release_record made = record(number);
  receive(number);
  memcpy(choice->previous, choice->current, sizeof choice->previous);
  memcpy(choice->current, made.digest, sizeof choice->current);
  assert_success(release_store_commit(store, choice, &made, NULL));
}

static size_t count_files(const char *name) {
  size_t count = 0;
  DIR *directory = opendir(folder_path(folder, name));
  assert_non_null(directory);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

static void what_was_committed_is_there_again(void **state) {
  (void)state;
  release_choice choice = {0}, found;
  release_record *list, made = record(2);
  size_t count;
  assert_success(release_store_choice(store, &found));
  assert_string_equal(found.current, "");
  deploy(1, &choice);
  memcpy(choice.canary, made.digest, sizeof choice.canary);
  choice.canary_percent = 10;
  choice.failures_permille_max = 50;
  choice.requests_min = 20;
  choice.window_s = 60;
  made.is_signed = true;
  memset(made.signature, 7, sizeof made.signature);
  receive(2);
  assert_success(release_store_commit(store, &choice, &made, NULL));
  open_again(true);
  assert_success(release_store_choice(store, &found));
  assert_memory_equal(&choice, &found, sizeof found);
  assert_success(release_store_list(store, &list, &count));
  assert_int_equal(count, 2);
  assert_string_equal(list[0].digest, made.digest);
  assert_true(list[0].is_signed);
  assert_memory_equal(list[0].signature, made.signature, sizeof made.signature);
  assert_false(list[1].is_signed);
  assert_string_equal(list[1].project, "shop");
  free(list);
}

static void a_bundle_without_a_row_is_removed_by_the_next_server(void **state) {
  (void)state;
  release_choice choice = {0};
  int descriptor;
  char *path;
  deploy(1, &choice);
  receive(2);
  assert_success(release_store_receive(store, &descriptor, &path));
  close(descriptor);
  free(path);
  open_again(false);
  assert_int_equal(count_files("state/bundles"), 2);
  open_again(true);
  assert_int_equal(count_files("state/bundles"), 1);
  assert_int_equal(count_files("state/incoming"), 0);
}

static void only_so_many_releases_are_kept_and_those_that_are_served(void **state) {
  (void)state;
  release_choice choice = {0};
  release_record first = record(1), *list;
  size_t count;
  deploy(1, &choice);
  for (unsigned i = 2; i < 2 + RELEASE_STORE_KEPT + 5; i++) {
    const release_record made = record(i);
    receive(i);
    memcpy(choice.previous, first.digest, sizeof choice.previous);
    memcpy(choice.current, made.digest, sizeof choice.current);
    assert_success(release_store_commit(store, &choice, &made, NULL));
  }
  assert_success(release_store_list(store, &list, &count));
  assert_int_equal(count, RELEASE_STORE_KEPT + 1);
  assert_string_equal(list[count - 1].digest, first.digest);
  free(list);
  assert_int_equal(count_files("state/bundles"), count);
}

static void a_release_that_comes_again_is_the_newest(void **state) {
  (void)state;
  release_choice choice = {0};
  release_record *list;
  size_t count;
  deploy(1, &choice);
  deploy(2, &choice);
  deploy(1, &choice);
  assert_success(release_store_list(store, &list, &count));
  assert_int_equal(count, 2);
  assert_int_equal(list[0].size, 1);
  free(list);
}

static void a_release_is_found_by_its_first_digits(void **state) {
  (void)state;
  release_choice choice = {0};
  release_record found;
  release_record other = record(0);
  deploy(0x1, &choice);
  memset(other.digest, 'a', 64);
  assert_success(release_store_commit(store, &choice, &other, NULL));
  assert_success(release_store_find(store, TEXT("aaa"), &found));
  assert_string_equal(found.digest, other.digest);
  assert_fails(release_store_find(store, TEXT("b"), &found), UBIQ_NOT_FOUND,
               "there is no release \"b\"; see `ubiq releases`");
  assert_fails(release_store_find(store, TEXT(""), &found), UBIQ_NOT_FOUND,
               "there is no release \"\"; see `ubiq releases`");
  other.digest[63] = 'b';
  assert_success(release_store_commit(store, &choice, &other, NULL));
  assert_fails(release_store_find(store, TEXT("aaa"), &found), UBIQ_INVALID_INPUT,
               "several releases begin with \"aaa\"; expected more digits");
}

static void a_release_that_was_taken_back_says_why(void **state) {
  (void)state;
  release_choice choice = {0};
  release_record made = record(1), found;
  deploy(1, &choice);
  strcpy(made.note, "9 of 20 requests failed");
  assert_success(release_store_commit(store, &choice, NULL, &made));
  assert_success(release_store_find(store, text_of(made.digest), &found));
  assert_string_equal(found.note, made.note);
}

static void a_choice_of_what_is_not_there_changes_nothing(void **state) {
  (void)state;
  release_choice choice = {0}, found;
  const release_record absent = record(9);
  deploy(1, &choice);
  release_choice wrong = choice;
  memcpy(wrong.current, absent.digest, sizeof wrong.current);
  ubiq_error *error = release_store_commit(store, &wrong, NULL, NULL);
  assert_non_null(error);
  ubiq_error_delete(error);
  assert_success(release_store_choice(store, &found));
  assert_memory_equal(&choice, &found, sizeof found);
}

static void one_server_at_a_time_uses_a_folder(void **state) {
  (void)state;
  release_store *other = NULL;
  ubiq_error *error = release_store_open(state_path(), true, &other);
  assert_int_equal(ubiq_error_code(error), UBIQ_UNAVAILABLE);
  ubiq_error_delete(error);
  assert_success(release_store_open(state_path(), false, &other));
  release_store_close(other);
}

static void fails(ubiq_code code, const char *part) {
  release_store_close(store);
  store = NULL;
  ubiq_error *error = release_store_open(state_path(), true, &store);
  if (ubiq_error_code(error) != code || strstr(ubiq_error_message(error), part) == NULL)
    fail_msg("%s; expected %s", ubiq_error_message(error), part);
  ubiq_error_delete(error);
}

static void a_damaged_database_is_told(void **state) {
  (void)state;
  release_choice choice = {0};
  deploy(1, &choice);
  release_store_close(store);
  store = NULL;
  FILE *file = fopen(folder_path(folder, "state/state.db"), "r+");
  assert_non_null(file);
  fseek(file, 4096, SEEK_SET);
  for (int i = 0; i < 2 * 4096; i++) fputc(0x5a, file);
  fclose(file);
  fails(UBIQ_INTERNAL, "state.db: it is damaged; restore it from a copy, or move it away and deploy again");
}

static void what_is_no_database_of_ours_is_refused(void **state) {
  (void)state;
  folder_write(folder, "state/state.db",
               "this is a text of somebody else's, and longer than a header of SQLite's is: "
               "a hundred bytes at least it has to have");
  fails(UBIQ_INVALID_INPUT, "state.db: it is no database; expected one that `ubiq serve` made");
}

static void a_folder_that_others_may_use_is_refused(void **state) {
  (void)state;
  assert_int_equal(chmod(state_path(), 0755), 0);
  fails(UBIQ_DENIED, "others may use it");
}

/// Opens a folder, adds a release, receives another, and reads what is there.
static bool attempt(void *user) {
  const release_record made = record(1);
  release_choice choice = {0};
  release_store *opened = NULL;
  release_record *list = NULL;
  char *path = NULL;
  int descriptor = -1;
  size_t count = 0;
  memcpy(choice.current, made.digest, sizeof choice.current);
  ubiq_error *error = release_store_open(user, false, &opened);
  if (error == NULL) error = release_store_commit(opened, &choice, &made, NULL);
  if (error == NULL) error = release_store_receive(opened, &descriptor, &path);
  if (error == NULL) error = release_store_keep(opened, path, made.digest);
  if (error == NULL) error = release_store_list(opened, &list, &count);
  bool good = error == NULL && count == 1;
  if (descriptor >= 0) close(descriptor);
  free(path);
  free(list);
  release_store_close(opened);
  ubiq_error_delete(error);
  return good;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  char place[512];
  snprintf(place, sizeof place, "%s", folder_path(folder, "other"));
  assert_in_range(alloc_failure_sweep(attempt, place), 10, 100);
}

static void a_release_keeps_what_was_granted(void **state) {
  (void)state;
  release_choice choice = {0};
  release_record made = record(2);
  char *granted = NULL;
  deploy(1, &choice);
  assert_success(release_store_granted(store, choice.current, &granted));
  assert_null(granted);
  receive(2);
  made.granted = "kv:*\n";
  memcpy(choice.current, made.digest, sizeof choice.current);
  assert_success(release_store_commit(store, &choice, &made, NULL));
  open_again(true);
  assert_success(release_store_granted(store, made.digest, &granted));
  assert_string_equal(granted, "kv:*\n");
  free(granted);
  assert_fails(release_store_granted(store, "12", &granted), UBIQ_NOT_FOUND,
               "there is no release \"12\"; see `ubiq releases`");
}

/// What versions before have written.
static void an_older_database_is_brought_to_the_newest(void **state) {
  (void)state;
  char path[512];
  database *old = NULL;
  char *granted = NULL;
  const char *digest = "0000000000000000000000000000000000000000000000000000000000000001";
  release_store_close(store);
  store = NULL;
  snprintf(path, sizeof path, "%s", folder_path(folder, "state/" RELEASE_STORE_FILE));
  assert_int_equal(unlink(path), 0);
  assert_success(database_open(path, RELEASE_STORE_SCHEMA, 1, &old));
  assert_success(
      database_query(old,
                     "INSERT INTO releases (digest, project, version, size, received_ms, note) VALUES "
                     "('0000000000000000000000000000000000000000000000000000000000000001', 'a', '1', 1, 1, '')",
                     NULL, 0, NULL, NULL));
  database_close(old);
  open_again(true);
  assert_success(release_store_granted(store, digest, &granted));
  assert_null(granted);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
  const struct CMUnitTest tests[] = {
      TEST(what_was_committed_is_there_again),
      TEST(a_bundle_without_a_row_is_removed_by_the_next_server),
      TEST(only_so_many_releases_are_kept_and_those_that_are_served),
      TEST(a_release_that_comes_again_is_the_newest),
      TEST(a_release_is_found_by_its_first_digits),
      TEST(a_release_that_was_taken_back_says_why),
      TEST(a_choice_of_what_is_not_there_changes_nothing),
      TEST(one_server_at_a_time_uses_a_folder),
      TEST(a_release_keeps_what_was_granted),
      TEST(an_older_database_is_brought_to_the_newest),
      TEST(a_damaged_database_is_told),
      TEST(what_is_no_database_of_ours_is_refused),
      TEST(a_folder_that_others_may_use_is_refused),
      TEST(every_allocation_that_fails_is_reported),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
