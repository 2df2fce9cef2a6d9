// A schedule's turns are made on the agenda's thread, and ended on whatever thread their function ran.
#include "services/schedules/schedule_work.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/log.h"
#include "services/quotas.h"
#include "services/schedules/schedule.h"
#include "services/work/kept_permissions.h"
#include "services/work/run_results.h"
#include "services/work/work_call.h"

#include <stdlib.h>

// ----------------------------------------------------------------------------------------------------------- payloads

static bool write_run(const schedule_turn *turn, buffer *out) {
  return turn->run == NULL || (buffer_append_string(out, ",\"run\":") && json_write_text(out, text_of(turn->run)));
}

static bool write_trace(const schedule_turn *turn, buffer *out) {
  const kept_trace kept = kept_trace_read(turn->definition);
  return kept_trace_write(out, turn->trace.parent.size > 0 ? &turn->trace : &kept);
}

bool schedule_turn_write(const schedule_turn *turn, buffer *out) {
  char time[CLOCK_TEXT_SIZE];
  yyjson_val *function = yyjson_obj_get(turn->definition, "function"),
             *kept = yyjson_obj_get(turn->definition, KEPT_PERMISSIONS);
  const text called = {yyjson_get_str(function), yyjson_get_len(function)};
  clock_format_ms((uint64_t)turn->time_ms, time);
  return buffer_append_string(out, "{\"schedule\":") && json_write_text(out, turn->schedule) &&
         buffer_append_string(out, ",\"time\":\"") && buffer_append_string(out, time) && buffer_append_byte(out, '"') &&
         json_write_field(out, "function", function) && kept_permissions_write(out, kept, turn->who, called) &&
         json_write_field(out, "input", yyjson_obj_get(turn->definition, "input")) &&
         json_write_field(out, "retry", yyjson_obj_get(turn->definition, "retry")) && write_run(turn, out) &&
         write_trace(turn, out) && buffer_append_byte(out, '}');
}

static const json_source source = {.name = "schedule"};

/// Reads an item's payload; `*document` is the caller's.
static ubiq_error *read_payload(const agenda_task *task, yyjson_doc **document, json_value *root) {
  ubiq_error *error = json_parse(source.name, task->item.payload.data, task->item.payload.size, document);
  if (error == NULL) *root = json_root(&source, yyjson_doc_get_root(*document));
  return error;
}

ubiq_error *schedule_definition_read(const json_value *definition, schedule *out) {
  const json_value made = json_field(definition, "made_ms");
  uint64_t made_ms = 0;
  ubiq_error *error = json_get_u64(&made, 0, INT64_MAX, &made_ms);
  return error != NULL ? error : schedule_read(definition, (int64_t)made_ms, out);
}

/// Ends a task that was not begun: what is wrong with it stays wrong, anything else may be over in a moment.
static void give_back(agenda_task *task, ubiq_error *error) {
  if (ubiq_error_code(error) == UBIQ_INVALID_INPUT) {
    agenda_failed(task, error);
    return;
  }
  log_warn("schedules: an item of %.*s cannot be begun now: %s", (int)task->item.queue.size, task->item.queue.data,
           ubiq_error_message(error));
  ubiq_error_delete(error);
  agenda_refused(task);
}

// ---------------------------------------------------------------------------------------------------------- schedules

/// What a schedule's turns are made of, until they are written.
typedef struct firing {
  schedule schedule;
  backend_work_change changes[SCHEDULE_TURNS_MAX + 1];
  size_t count;
  buffer payloads[SCHEDULE_TURNS_MAX];
  char queue[sizeof TURN_QUEUE + SCHEDULE_NAME_MAX];
} firing;

static void firing_delete(void *user) {
  firing *self = user;
  if (self == NULL) return;
  for (size_t i = 0; i < SCHEDULE_TURNS_MAX; i++) buffer_free(&self->payloads[i]);
  free(self);
}

