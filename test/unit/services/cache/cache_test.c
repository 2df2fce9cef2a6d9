// The cache as many threads use it: values, their time, numbers, and locks that are waited for.
#include "base/clock.h"
#include "services/cache/cache.h"
#include "unit/services/calling.h"

#include <inttypes.h>
#include <sched.h>

static atomic_ullong fake_now_ns;

static uint64_t fake_now(void) {
  return atomic_load(&fake_now_ns);
}

static void advance_ms(uint64_t milliseconds) {
  atomic_fetch_add(&fake_now_ns, milliseconds * CLOCK_NS_PER_MS);
}

static int set_up(void **state) {
  atomic_store(&fake_now_ns, CLOCK_NS_PER_SECOND);
  *state = cache_new(1 << 20, fake_now);
  return *state == NULL;
}

static int tear_down(void **state) {
  cache_delete(*state);
  return 0;
}

static ubiq_error *put(cache *cache, const char *key, const char *value, uint64_t ttl_ms, const char *lock) {
  const ubiq_bytes bytes = {(const uint8_t *)value, strlen(value)};
  return cache_put(cache, text_of(key), 0, (text){NULL, 0}, bytes, ttl_ms, text_of(lock));
}

static void assert_value(cache *cache, const char *key, const char *value) {
  cache_entry *entry = cache_get(cache, text_of(key));
  assert_non_null(entry);
  assert_int_equal(cache_entry_value(entry).size, strlen(value));
  assert_memory_equal(cache_entry_value(entry).data, value, strlen(value));
  cache_entry_release(entry);
}

static void a_value_is_found_until_it_is_deleted(void **state) {
  assert_null(cache_get(*state, TEXT("a")));
  assert_success(put(*state, "a", "1", 0, ""));
  assert_value(*state, "a", "1");
  assert_success(put(*state, "a", "22", 0, ""));
  assert_value(*state, "a", "22");
  cache_remove(*state, TEXT("a"));
  assert_null(cache_get(*state, TEXT("a")));
}

static void a_value_is_found_as_long_as_it_is_to_live(void **state) {
  assert_success(put(*state, "a", "1", 10, ""));
  advance_ms(9);
  assert_value(*state, "a", "1");
  advance_ms(1);
  assert_null(cache_get(*state, TEXT("a")));
  cache_counts counts;
  cache_count(*state, &counts);
  assert_int_equal(counts.expired, 1);
  assert_int_equal(counts.entries, 0);
  assert_int_equal(counts.bytes, 0);
}

static void no_more_than_the_room_is_kept(void **state) {
  static char value[1000];
  memset(value, 'x', sizeof value - 1);
  char key[16];
  for (int i = 0; i < 5000; i++) {
    snprintf(key, sizeof key, "%d", i);
    assert_success(put(*state, key, value, 0, ""));
  }
  cache_counts counts;
  cache_count(*state, &counts);
  assert_true(counts.bytes <= 1 << 20);
  assert_true(counts.bytes > 900000);
  assert_true(counts.evicted > 3500);
}

static void a_value_larger_than_the_room_is_refused(void **state) {
  static char value[(1 << 20) + 1];
  memset(value, 'x', sizeof value - 1);
  assert_fails(put(*state, "a", value, 0, ""), UBIQ_TOO_LARGE,
               "the value has 1048576 bytes, more than the cache has room for");
}

static void a_number_is_counted_and_keeps_its_time(void **state) {
  int64_t number = 0;
  assert_success(cache_increment(*state, TEXT("n"), 0, 5, 10, &number));
  advance_ms(5);
  assert_success(cache_increment(*state, TEXT("n"), 0, -7, 10, &number));
  assert_int_equal(number, -2);
  assert_value(*state, "n", "-2");
  advance_ms(5);
  assert_success(cache_increment(*state, TEXT("n"), 0, 1, 0, &number));
  assert_int_equal(number, 1);
}

static void what_is_no_number_is_not_counted(void **state) {
  int64_t number = 0;
  assert_success(put(*state, "n", "\"1\"", 0, ""));
  assert_fails(cache_increment(*state, TEXT("n"), 0, 1, 0, &number), UBIQ_CONFLICT,
               "the entry is not an integer of JSON, from -(2^53 - 1) to 2^53 - 1");
  assert_success(put(*state, "n", "9007199254740991", 0, ""));
  assert_fails(cache_increment(*state, TEXT("n"), 0, 1, 0, &number), UBIQ_CONFLICT,
               "the entry would pass 2^53 - 1, or its opposite");
}

