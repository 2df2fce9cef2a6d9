// Handlers of schedules. What they keep and how it is run: schedule_work.h.
#include "services/schedules/schedule_work.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "services/operations.h"
#include "services/schedules/schedule.h"
#include "services/work/kept_permissions.h"
#include "services/work/run_results.h"
#include "services/work/work_call.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

static int64_t now_ms(void) {
  return (int64_t)(clock_realtime_ns() / CLOCK_NS_PER_MS);
}

// ------------------------------------------------------------------------------------------------------------ answers

static bool write_time(buffer *out, const char *key, uint64_t time_ms) {
  char time[CLOCK_TEXT_SIZE];
  clock_format_ms(time_ms, time);
  return buffer_append_string(out, ",\"") && buffer_append_string(out, key) && buffer_append_string(out, "\":\"") &&
         buffer_append_string(out, time) && buffer_append_byte(out, '"');
}

/// What the schedule was made from, without what is only kept with it.
static bool write_settings(buffer *out, yyjson_val *definition) {
  yyjson_obj_iter iterator = yyjson_obj_iter_with(definition);
  bool good = true;
  for (yyjson_val *key = yyjson_obj_iter_next(&iterator); good && key != NULL; key = yyjson_obj_iter_next(&iterator)) {
    const char *name = yyjson_get_str(key);
    if (strcmp(name, "made_ms") != 0 && strcmp(name, KEPT_PERMISSIONS) != 0 && !kept_trace_has_name(text_of(name)))
      good = json_write_field(out, name, yyjson_obj_iter_get_val(key));
  }
  return good;
}

static const json_source kept_source = {.name = "schedule"};

/// When it has its next turn: its item is looked at earlier, where the clock was set back.
static uint64_t next_turn(yyjson_val *definition, uint64_t due_ms) {
  schedule schedule;
  const json_value root = json_root(&kept_source, definition);
  int64_t next_ms = (int64_t)due_ms;
  ubiq_error *error = schedule_definition_read(&root, &schedule);
  bool is_known = error == NULL && schedule_next(&schedule, (int64_t)due_ms - 1, &next_ms);
  ubiq_error_delete(error);
  return is_known ? (uint64_t)next_ms : due_ms;
}

static bool write_schedule(buffer *out, const backend_work_item *item) {
  yyjson_doc *document = yyjson_read((const char *)item->payload.data, item->payload.size, YYJSON_READ_NOFLAG);
  bool is_paused = item->state != BACKEND_WORK_WAITING;
  bool good = document != NULL && buffer_append_string(out, "{\"name\":") && json_write_text(out, item->name) &&
              write_settings(out, yyjson_doc_get_root(document)) &&
              buffer_append_string(out, is_paused ? ",\"is_paused\":true" : ",\"is_paused\":false") &&
              (is_paused || write_time(out, "next_at", next_turn(yyjson_doc_get_root(document), item->due_ms))) &&
              buffer_append_byte(out, '}');
  yyjson_doc_free(document);
  return good;
}

static void answer_item(service_call *call, const backend_work_item *item) {
  if (write_schedule(&call->bytes, item))
    service_call_answer_json(call, (text){NULL, 0});
  else
    service_call_fail(call, ubiq_error_no_memory());
}

static void answer_changed(work_call *self) {
  answer_item(self->call, self->user);
}

static void answer_created(work_call *self) {
  self->call->status = 201;
  answer_item(self->call, &self->changes[0].item);
}

// -------------------------------------------------------------------------------------------------------------- making

static const json_source source = {.name = "body"};

/// The first time, which there must be.
static ubiq_error *first_due(const json_value *root, int64_t made_ms, uint64_t *due_ms) {
  schedule schedule;
  ubiq_error *error = schedule_read(root, made_ms, &schedule);
  if (error != NULL || schedule_first(&schedule, made_ms, due_ms)) return error;
  return json_error(root, "is never due: end_before comes first");
}

static text function_of(yyjson_val *definition) {
  yyjson_val *function = yyjson_obj_get(definition, "function");
  return (text){yyjson_get_str(function), yyjson_get_len(function)};
}

