// Deliveries: who is told of what, how often, and what waits behind what.
#include "unit/services/events/events_testing.h"

#define HOUR_MS (UINT64_C(3600) * 1000)

static atomic_ullong ahead_ms;

/// The clock of the agenda, which the test sets forward.
static uint64_t now_ms(void) {
  return clock_realtime_ns() / CLOCK_NS_PER_MS + atomic_load(&ahead_ms);
}

static double no_chance(void) {
  return 0;
}

enum { TOLD_MAX = 32 };

/// Who is told: notes what, and ends it at once or, for what is to be held, when the test says so. What says "poison" fails.
typedef struct listener {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  char told[TOLD_MAX][16]; ///< the data of each
  uint32_t hops[TOLD_MAX];
  size_t count;
  bool holds;
  errand *held;
  agenda *agenda;
  event_work work;
} listener;

static void end(errand *errand, bool fails) {
  ubiq_error *error = fails ? ubiq_error_new(UBIQ_GUEST_ERROR, "it burns") : NULL;
  errand->done(errand, error, (ubiq_bytes){NULL, 0});
}

static void tell(void *user, errand *errand) {
  listener *self = user;
  static const char key[] = "\"data\":\"";
  const char *data = memmem(errand->input.data, errand->input.size, key, sizeof key - 1);
  assert_non_null(data);
  data += sizeof key - 1; // ended by a quote, for it is all ASCII
  pthread_mutex_lock(&self->lock);
  assert_true(self->count < TOLD_MAX);
  char *told = self->told[self->count];
  snprintf(told, sizeof self->told[0], "%.*s", (int)strcspn(data, "\""), data);
  self->hops[self->count++] = errand->hops;
  bool fails = strcmp(told, "poison") == 0, holds = self->holds;
  if (holds) self->held = errand;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->lock);
  if (!holds) end(errand, fails);
}

static void open_listener(fixture *fixture, listener *self) {
  *self = (listener){.work = {fixture->services.events, {tell, self}}};
  pthread_mutex_init(&self->lock, NULL);
  pthread_cond_init(&self->changed, NULL);
  const agenda_kind kinds[] = {event_work_kind(&self->work), event_work_clearing(fixture->services.backend)};
  const agenda_settings settings = {
      .backend = fixture->services.backend, .kinds = kinds, .kinds_count = 2, .now_ms = now_ms, .chance = no_chance};
  atomic_store(&ahead_ms, 0);
  assert_success(agenda_open(&settings, &self->agenda));
}

static void close_listener(listener *self) {
  agenda_close(self->agenda);
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
}

static size_t times(const listener *self, const char *data) {
  size_t count = 0;
  for (size_t i = 0; i < self->count; i++) count += strcmp(self->told[i], data) == 0;
  return count;
}

static size_t times_told(listener *self, const char *data) {
  pthread_mutex_lock(&self->lock);
  size_t count = times(self, data);
  pthread_mutex_unlock(&self->lock);
  return count;
}

static void wait_until_told(listener *self, const char *data) {
  pthread_mutex_lock(&self->lock);
  while (times(self, data) == 0) pthread_cond_wait(&self->changed, &self->lock);
  pthread_mutex_unlock(&self->lock);
}

static void hold(listener *self, bool holds) {
  pthread_mutex_lock(&self->lock);
  self->holds = holds;
  pthread_mutex_unlock(&self->lock);
}

static void wait_until(fixture *self, const char *name, uint64_t waiting, uint64_t dead) {
  for (;;) {
    const backend_work_count count = count_of(self, id_of(self, name));
    if (count.waiting == waiting && count.dead == dead) return;
    usleep(1000);
  }
}

static void note_tried(backend_work_due *due, const backend_work_item *item) {
  *(bool *)due->user |= item->attempts > 0;
}

/// Until it is written down that one was tried in vain.
static void wait_until_tried(fixture *self) {
  for (bool is_tried = false; !is_tried; usleep(1000)) {
    backend_work_due due = {.now_ms = INT64_MAX, .limit = 100, .each = note_tried, .user = &is_tried};
    assert_success(backend_work_due_now(self->services.backend, &due));
  }
}

static void one_that_always_fails_holds_up_its_own_key_alone_and_dies(void **state) {
  fixture *self = *state;
  listener listener;
  put(self, "all", "{\"topic\":\"*\",\"function\":\"note\",\"retry\":{\"attempts\":2,\"first_delay\":\"1h\"}}");
  publish(self, "{\"type\":\"a\",\"partitionkey\":\"k\",\"data\":\"poison\"}");
  publish(self, "{\"type\":\"a\",\"partitionkey\":\"k\",\"data\":\"behind\"}");
  publish(self, "{\"type\":\"a\",\"partitionkey\":\"other\",\"data\":\"beside\"}");
  publish(self, "{\"type\":\"a\",\"data\":\"free\"}");
  open_listener(self, &listener);
  wait_until_told(&listener, "beside");
  wait_until_told(&listener, "free");
  wait_until_told(&listener, "poison");
  wait_until_tried(self);
  wait_until(self, "all", 2, 0);
  assert_int_equal(times_told(&listener, "behind"), 0);
  atomic_store(&ahead_ms, 2 * HOUR_MS);
  agenda_look(listener.agenda);
  wait_until_told(&listener, "behind");
  wait_until(self, "all", 0, 1);
  assert_int_equal(times_told(&listener, "poison"), 2);
  assert_string_equal(listener.told[listener.count - 1], "behind");
  close_listener(&listener);
}

static void one_is_told_a_hop_further_than_who_published_it(void **state) {
  fixture *self = *state;
  listener listener;
  calling calling;
  calling_begin(&calling, &self->services);
  calling.call.caller.hops = 7;
  calling_json(&calling, "{\"type\":\"a\",\"data\":\"x\"}");
  calling_run(&calling, service_events_publish);
  calling_end(&calling);
  open_listener(self, &listener);
  wait_until_told(&listener, "x");
  assert_int_equal(listener.hops[0], 8);
  close_listener(&listener);
}

static void one_that_fails_after_its_subscription_ended_leaves_nothing(void **state) {
  fixture *self = *state;
  listener listener;
  put(self, "all", "{\"topic\":\"*\",\"function\":\"note\",\"retry\":{\"attempts\":1}}");
  uint64_t id = id_of(self, "all");
  open_listener(self, &listener);
  hold(&listener, true);
  publish(self, "{\"type\":\"a\",\"partitionkey\":\"k\",\"data\":\"held\"}");
  publish(self, "{\"type\":\"a\",\"partitionkey\":\"k\",\"data\":\"behind\"}");
  wait_until_told(&listener, "held");
  assert_int_equal(unsubscribe(self, "all"), 204);
  put(self, "all", "{\"topic\":\"*\",\"function\":\"note\"}");
  while (count_queue(self, UNSUBSCRIBED_QUEUE).waiting > 0) usleep(1000);
  hold(&listener, false);
  end(listener.held, true);
  publish(self, "{\"type\":\"a\",\"partitionkey\":\"k\",\"data\":\"new\"}");
  wait_until_told(&listener, "new");
  close_listener(&listener);
  assert_int_equal(times(&listener, "behind"), 0);
  const backend_work_count count = count_of(self, id);
  assert_int_equal(count.waiting + count.dead, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(one_that_always_fails_holds_up_its_own_key_alone_and_dies),
      TEST(one_is_told_a_hop_further_than_who_published_it),
      TEST(one_that_fails_after_its_subscription_ended_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
