// What stays in a shard and what goes: against the least recently used, on requests as caches get them.
#include "base/digest.h"
#include "services/cache/cache_shard.h"
#include "unit/base/testing.h"

#include <stdio.h>
#include <stdlib.h>

enum { VALUE_SIZE = 100, KEYS = 20000, REQUESTS = 400000 };

static uint64_t seed;

static uint64_t next_random(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

static text key_of(uint32_t number, char out[16]) {
  return (text){out, (size_t)snprintf(out, 16, "%u", number)};
}

static void put_as(cache_shard *shard, cache_owner owner, text key) {
  static const uint8_t value[VALUE_SIZE];
  uint64_t hash = digest_short(key.data, key.size);
  cache_entry *entry =
      cache_entry_new(key, hash, owner, (text){NULL, 0}, (ubiq_bytes){value, sizeof value}, UINT64_MAX);
  assert_non_null(entry);
  cache_shard_put(shard, entry, 0);
}

static void put(cache_shard *shard, text key) {
  put_as(shard, 0, key);
}

/// The share of requests that find their key, when each that does not puts it.
static double hits_of_s3_fifo(const uint32_t *requests, size_t entries) {
  cache_shard shard;
  char digits[16];
  size_t each = sizeof(cache_entry) + 16 + VALUE_SIZE + 5;
  assert_true(cache_shard_init(&shard, entries * each));
  for (size_t i = 0; i < REQUESTS; i++) {
    text key = key_of(requests[i], digits);
    if (cache_shard_find(&shard, key, digest_short(key.data, key.size), 0, true) == NULL) put(&shard, key);
  }
  double share = (double)shard.counts.hits / REQUESTS;
  assert_true(shard.counts.bytes <= entries * each);
  cache_shard_free(&shard);
  return share;
}

/// The same of a cache that drops what was not used for the longest time.
static double hits_of_lru(const uint32_t *requests, size_t entries) {
  static uint32_t newer[KEYS * 64], older[KEYS * 64];
  static bool is_in[KEYS * 64];
  memset(is_in, 0, sizeof is_in);
  uint32_t newest = UINT32_MAX, oldest = UINT32_MAX;
  size_t count = 0, hits = 0;
  for (size_t i = 0; i < REQUESTS; i++) {
    uint32_t key = requests[i];
    hits += is_in[key];
    if (is_in[key]) {
      if (newest == key) continue;
      *(oldest == key ? &oldest : &newer[older[key]]) = newer[key];
      older[newer[key]] = older[key];
    } else if (count == entries) {
      is_in[oldest] = false;
      oldest = newer[oldest];
    } else {
      count++;
    }
    is_in[key] = true;
    older[key] = newest;
    if (newest != UINT32_MAX) newer[newest] = key;
    if (oldest == UINT32_MAX) oldest = key;
    newest = key;
  }
  return (double)hits / REQUESTS;
}

/// Keys of which the n-th is asked for 1/n as often as the first.
static uint32_t *zipf(void) {
  uint32_t *requests = malloc(REQUESTS * sizeof *requests);
  double *sums = malloc(KEYS * sizeof *sums);
  assert_true(requests != NULL && sums != NULL);
  double sum = 0;
  for (size_t i = 0; i < KEYS; i++) sums[i] = sum += 1.0 / (double)(i + 1);
  for (size_t i = 0; i < REQUESTS; i++) {
    double at = (double)(next_random() >> 11) / (double)(UINT64_C(1) << 53) * sum;
    size_t low = 0, high = KEYS - 1;
    while (low < high) {
      size_t middle = (low + high) / 2;
      if (sums[middle] < at)
        low = middle + 1;
      else
        high = middle;
    }
    requests[i] = (uint32_t)low;
  }
  free(sums);
  return requests;
}

static void on_zipf_more_is_found_than_by_the_least_recently_used(void **state) {
  (void)state;
  seed = 88172645463325252u;
  uint32_t *requests = zipf();
  for (size_t entries = 200; entries <= 5000; entries *= 5) {
    double ours = hits_of_s3_fifo(requests, entries), theirs = hits_of_lru(requests, entries);
    print_message("zipf, room for %zu of %d: %.3f found, LRU %.3f\n", entries, KEYS, ours, theirs);
    assert_true(ours > theirs);
  }
  free(requests);
}

/// Between requests for keys that come again, long runs of keys that never do.
static void a_scan_does_not_push_out_what_is_asked_for_often(void **state) {
  (void)state;
  seed = 1234567890123456789u;
  uint32_t *requests = zipf(), once = KEYS;
  for (size_t i = 0; i < REQUESTS; i++)
    if (i % 4000 >= 2000 && once < KEYS * 64 - 1) requests[i] = once++;
  double ours = hits_of_s3_fifo(requests, 1000), theirs = hits_of_lru(requests, 1000);
  print_message("zipf and scans, room for 1000: %.3f found, LRU %.3f\n", ours, theirs);
  assert_true(ours > theirs * 1.2);
  free(requests);
}

static void what_is_asked_for_once_is_the_first_to_go(void **state) {
  (void)state;
  cache_shard shard;
  char digits[16];
  size_t each = sizeof(cache_entry) + 16 + VALUE_SIZE + 5;
  assert_true(cache_shard_init(&shard, each * 100));
  for (uint32_t i = 10000; i < 10010; i++) put(&shard, key_of(i, digits));
  for (int times = 0; times < 2; times++)
    for (uint32_t i = 10000; i < 10010; i++) {
      text key = key_of(i, digits);
      assert_non_null(cache_shard_find(&shard, key, digest_short(key.data, key.size), 0, true));
    }
  for (uint32_t i = 20000; i < 21000; i++) put(&shard, key_of(i, digits));
  for (uint32_t i = 10000; i < 10010; i++) {
    text key = key_of(i, digits);
    assert_non_null(cache_shard_find(&shard, key, digest_short(key.data, key.size), 0, false));
  }
  assert_int_equal(shard.counts.entries, 100);
  cache_shard_free(&shard);
}

static void an_entry_that_somebody_reads_stays_for_the_reader(void **state) {
  (void)state;
  cache_shard shard;
  assert_true(cache_shard_init(&shard, 10000));
  put(&shard, TEXT("a"));
  uint64_t hash = digest_short("a", 1);
  cache_entry *entry = cache_entry_hold(cache_shard_find(&shard, TEXT("a"), hash, 0, true));
  assert_true(cache_shard_remove(&shard, TEXT("a"), hash, 0));
  assert_null(cache_shard_find(&shard, TEXT("a"), hash, 0, true));
  assert_int_equal(cache_entry_value(entry).size, VALUE_SIZE);
  assert_true(text_equal_string(cache_entry_key(entry), "a"));
  cache_entry_release(entry);
  cache_shard_free(&shard);
}

enum { ROOM = 1000 };

static void open_room(cache_shard *shard) {
  assert_true(cache_shard_init(shard, ROOM * (sizeof(cache_entry) + 16 + VALUE_SIZE + 5)));
}

/// As busily as can be: each is asked for as soon as it is there, and often.
static void flood(cache_shard *shard, cache_owner owner, uint32_t from, uint32_t count) {
  char digits[16];
  for (uint32_t i = 0; i < count; i++) {
    text key = key_of(from + i, digits);
    put_as(shard, owner, key);
    for (int k = 0; k < 4; k++) (void)cache_shard_find(shard, key, digest_short(key.data, key.size), 0, true);
  }
}

static unsigned count_there(cache_shard *shard, uint32_t from, uint32_t count) {
  char digits[16];
  unsigned there = 0;
  for (uint32_t i = 0; i < count; i++) {
    text key = key_of(from + i, digits);
    there += cache_shard_find(shard, key, digest_short(key.data, key.size), 0, false) != NULL;
  }
  return there;
}

static void nobody_pushes_out_the_share_of_another(void **state) {
  (void)state;
  cache_shard shard;
  char digits[16];
  open_room(&shard);
  for (uint32_t i = 0; i < 600; i++) put_as(&shard, 1, key_of(10000 + i, digits));
  flood(&shard, 2, 20000, 20 * ROOM);
  unsigned there = count_there(&shard, 10000, 600);
  assert_in_range(there, 245, 260); // a quarter of the room, which two share half of
  assert_true(count_there(&shard, 20000, 20 * ROOM) > 700);
  assert_true(shard.counts.bytes <= shard.bytes_max);
  flood(&shard, 3, 50000, 20 * ROOM);
  assert_in_range(count_there(&shard, 10000, 600), 160, there);
  assert_true(count_there(&shard, 20000, 20 * ROOM) >= 160);
  cache_shard_free(&shard);
}

static void who_is_alone_has_all_the_room(void **state) {
  (void)state;
  cache_shard shard;
  char digits[16];
  open_room(&shard);
  put_as(&shard, 1, key_of(1, digits));
  assert_true(cache_shard_remove(&shard, key_of(1, digits), digest_short("1", 1), 0));
  assert_int_equal(shard.owners_count, 0);
  flood(&shard, 2, 20000, 3 * ROOM);
  assert_true(shard.counts.entries >= ROOM - 1);
  assert_int_equal(shard.owners_count, 1);
  cache_shard_free(&shard);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(on_zipf_more_is_found_than_by_the_least_recently_used),
      cmocka_unit_test(a_scan_does_not_push_out_what_is_asked_for_often),
      cmocka_unit_test(what_is_asked_for_once_is_the_first_to_go),
      cmocka_unit_test(nobody_pushes_out_the_share_of_another),
      cmocka_unit_test(who_is_alone_has_all_the_room),
      cmocka_unit_test(an_entry_that_somebody_reads_stays_for_the_reader),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
