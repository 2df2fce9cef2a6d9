// Calls in turns (ubiq/call.h): a thousand suspended at once on one thread, waking, yielding, sleeping, limits, ends.
#include "unit/plugin/late_functions.h"

#include "ubiq/call.h"

#include <sched.h>

static const ubiq_call_options no_options = {0};

static ubiq_bytes bytes_of(const char *text) {
  return (ubiq_bytes){(const uint8_t *)text, strlen(text)};
}

/// One plugin whose `later` lies on a desk, and whether its call was woken.
typedef struct world {
  desk desk;
  ubiq_compiled *compiled;
  ubiq_plugin *plugin;
  ubiq_call *call;
  atomic_int wakes;
} world;

static void count_wake(void *user) {
  atomic_fetch_add(&((world *)user)->wakes, 1);
}

static void open_world(world *self, const char *source) {
  *self = (world){0};
  desk_open(&self->desk);
  self->compiled = compile_late(source, make_late(start_later, &self->desk, desk_delete), true);
  assert_success(ubiq_plugin_new(self->compiled, &self->plugin));
}

static void close_world(world *self) {
  char input[32];
  ubiq_call_delete(self->call);
  ubiq_plugin_delete(self->plugin);
  ubiq_compiled_delete(self->compiled);
  while (self->desk.count) desk_answer(desk_take(&self->desk, input), input);
  assert_int_equal(atomic_load(&self->desk.deleted), 1);
}

static void start_call(world *self, const char *function, const char *input, ubiq_call_options options) {
  ubiq_call_delete(self->call);
  self->call = NULL;
  atomic_store(&self->wakes, 0);
  assert_success(ubiq_call_start(self->plugin, function, bytes_of(input), &options, count_wake, self, &self->call));
}

// A tick may end a turn anywhere.
static ubiq_call_state resume(ubiq_call *call) {
  ubiq_call_state state;
  do state = ubiq_call_resume(call);
  while (state == UBIQ_CALL_READY);
  return state;
}

static void assert_call_output(const ubiq_call *call, const char *expected) {
  if (ubiq_call_error(call)) fail_msg("%s", ubiq_error_message(ubiq_call_error(call)));
  ubiq_bytes output = ubiq_call_output(call);
  assert_int_equal(output.size, strlen(expected));
  assert_memory_equal(output.data, expected, output.size);
}

static void assert_call_fails(ubiq_call *call, ubiq_code code) {
  assert_int_equal(resume(call), UBIQ_CALL_DONE);
  assert_int_equal(ubiq_error_code(ubiq_call_error(call)), code);
}

static void assert_answers_again(world *self) {
  char input[32];
  start_call(self, "run", "Ada", no_options);
  assert_int_equal(resume(self->call), UBIQ_CALL_WAITING);
  desk_answer(desk_take(&self->desk, input), "again");
  assert_int_equal(resume(self->call), UBIQ_CALL_DONE);
  assert_call_output(self->call, "again later");
}

// -- From one turn to the next --

static void a_call_waits_is_woken_and_answers(void **state) {
  (void)state;
  world self;
  char input[32];
  open_world(&self, late_guest);
  for (int i = 0; i < 3; i++) {
    start_call(&self, "run", "Ada", no_options);
    assert_int_equal(ubiq_call_wait_ms(self.call), 0);
    assert_int_equal(resume(self.call), UBIQ_CALL_WAITING);
    assert_int_equal(ubiq_call_wait_ms(self.call), UINT64_MAX);
    assert_int_equal(resume(self.call), UBIQ_CALL_WAITING); // too early
    assert_int_equal(atomic_load(&self.wakes), 0);
    desk_answer(desk_take(&self.desk, input), input);
    assert_int_equal(atomic_load(&self.wakes), 1);
    assert_int_equal(resume(self.call), UBIQ_CALL_DONE);
    assert_int_equal(resume(self.call), UBIQ_CALL_DONE);
    assert_call_output(self.call, "Ada later");
  }
  close_world(&self);
}

