// What a turn is made of is what schedule_work.h makes of it, but for the path, which is the route's here.
#include "cli/test_schedule.h"

#include "base/clock.h"
#include "cli/test_fields.h"
#include "services/schedules/schedule.h"
#include "services/schedules/schedule_work.h"

#include <string.h>

static const trigger *find_schedule(const project *project, text name) {
  for (size_t i = 0; i < project->triggers_count; i++) {
    const trigger *one = &project->triggers[i];
    if (strcmp(one->queue, SCHEDULE_QUEUE) == 0 && text_equal_string(name, one->name)) return one;
  }
  return NULL;
}

static const char *format_time(arena *arena, int64_t unix_ms) {
  char time[CLOCK_TEXT_SIZE];
  clock_format_ms((uint64_t)unix_ms, time);
  return arena_string(arena, time, strlen(time));
}

/// Says why when it is not due at the time.
static ubiq_error *check_due(arena *arena, const schedule *schedule, int64_t time_ms, const char *name,
                             test_turn *out) {
  int64_t next_ms = 0;
  bool is_due_then = schedule_next(schedule, time_ms - 1, &next_ms);
  if (is_due_then && next_ms == time_ms) return NULL;
  const char *asked = format_time(arena, time_ms), *next = is_due_then ? format_time(arena, next_ms) : "";
  if (asked == NULL || next == NULL) return ubiq_error_no_memory();
  out->problem = is_due_then ? arena_printf(arena, "schedule: %s is not due at %s; then next at %s", name, asked, next)
                             : arena_printf(arena, "schedule: %s is not due at %s, nor later", name, asked);
  return out->problem == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_definition(arena *arena, const trigger *found, const json_value *root, int64_t time_ms,
                                   test_turn *out) {
  schedule schedule;
  const json_value function = json_field(root, "function"), input = json_field(root, "input");
  const char *time = format_time(arena, time_ms);
  ubiq_error *error = time == NULL ? ubiq_error_no_memory() : schedule_definition_read(root, &schedule);
  if (error == NULL) error = test_fields_string(arena, &function, &out->function);
  if (error == NULL && input.value != NULL) error = test_fields_json(arena, input.value, &out->input);
  if (error != NULL) return error;
  out->headers[0] = (fetch_header){"content-type", "application/json"};
  out->headers[1] = (fetch_header){"ubiq-schedule", found->name};
  out->headers[2] = (fetch_header){"ubiq-schedule-time", time};
  return check_due(arena, &schedule, time_ms, found->name, out);
}

ubiq_error *test_turn_read(arena *arena, const project *project, const json_value *name, uint64_t time_ns,
                           test_turn *out) {
  static const json_source source = {.name = "schedule"};
  text asked;
  yyjson_doc *document = NULL;
  *out = (test_turn){0};
  ubiq_error *error = json_get_text(name, &asked);
  if (error != NULL) return error;
  const trigger *found = find_schedule(project, asked);
  if (found == NULL) return json_wrong(name, "the name of a schedule of " PROJECT_FILE);
  error = json_parse(source.name, found->definition.data, found->definition.size, &document);
  if (error != NULL) return error;
  const json_value root = json_root(&source, yyjson_doc_get_root(document));
  error = read_definition(arena, found, &root, (int64_t)(time_ns / CLOCK_NS_PER_MS), out);
  yyjson_doc_free(document);
  return error;
}
