// Tables are checked as they are when they come by the API, and kept as what the API would keep.
#include "runtime/project/project_triggers.h"

#include "base/json_write.h"
#include "services/events/event_check.h"
#include "services/events/events.h"
#include "services/schedules/schedule.h"
#include "services/schedules/schedule_work.h"
#include "services/work/retry.h"

#include <ctype.h>
#include <string.h>

enum { SCHEDULE_KEYS_MAX = 32, TOPIC_BYTES_MAX = 256 };

// ------------------------------------------------------------------------------------------------------------- names

static bool is_name(text name) {
  for (size_t i = 0; i < name.size; i++) {
    unsigned char byte = (unsigned char)name.data[i];
    bool is_plain = byte < 0x80 && isalnum(byte) != 0;
    if (!is_plain && (i == 0 || strchr("._-", byte) == NULL || byte == 0)) return false;
  }
  return name.size > 0 && name.size <= TRIGGER_NAME_MAX;
}

/// What it is called: the function's name unless it says another.
static ubiq_error *read_name(const project_triggers *self, const json_value *item, const char *function,
                             const char *queue, const char **out) {
  json_value value = json_field(item, "name");
  text name = text_of(function);
  ubiq_error *error = json_is_absent(&value) ? NULL : json_get_text(&value, &name);
  if (error != NULL) return error;
  if (!is_name(name))
    return json_wrong(&value, "a name: 1 to %d letters, digits, \".\", \"_\" and \"-\", a letter or digit first",
                      TRIGGER_NAME_MAX);
  for (size_t i = 0; i < self->count; i++)
    if (strcmp(self->list[i].queue, queue) == 0 && text_equal_string(name, self->list[i].name))
      return json_error(item, "is called \"%.*s\" as another is; expected a \"name\" of its own", (int)name.size,
                        name.data);
  *out = arena_string(self->arena, name.data, name.size);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

// -------------------------------------------------------------------------------------------------------------- list

static bool reserve(project_triggers *self) {
  if (self->count < self->capacity) return true;
  size_t capacity = self->capacity == 0 ? 8 : self->capacity * 2;
  trigger *list = arena_array(self->arena, capacity, sizeof *list);
  if (list == NULL) return false;
  if (self->count > 0) memcpy(list, self->list, self->count * sizeof *list);
  self->list = list;
  self->capacity = capacity;
  return true;
}

/// `definition` is copied.
static ubiq_error *add(project_triggers *self, const char *queue, const char *name, const buffer *definition) {
  char *copy = reserve(self) ? arena_string(self->arena, (const char *)definition->data, definition->size) : NULL;
  if (copy == NULL) return ubiq_error_no_memory();
  self->list[self->count++] = (trigger){queue, name, {copy, definition->size}};
  return NULL;
}

typedef ubiq_error *(*read_trigger)(project_triggers *self, const char *function, const json_value *item);

static ubiq_error *read_all(project_triggers *self, const char *function, const json_value *value, read_trigger read) {
  json_value item = {0};
  ubiq_error *error = json_expect_array(value);
  if (error == NULL && json_count(value) > TRIGGERS_MAX - self->count)
    error = json_error(value, "is too long: expected at most %d schedules and events in a project", TRIGGERS_MAX);
  while (error == NULL && json_next_item(value, &item)) {
    error = json_expect_object(&item);
    if (error == NULL) error = read(self, function, &item);
  }
  return error;
}

// --------------------------------------------------------------------------------------------------------- schedules

static ubiq_error *check_schedule_keys(const json_value *item) {
  const char *keys[SCHEDULE_KEYS_MAX] = {"name", "input"};
  size_t count = 2;
  for (size_t i = 0; schedule_keys[i] != NULL && count < SCHEDULE_KEYS_MAX; i++) keys[count++] = schedule_keys[i];
  return json_check_keys(item, keys, count);
}

/// Made at the beginning of time, so that intervals keep to the clock and not to when somebody deployed.
static bool write_schedule(buffer *out, const char *function, const json_value *item) {
  bool good = buffer_append_string(out, "{\"made_ms\":0,\"is_of_project\":true,\"function\":") &&
              json_write_text(out, text_of(function)) &&
              json_write_field(out, "input", yyjson_obj_get(item->value, "input"));
  for (size_t i = 0; good && schedule_keys[i] != NULL; i++)
    good = json_write_field(out, schedule_keys[i], yyjson_obj_get(item->value, schedule_keys[i]));
  return good && buffer_append_byte(out, '}');
}

static ubiq_error *read_schedule(project_triggers *self, const char *function, const json_value *item) {
  schedule schedule;
  const char *name = NULL;
  buffer definition = {0};
  ubiq_error *error = check_schedule_keys(item);
  if (error == NULL) error = schedule_read(item, 0, &schedule);
  if (error == NULL) error = read_name(self, item, function, SCHEDULE_QUEUE, &name);
  if (error == NULL && !write_schedule(&definition, function, item)) error = ubiq_error_no_memory();
  if (error == NULL) error = add(self, SCHEDULE_QUEUE, name, &definition);
  buffer_free(&definition);
  return error;
}

ubiq_error *project_read_schedules(project_triggers *self, const char *function, const json_value *value) {
  return read_all(self, function, value, read_schedule);
}

// ------------------------------------------------------------------------------------------------------------ events

static ubiq_error *check_topic(const json_value *item) {
  json_value value = json_field(item, "topic");
  text topic;
  ubiq_error *error = json_get_text(&value, &topic);
  if (error != NULL) return error;
  ubiq_error *wrong = event_check_topic("topic", topic);
  bool is_good = topic.size > 0 && topic.size <= TOPIC_BYTES_MAX && wrong == NULL;
  ubiq_error_delete(wrong);
  return is_good ? NULL : json_wrong(&value, "a topic such as \"order.created\", with no wildcard but *");
}

static bool write_subscription(buffer *out, const char *function, const json_value *item) {
  return buffer_append_string(out, "{\"is_of_project\":true") &&
         json_write_field(out, "topic", yyjson_obj_get(item->value, "topic")) &&
         buffer_append_string(out, ",\"function\":") && json_write_text(out, text_of(function)) &&
         json_write_field(out, "retry", yyjson_obj_get(item->value, "retry")) && buffer_append_byte(out, '}');
}

static ubiq_error *read_event(project_triggers *self, const char *function, const json_value *item) {
  static const char *const keys[] = {"name", "topic", "retry"};
  retry_policy retry;
  const char *name = NULL;
  buffer definition = {0};
  ubiq_error *error = json_check_keys(item, keys, sizeof keys / sizeof keys[0]);
  if (error == NULL) error = check_topic(item);
  if (error == NULL) error = retry_policy_read(item, &retry);
  if (error == NULL) error = read_name(self, item, function, SUBSCRIPTION_QUEUE, &name);
  if (error == NULL && !write_subscription(&definition, function, item)) error = ubiq_error_no_memory();
  if (error == NULL) error = add(self, SUBSCRIPTION_QUEUE, name, &definition);
  buffer_free(&definition);
  return error;
}

ubiq_error *project_read_events(project_triggers *self, const char *function, const json_value *value) {
  return read_all(self, function, value, read_event);
}