static void a_call_without_wake_may_be_asked_instead(void **state) {
  (void)state;
  world self;
  char input[32];
  open_world(&self, late_guest);
  assert_success(ubiq_call_start(self.plugin, "twice", bytes_of("Ada"), NULL, NULL, NULL, &self.call));
  while (resume(self.call) != UBIQ_CALL_DONE) desk_answer(desk_take(&self.desk, input), input);
  assert_call_output(self.call, "Ada later later");
  close_world(&self);
}

static void long_calls_give_way(void **state) {
  (void)state;
  ubiq_compiled *compiled = guest_compile("infinite", &(ubiq_compile_options){.suspends = true});
  ubiq_plugin *plugin;
  ubiq_call *call;
  ubiq_call_state left;
  assert_success(ubiq_plugin_new(compiled, &plugin));
  traps_restore();
  assert_success(
      ubiq_call_start(plugin, "spin", (ubiq_bytes){0}, &(ubiq_call_options){.cpu_ms = 100}, NULL, NULL, &call));
  unsigned turns = 0;
  while ((left = ubiq_call_resume(call)) == UBIQ_CALL_READY) turns++;
  assert_int_equal(left, UBIQ_CALL_DONE);
  assert_int_equal(ubiq_error_code(ubiq_call_error(call)), UBIQ_CPU_LIMIT);
  assert_true(turns >= 1);
  ubiq_call_delete(call);
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

static void a_guest_that_sleeps_says_for_how_long(void **state) {
  (void)state;
  ubiq_compiled *compiled = guest_compile("wasi_reactor", &(ubiq_compile_options){.suspends = true, .wasi = true});
  ubiq_plugin *plugin;
  ubiq_call *call;
  ubiq_bytes output;
  assert_success(ubiq_plugin_new(compiled, &plugin));
  traps_restore();
  uint64_t began_ns = clock_monotonic_ns();
  assert_success(ubiq_call_start(plugin, "sleep", bytes_of("3600000"), NULL, NULL, NULL, &call));
  assert_int_equal(resume(call), UBIQ_CALL_WAITING);
  assert_in_range(ubiq_call_wait_ms(call), 1, 3600000);
  ubiq_call_delete(call);
  assert_success(ubiq_call_start(plugin, "sleep", bytes_of("30"), NULL, NULL, NULL, &call));
  while (resume(call) != UBIQ_CALL_DONE) sched_yield();
  assert_true(clock_monotonic_ns() - began_ns >= 30 * CLOCK_NS_PER_MS);
  assert_null(ubiq_call_error(call));
  ubiq_call_delete(call);
  began_ns = clock_monotonic_ns();
  assert_success(ubiq_plugin_call(plugin, "sleep", bytes_of("30"), &output)); // the same, blocking
  assert_true(clock_monotonic_ns() - began_ns >= 30 * CLOCK_NS_PER_MS);
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

static ubiq_error *make_block(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_value *outputs) {
  (void)user, (void)inputs;
  uint8_t *bytes = calloc(1, 1 << 20);
  uint64_t offset = 0;
  ubiq_error *error = ubiq_plugin_block_new(plugin, (ubiq_bytes){bytes, 1 << 20}, &offset);
  free(bytes);
  outputs[0].i64 = (int64_t)offset;
  return error;
}

static void a_callback_makes_large_blocks_on_a_fiber(void **state) {
  (void)state;
  static const ubiq_type types[] = {UBIQ_I64};
  ubiq_function_options options = {.name = "later",
                                   .params = types,
                                   .params_count = 1,
                                   .results = types,
                                   .results_count = 1,
                                   .callback = make_block};
  ubiq_function *function;
  ubiq_plugin *plugin;
  ubiq_bytes output;
  assert_success(ubiq_function_new(&options, &function));
  ubiq_compiled *compiled = compile_late(late_guest, function, true);
  assert_success(ubiq_plugin_new(compiled, &plugin));
  for (int i = 0; i < 3; i++) {
    assert_success(ubiq_plugin_call(plugin, "twice", bytes_of("x"), &output));
    assert_int_equal(output.size, 1 << 20);
  }
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

// -- Limits, cancelling, ends --

static void a_deadline_ends_a_call_that_waits(void **state) {
  (void)state;
  world self;
  open_world(&self, late_guest);
  uint64_t began_ns;
  do { // until it waits before its time is over
    began_ns = clock_monotonic_ns();
    start_call(&self, "run", "Ada", (ubiq_call_options){.timeout_ms = 20});
  } while (resume(self.call) != UBIQ_CALL_WAITING);
  assert_in_range(ubiq_call_wait_ms(self.call), 0, 20);
  while (ubiq_call_wait_ms(self.call)) sched_yield();
  assert_call_fails(self.call, UBIQ_TIMEOUT);
  assert_true(clock_monotonic_ns() - began_ns >= 20 * CLOCK_NS_PER_MS);
  char input[32];
  desk_answer(desk_take(&self.desk, input), "late");
  assert_answers_again(&self);
  close_world(&self);
}

static void *cancel(void *user) {
  ubiq_call_cancel(user);
  return NULL;
}

static void cancelling_from_another_thread_wakes_a_call(void **state) {
  (void)state;
  world self;
  pthread_t thread;
  open_world(&self, late_guest);
  start_call(&self, "run", "Ada", no_options);
  assert_int_equal(resume(self.call), UBIQ_CALL_WAITING);
  pthread_create(&thread, NULL, cancel, self.call);
  while (atomic_load(&self.wakes) == 0) sched_yield();
  assert_call_fails(self.call, UBIQ_CANCELLED);
  pthread_join(thread, NULL);
  ubiq_call_cancel(self.call); // it is done: nothing happens
  assert_answers_again(&self);
  close_world(&self);
}

static void a_call_cancelled_after_its_answer_came_is_cancelled(void **state) {
  (void)state;
  world self;
  char input[32];
  open_world(&self, late_guest);
  start_call(&self, "run", "Ada", no_options);
  assert_int_equal(resume(self.call), UBIQ_CALL_WAITING);
  desk_answer(desk_take(&self.desk, input), input);
  ubiq_call_cancel(self.call);
  assert_int_equal(ubiq_call_resume(self.call), UBIQ_CALL_DONE);
  assert_int_equal(ubiq_error_code(ubiq_call_error(self.call)), UBIQ_CANCELLED);
  assert_int_equal(ubiq_call_output(self.call).size, 0);
  assert_answers_again(&self);
  close_world(&self);
}

// Its CPU time tells whether it had one: a guest that spins would be ended by the next tick anyway.
static void a_call_cancelled_between_its_turns_gets_no_other(void **state) {
  (void)state;
  ubiq_compiled *compiled = guest_compile("infinite", &(ubiq_compile_options){.suspends = true});
  ubiq_plugin *plugin;
  ubiq_call *call;
  ubiq_bytes output;
  assert_success(ubiq_plugin_new(compiled, &plugin));
  traps_restore();
  assert_success(ubiq_call_start(plugin, "spin", (ubiq_bytes){0}, NULL, NULL, NULL, &call));
  assert_int_equal(ubiq_call_resume(call), UBIQ_CALL_READY);
  uint64_t spent_ns = plugin->cpu_ns;
  ubiq_call_cancel(call);
  assert_int_equal(ubiq_call_resume(call), UBIQ_CALL_DONE);
  assert_int_equal(ubiq_error_code(ubiq_call_error(call)), UBIQ_CANCELLED);
  assert_int_equal(plugin->cpu_ns, spent_ns);
  ubiq_call_delete(call);
  assert_success(ubiq_plugin_call(plugin, "turns", bytes_of("10"), &output));
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

static void a_call_cancelled_before_its_first_turn_does_not_begin(void **state) {
  (void)state;
  world self;
  open_world(&self, late_guest);
  start_call(&self, "run", "Ada", no_options);
  ubiq_call_cancel(self.call);
  assert_call_fails(self.call, UBIQ_CANCELLED);
  assert_int_equal(self.desk.count, 0);
  assert_answers_again(&self);
  close_world(&self);
}

static void a_call_may_be_deleted_in_any_state(void **state) {
  (void)state;
  world self;
  char input[32];
  open_world(&self, late_guest);
  start_call(&self, "run", "Ada", no_options);
  assert_answers_again(&self); // deletes the one that has not begun
  start_call(&self, "run", "Ada", no_options);
  assert_int_equal(resume(self.call), UBIQ_CALL_WAITING);
  ubiq_call_delete(self.call);
  self.call = NULL;
  ubiq_completion *completion = desk_take(&self.desk, input);
  assert_true(ubiq_completion_abandoned(completion));
  desk_answer(completion, input);
  assert_int_equal(atomic_load(&self.wakes), 0);
  assert_answers_again(&self);
  ubiq_call_delete(NULL);
  close_world(&self);
}

static void a_call_is_over_when_its_plugin_is_deleted(void **state) {
  (void)state;
  world self;
  open_world(&self, late_guest);
  start_call(&self, "run", "Ada", no_options);
  assert_int_equal(resume(self.call), UBIQ_CALL_WAITING);
  ubiq_plugin_delete(self.plugin);
  self.plugin = NULL;
  ubiq_call_cancel(self.call);
  assert_call_fails(self.call, UBIQ_CANCELLED);
  close_world(&self);
}

// -- What is refused --

static void a_plugin_has_one_call_at_a_time(void **state) {
  (void)state;
  world self;
  ubiq_call *other = NULL;
  ubiq_bytes output;
  open_world(&self, late_guest);
  assert_error_code(ubiq_call_start(self.plugin, "no such", bytes_of(""), NULL, NULL, NULL, &other), UBIQ_NOT_FOUND);
  for (int turns = 0; turns < 2; turns++) {
    start_call(&self, "run", "Ada", no_options);
    for (int i = 0; i < turns; i++) assert_int_equal(resume(self.call), UBIQ_CALL_WAITING);
    assert_error_code(ubiq_call_start(self.plugin, "run", bytes_of(""), NULL, NULL, NULL, &other), UBIQ_BUSY);
    assert_error_code(ubiq_plugin_call(self.plugin, "run", bytes_of(""), &output), UBIQ_BUSY);
    assert_error_code(ubiq_plugin_reset(self.plugin), UBIQ_BUSY);
  }
  close_world(&self);
}

static void a_plugin_that_does_not_suspend_has_no_turns(void **state) {
  (void)state;
  ubiq_compiled *compiled = guest_compile("hello", NULL);
  ubiq_plugin *plugin;
  ubiq_call *call;
  assert_success(ubiq_plugin_new(compiled, &plugin));
  assert_error_with(ubiq_call_start(plugin, "hello", bytes_of(""), NULL, NULL, NULL, &call), UBIQ_INVALID_INPUT,
                    "suspends");
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

static void fuel_that_is_not_counted_is_refused_at_the_first_turn(void **state) {
  (void)state;
  world self;
  open_world(&self, late_guest);
  start_call(&self, "run", "Ada", (ubiq_call_options){.fuel = 5});
  assert_call_fails(self.call, UBIQ_INVALID_INPUT);
  assert_answers_again(&self);
  close_world(&self);
}

// -- Many, and threads --

enum { CALLS = 1000 };

/// A loop of the embedder's: the calls that were woken, in order.
typedef struct loop {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int woken[4 * CALLS];
  size_t first, last;
} loop;

typedef struct task {
  loop *loop;
  int number;
  ubiq_plugin *plugin;
  ubiq_call *call;
  bool is_done;
  char input[16];
} task;

static void enqueue(void *user) {
  task *self = user;
  pthread_mutex_lock(&self->loop->mutex);
  self->loop->woken[self->loop->last++ % (4 * CALLS)] = self->number;
  pthread_cond_signal(&self->loop->changed);
  pthread_mutex_unlock(&self->loop->mutex);
}

static int next_woken(loop *self) {
  pthread_mutex_lock(&self->mutex);
  while (self->first == self->last) pthread_cond_wait(&self->changed, &self->mutex);
  int number = self->woken[self->first++ % (4 * CALLS)];
  pthread_mutex_unlock(&self->mutex);
  return number;
}

typedef struct answerer {
  desk *desk;
  int count;
} answerer;

static void *answer_many(void *user) {
  answerer *self = user;
  char input[32];
  for (int i = 0; i < self->count; i++) {
    ubiq_completion *completion = desk_take(self->desk, input);
    desk_answer(completion, input);
  }
  return NULL;
}

static void a_thousand_calls_wait_at_once_on_one_thread(void **state) {
  (void)state;
  static world self;
  static loop loop = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  static task tasks[CALLS];
  open_world(&self, late_guest);
  for (int i = 0; i < CALLS; i++) {
    task *one = &tasks[i];
    *one = (task){.loop = &loop, .number = i};
    snprintf(one->input, sizeof one->input, "%d", i);
    assert_success(ubiq_plugin_new(self.compiled, &one->plugin));
    assert_success(ubiq_call_start(one->plugin, "twice", bytes_of(one->input), NULL, enqueue, one, &one->call));
    assert_int_equal(resume(one->call), UBIQ_CALL_WAITING);
  }
  assert_int_equal(self.desk.count, CALLS);
  pthread_t thread;
  answerer answerer = {&self.desk, 2 * CALLS};
  pthread_create(&thread, NULL, answer_many, &answerer);
  for (int done = 0; done < CALLS;) {
    task *one = &tasks[next_woken(&loop)];
    bool was_done = one->is_done; // a wake may come for a call that is done already
    one->is_done = resume(one->call) == UBIQ_CALL_DONE;
    done += one->is_done && !was_done;
  }
  pthread_join(thread, NULL);
  for (int i = 0; i < CALLS; i++) {
    char expected[64];
    snprintf(expected, sizeof expected, "%d later later", i);
    assert_call_output(tasks[i].call, expected);
    ubiq_call_delete(tasks[i].call);
    ubiq_plugin_delete(tasks[i].plugin);
  }
  close_world(&self);
}

static void *resume_once(void *user) {
  resume(user);
  return NULL;
}

static void a_call_may_go_from_thread_to_thread(void **state) {
  (void)state;
  world self;
  char input[32];
  open_world(&self, late_guest);
  start_call(&self, "twice", "Ada", no_options);
  for (int i = 0; i < 3; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, resume_once, self.call);
    pthread_join(thread, NULL);
    if (i < 2) desk_answer(desk_take(&self.desk, input), input);
  }
  assert_int_equal(resume(self.call), UBIQ_CALL_DONE);
  assert_call_output(self.call, "Ada later later");
  close_world(&self);
}

int main(void) {
  plugin_testing_begin();
  plugin_testing_needs(ENGINE_CAN_SUSPEND);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_waits_is_woken_and_answers),
      cmocka_unit_test(a_call_without_wake_may_be_asked_instead),
      cmocka_unit_test(long_calls_give_way),
      cmocka_unit_test(a_guest_that_sleeps_says_for_how_long),
      cmocka_unit_test(a_callback_makes_large_blocks_on_a_fiber),
      cmocka_unit_test(a_deadline_ends_a_call_that_waits),
      cmocka_unit_test(cancelling_from_another_thread_wakes_a_call),
      cmocka_unit_test(a_call_cancelled_after_its_answer_came_is_cancelled),
      cmocka_unit_test(a_call_cancelled_between_its_turns_gets_no_other),
      cmocka_unit_test(a_call_cancelled_before_its_first_turn_does_not_begin),
      cmocka_unit_test(a_call_may_be_deleted_in_any_state),
      cmocka_unit_test(a_call_is_over_when_its_plugin_is_deleted),
      cmocka_unit_test(a_plugin_has_one_call_at_a_time),
      cmocka_unit_test(a_plugin_that_does_not_suspend_has_no_turns),
      cmocka_unit_test(fuel_that_is_not_counted_is_refused_at_the_first_turn),
      cmocka_unit_test(a_thousand_calls_wait_at_once_on_one_thread),
      cmocka_unit_test(a_call_may_go_from_thread_to_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