/// What is done once is part of the trace of who had it made; what is done again and again belongs to none.
static bool write_trace(buffer *out, const service_call *call) {
  const kept_trace trace = kept_trace_of(call);
  return yyjson_obj_get(call->body.value, "at") == NULL || kept_trace_write(out, &trace);
}

static bool write_definition(buffer *out, const service_call *call, int64_t made_ms) {
  const permissions *who = call->caller.permissions;
  yyjson_val *body = call->body.value;
  char head[64];
  snprintf(head, sizeof head, "{\"made_ms\":%" PRId64, made_ms);
  yyjson_obj_iter iterator = yyjson_obj_iter_with(body);
  bool good = buffer_append_string(out, head) && kept_permissions_write(out, NULL, who, function_of(body)) &&
              write_trace(out, call);
  for (yyjson_val *key = yyjson_obj_iter_next(&iterator); good && key != NULL; key = yyjson_obj_iter_next(&iterator))
    if (strcmp(yyjson_get_str(key), "name") != 0)
      good = json_write_field(out, yyjson_get_str(key), yyjson_obj_iter_get_val(key));
  return good && buffer_append_byte(out, '}');
}

/// How names begin that are made for schedules without.
#define MADE_NAME "s-"

/// The name that was said, or one that nobody has.
static text name_of(service_call *call, yyjson_val *body) {
  yyjson_val *given = yyjson_obj_get(body, "name");
  if (given != NULL) return (text){yyjson_get_str(given), yyjson_get_len(given)};
  char *made = arena_alloc(&call->arena, 24);
  if (made == NULL) return (text){NULL, 0};
  snprintf(made, 24, MADE_NAME "%08" PRIx32 "%08" PRIx32, randombytes_random(), randombytes_random());
  return text_of(made);
}

/// A name that is made is another the next time, so that what is asked for is all that may be made.
static ubiq_error *permit_create(service_call *call, text name, yyjson_val *body) {
  bool is_made = yyjson_obj_get(body, "name") == NULL;
  ubiq_error *error = is_made ? service_call_permit_all(call, "schedules", "write", TEXT(MADE_NAME))
                              : service_call_permit(call, "schedules", "write", name);
  return error != NULL ? error : service_call_permit(call, "functions", "call", function_of(body));
}

/// An item whose payload is the call's arena's.
static ubiq_error *make_item(service_call *call, text name, backend_work_item *out) {
  const json_value root = json_root(&source, call->body.value);
  int64_t made_ms = now_ms();
  uint64_t due_ms = 0;
  buffer definition = {0};
  ubiq_error *error = first_due(&root, made_ms, &due_ms);
  if (error == NULL && !write_definition(&definition, call, made_ms)) error = ubiq_error_no_memory();
  if (error == NULL && definition.size > WORK_PAYLOAD_MAX)
    error = ubiq_error_new(UBIQ_TOO_LARGE, "the schedule has %zu bytes with its input; expected at most %d",
                           definition.size, WORK_PAYLOAD_MAX);
  const uint8_t *payload = error == NULL ? arena_copy(&call->arena, definition.data, definition.size) : NULL;
  if (error == NULL && payload == NULL) error = ubiq_error_no_memory();
  *out = (backend_work_item){.queue = TEXT(SCHEDULE_QUEUE),
                             .name = name,
                             .due_ms = due_ms,
                             .hops = call->caller.hops,
                             .payload = {payload, definition.size}};
  buffer_free(&definition);
  return error;
}

void service_schedules_create(service_call *call) {
  text name = name_of(call, call->body.value);
  work_call *self = work_call_new(call, 1, answer_created);
  if (self == NULL) return;
  self->changes[0].action = BACKEND_WORK_ADD;
  ubiq_error *error = name.data == NULL ? ubiq_error_no_memory() : work_check_hops(call);
  if (error == NULL) error = permit_create(call, name, call->body.value);
  if (error == NULL) error = make_item(call, name, &self->changes[0].item);
  work_call_start(self, error);
}

// ------------------------------------------------------------------------------------------------------------- looking

