// The budget of one call (ubiq_call_options): beside the manifest's the smaller limit holds, and only for that call.
#include "unit/plugin/plugin_testing.h"

// How late a limit may come. A machine that is busy with other things may take longer, but not each time.
enum { LATE_MS = 100, ATTEMPTS = 20 };

typedef struct world {
  ubiq_compiled *compiled;
  ubiq_plugin *plugin;
} world;

static world open_world(const char *guest, const char *more, const ubiq_compile_options *options) {
  world self = {.compiled = manifest_compile(guest, more, options)};
  traps_restore();
  assert_success(ubiq_plugin_new(self.compiled, &self.plugin));
  return self;
}

static void close_world(world *self) {
  ubiq_plugin_delete(self->plugin);
  ubiq_compiled_delete(self->compiled);
}

static ubiq_error *call_with(world *self, const char *function, const char *input, ubiq_call_options options) {
  ubiq_bytes output;
  return ubiq_plugin_call_with(self->plugin, function, (ubiq_bytes){(const uint8_t *)input, strlen(input)}, &options,
                               &output);
}

static void assert_ends_in_time(world *self, ubiq_call_options options, uint64_t limit_ms, ubiq_code code) {
  uint64_t took_ms = UINT64_MAX;
  for (int i = 0; i < ATTEMPTS && took_ms > limit_ms + LATE_MS; i++) {
    uint64_t before = clock_monotonic_ns(), spent_before = clock_thread_cpu_ns();
    assert_error_code(call_with(self, "spin", "", options), code);
    took_ms = (clock_monotonic_ns() - before) / CLOCK_NS_PER_MS;
    assert_true(took_ms >= limit_ms);
    if (code == UBIQ_CPU_LIMIT) took_ms = (clock_thread_cpu_ns() - spent_before) / CLOCK_NS_PER_MS;
  }
  assert_in_range(took_ms, 0, limit_ms + LATE_MS);
}

static void a_calls_own_timeout_ends_it(void **state) {
  (void)state;
  world self = open_world("infinite", "", NULL);
  assert_ends_in_time(&self, (ubiq_call_options){.timeout_ms = 30}, 30, UBIQ_TIMEOUT);
  assert_error_with(call_with(&self, "spin", "", (ubiq_call_options){.timeout_ms = 20}), UBIQ_TIMEOUT, "20 ms");
  assert_success(call_with(&self, "turns", "1000", (ubiq_call_options){.timeout_ms = 20000}));
  close_world(&self);
}

static void the_smaller_timeout_holds(void **state) {
  (void)state;
  world self = open_world("infinite", "\"timeout_ms\": 40", NULL);
  assert_ends_in_time(&self, (ubiq_call_options){.timeout_ms = 60000}, 40, UBIQ_TIMEOUT);
  assert_ends_in_time(&self, (ubiq_call_options){0}, 40, UBIQ_TIMEOUT);
  close_world(&self);
  self = open_world("infinite", "\"timeout_ms\": 60000", NULL);
  assert_ends_in_time(&self, (ubiq_call_options){.timeout_ms = 25}, 25, UBIQ_TIMEOUT);
  close_world(&self);
}

static void cpu_time_is_limited_for_one_call(void **state) {
  (void)state;
  world self = open_world("infinite", "", NULL);
  assert_ends_in_time(&self, (ubiq_call_options){.cpu_ms = 30, .timeout_ms = 60000}, 30, UBIQ_CPU_LIMIT);
  assert_success(call_with(&self, "turns", "1000", (ubiq_call_options){.cpu_ms = 60000}));
  close_world(&self);
}

static void a_budget_is_forgotten_by_the_next_call(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_FUEL);
  world self = open_world("infinite", "", &(ubiq_compile_options){.fuel = 10000000});
  ubiq_bytes output;
  assert_error_code(call_with(&self, "spin", "", (ubiq_call_options){.timeout_ms = 60000, .fuel = 5000}),
                    UBIQ_CPU_LIMIT);
  assert_success(ubiq_plugin_call(self.plugin, "turns", (ubiq_bytes){(const uint8_t *)"10000", 5}, &output));
  assert_int_equal(plugin_deadline_ns(self.plugin), UINT64_MAX);
  assert_true(ubiq_plugin_fuel_used(self.plugin) > 5000);
  close_world(&self);
}

static void fuel_is_limited_for_one_call(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_FUEL);
  world self = open_world("infinite", "", &(ubiq_compile_options){.fuel = 100000});
  assert_error_with(call_with(&self, "spin", "", (ubiq_call_options){.fuel = 50000}), UBIQ_CPU_LIMIT, "fuel");
  assert_int_equal(ubiq_plugin_fuel_used(self.plugin), 50000);
  assert_error_with(call_with(&self, "spin", "", (ubiq_call_options){.fuel = UINT64_MAX}), UBIQ_CPU_LIMIT, "fuel");
  assert_int_equal(ubiq_plugin_fuel_used(self.plugin), 100000);
  close_world(&self);
}

static void fuel_where_it_is_not_counted_is_refused(void **state) {
  (void)state;
  world self = open_world("infinite", "", NULL);
  assert_error_with(call_with(&self, "turns", "1", (ubiq_call_options){.fuel = 1}), UBIQ_INVALID_INPUT, "without fuel");
  assert_success(call_with(&self, "turns", "1", (ubiq_call_options){0}));
  close_world(&self);
}

static void limits_of_any_size_do_not_overflow(void **state) {
  (void)state;
  world self = open_world("infinite", "", NULL);
  assert_success(call_with(&self, "turns", "1", (ubiq_call_options){.timeout_ms = UINT64_MAX, .cpu_ms = UINT64_MAX}));
  close_world(&self);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_calls_own_timeout_ends_it),        cmocka_unit_test(the_smaller_timeout_holds),
      cmocka_unit_test(cpu_time_is_limited_for_one_call),   cmocka_unit_test(a_budget_is_forgotten_by_the_next_call),
      cmocka_unit_test(fuel_is_limited_for_one_call),       cmocka_unit_test(fuel_where_it_is_not_counted_is_refused),
      cmocka_unit_test(limits_of_any_size_do_not_overflow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