/// Whether the last turn has not ended, where that matters.
static ubiq_error *overlaps(schedule_work *work, const firing *self, text project, bool *out) {
  backend_work_count count = {0};
  *out = false;
  if (self->schedule.overlap != SCHEDULE_OVERLAP_SKIP) return NULL;
  ubiq_error *error = backend_work_count_now(work->backend, project, text_of(self->queue), &count);
  *out = count.waiting > 0;
  return error;
}

static ubiq_error *add_turn(firing *self, const agenda_task *task, yyjson_val *definition, int64_t time_ms) {
  buffer *payload = &self->payloads[self->count];
  const schedule_turn turn = {.definition = definition, .schedule = task->item.name, .time_ms = time_ms};
  if (!schedule_turn_write(&turn, payload)) return ubiq_error_no_memory();
  bool waits = self->schedule.overlap != SCHEDULE_OVERLAP_ALLOW;
  self->changes[self->count++] = (backend_work_change){.action = BACKEND_WORK_ADD,
                                                       .item = {.queue = text_of(self->queue),
                                                                .order = waits ? task->item.name : (text){NULL, 0},
                                                                .due_ms = (uint64_t)time_ms,
                                                                .hops = task->item.hops,
                                                                .payload = buffer_bytes(payload)}};
  return NULL;
}

/// The schedule's own change: its next time, or its end.
static void add_next(firing *self, const agenda_task *task, int64_t next_ms) {
  backend_work_change *change = &self->changes[self->count++];
  *change = (backend_work_change){.action = next_ms == INT64_MAX ? BACKEND_WORK_END : BACKEND_WORK_CHANGE,
                                  .is_expected = true,
                                  .expected_ms = task->item.due_ms,
                                  .item = {.id = task->item.id, .due_ms = (uint64_t)next_ms}};
}

static ubiq_error *plan(schedule_work *work, agenda_task *task, const json_value *root, firing *self) {
  int64_t times[SCHEDULE_TURNS_MAX], next_ms = 0;
  bool is_busy = false;
  snprintf(self->queue, sizeof self->queue, TURN_QUEUE "%.*s", (int)task->item.name.size, task->item.name.data);
  ubiq_error *error = schedule_definition_read(root, &self->schedule);
  if (error == NULL) error = overlaps(work, self, task->item.project, &is_busy);
  if (error != NULL) return error;
  int64_t now_ms = (int64_t)agenda_now(task);
  size_t max = self->schedule.overlap == SCHEDULE_OVERLAP_SKIP ? 1 : SCHEDULE_TURNS_MAX;
  size_t count = schedule_due(&self->schedule, (int64_t)task->item.due_ms, now_ms, times, max, &next_ms);
  for (size_t i = 0; error == NULL && i < count && !is_busy; i++) error = add_turn(self, task, root->value, times[i]);
  add_next(self, task, next_ms);
  return error;
}

static void begin_schedule(void *user, agenda_task *task) {
  yyjson_doc *document = NULL;
  json_value root;
  firing *self = calloc(1, sizeof *self);
  ubiq_error *error = self == NULL ? ubiq_error_no_memory() : read_payload(task, &document, &root);
  if (error == NULL) error = plan(user, task, &root, self);
  yyjson_doc_free(document);
  if (error == NULL) {
    const agenda_changes changes = {self->changes, self->count, {QUOTA_WORK_ITEMS_MAX, QUOTA_WORK_BYTES_MAX, 0}};
    agenda_change(task, &changes, firing_delete, self);
    return;
  }
  firing_delete(self);
  give_back(task, error);
}

agenda_kind schedule_work_schedules(schedule_work *self) {
  return (agenda_kind){SCHEDULE_QUEUE, begin_schedule, self, .has_lanes = false};
}

// -------------------------------------------------------------------------------------------------------------- turns

/// A turn under way.
typedef struct turn {
  errand errand;
  agenda_task *task;
  retry_policy retry;
  yyjson_doc *document;
  char *input;             ///< owned; NULL: none
  permissions permissions; ///< of who had it made; none: of nobody
  run_results *runs;
  text run; ///< its id there, of the document; empty: it has none
  char path[sizeof "/v1/schedules/" + SCHEDULE_NAME_MAX];
} turn;

