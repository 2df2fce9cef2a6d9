// The text that Prometheus reads.
#include "server/admin/metrics_text.h"

#include "unit/base/testing.h"

static void assert_written(metrics_text *self, const char *expected) {
  assert_false(self->has_failed);
  assert_string_equal(buffer_string(&self->text), expected);
  buffer_free(&self->text);
}

static void a_family_is_announced_before_its_samples(void **state) {
  (void)state;
  metrics_text self = {0};
  metrics_text_family(&self, "a_total", "counter", "What it is.");
  metrics_text_value(&self, &(metrics_labels){0}, 0);
  metrics_text_value(&self, &(metrics_labels){{{"x", "1"}, {"y", "2"}}}, UINT64_MAX);
  assert_written(&self, "# HELP a_total What it is.\n# TYPE a_total counter\n"
                        "a_total 0\na_total{x=\"1\",y=\"2\"} 18446744073709551615\n");
}

static void values_of_labels_are_escaped(void **state) {
  (void)state;
  metrics_text self = {0};
  metrics_text_family(&self, "a", "gauge", "A.");
  metrics_text_value(&self, &(metrics_labels){{{"x", "\"\\\nä}"}}}, 1);
  assert_written(&self, "# HELP a A.\n# TYPE a gauge\na{x=\"\\\"\\\\\\nä}\"} 1\n");
}

static void a_histogram_has_growing_buckets_a_sum_and_a_count(void **state) {
  (void)state;
  metrics_text self = {0};
  const histogram_bounds bounds = {2, {50000, UINT64_C(2500000000)}, UINT64_C(1000000000)};
  histogram_total total = {.counts = {1, 2}, .sum = UINT64_C(1500000001)};
  total.counts[HISTOGRAM_BOUNDS_MAX] = 4;
  metrics_text_family(&self, "t_seconds", "histogram", "T.");
  metrics_text_histogram(&self, &(metrics_labels){{{"f", "x"}}}, &bounds, &total);
  assert_written(&self, "# HELP t_seconds T.\n# TYPE t_seconds histogram\n"
                        "t_seconds_bucket{f=\"x\",le=\"5e-05\"} 1\n"
                        "t_seconds_bucket{f=\"x\",le=\"2.5\"} 3\n"
                        "t_seconds_bucket{f=\"x\",le=\"+Inf\"} 7\n"
                        "t_seconds_sum{f=\"x\"} 1.500000001\n"
                        "t_seconds_count{f=\"x\"} 7\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_family_is_announced_before_its_samples),
      cmocka_unit_test(values_of_labels_are_escaped),
      cmocka_unit_test(a_histogram_has_growing_buckets_a_sum_and_a_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
