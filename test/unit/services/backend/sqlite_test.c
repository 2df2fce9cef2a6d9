// Keys and values on the embedded backend: what backend.h promises.
#include "unit/services/backend/sqlite_testing.h"

static int set_up(void **state) {
  return fixture_begin(state, 1000000);
}

static void assert_value(backend *backend, const char *key, const char *value) {
  found found = get_now(backend, text_of(key));
  assert_true(found.is_found);
  assert_string_equal(found.value, value);
}

static void assert_absent(backend *backend, const char *key) {
  assert_false(get_now(backend, text_of(key)).is_found);
}

static backend_kv_usage usage_of(backend *backend) {
  backend_kv_usage usage;
  assert_success(backend_kv_usage_now(backend, TEXT("shop"), &usage));
  return usage;
}

static void a_value_that_was_put_is_found_also_after_opening_again(void **state) {
  fixture *self = *state;
  put_now(self->backend, "a", "1");
  assert_value(self->backend, "a", "1");
  backend_close(self->backend);
  open_at(self);
  assert_value(self->backend, "a", "1");
}

static void a_key_that_was_never_put_is_not_found(void **state) {
  fixture *self = *state;
  assert_absent(self->backend, "a");
}

static void bytes_keep_their_media_type_and_an_empty_value_is_one(void **state) {
  fixture *self = *state;
  backend_kv_change change = put_of("a", "");
  change.media_type = TEXT("image/png");
  assert_success(change_now(self->backend, &change));
  found found = get_now(self->backend, TEXT("a"));
  assert_true(found.is_found);
  assert_string_equal(found.media_type, "image/png");
  assert_string_equal(found.value, "");
}

static void what_is_put_in_the_place_of_a_value_that_was_read_is_read_with_all_of_it(void **state) {
  fixture *self = *state;
  put_now(self->backend, "a", "1");
  put_now(self->backend, "b", "1");
  backend_kv_change changes[] = {put_of("a", "22"), put_of("a", "333"), put_of("b", "4")};
  changes[1].media_type = TEXT("text/plain");
  changes[1].expires_ms = fake_now() + 60000;
  changes[2] = (backend_kv_change){.action = BACKEND_KV_DELETE, .key = TEXT("b")};
  for (int i = 0; i < 3; i++) { // the second and third time it is in memory
    assert_string_equal(get_now(self->backend, TEXT("a")).value, i == 0 ? "1" : "333");
    assert_int_equal(get_now(self->backend, TEXT("b")).is_found, i == 0);
    backend_kv_write operation = {.place = PLACE, .changes = changes, .count = 3, .limits = LIMITS};
    assert_success(write_now(self->backend, &operation));
    const found now = get_now(self->backend, TEXT("a"));
    assert_string_equal(now.value, "333");
    assert_string_equal(now.media_type, "text/plain");
    assert_int_equal(now.version, changes[1].version_now);
    assert_int_equal(now.expires_ms, changes[1].expires_ms);
  }
  atomic_fetch_add(&fake_now_ms, 60000);
  assert_absent(self->backend, "a");
}

static void keys_are_bytes_that_may_hold_any(void **state) {
  fixture *self = *state;
  const text keys[] = {{"a\0b", 3}, {"a", 1}, {"\xff\xfe", 2}, {"A", 1}};
  for (size_t i = 0; i < 4; i++) {
    backend_kv_change change = put_of("", i == 0 ? "0" : i == 1 ? "1" : i == 2 ? "2" : "3");
    change.key = keys[i];
    assert_success(change_now(self->backend, &change));
  }
  assert_string_equal(get_now(self->backend, keys[0]).value, "0");
  assert_string_equal(get_now(self->backend, keys[1]).value, "1");
  assert_string_equal(get_now(self->backend, keys[2]).value, "2");
  assert_string_equal(get_now(self->backend, keys[3]).value, "3");
}

static void versions_grow_and_are_never_given_twice(void **state) {
  fixture *self = *state;
  uint64_t first = put_now(self->backend, "a", "1");
  uint64_t second = put_now(self->backend, "a", "2");
  assert_true(second > first);
  backend_kv_change gone = {.action = BACKEND_KV_DELETE, .key = TEXT("a")};
  assert_success(change_now(self->backend, &gone));
  assert_true(gone.was_there);
  backend_close(self->backend);
  open_at(self);
  assert_true(put_now(self->backend, "a", "3") > second);
}