static bool find(service_call *call, backend_work_item *out) {
  return work_call_find(call, TEXT(SCHEDULE_QUEUE), call->params[0].text, 0, "schedule", out);
}

void service_schedules_get(service_call *call) {
  backend_work_item item;
  if (find(call, &item)) answer_item(call, &item);
}

typedef struct listing {
  buffer *out;
  bool is_short;
  size_t count;
  char last[SCHEDULE_NAME_MAX + 1];
} listing;

static void list_item(backend_work_list *list, const backend_work_item *item) {
  listing *self = list->user;
  if (self->count++ > 0) self->is_short |= !buffer_append_byte(self->out, ',');
  self->is_short |= !write_schedule(self->out, item);
  snprintf(self->last, sizeof self->last, "%.*s", (int)item->name.size, item->name.data);
}

static bool end_page(const listing *self, bool is_more) {
  return !self->is_short && buffer_append_byte(self->out, ']') &&
         (!is_more ||
          (buffer_append_string(self->out, ",\"cursor\":") && json_write_text(self->out, text_of(self->last)))) &&
         buffer_append_byte(self->out, '}');
}

void service_schedules_list(service_call *call) {
  listing listing = {.out = &call->bytes};
  backend_work_list list = {
      .project = call->caller.project,
      .queue = TEXT(SCHEDULE_QUEUE),
      .state = -1,
      .after_name = call->params[SCHEDULES_LIST_CURSOR].text,
      .limit = call->params[SCHEDULES_LIST_LIMIT].is_given ? call->params[SCHEDULES_LIST_LIMIT].number : 100,
      .each = list_item,
      .user = &listing};
  ubiq_error *error =
      call->services->backend == NULL ? ubiq_error_new(UBIQ_UNAVAILABLE, "this server keeps nothing") : NULL;
  listing.is_short = !buffer_append_string(&call->bytes, "{\"schedules\":[");
  if (error == NULL) error = backend_work_list_now(call->services->backend, &list);
  if (error == NULL && !end_page(&listing, list.is_more)) error = ubiq_error_no_memory();
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_answer_json(call, (text){NULL, 0});
}

// ------------------------------------------------------------------------------------------------------------ changing

/// Changes an item's state, unless somebody else changed it first.
static void change(service_call *call, const backend_work_item *item, backend_work_state state, uint64_t due_ms) {
  backend_work_item *changed = arena_alloc(&call->arena, sizeof *changed);
  work_call *self = work_call_new(call, 1, answer_changed);
  if (self == NULL) return;
  if (changed != NULL) {
    *changed = *item;
    changed->state = state;
    changed->due_ms = due_ms;
  }
  self->user = changed;
  self->changes[0] = (backend_work_change){.action = BACKEND_WORK_CHANGE,
                                           .is_expected = true,
                                           .expected_ms = item->due_ms,
                                           .item = {.id = item->id, .due_ms = due_ms, .state = state}};
  work_call_start(self, changed == NULL ? ubiq_error_no_memory() : NULL);
}

void service_schedules_pause(service_call *call) {
  backend_work_item item;
  if (find(call, &item)) change(call, &item, BACKEND_WORK_PAUSED, item.due_ms);
}

/// Its next time from now on: what it rested from is not made up for. What is done once keeps its time.
static ubiq_error *due_again(const backend_work_item *item, uint64_t *due_ms) {
  yyjson_doc *document = NULL;
  schedule schedule;
  int64_t next_ms = (int64_t)item->due_ms;
  ubiq_error *error = json_parse("schedule", item->payload.data, item->payload.size, &document);
  if (error != NULL) return error;
  const json_value root = json_root(&source, yyjson_doc_get_root(document));
  error = schedule_definition_read(&root, &schedule);
  if (error == NULL && schedule.kind != SCHEDULE_ONCE && !schedule_next(&schedule, now_ms(), &next_ms))
    error = ubiq_error_new(UBIQ_CONFLICT, "the schedule is never due again: its end_before has passed; delete it");
  yyjson_doc_free(document);
  *due_ms = (uint64_t)next_ms;
  return error;
}