/// Somebody who waits, and what was told.
typedef struct waiting {
  cache_waiter waiter;
  cache_outcome outcome;
  signal_flag told;
} waiting;

static void note(cache_waiter *waiter, cache_outcome outcome) {
  waiting *self = waiter->user;
  self->outcome = outcome;
  flag_set(&self->told);
}

static cache_outcome ask(cache *cache, waiting *self, uint64_t hold_ms, uint64_t wait_ms) {
  *self = (waiting){.waiter = {.key = TEXT("a"), .hold_ms = hold_ms, .wait_ms = wait_ms, .done = note, .user = self}};
  flag_init(&self->told);
  return cache_lock(cache, &self->waiter);
}

static void of_two_that_ask_one_makes_the_value_and_the_other_gets_it(void **state) {
  waiting first, second;
  assert_int_equal(ask(*state, &first, 1000, 0), CACHE_LOCKED);
  assert_int_equal(ask(*state, &second, 1000, 1000), CACHE_WAITING);
  assert_success(put(*state, "a", "made", 0, first.waiter.lock));
  flag_wait(&second.told);
  assert_int_equal(second.outcome, CACHE_FOUND);
  assert_memory_equal(cache_entry_value(second.waiter.entry).data, "made", 4);
  cache_entry_release(second.waiter.entry);
  waiting third;
  assert_int_equal(ask(*state, &third, 1000, 0), CACHE_FOUND);
  cache_entry_release(third.waiter.entry);
}

static void counting_a_missing_key_gives_those_who_wait_the_number_and_ends_the_lock(void **state) {
  waiting first, second;
  int64_t number = 0;
  assert_int_equal(ask(*state, &first, 1000, 0), CACHE_LOCKED);
  assert_int_equal(ask(*state, &second, 1000, 60000), CACHE_WAITING);
  assert_success(cache_increment(*state, TEXT("a"), 0, 7, 0, &number));
  assert_false(cache_stop_waiting(*state, &second.waiter));
  flag_wait(&second.told);
  assert_int_equal(second.outcome, CACHE_FOUND);
  assert_memory_equal(cache_entry_value(second.waiter.entry).data, "7", 1);
  cache_entry_release(second.waiter.entry);
  assert_fails(put(*state, "a", "1", 0, first.waiter.lock), UBIQ_CONFLICT,
               "the lock is not held any more; nothing was put");
  assert_value(*state, "a", "7");
}

static void who_does_not_wait_is_told_that_the_lock_is_taken(void **state) {
  waiting first, second;
  assert_int_equal(ask(*state, &first, 1000, 0), CACHE_LOCKED);
  assert_int_equal(ask(*state, &second, 1000, 0), CACHE_TAKEN);
  advance_ms(1000);
  assert_int_equal(ask(*state, &second, 1000, 0), CACHE_LOCKED);
}

static void a_lock_that_ended_puts_nothing(void **state) {
  waiting first, second;
  assert_int_equal(ask(*state, &first, 1000, 0), CACHE_LOCKED);
  advance_ms(1000);
  assert_fails(put(*state, "a", "late", 0, first.waiter.lock), UBIQ_CONFLICT,
               "the lock is not held any more; nothing was put");
  assert_int_equal(ask(*state, &second, 1000, 0), CACHE_LOCKED);
  cache_remove(*state, TEXT("a"));
  assert_fails(put(*state, "a", "stale", 0, second.waiter.lock), UBIQ_CONFLICT,
               "the lock is not held any more; nothing was put");
  assert_null(cache_get(*state, TEXT("a")));
}

static void deleting_the_key_passes_the_lock_on(void **state) {
  waiting first, second, third;
  assert_int_equal(ask(*state, &first, 1000, 0), CACHE_LOCKED);
  assert_int_equal(ask(*state, &second, 1000, 5000), CACHE_WAITING);
  assert_int_equal(ask(*state, &third, 1000, 5000), CACHE_WAITING);
  cache_remove(*state, TEXT("a"));
  flag_wait(&second.told);
  assert_int_equal(second.outcome, CACHE_LOCKED);
  assert_success(put(*state, "a", "1", 0, second.waiter.lock));
  flag_wait(&third.told);
  assert_int_equal(third.outcome, CACHE_FOUND);
  cache_entry_release(third.waiter.entry);
}