static void a_put_if_absent_is_refused_when_the_key_is_there(void **state) {
  fixture *self = *state;
  backend_kv_change change = put_of("a", "1");
  change.condition = BACKEND_KV_IF_ABSENT;
  assert_success(change_now(self->backend, &change));
  backend_kv_write operation = {.place = PLACE, .changes = &change, .count = 1, .limits = LIMITS};
  assert_fails(write_now(self->backend, &operation), UBIQ_CONFLICT, "the key is there, with version 1");
  assert_int_equal(operation.refusal, BACKEND_KV_REFUSED_CONDITION);
}

static void a_change_of_another_version_is_refused(void **state) {
  fixture *self = *state;
  uint64_t version = put_now(self->backend, "a", "1");
  backend_kv_change change = put_of("a", "2");
  change.condition = BACKEND_KV_IF_VERSION;
  change.version = version;
  assert_success(change_now(self->backend, &change));
  assert_fails(change_now(self->backend, &change), UBIQ_CONFLICT, "the key has version 2, not 1");
  change.key = TEXT("b");
  assert_fails(change_now(self->backend, &change), UBIQ_CONFLICT, "the key is not there");
  assert_value(self->backend, "a", "2");
}

static void a_key_is_not_seen_from_the_moment_it_expires(void **state) {
  fixture *self = *state;
  backend_kv_change change = put_of("a", "1");
  change.expires_ms = fake_now() + 10;
  assert_success(change_now(self->backend, &change));
  atomic_fetch_add(&fake_now_ms, 9);
  assert_value(self->backend, "a", "1");
  atomic_fetch_add(&fake_now_ms, 1);
  assert_absent(self->backend, "a");
  change = put_of("a", "2");
  change.condition = BACKEND_KV_IF_ABSENT;
  assert_success(change_now(self->backend, &change));
  assert_value(self->backend, "a", "2");
}

static void what_expired_is_swept_when_something_is_written_later(void **state) {
  fixture *self = *state;
  enum { COUNT = 600 }; // more than one portion
  backend_kv_change changes[COUNT];
  char keys[COUNT][8];
  for (int i = 0; i < COUNT; i++) {
    snprintf(keys[i], sizeof keys[i], "k%d", i);
    changes[i] = put_of(keys[i], "12345");
    changes[i].expires_ms = fake_now() + 10;
  }
  backend_kv_write operation = {.place = PLACE, .changes = changes, .count = COUNT, .limits = LIMITS};
  assert_success(write_now(self->backend, &operation));
  assert_int_equal(usage_of(self->backend).keys, COUNT);
  atomic_fetch_add(&fake_now_ms, 5000);
  for (int i = 0; usage_of(self->backend).keys != 1; i++) {
    assert_true(i < 10000);
    put_now(self->backend, "stays", "1");
  }
  assert_int_equal(usage_of(self->backend).bytes, strlen("stays") + 1);
}

static void a_number_is_counted_up_from_nothing(void **state) {
  fixture *self = *state;
  backend_kv_change change = {.action = BACKEND_KV_INCREMENT, .key = TEXT("n"), .amount = 5};
  assert_success(change_now(self->backend, &change));
  assert_int_equal(change.number, 5);
  change.amount = -7;
  assert_success(change_now(self->backend, &change));
  assert_int_equal(change.number, -2);
  assert_value(self->backend, "n", "-2");
}

static void a_number_that_is_counted_keeps_its_expiry(void **state) {
  fixture *self = *state;
  uint64_t expiry = fake_now() + 1000;
  backend_kv_change change = {.action = BACKEND_KV_INCREMENT, .key = TEXT("n"), .amount = 1, .expires_ms = expiry};
  assert_success(change_now(self->backend, &change));
  change.expires_ms = expiry + 5000;
  assert_success(change_now(self->backend, &change));
  assert_int_equal(get_now(self->backend, TEXT("n")).expires_ms, expiry);
}

static void what_is_no_number_is_not_counted(void **state) {
  fixture *self = *state;
  static const char *const values[] = {
      "\"1\"", "1.5", "", "null", "9007199254740992", "1e3", "123456789012345678901234567"};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    put_now(self->backend, "n", values[i]);
    backend_kv_change change = {.action = BACKEND_KV_INCREMENT, .key = TEXT("n"), .amount = 1};
    backend_kv_write operation = {.place = PLACE, .changes = &change, .count = 1, .limits = LIMITS};
    assert_fails(write_now(self->backend, &operation), UBIQ_CONFLICT,
                 "the key's value is not an integer of JSON, from -(2^53 - 1) to 2^53 - 1");
    assert_int_equal(operation.refusal, BACKEND_KV_REFUSED_VALUE);
  }
}

