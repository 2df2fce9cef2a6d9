// Counting runs on workers, and adding up on any thread.
#include "runtime/telemetry/metrics.h"

#include "api/operation.h"

#include "unit/base/testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void a_value_is_counted_below_the_first_bound_that_it_does_not_pass(void **state) {
  (void)state;
  histogram self = {0};
  histogram_total total = {0};
  const uint64_t values[] = {0, 256, 257, 1024, UINT64_C(1) << 30, (UINT64_C(1) << 30) + 1, UINT64_C(1) << 50};
  uint64_t sum = 0;
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    histogram_add(&self, &histogram_sizes, values[i]);
    sum += values[i];
  }
  histogram_sum(&self, &total);
  assert_int_equal(total.counts[0], 2);
  assert_int_equal(total.counts[1], 2);
  assert_int_equal(total.counts[histogram_sizes.count - 1], 1);
  assert_int_equal(total.counts[HISTOGRAM_BOUNDS_MAX], 2);
  assert_int_equal(total.sum, sum);
}

static void bounds_rise(void **state) {
  (void)state;
  const histogram_bounds *all[] = {&histogram_times, &histogram_short_times, &histogram_sizes};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    assert_true(all[i]->count > 0 && all[i]->count <= HISTOGRAM_BOUNDS_MAX);
    for (size_t at = 1; at < all[i]->count; at++) assert_true(all[i]->values[at] > all[i]->values[at - 1]);
  }
}

static void a_worker_has_one_block_for_a_function(void **state) {
  (void)state;
  metrics *self = metrics_new(2);
  metrics_block *first = metrics_join(self, "a", 0), *other = metrics_join(self, "a", 1);
  assert_ptr_equal(metrics_join(self, "a", 0), first);
  assert_ptr_not_equal(first, other);
  assert_ptr_not_equal(metrics_join(self, "b", 0), first);
  metrics_delete(self);
  metrics_delete(NULL);
}

static void blocks_are_listed_by_function_and_worker(void **state) {
  (void)state;
  metrics *self = metrics_new(2);
  static const char *const names[] = {"b", "a", "c", "b", "a"};
  for (unsigned i = 0; i < 5; i++) metrics_join(self, names[i], i / 3);
  const metrics_block *const *list = NULL;
  size_t count = 0;
  assert_true(metrics_list(self, &list, &count));
  assert_int_equal(count, 5);
  static const char expected[] = "a0a1b0b1c0";
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(list[i]->function[0], expected[2 * i]);
    assert_int_equal(list[i]->worker, (unsigned)(expected[2 * i + 1] - '0'));
  }
  free((void *)(uintptr_t)list);
  metrics_delete(self);
}

static void refusals_of_all_workers_are_added_up_by_reason(void **state) {
  (void)state;
  metrics *self = metrics_new(2);
  metrics_count_refusal(metrics_of_worker(self, 0), REFUSAL_NOT_FOUND);
  metrics_count_refusal(metrics_of_worker(self, 1), REFUSAL_NOT_FOUND);
  metrics_count_refusal(metrics_of_worker(self, 1), REFUSAL_OTHER);
  assert_int_equal(metrics_refusals(self, REFUSAL_NOT_FOUND), 2);
  assert_int_equal(metrics_refusals(self, REFUSAL_OTHER), 1);
  assert_int_equal(metrics_refusals(self, REFUSAL_MALFORMED), 0);
  metrics_delete(self);
}