static void turn_delete(turn *self) {
  yyjson_doc_free(self->document);
  permissions_let_go(&self->permissions);
  free(self->input);
  free(self);
}

/// A run has ended when no attempt follows.
static void keep_result(const turn *self, const ubiq_error *error, ubiq_bytes output) {
  const char *id = self->run.data;
  if (self->runs == NULL || id == NULL) return;
  if (error != NULL && agenda_tries_again(self->task, &self->retry, error))
    run_results_wait(self->runs, id);
  else
    run_results_end(self->runs, id, error, output, error == NULL ? run_results_type(output) : (text){NULL, 0});
}

static void turn_begun(errand *errand) {
  const turn *self = errand->user;
  run_results_begin(self->runs, self->run.data);
}

static void turn_done(errand *errand, ubiq_error *error, ubiq_bytes output) {
  turn *self = errand->user;
  agenda_task *task = self->task;
  retry_policy retry = self->retry;
  keep_result(self, error, output);
  turn_delete(self);
  task->retry = &retry;
  agenda_settle(task, error);
}

/// Writes the function's input, which there need not be.
static ubiq_error *write_input(turn *self, yyjson_val *input) {
  size_t size = 0;
  if (input == NULL) return NULL;
  self->input = yyjson_val_write(input, YYJSON_WRITE_NOFLAG, &size);
  self->errand.input = (ubiq_bytes){(const uint8_t *)self->input, size};
  return self->input == NULL ? ubiq_error_no_memory() : NULL;
}

/// What a function that is given requests is told of its turn.
static void set_request(turn *self, text schedule, text time) {
  snprintf(self->path, sizeof self->path, "/v1/schedules/%.*s", (int)schedule.size, schedule.data);
  self->errand.path = text_of(self->path);
  self->errand.headers[0] = (http_field){TEXT("content-type"), TEXT("application/json")};
  self->errand.headers[1] = (http_field){TEXT("ubiq-schedule"), schedule};
  self->errand.headers[2] = (http_field){TEXT("ubiq-schedule-time"), time};
  self->errand.headers_count = 3;
}

static ubiq_error *read_turn(turn *self, json_value *root) {
  json_value name = json_field(root, "schedule"), function = json_field(root, "function"),
             at = json_field(root, "time");
  text schedule = {0}, time = {0};
  ubiq_error *error = json_get_text(&function, &self->errand.function);
  if (error == NULL) error = json_get_text(&name, &schedule);
  if (error == NULL) error = json_get_text(&at, &time);
  if (error == NULL) error = retry_policy_read(root, &self->retry);
  if (error == NULL) error = kept_permissions_read(root, &self->permissions);
  if (error == NULL) error = write_input(self, yyjson_obj_get(root->value, "input"));
  if (error != NULL) return error;
  yyjson_val *run = yyjson_obj_get(root->value, "run");
  self->run = (text){yyjson_get_str(run), yyjson_get_len(run)};
  if (self->permissions.count > 0) self->errand.inherited = &self->permissions;
  const kept_trace trace = kept_trace_read(root->value);
  self->errand.traceparent = trace.parent;
  self->errand.tracestate = trace.state;
  set_request(self, schedule, time);
  return NULL;
}

static void begin_turn(void *user, agenda_task *task) {
  schedule_work *work = user;
  json_value root;
  turn *self = calloc(1, sizeof *self);
  ubiq_error *error = self == NULL ? ubiq_error_no_memory() : read_payload(task, &self->document, &root);
  if (error == NULL) error = read_turn(self, &root);
  if (error != NULL) {
    if (self != NULL) turn_delete(self);
    give_back(task, error);
    return;
  }
  self->task = task;
  self->runs = work->runs;
  if (self->runs != NULL && self->run.data != NULL) self->errand.begun = turn_begun;
  self->errand.project = task->item.project;
  self->errand.hops = task->item.hops + 1;
  self->errand.done = turn_done;
  self->errand.user = self;
  work->taker.start(work->taker.user, &self->errand);
}

agenda_kind schedule_work_turns(schedule_work *self) {
  return (agenda_kind){TURN_QUEUE, begin_turn, self, .has_lanes = true};
}