static void a_number_does_not_pass_its_bounds(void **state) {
  fixture *self = *state;
  backend_kv_change change = {.action = BACKEND_KV_INCREMENT, .key = TEXT("n"), .amount = BACKEND_KV_NUMBER_MAX};
  assert_success(change_now(self->backend, &change));
  assert_fails(change_now(self->backend, &change), UBIQ_CONFLICT,
               "the key's value would pass 2^53 - 1, or its opposite");
  change.amount = INT64_MAX;
  assert_fails(change_now(self->backend, &change), UBIQ_CONFLICT,
               "the key's value would pass 2^53 - 1, or its opposite");
}

static void a_batch_is_made_whole_or_not_at_all(void **state) {
  fixture *self = *state;
  put_now(self->backend, "a", "1");
  backend_kv_usage before = usage_of(self->backend);
  backend_kv_change changes[] = {
      put_of("b", "2"),
      {.action = BACKEND_KV_DELETE, .key = TEXT("a")},
      {.action = BACKEND_KV_CHECK, .key = TEXT("c"), .condition = BACKEND_KV_IF_VERSION, .version = 1}};
  backend_kv_write operation = {.place = PLACE, .changes = changes, .count = 3, .limits = LIMITS};
  assert_fails(write_now(self->backend, &operation), UBIQ_CONFLICT, "the key is not there");
  assert_int_equal(operation.failed, 2);
  assert_absent(self->backend, "b");
  assert_value(self->backend, "a", "1");
  assert_int_equal(usage_of(self->backend).keys, before.keys);
  assert_int_equal(usage_of(self->backend).bytes, before.bytes);
  changes[2].condition = BACKEND_KV_IF_ABSENT;
  assert_success(write_now(self->backend, &operation));
  assert_absent(self->backend, "a");
  assert_value(self->backend, "b", "2");
}

static void changes_of_a_batch_see_those_before_them(void **state) {
  fixture *self = *state;
  backend_kv_change changes[] = {put_of("n", "1"),
                                 {.action = BACKEND_KV_INCREMENT, .key = TEXT("n"), .amount = 1},
                                 {.action = BACKEND_KV_INCREMENT, .key = TEXT("n"), .amount = 1}};
  backend_kv_write operation = {.place = PLACE, .changes = changes, .count = 3, .limits = LIMITS};
  assert_success(write_now(self->backend, &operation));
  assert_int_equal(changes[2].number, 3);
  assert_int_equal(usage_of(self->backend).keys, 1);
}

typedef struct listed {
  char keys[512];
  size_t count;
  size_t last_size;
} listed;

static void note_listed(backend_kv_list *operation, const backend_kv_entry *entry, size_t value_size) {
  listed *out = operation->user;
  size_t used = strlen(out->keys);
  snprintf(out->keys + used, sizeof out->keys - used, "%.*s ", (int)entry->key.size, entry->key.data);
  out->count++;
  out->last_size = value_size;
}

static void list_done(backend_kv_list *operation) {
  (void)operation;
}

static listed list_now(backend *backend, const char *prefix, const char *after, size_t limit, bool *is_more) {
  listed out = {0};
  backend_kv_list operation = {.place = PLACE,
                               .prefix = text_of(prefix),
                               .is_after = after != NULL,
                               .after = text_of(after),
                               .limit = limit,
                               .each = note_listed,
                               .done = list_done,
                               .user = &out};
  backend_kv_list_start(backend, &operation);
  assert_success(operation.error);
  *is_more = operation.is_more;
  return out;
}

static void keys_are_listed_by_their_bytes_page_by_page(void **state) {
  fixture *self = *state;
  static const char *const keys[] = {"user:10", "user:2", "User:1", "user:1", "users", "zebra", "user:\xc3\xa9"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) put_now(self->backend, keys[i], "12");
  bool is_more = false;
  listed page = list_now(self->backend, "user:", NULL, 3, &is_more);
  assert_string_equal(page.keys, "user:1 user:10 user:2 ");
  assert_int_equal(page.last_size, 2);
  assert_true(is_more);
  page = list_now(self->backend, "user:", "user:2", 3, &is_more);
  assert_string_equal(page.keys, "user:\xc3\xa9 ");
  assert_false(is_more);
  page = list_now(self->backend, "", NULL, 7, &is_more);
  assert_int_equal(page.count, 7);
  assert_false(is_more);
  page = list_now(self->backend, "user:", "a", 1, &is_more);
  assert_string_equal(page.keys, "user:1 ");
}

