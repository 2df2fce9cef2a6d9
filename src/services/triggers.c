// One list is compared with the other, and what follows is one write.
#include "services/triggers.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/waiter.h"
#include "services/events/events.h"
#include "services/schedules/schedule.h"
#include "services/schedules/schedule_work.h"

#define RECORD_NAME "applied"

/// What is about to change.
typedef struct plan {
  backend *backend;
  events *events; ///< NULL: nobody subscribes
  text project;
  uint64_t now_ms;
  arena arena;
  trigger *before; ///< what was put in place last
  size_t before_count;
  backend_work_change *changes;
  size_t changes_count;
  buffer record; ///< what will have been put in place
  size_t recorded;
  bool others_subscribe; ///< subscriptions change
  waiter waiter;
} plan;

// -------------------------------------------------------------------------------------------------- what is there now

typedef struct found {
  plan *plan;
  uint64_t id; ///< 0: there is no such item
  bool is_of_project, is_paused;
  ubiq_error *error;
} found;

/// An item that cannot be read for want of memory is not taken for one of the API's.
static void take_item(backend_work_list *list, const backend_work_item *item) {
  found *self = list->user;
  yyjson_doc *document = NULL;
  self->error = json_parse(TRIGGER_QUEUE, item->payload.data, item->payload.size, &document);
  self->id = item->id;
  self->is_paused = item->state == BACKEND_WORK_PAUSED;
  self->is_of_project = yyjson_get_bool(yyjson_obj_get(yyjson_doc_get_root(document), "is_of_project"));
  yyjson_doc_free(document);
}

static ubiq_error *find_by(plan *self, const char *queue, const char *name,
                           void (*each)(backend_work_list *, const backend_work_item *), found *out) {
  *out = (found){.plan = self};
  backend_work_list list = {.project = self->project,
                            .queue = text_of(queue),
                            .state = -1,
                            .name = text_of(name),
                            .limit = 1,
                            .each = each,
                            .user = out};
  ubiq_error *error = backend_work_list_now(self->backend, &list);
  if (error == NULL) return out->error;
  ubiq_error_delete(out->error);
  return error;
}

