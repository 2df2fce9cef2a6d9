// link: -Wl,--wrap=api_handler
// What functions ask for and are answered later, by any thread, or never get to see; and functions that wait for others.
#include "runtime/run/function_calls.h"

#include "api/operation.h"
#include "unit/runtime/run/pool_testing.h"

#include <pthread.h>

// `relay` asks for what its input says, and answers with what it gets.
static const char relay[] = "(module"
                            " (import \"extism:host/user\" \"InvokeHost\" (func $ask (param i32 i64) (result i64)))"
                            " (import \"extism:host/env\" \"input_offset\" (func $input (result i64)))"
                            " (import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))"
                            " (import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))"
                            " (func (export \"relay\") (result i32) (local $answer i64)"
                            "  (local.set $answer (call $ask (i32.const 0) (call $input)))"
                            "  (call $output (local.get $answer) (call $length (local.get $answer)))"
                            "  (i32.const 0)))";

#define LOG_REQUEST       "{\"method\":\"POST\",\"path\":\"/v1/log\",\"body\":{\"message\":\"m\"}}"
#define RUN_REQUEST(name) "{\"method\":\"POST\",\"path\":\"/v1/functions/" name "/runs\"}"

enum { CALLS_MAX = 64, RELAY = 0, SPINS = 1 };

// The log's handler is the test's: it keeps the calls, which the test answers as it likes.
static service_call *kept[CALLS_MAX];
static size_t kept_count, cancelled;
static bool ends_when_cancelled;

static void note_cancel(service_call *call) {
  cancelled++;
  if (!ends_when_cancelled) return;
  for (size_t i = 0; i < kept_count; i++)
    if (kept[i] == call) kept[i] = kept[--kept_count];
  service_call_fail(call, ubiq_error_new(UBIQ_CANCELLED, "cancelled"));
}

static void keep(service_call *call) {
  call->cancel = note_cancel;
  kept[kept_count++] = call;
}

service_handler __real_api_handler(const api_operation *operation);
service_handler __wrap_api_handler(const api_operation *operation);

service_handler __wrap_api_handler(const api_operation *operation) {
  return strcmp(operation->service.name, "log.write") == 0 ? keep : __real_api_handler(operation);
}

static const char toml[] = "[functions.relay]\nwasm = 'relay.wat'\ntimeout = '60s'\n"
                           "permissions = ['functions:*', 'log:*']\n"
                           "[functions.spins]\nwasm = 'm.wat'\ncpu = '60s'\ntimeout = '60s'\n";

static void make_relay(fixture *self) {
  kept_count = cancelled = 0;
  ends_when_cancelled = false;
  *self = (fixture){.folder = folder_make()};
  folder_write(self->folder, "relay.wat", relay);
  folder_write(self->folder, "m.wat", module);
  folder_write(self->folder, "ubiq.toml", toml);
  assert_success(release_read(self->folder, NULL, &self->release));
  const worker_options options = {.runs_max = CALLS_MAX, .queue_max = 4};
  assert_success(worker_new(&options, self->release, &self->worker));
  assert_success(fetch_loop_new(&self->worker->loop, &self->worker->fetches));
}

static void ask(fixture *self, counted *run, const char *request) {
  *run = (counted){0};
  traps_restore();
  run_init(&run->run, self->worker);
  run->run.done = count;
  run->run.lease = self->worker->lease;
  run->run.function = &self->release->functions[RELAY];
  run->run.input = (ubiq_bytes){(const uint8_t *)request, strlen(request)};
  if (run_start(&run->run)) run->done++;
}

static void wait_for(fixture *self, counted *run) {
  while (run->done == 0) uv_run(&self->worker->loop, UV_RUN_ONCE);
}

static void wait_for_calls(fixture *self, size_t count) {
  while (kept_count < count) uv_run(&self->worker->loop, UV_RUN_ONCE);
}

static void assert_answer(counted *run, const char *expected) {
  assert_success(run->run.error);
  assert_int_equal(run->run.output.size, strlen(expected));
  assert_memory_equal(run->run.output.data, expected, strlen(expected));
  run_end(&run->run);
}

static void *answer(void *call) {
  service_call_answer_json(call, TEXT("[1]"));
  return NULL;
}

static pthread_t answer_elsewhere(service_call *call) {
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, answer, call), 0);
  return thread;
}

static void a_call_answered_later_resumes_its_run(void **state) {
  (void)state;
  fixture self;
  counted run;
  make_relay(&self);
  ask(&self, &run, LOG_REQUEST);
  wait_for_calls(&self, 1);
  assert_int_equal(run.run.state, RUN_WAITING);
  service_call_answer_json(kept[0], TEXT("[1]"));
  assert_int_equal(run.run.state, RUN_RUNNING);
  wait_for(&self, &run);
  assert_answer(&run, "{\"status\":200,\"headers\":{},\"body\":[1]}");
  end(&self);
}