static void who_stops_waiting_is_not_told(void **state) {
  waiting first, second;
  assert_int_equal(ask(*state, &first, 1000, 0), CACHE_LOCKED);
  assert_int_equal(ask(*state, &second, 1000, 5000), CACHE_WAITING);
  assert_true(cache_stop_waiting(*state, &second.waiter));
  assert_false(cache_stop_waiting(*state, &second.waiter));
  assert_success(put(*state, "a", "1", 0, first.waiter.lock));
  assert_int_equal(ask(*state, &second, 1000, 0), CACHE_FOUND);
  cache_entry_release(second.waiter.entry);
}

/// On the machine's clock: these wait for the keeper. A lock is held for longer than a machine stands still.
static void a_lock_held_too_long_goes_to_who_waits_and_waiting_ends(void **state) {
  (void)state;
  cache *cache = cache_new(1 << 20, NULL);
  waiting first, second, third;
  assert_int_equal(ask(cache, &first, 3000, 0), CACHE_LOCKED);
  assert_int_equal(ask(cache, &second, 60000, 60000), CACHE_WAITING);
  flag_wait(&second.told);
  assert_int_equal(second.outcome, CACHE_LOCKED);
  assert_int_equal(ask(cache, &third, 1000, 20), CACHE_WAITING);
  flag_wait(&third.told);
  assert_int_equal(third.outcome, CACHE_TAKEN);
  cache_delete(cache);
}

static void more_locks_than_may_be_held_are_refused_until_some_end(void **state) {
  char keys[CACHE_LOCKS_MAX + 1][8];
  cache_waiter waiter = {.hold_ms = 1000};
  for (int i = 0; i < CACHE_LOCKS_MAX; i++) {
    snprintf(keys[i], sizeof keys[i], "%d", i);
    waiter.key = text_of(keys[i]);
    assert_int_equal(cache_lock(*state, &waiter), CACHE_LOCKED);
  }
  waiter.key = TEXT("more");
  assert_int_equal(cache_lock(*state, &waiter), CACHE_FULL);
  advance_ms(1000);
  assert_int_equal(cache_lock(*state, &waiter), CACHE_LOCKED);
}

enum { THREADS = 4, ROUNDS = 3000 };

/// Reads, puts, counts and asks for locks on few keys. Asserts are for the main thread alone.
static void *use(void *user) {
  cache *cache = user;
  int64_t number = 0;
  char key[8], value[32];
  for (int i = 0; i < ROUNDS; i++) {
    snprintf(key, sizeof key, "k%d", i % 7);
    snprintf(value, sizeof value, "%d", i);
    cache_entry *entry = cache_get(cache, text_of(key));
    if (entry != NULL && cache_entry_value(entry).size == 0) abort();
    cache_entry_release(entry);
    if (i % 3 == 0) ubiq_error_delete(put(cache, key, value, 0, ""));
    if (i % 11 == 0) cache_remove(cache, text_of(key));
    if (cache_increment(cache, TEXT("count"), 0, 1, 0, &number) != NULL) abort();
    waiting waiting;
    cache_outcome outcome = ask(cache, &waiting, 5, 5);
    if (outcome == CACHE_LOCKED) ubiq_error_delete(put(cache, "a", "1", 1, waiting.waiter.lock));
    if (outcome == CACHE_WAITING) flag_wait(&waiting.told);
    cache_entry_release(waiting.waiter.entry);
  }
  return NULL;
}

static void many_threads_use_it_at_once(void **state) {
  (void)state;
  cache *cache = cache_new(1 << 20, NULL);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, use, cache), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  int64_t number = 0;
  assert_success(cache_increment(cache, TEXT("count"), 0, 0, 0, &number));
  assert_int_equal(number, THREADS * ROUNDS);
  cache_delete(cache);
}

// ---------------------------------------------------------------------------------------------------------- the service

static void begin(calling *calling, cache *cache, const char *key) {
  const services services = {.cache = cache};
  calling_begin(calling, &services);
  calling_text(calling, 0, key);
}

static void scopes_keep_entries_apart(void **state) {
  calling calling;
  begin(&calling, *state, "a");
  calling_text(&calling, CACHE_PUT_SCOPE, "function");
  calling_json(&calling, "[1, 2]");
  calling_run(&calling, service_cache_put);
  assert_answer(&calling, 204, "");
  calling_end(&calling);
  begin(&calling, *state, "a");
  calling_text(&calling, CACHE_GET_SCOPE, "project");
  calling_run(&calling, service_cache_get);
  assert_refused(&calling, 404, "cache: there is no such entry");
  calling_end(&calling);
  begin(&calling, *state, "a");
  calling_text(&calling, CACHE_GET_SCOPE, "function");
  calling_run(&calling, service_cache_get);
  assert_answer(&calling, 200, "[1,2]");
  calling_end(&calling);
}