void service_schedules_resume(service_call *call) {
  backend_work_item item;
  uint64_t due_ms = 0;
  if (!find(call, &item)) return;
  ubiq_error *error = due_again(&item, &due_ms);
  if (error != NULL)
    service_call_fail(call, error);
  else
    change(call, &item, BACKEND_WORK_WAITING, due_ms);
}

static ubiq_error *check_own(const backend_work_item *item) {
  yyjson_doc *document = yyjson_read((const char *)item->payload.data, item->payload.size, YYJSON_READ_NOFLAG);
  bool is_of_project = yyjson_get_bool(yyjson_obj_get(yyjson_doc_get_root(document), "is_of_project"));
  yyjson_doc_free(document);
  if (!is_of_project) return NULL;
  return ubiq_error_new(UBIQ_CONFLICT, "the schedule is one of ubiq.toml's; take it out there, or pause it");
}

void service_schedules_delete(service_call *call) {
  backend_work_item item;
  if (!find(call, &item)) return;
  work_call *self = work_call_new(call, 1, NULL);
  if (self == NULL) return;
  self->changes[0] = (backend_work_change){.action = BACKEND_WORK_END, .item = {.id = item.id}};
  work_call_start(self, check_own(&item));
}

// ---------------------------------------------------------------------------------------------------- running it now

/// A turn that somebody asked for. In the call's arena.
typedef struct asked_turn {
  char run[RUN_ID_SIZE]; ///< empty: there is none yet
} asked_turn;

static void answer_started(work_call *self) {
  const asked_turn *turn = self->user;
  char json[RUN_ID_SIZE + 16];
  int size = snprintf(json, sizeof json, "{\"id\":\"%s\"}", turn->run);
  self->call->status = 202;
  service_call_answer_json(self->call, (text){json, (size_t)size});
}

static void forget_started(work_call *self) {
  const asked_turn *turn = self->user;
  if (turn->run[0] != '\0') run_results_drop(self->call->services->runs, turn->run);
}

/// A turn's texts live in the arena, for the write.
static ubiq_error *write_turn(service_call *call, yyjson_val *definition, text schedule, const asked_turn *turn,
                              backend_work_item *out) {
  buffer payload = {0};
  const schedule_turn written = {definition, schedule,           now_ms(), call->caller.permissions,
                                 turn->run,  kept_trace_of(call)};
  bool good = schedule_turn_write(&written, &payload);
  uint8_t *copy = good ? arena_copy(&call->arena, payload.data, payload.size) : NULL;
  char *queue = arena_printf(&call->arena, TURN_QUEUE "%.*s", (int)schedule.size, schedule.data);
  *out = (backend_work_item){.queue = text_of(queue),
                             .due_ms = (uint64_t)written.time_ms,
                             .hops = call->caller.hops,
                             .payload = {copy, payload.size}};
  buffer_free(&payload);
  return copy == NULL || queue == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *make_turn(service_call *call, const backend_work_item *item, asked_turn *turn,
                             backend_work_item *out) {
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse("schedule", item->payload.data, item->payload.size, &document);
  if (error != NULL) return error;
  yyjson_val *definition = yyjson_doc_get_root(document);
  const text function = function_of(definition);
  error = service_call_permit(call, "functions", "call", function);
  if (error == NULL) error = run_results_add(call->services->runs, call->caller.project, function, turn->run);
  if (error == NULL) error = write_turn(call, definition, item->name, turn, out);
  yyjson_doc_free(document);
  return error;
}

void service_schedules_run(service_call *call) {
  backend_work_item item;
  if (!find(call, &item)) return;
  work_call *self = work_call_new(call, 1, answer_started);
  if (self == NULL) return;
  asked_turn *turn = arena_alloc(&call->arena, sizeof *turn);
  if (turn == NULL) {
    work_call_start(self, ubiq_error_no_memory());
    return;
  }
  turn->run[0] = '\0';
  self->user = turn;
  self->failed = forget_started;
  self->changes[0].action = BACKEND_WORK_ADD;
  ubiq_error *error = work_check_hops(call);
  work_call_start(self, error != NULL ? error : make_turn(call, &item, turn, &self->changes[0].item));
}
