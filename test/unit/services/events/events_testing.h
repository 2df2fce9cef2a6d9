/// Publishing and subscribing, and what is stored by that.
#ifndef UBIQ_TEST_EVENTS_TESTING_H
#define UBIQ_TEST_EVENTS_TESTING_H

#include "base/clock.h"
#include "services/events/events.h"
#include "unit/services/calling.h"

typedef struct fixture {
  folder folder;
  services services;
  char stored[4096]; ///< the event that was stored last
  size_t count;      ///< of those for subscriptions
} fixture;

static inline void put(fixture *self, const char *name, const char *json) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, SUBSCRIPTIONS_PUT_NAME, name);
  calling_json(&calling, json);
  calling_run(&calling, service_subscriptions_put);
  assert_answer(&calling, 204, "");
  calling_end(&calling);
}

static inline int set_up(void **state) {
  static fixture self;
  folder_make(&self.folder);
  const services_settings settings = {.directory = self.folder.path, .is_fleeting = true, .cache_bytes = 1 << 20};
  assert_success(services_open(&settings, &self.services));
  put(&self, "all", "{\"topic\":\"*\",\"function\":\"note\"}");
  *state = &self;
  return 0;
}

static inline int tear_down(void **state) {
  fixture *self = *state;
  services_close(&self->services);
  folder_remove(&self->folder);
  return 0;
}

static inline void note_stored(backend_work_due *due, const backend_work_item *item) {
  fixture *self = due->user;
  if (!text_starts_with(item->queue, TEXT(EVENT_QUEUE))) return;
  self->count++;
  snprintf(self->stored, sizeof self->stored, "%.*s", (int)item->payload.size, (const char *)item->payload.data);
}

/// What is stored now.
static inline void look(fixture *self) {
  backend_work_due due = {.now_ms = INT64_MAX, .limit = 100, .each = note_stored, .user = self};
  self->count = 0;
  self->stored[0] = '\0';
  assert_success(backend_work_due_now(self->services.backend, &due));
}

static inline void assert_stored(fixture *self, const char *part) {
  look(self);
  if (strstr(self->stored, part) == NULL) fail_msg("no %s in %s", part, self->stored);
}

static inline void assert_not_stored(fixture *self, const char *part) {
  look(self);
  if (strstr(self->stored, part) != NULL) fail_msg("%s is in %s", part, self->stored);
}

static inline void publish(fixture *self, const char *json) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_json(&calling, json);
  calling_run(&calling, service_events_publish);
  if (calling.call.error != NULL) fail_msg("%s: %s", json, ubiq_error_message(calling.call.error));
  assert_int_equal(calling_status(&calling), 202);
  calling_end(&calling);
}

static inline void refused(fixture *self, const char *json, const char *message) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_json(&calling, json);
  calling_run(&calling, service_events_publish);
  assert_refused(&calling, 400, message);
  calling_end(&calling);
}

// ------------------------------------------------------------------------------------------------------- subscriptions

static inline unsigned unsubscribe(fixture *self, const char *name) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, SUBSCRIPTIONS_DELETE_NAME, name);
  calling_run(&calling, service_subscriptions_delete);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

static inline uint64_t id_of(fixture *self, const char *name) {
  const subscriptions *all = NULL;
  assert_success(events_subscriptions(self->services.events, TEXT("shop"), &all));
  const subscription *found = subscriptions_find(all, text_of(name));
  uint64_t id = found == NULL ? 0 : found->id;
  subscriptions_release(all);
  return id;
}

static inline backend_work_count count_queue(fixture *self, const char *queue) {
  backend_work_count count;
  assert_success(backend_work_count_now(self->services.backend, TEXT("shop"), text_of(queue), &count));
  return count;
}

/// How it stands with what is for a subscription.
static inline backend_work_count count_of(fixture *self, uint64_t id) {
  char queue[EVENT_QUEUE_SIZE];
  event_queue_name(id, queue);
  return count_queue(self, queue);
}

// --------------------------------------------------------------------------------------------------------------- work

static inline void work_written(backend_work_write *write) {
  flag_set(write->user);
}

static inline void write_work(fixture *self, backend_work_change *changes, size_t count) {
  signal_flag flag;
  flag_init(&flag);
  backend_work_write write = {
      .project = TEXT("shop"), .changes = changes, .count = count, .done = work_written, .user = &flag};
  backend_work_write_start(self->services.backend, &write);
  flag_wait(&flag);
  assert_success(write.error);
}

/// An event for the subscription of an id, as it is after an attempt or before; its own id.
static inline uint64_t add_event(fixture *self, uint64_t id, const char *order, backend_work_state state) {
  char queue[EVENT_QUEUE_SIZE];
  event_queue_name(id, queue);
  backend_work_change change = {.action = BACKEND_WORK_ADD,
                                .item = {.queue = text_of(queue),
                                         .order = text_of(order),
                                         .state = state,
                                         .due_ms = 5,
                                         .attempts = state == BACKEND_WORK_DEAD ? 3 : 0,
                                         .failure = state == BACKEND_WORK_DEAD ? TEXT("it burns") : (text){NULL, 0},
                                         .payload = {(const uint8_t *)"{}", 2}}};
  write_work(self, &change, 1);
  return change.item.id;
}

/// Keeps the writer's thread busy until it is let go: what is asked for meanwhile waits together.
typedef struct holding {
  backend_work_change change;
  backend_work_write write;
  signal_flag begun, let_go, ended;
} holding;

static inline void hold_written(backend_work_write *write) {
  holding *self = write->user;
  flag_set(&self->begun);
  flag_wait(&self->let_go);
  flag_set(&self->ended);
}

static inline void hold_writer(fixture *fixture, holding *self) {
  *self = (holding){.change = {.action = BACKEND_WORK_END, .item = {.id = INT64_MAX}}};
  self->write = (backend_work_write){
      .project = TEXT("shop"), .changes = &self->change, .count = 1, .done = hold_written, .user = self};
  flag_init(&self->begun);
  flag_init(&self->let_go);
  flag_init(&self->ended);
  backend_work_write_start(fixture->services.backend, &self->write);
  flag_wait(&self->begun);
}

static inline void let_go(holding *self) {
  flag_set(&self->let_go);
  flag_wait(&self->ended);
  ubiq_error_delete(self->write.error);
}

#endif