static void a_key_with_a_zero_byte_is_a_key_like_any_other(void **state) {
  static const text keys[] = {{"a\0b", 3}, {"a\0c", 3}, {"a", 1}};
  const char *const values[] = {"1", "2", "3"};
  calling calling;
  for (size_t i = 0; i < 3; i++) {
    begin(&calling, *state, "");
    calling.call.params[0].text = keys[i];
    calling_json(&calling, values[i]);
    calling_run(&calling, service_cache_put);
    calling_end(&calling);
  }
  for (size_t i = 0; i < 3; i++) {
    begin(&calling, *state, "");
    calling.call.params[0].text = keys[i];
    calling_run(&calling, service_cache_get);
    assert_answer(&calling, 200, values[i]);
    calling_end(&calling);
  }
}

static void who_asks_for_an_entry_that_is_missing_is_given_a_lock(void **state) {
  calling first, second;
  begin(&first, *state, "a");
  calling_run(&first, service_cache_lock);
  assert_int_equal(calling_status(&first), 201);
  char lock[CACHE_LOCK_SIZE];
  assert_int_equal(sscanf((const char *)first.call.answer.bytes.data, "{\"lock\":\"%32[0-9a-f]\"}", lock), 1);
  begin(&second, *state, "a");
  calling_run(&second, service_cache_lock);
  assert_refused(&second, 409, "somebody else holds the lock; wait longer, or ask again");
  calling_end(&second);
  begin(&second, *state, "a");
  calling_number(&second, CACHE_LOCK_WAIT, 60000);
  service_cache_lock(&second.call);
  assert_int_equal(second.times, 0);
  calling_end(&first);
  begin(&first, *state, "a");
  calling_text(&first, CACHE_PUT_LOCK, lock);
  calling_json(&first, "7");
  calling_run(&first, service_cache_put);
  assert_answer(&first, 204, "");
  calling_wait(&second);
  assert_answer(&second, 200, "7");
  calling_end(&first);
  calling_end(&second);
}

static void a_call_that_is_cancelled_waits_no_longer(void **state) {
  calling first, second;
  begin(&first, *state, "a");
  calling_run(&first, service_cache_lock);
  begin(&second, *state, "a");
  calling_number(&second, CACHE_LOCK_WAIT, 60000);
  service_cache_lock(&second.call);
  second.call.cancel(&second.call);
  calling_wait(&second);
  assert_refused(&second, 499, "nobody waits for the entry any more");
  calling_end(&first);
  calling_end(&second);
}

static void a_count_is_answered_as_a_number(void **state) {
  calling calling;
  begin(&calling, *state, "n");
  calling_json(&calling, "{\"by\":41,\"ttl\":\"1h\"}");
  calling_run(&calling, service_cache_increment);
  assert_answer(&calling, 200, "{\"value\":41}");
  calling_end(&calling);
  begin(&calling, *state, "n");
  calling_json(&calling, "{}");
  calling_run(&calling, service_cache_increment);
  assert_answer(&calling, 200, "{\"value\":42}");
  calling_end(&calling);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_value_is_found_until_it_is_deleted),
      TEST(a_value_is_found_as_long_as_it_is_to_live),
      TEST(no_more_than_the_room_is_kept),
      TEST(a_value_larger_than_the_room_is_refused),
      TEST(a_number_is_counted_and_keeps_its_time),
      TEST(what_is_no_number_is_not_counted),
      TEST(of_two_that_ask_one_makes_the_value_and_the_other_gets_it),
      TEST(counting_a_missing_key_gives_those_who_wait_the_number_and_ends_the_lock),
      TEST(who_does_not_wait_is_told_that_the_lock_is_taken),
      TEST(a_lock_that_ended_puts_nothing),
      TEST(deleting_the_key_passes_the_lock_on),
      TEST(who_stops_waiting_is_not_told),
      TEST(a_lock_held_too_long_goes_to_who_waits_and_waiting_ends),
      TEST(more_locks_than_may_be_held_are_refused_until_some_end),
      TEST(many_threads_use_it_at_once),
      TEST(scopes_keep_entries_apart),
      TEST(a_key_with_a_zero_byte_is_a_key_like_any_other),
      TEST(who_asks_for_an_entry_that_is_missing_is_given_a_lock),
      TEST(a_call_that_is_cancelled_waits_no_longer),
      TEST(a_count_is_answered_as_a_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