static void what_expired_is_not_listed(void **state) {
  fixture *self = *state;
  backend_kv_change change = put_of("a", "1");
  change.expires_ms = fake_now() + 10;
  assert_success(change_now(self->backend, &change));
  put_now(self->backend, "b", "1");
  atomic_fetch_add(&fake_now_ms, 10);
  bool is_more = true;
  assert_string_equal(list_now(self->backend, "", NULL, 10, &is_more).keys, "b ");
}

static void note_attachment(backend_kv_list *operation, const backend_kv_entry *entry, size_t value_size) {
  (void)value_size;
  assert_null(entry->attachment.data);
  *(size_t *)operation->user = entry->attachment.size;
}

static void an_attachment_is_read_where_it_is_wanted_and_a_list_tells_its_size(void **state) {
  fixture *self = *state;
  backend_kv_change change = put_of("a", "1");
  change.attachment = (ubiq_bytes){(const uint8_t *)"attached", 8};
  assert_success(change_now(self->backend, &change));
  assert_int_equal(usage_of(self->backend).bytes, strlen("a") + strlen("1") + 8);
  assert_int_equal(get_now(self->backend, TEXT("a")).attachment_size, 0);
  assert_string_equal(find_now(self->backend, TEXT("a"), true).attachment, "attached");
  for (int with_values = 0; with_values < 2; with_values++) {
    size_t size = 0;
    backend_kv_list list = {.place = PLACE,
                            .limit = 1,
                            .wants_values = with_values != 0,
                            .each = note_attachment,
                            .done = list_done,
                            .user = &size};
    backend_kv_list_start(self->backend, &list);
    assert_success(list.error);
    assert_int_equal(size, 8);
  }
  put_now(self->backend, "a", "2");
  assert_int_equal(find_now(self->backend, TEXT("a"), true).attachment_size, 0);
  assert_int_equal(usage_of(self->backend).bytes, strlen("a") + strlen("2"));
}

static void places_know_nothing_of_each_other(void **state) {
  fixture *self = *state;
  static const backend_place places[] = {
      {{"shop", 4}, {NULL, 0}}, {{"shop", 4}, {"greet", 5}}, {{"other", 5}, {NULL, 0}}};
  static const char *const values[] = {"1", "2", "3"};
  for (size_t i = 0; i < 3; i++) {
    backend_kv_change change = put_of("a", values[i]);
    backend_kv_write operation = {.place = places[i], .changes = &change, .count = 1, .limits = LIMITS};
    assert_success(write_now(self->backend, &operation));
  }
  for (size_t i = 0; i < 3; i++) {
    found found = {0};
    backend_kv_read operation = {.place = places[i], .key = TEXT("a"), .done = note_found, .user = &found};
    backend_kv_read_start(self->backend, &operation);
    assert_string_equal(found.value, values[i]);
  }
  assert_int_equal(usage_of(self->backend).keys, 2);
}

static void a_project_at_its_limit_of_keys_may_only_change_and_delete(void **state) {
  fixture *self = *state;
  const backend_kv_limits limits = {2, 1000};
  backend_kv_change change = put_of("a", "1");
  backend_kv_write operation = {.place = PLACE, .changes = &change, .count = 1, .limits = limits};
  assert_success(write_now(self->backend, &operation));
  change.key = TEXT("b");
  assert_success(write_now(self->backend, &operation));
  change.key = TEXT("c");
  assert_fails(write_now(self->backend, &operation), UBIQ_QUOTA,
               "the project has 2 keys, which is its limit; delete some");
  change.key = TEXT("a");
  assert_success(write_now(self->backend, &operation));
}

static void a_project_at_its_limit_of_bytes_is_told_so(void **state) {
  fixture *self = *state;
  const backend_kv_limits limits = {10, 10};
  backend_kv_change change = put_of("a", "1234567890");
  backend_kv_write operation = {.place = PLACE, .changes = &change, .count = 1, .limits = limits};
  assert_fails(write_now(self->backend, &operation), UBIQ_QUOTA,
               "the project's keys and values have 0 bytes, and would have 11; its limit is 10; delete some");
  change.value.size = 9;
  assert_success(write_now(self->backend, &operation));
  change.value.size = 8;
  assert_success(write_now(self->backend, &operation));
  assert_int_equal(usage_of(self->backend).bytes, 9);
}