static void answers_of_other_threads_come_to_the_worker(void **state) {
  (void)state;
  fixture self;
  counted runs[CALLS_MAX];
  pthread_t threads[CALLS_MAX];
  make_relay(&self);
  for (size_t i = 0; i < CALLS_MAX; i++) ask(&self, &runs[i], LOG_REQUEST);
  wait_for_calls(&self, CALLS_MAX);
  for (size_t i = 0; i < CALLS_MAX; i++) threads[i] = answer_elsewhere(kept[i]);
  for (size_t i = 0; i < CALLS_MAX; i++) wait_for(&self, &runs[i]);
  for (size_t i = 0; i < CALLS_MAX; i++) {
    pthread_join(threads[i], NULL);
    assert_answer(&runs[i], "{\"status\":200,\"headers\":{},\"body\":[1]}");
  }
  end(&self);
}

static void a_run_that_ends_cancels_what_it_asked_for(void **state) {
  (void)state;
  fixture self;
  counted run;
  make_relay(&self);
  ends_when_cancelled = true;
  ask(&self, &run, LOG_REQUEST);
  wait_for_calls(&self, 1);
  run_end(&run.run);
  assert_int_equal(cancelled, 1);
  assert_int_equal(kept_count, 0);
  end(&self);
}

static void an_answer_that_comes_too_late_is_dropped(void **state) {
  (void)state;
  fixture self;
  counted run;
  make_relay(&self);
  ask(&self, &run, LOG_REQUEST);
  wait_for_calls(&self, 1);
  run_end(&run.run);
  assert_int_equal(cancelled, 1);
  pthread_t thread = answer_elsewhere(kept[0]);
  pthread_join(thread, NULL);
  counted other;
  ask(&self, &other, LOG_REQUEST); // the loop turns meanwhile, and takes the first one's answer
  wait_for_calls(&self, 2);
  service_call_answer_json(kept[1], TEXT("[2]"));
  wait_for(&self, &other);
  assert_answer(&other, "{\"status\":200,\"headers\":{},\"body\":[2]}");
  end(&self);
}

static void an_answer_may_come_when_the_worker_has_ended(void **state) {
  (void)state;
  fixture self;
  counted run;
  make_relay(&self);
  ask(&self, &run, LOG_REQUEST);
  wait_for_calls(&self, 1);
  run_end(&run.run);
  end(&self); // the call holds its release
  pthread_t thread = answer_elsewhere(kept[0]);
  pthread_join(thread, NULL);
}

static void a_caller_that_ends_takes_its_callee_along(void **state) {
  (void)state;
  fixture self;
  counted run;
  make_relay(&self);
  ask(&self, &run, RUN_REQUEST("spins"));
  const lane *lane = self.worker->lease->lanes[SPINS];
  while (lane->runs.used == 0) uv_run(&self.worker->loop, UV_RUN_ONCE);
  for (int i = 0; i < 10; i++) uv_run(&self.worker->loop, UV_RUN_NOWAIT); // it has its turns
  assert_int_equal(run.done, 0);
  assert_int_equal(self.worker->runs.used, 1); // a callee has its caller's place
  run_end(&run.run);
  assert_int_equal(lane->runs.used, 0);
  assert_int_equal(self.worker->runs.used, 0);
  end(&self);
}

static void a_chain_of_callers_ends_from_its_top(void **state) {
  (void)state;
  fixture self;
  counted run;
  make_relay(&self);
  ask(&self, &run, "{\"method\":\"POST\",\"path\":\"/v1/functions/relay/runs\",\"body\":" RUN_REQUEST("spins") "}");
  const lane *lane = self.worker->lease->lanes[SPINS];
  while (lane->runs.used == 0) uv_run(&self.worker->loop, UV_RUN_ONCE);
  assert_int_equal(self.worker->lease->lanes[RELAY]->runs.used, 1);
  run_end(&run.run);
  assert_int_equal(lane->runs.used, 0);
  assert_int_equal(self.worker->lease->holders, 1);
  end(&self);
}

#define RELAYED(request) "{\"method\":\"POST\",\"path\":\"/v1/functions/relay/runs\",\"body\":" request "}"

/// Callers have no place of their own, but a deadline each.
static void there_is_room_for_the_deadlines_of_all_that_wait_for_each_other(void **state) {
  (void)state;
  fixture self;
  counted runs[CALLS_MAX];
  make_relay(&self);
  for (size_t i = 0; i < CALLS_MAX; i++) ask(&self, &runs[i], RELAYED(RELAYED(RELAYED(LOG_REQUEST))));
  wait_for_calls(&self, CALLS_MAX);
  assert_int_equal(self.worker->runs.used, CALLS_MAX);
  assert_int_equal(self.worker->deadlines.count, 4 * CALLS_MAX);
  for (size_t i = 0; i < CALLS_MAX; i++) run_end(&runs[i].run);
  assert_int_equal(self.worker->deadlines.count, 0);
  assert_int_equal(self.worker->runs_open, 0);
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_answered_later_resumes_its_run),
      cmocka_unit_test(answers_of_other_threads_come_to_the_worker),
      cmocka_unit_test(a_run_that_ends_cancels_what_it_asked_for),
      cmocka_unit_test(an_answer_that_comes_too_late_is_dropped),
      cmocka_unit_test(an_answer_may_come_when_the_worker_has_ended),
      cmocka_unit_test(a_caller_that_ends_takes_its_callee_along),
      cmocka_unit_test(a_chain_of_callers_ends_from_its_top),
      cmocka_unit_test(there_is_room_for_the_deadlines_of_all_that_wait_for_each_other),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