static ubiq_error *read_text(plan *self, const json_value *object, const char *key, text *out) {
  json_value field = json_field(object, key);
  ubiq_error *error = json_get_text(&field, out);
  if (error != NULL) return error;
  out->data = arena_string(&self->arena, out->data, out->size);
  return out->data == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_before(plan *self, const json_value *list) {
  json_value item = {0};
  ubiq_error *error = json_expect_array(list);
  if (error == NULL && (self->before = arena_array(&self->arena, json_count(list), sizeof *self->before)) == NULL)
    error = ubiq_error_no_memory();
  while (error == NULL && json_next_item(list, &item)) {
    text queue = {0}, name = {0}, definition = {0};
    error = read_text(self, &item, "queue", &queue);
    if (error == NULL) error = read_text(self, &item, "name", &name);
    if (error == NULL) error = read_text(self, &item, "definition", &definition);
    if (error == NULL) self->before[self->before_count++] = (trigger){queue.data, name.data, definition};
  }
  return error;
}

static void take_record(backend_work_list *list, const backend_work_item *item) {
  static const json_source source = {.name = RECORD_NAME};
  found *self = list->user;
  yyjson_doc *document = NULL;
  self->error = json_parse(source.name, item->payload.data, item->payload.size, &document);
  if (self->error != NULL) return;
  const json_value root = json_root(&source, yyjson_doc_get_root(document));
  self->error = read_before(self->plan, &root);
  yyjson_doc_free(document);
}

static bool is_same_name(const trigger *a, const trigger *b) {
  return strcmp(a->queue, b->queue) == 0 && strcmp(a->name, b->name) == 0;
}

static const trigger *find_trigger(const trigger *list, size_t count, const trigger *wanted) {
  for (size_t i = 0; i < count; i++)
    if (is_same_name(&list[i], wanted)) return &list[i];
  return NULL;
}

// ------------------------------------------------------------------------------------------------------- what follows

static bool append_record(plan *self, const trigger *trigger) {
  buffer *out = &self->record;
  return buffer_append_string(out, self->recorded++ == 0 ? "[" : ",") && buffer_append_string(out, "{\"queue\":") &&
         json_write_text(out, text_of(trigger->queue)) && buffer_append_string(out, ",\"name\":") &&
         json_write_text(out, text_of(trigger->name)) && buffer_append_string(out, ",\"definition\":") &&
         json_write_text(out, trigger->definition) && buffer_append_byte(out, '}');
}

static ubiq_error *record(plan *self, const trigger *trigger) {
  return append_record(self, trigger) ? NULL : ubiq_error_no_memory();
}

static void add_change(plan *self, const trigger *trigger, const backend_work_change *change) {
  self->changes[self->changes_count++] = *change;
  self->others_subscribe |= strcmp(trigger->queue, SUBSCRIPTION_QUEUE) == 0;
}

/// A subscription ends with what waits for it.
static ubiq_error *add_end(plan *self, const trigger *trigger, uint64_t id) {
  backend_work_change changes[UNSUBSCRIBE_CHANGES] = {{.action = BACKEND_WORK_END, .item = {.id = id}}};
  size_t count = 1;
  if (strcmp(trigger->queue, SUBSCRIPTION_QUEUE) == 0) {
    char *queue = arena_alloc(&self->arena, EVENT_QUEUE_SIZE);
    if (queue == NULL) return ubiq_error_no_memory();
    event_queue_name(id, queue);
    events_unsubscribe(id, queue, self->now_ms, changes);
    count = UNSUBSCRIBE_CHANGES;
  }
  for (size_t i = 0; i < count; i++) add_change(self, trigger, &changes[i]);
  return NULL;
}

/// When a schedule is due first; `*is_due` is false when it never is any more.
static ubiq_error *first_due(const plan *self, const trigger *trigger, bool *is_due, uint64_t *due_ms) {
  static const json_source source = {.name = "schedule"};
  yyjson_doc *document = NULL;
  schedule schedule;
  ubiq_error *error = json_parse(source.name, trigger->definition.data, trigger->definition.size, &document);
  if (error != NULL) return error;
  const json_value root = json_root(&source, yyjson_doc_get_root(document));
  error = schedule_definition_read(&root, &schedule);
  if (error == NULL) *is_due = schedule_first(&schedule, (int64_t)self->now_ms, due_ms);
  yyjson_doc_free(document);
  return error;
}

/// What an operator had rest does not begin again with a deploy.
static backend_work_state state_of(bool is_schedule, const found *there) {
  bool is_due = is_schedule && !there->is_paused;
  return is_due ? BACKEND_WORK_WAITING : BACKEND_WORK_PAUSED;
}

static ubiq_error *set(plan *self, const trigger *trigger, const found *there) {
  bool is_schedule = strcmp(trigger->queue, SCHEDULE_QUEUE) == 0, is_due = true;
  uint64_t due_ms = 0;
  ubiq_error *error = is_schedule ? first_due(self, trigger, &is_due, &due_ms) : NULL;
  if (error != NULL) return error;
  if (is_due)
    add_change(self, trigger,
               &(backend_work_change){
                   .action = is_schedule ? BACKEND_WORK_SET : BACKEND_WORK_PUT, // what waits for a subscription stays
                   .item = {.queue = text_of(trigger->queue),
                            .name = text_of(trigger->name),
                            .due_ms = due_ms,
                            .state = state_of(is_schedule, there),
                            .payload = {(const uint8_t *)trigger->definition.data, trigger->definition.size}}});
  else if (there->id != 0)
    error = add_end(self, trigger, there->id);
  return error != NULL ? error : record(self, trigger);
}

static ubiq_error *plan_trigger(plan *self, const trigger *wanted) {
  found there;
  const trigger *before = find_trigger(self->before, self->before_count, wanted);
  if (before != NULL && text_equal(before->definition, wanted->definition)) return record(self, wanted);
  ubiq_error *error = find_by(self, wanted->queue, wanted->name, take_item, &there);
  if (error != NULL) return error;
  if (there.id == 0 || there.is_of_project) return set(self, wanted, &there);
  log_warn("ubiq.toml: %s.%s is left out: one of this name was made by the API; delete that, or take another name",
           wanted->queue, wanted->name);
  return NULL;
}

static ubiq_error *plan_end(plan *self, const trigger *before) {
  found there;
  ubiq_error *error = find_by(self, before->queue, before->name, take_item, &there);
  if (error == NULL && there.id != 0 && there.is_of_project) error = add_end(self, before, there.id);
  return error;
}

static ubiq_error *make_plan(plan *self, const trigger *list, size_t count) {
  ubiq_error *error = NULL;
  self->changes =
      arena_array(&self->arena, count + self->before_count * UNSUBSCRIBE_CHANGES + 1, sizeof *self->changes);
  if (self->changes == NULL) return ubiq_error_no_memory();
  for (size_t i = 0; i < count && error == NULL; i++) error = plan_trigger(self, &list[i]);
  for (size_t i = 0; i < self->before_count && error == NULL; i++)
    if (find_trigger(list, count, &self->before[i]) == NULL) error = plan_end(self, &self->before[i]);
  if (error == NULL && !buffer_append_string(&self->record, self->recorded == 0 ? "[]" : "]"))
    error = ubiq_error_no_memory();
  return error;
}

// ----------------------------------------------------------------------------------------------------------- the write

/// Before anything else is written: nobody publishes to a subscription any more whose end is on the disk.
static void tell_written(backend_work_write *write) {
  plan *self = write->user;
  if (self->others_subscribe && self->events != NULL) events_changed(self->events, self->project);
  waiter_tell(&self->waiter);
}

static ubiq_error *write_plan(plan *self) {
  waiter_init(&self->waiter);
  self->changes[self->changes_count++] = (backend_work_change){.action = BACKEND_WORK_SET,
                                                               .item = {.queue = TEXT(TRIGGER_QUEUE),
                                                                        .name = TEXT(RECORD_NAME),
                                                                        .state = BACKEND_WORK_PAUSED,
                                                                        .payload = buffer_bytes(&self->record)}};
  backend_work_write write = {.project = self->project,
                              .changes = self->changes,
                              .count = self->changes_count,
                              .done = tell_written,
                              .user = self};
  backend_work_write_start(self->backend, &write);
  waiter_wait(&self->waiter);
  waiter_end(&self->waiter);
  return write.error;
}

/// Also where only the record changes: something ended by itself before it was taken out.
static bool is_changed(const plan *self) {
  return self->changes_count > 0 || self->recorded != self->before_count;
}

ubiq_error *triggers_apply(const services *services, text project, const trigger *list, size_t count, uint64_t now_ms) {
  found record;
  if (services == NULL || services->backend == NULL) return NULL;
  plan plan = {.backend = services->backend, .events = services->events, .project = project, .now_ms = now_ms};
  arena_init(&plan.arena);
  ubiq_error *error = find_by(&plan, TRIGGER_QUEUE, RECORD_NAME, take_record, &record);
  if (error == NULL) error = make_plan(&plan, list, count);
  if (error == NULL && is_changed(&plan)) error = write_plan(&plan);
  buffer_free(&plan.record);
  arena_free(&plan.arena);
  return error;
}