static void a_full_project_is_rid_of_what_expired_before_it_is_refused(void **state) {
  fixture *self = *state;
  const backend_kv_limits limits = {1, 1000};
  backend_kv_change change = put_of("a", "1");
  change.expires_ms = fake_now() + 10;
  backend_kv_write operation = {.place = PLACE, .changes = &change, .count = 1, .limits = limits};
  assert_success(write_now(self->backend, &operation));
  atomic_fetch_add(&fake_now_ms, 10);
  change = put_of("b", "1");
  assert_success(write_now(self->backend, &operation));
}

static void a_full_project_is_rid_of_as_much_of_what_expired_as_a_write_needs(void **state) {
  fixture *self = *state;
  enum { COUNT = 600, LATER_MS = 100000 }; // more than one portion, and later than the writer looks by itself
  const backend_kv_limits limits = {COUNT, 1 << 20};
  backend_kv_change changes[COUNT];
  char keys[COUNT][8];
  for (int i = 0; i < COUNT; i++) {
    snprintf(keys[i], sizeof keys[i], "k%d", i);
    changes[i] = put_of(keys[i], "1");
    changes[i].expires_ms = fake_now() + LATER_MS;
  }
  backend_kv_write operation = {.place = PLACE, .changes = changes, .count = COUNT, .limits = limits};
  assert_success(write_now(self->backend, &operation));
  atomic_fetch_add(&fake_now_ms, LATER_MS);
  for (int i = 0; i < COUNT; i++) keys[i][0] = 'n';
  assert_success(write_now(self->backend, &operation));
}

static void a_copy_holds_what_was_acknowledged(void **state) {
  fixture *self = *state;
  put_now(self->backend, "a", "1");
  char copy[128];
  snprintf(copy, sizeof copy, "%s/copy.db", self->folder.path);
  assert_success(sqlite_backend_copy(self->folder.file, copy));
  put_now(self->backend, "a", "2");
  ubiq_error *again = sqlite_backend_copy(self->folder.file, copy);
  assert_int_equal(ubiq_error_code(again), UBIQ_INVALID_INPUT);
  ubiq_error_delete(again);
  backend *other = NULL;
  const sqlite_backend_settings settings = {.path = copy};
  assert_success(sqlite_backend_open(&settings, &other));
  assert_value(other, "a", "1");
  backend_close(other);
}

static void two_processes_on_one_database_keep_its_numbers_right(void **state) {
  fixture *self = *state;
  backend *other = NULL;
  const sqlite_backend_settings settings = {.path = self->folder.file};
  assert_success(sqlite_backend_open(&settings, &other));
  for (int i = 0; i < 20; i++) {
    uint64_t version = put_now(i % 2 == 0 ? self->backend : other, "a", "1");
    assert_int_equal(version, i + 1);
  }
  assert_int_equal(usage_of(self->backend).keys, 1);
  backend_close(other);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_value_that_was_put_is_found_also_after_opening_again),
      TEST(a_key_that_was_never_put_is_not_found),
      TEST(bytes_keep_their_media_type_and_an_empty_value_is_one),
      TEST(what_is_put_in_the_place_of_a_value_that_was_read_is_read_with_all_of_it),
      TEST(keys_are_bytes_that_may_hold_any),
      TEST(versions_grow_and_are_never_given_twice),
      TEST(a_put_if_absent_is_refused_when_the_key_is_there),
      TEST(a_change_of_another_version_is_refused),
      TEST(a_key_is_not_seen_from_the_moment_it_expires),
      TEST(what_expired_is_swept_when_something_is_written_later),
      TEST(a_number_is_counted_up_from_nothing),
      TEST(a_number_that_is_counted_keeps_its_expiry),
      TEST(what_is_no_number_is_not_counted),
      TEST(a_number_does_not_pass_its_bounds),
      TEST(a_batch_is_made_whole_or_not_at_all),
      TEST(changes_of_a_batch_see_those_before_them),
      TEST(keys_are_listed_by_their_bytes_page_by_page),
      TEST(what_expired_is_not_listed),
      TEST(an_attachment_is_read_where_it_is_wanted_and_a_list_tells_its_size),
      TEST(places_know_nothing_of_each_other),
      TEST(a_project_at_its_limit_of_keys_may_only_change_and_delete),
      TEST(a_project_at_its_limit_of_bytes_is_told_so),
      TEST(a_full_project_is_rid_of_what_expired_before_it_is_refused),
      TEST(a_full_project_is_rid_of_as_much_of_what_expired_as_a_write_needs),
      TEST(a_copy_holds_what_was_acknowledged),
      TEST(two_processes_on_one_database_keep_its_numbers_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