static void what_services_were_asked_is_added_up_for_workers_and_others(void **state) {
  (void)state;
  metrics *self = metrics_new(2);
  const api_outcome outcome = {.operation = &api_operations[SERVICE_KV_GET].service,
                               .status = 200,
                               .took_ns = 3000,
                               .bytes_in = 5,
                               .bytes_out = 7};
  service_counts_add(&metrics_of_worker(self, 0)->services, &outcome);
  service_counts_add(&metrics_of_worker(self, 1)->services, &outcome);
  metrics_count_service(self, &(api_outcome){.operation = outcome.operation, .status = 418, .took_ns = 1});
  metrics_count_service(self, &(api_outcome){.status = 404}); // no operation
  service_total total;
  metrics_services(self, SERVICE_KV_GET, &total);
  assert_int_equal(total.answers[0], 2);
  assert_string_equal(service_counts_status(0), "200");
  assert_int_equal(total.answers[SERVICE_COUNTS_STATUSES - 1], 1);
  assert_string_equal(service_counts_status(SERVICE_COUNTS_STATUSES - 1), "other");
  assert_int_equal(total.times.sum, 6001);
  assert_int_equal(total.times.counts[0], 1); // up to a microsecond
  assert_int_equal(total.times.counts[2], 2); // up to five
  assert_int_equal(total.bytes_in, 10);
  assert_int_equal(total.bytes_out, 14);
  metrics_services(self, SERVICE_KV_PUT, &total);
  assert_int_equal(total.times.sum, 0);
  metrics_services(self, SERVICE_COUNTS_NONE, &total);
  uint64_t all = 0;
  for (size_t i = 0; i < SERVICE_COUNTS_STATUSES; i++) all += total.answers[i];
  assert_int_equal(all, 1);
  assert_string_equal(service_counts_name(SERVICE_KV_PUT), "kv.put");
  assert_string_equal(service_counts_name(SERVICE_COUNTS_NONE), "none");
  metrics_delete(self);
}

static void a_run_is_counted_by_its_outcome_and_in_every_histogram(void **state) {
  (void)state;
  metrics *self = metrics_new(1);
  metrics_block *block = metrics_join(self, "a", 0);
  const run_record record = {.outcome = UBIQ_QUOTA,
                             .queue_ns = 1,
                             .start_ns = 2,
                             .run_ns = 3,
                             .cpu_ns = 4,
                             .memory_bytes = 5,
                             .bytes_in = 6,
                             .bytes_out = 7};
  metrics_add(block, &record);
  metrics_add(block, &record);
  for (int kind = 0; kind < METRICS_KINDS; kind++) {
    histogram_total total = {0};
    histogram_sum(&block->histograms[kind], &total);
    assert_int_equal(total.counts[0], 2);
    assert_int_equal(total.sum, 2 * (kind + 1));
  }
  assert_int_equal(block->outcomes[UBIQ_QUOTA], 2);
  assert_int_equal(block->outcomes[UBIQ_OK], 0);
  metrics_delete(self);
}

enum { RUNS = 20000, WORKERS = 2 };

typedef struct writer {
  metrics *metrics;
  unsigned worker;
} writer;

static void *write_runs(void *user) {
  writer *self = user;
  char name[] = "a0";
  const run_record record = {.run_ns = 1000, .bytes_in = 3};
  for (int i = 0; i < RUNS; i++) {
    name[1] = (char)('0' + i % 10);
    metrics_add(metrics_join(self->metrics, name, self->worker), &record);
  }
  return NULL;
}

static uint64_t count_all(metrics *self) {
  const metrics_block *const *list = NULL;
  size_t count = 0;
  uint64_t sum = 0;
  assert_true(metrics_list(self, &list, &count));
  for (size_t i = 0; i < count; i++) sum += atomic_load_explicit(&list[i]->outcomes[UBIQ_OK], memory_order_relaxed);
  free((void *)(uintptr_t)list);
  return sum;
}

static void what_is_read_while_workers_count_never_falls(void **state) {
  (void)state;
  metrics *self = metrics_new(WORKERS);
  writer writers[WORKERS];
  pthread_t threads[WORKERS];
  for (unsigned i = 0; i < WORKERS; i++) {
    writers[i] = (writer){self, i};
    assert_int_equal(pthread_create(&threads[i], NULL, write_runs, &writers[i]), 0);
  }
  for (uint64_t before = 0, now; before < RUNS; before = now) {
    now = count_all(self);
    assert_true(now >= before);
  }
  for (unsigned i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(count_all(self), WORKERS * RUNS);
  metrics_delete(self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_value_is_counted_below_the_first_bound_that_it_does_not_pass),
      cmocka_unit_test(bounds_rise),
      cmocka_unit_test(a_worker_has_one_block_for_a_function),
      cmocka_unit_test(blocks_are_listed_by_function_and_worker),
      cmocka_unit_test(what_services_were_asked_is_added_up_for_workers_and_others),
      cmocka_unit_test(refusals_of_all_workers_are_added_up_by_reason),
      cmocka_unit_test(a_run_is_counted_by_its_outcome_and_in_every_histogram),
      cmocka_unit_test(what_is_read_while_workers_count_never_falls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
