// Handlers of dead letters: events, and turns of schedules, that were tried in vain.
#include "services/events/events.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "services/operations.h"
#include "services/work/kept_permissions.h"
#include "services/work/kept_trace.h"
#include "services/work/work_call.h"

#include <inttypes.h>
#include <stdio.h>

enum {
  LISTED = 100,   ///< letters a page, unless it is said
  CHANGED = 1000, ///< at once, the same
};

typedef struct listing {
  service_call *call;
  const subscriptions *subscriptions; ///< a share
  bool is_good;
  size_t count;
  uint64_t last;
} listing;

static ubiq_error *find_subscriptions(const service_call *call, const subscriptions **out) {
  *out = NULL;
  if (call->services->events == NULL) return ubiq_error_new(UBIQ_UNAVAILABLE, "this server keeps nothing");
  return events_subscriptions(call->services->events, call->caller.project, out);
}

// ------------------------------------------------------------------------------------------------------------- listing

/// Whose it was: a subscription, or the name behind the queue's kind. Empty: of a subscription that is gone, and about to go, too.
static text owner_of(const subscriptions *all, const backend_work_item *item) {
  const char *slash = memchr(item->queue.data, '/', item->queue.size);
  if (text_starts_with(item->queue, TEXT(EVENT_QUEUE))) {
    const subscription *found = subscriptions_of_queue(all, item->queue);
    return found == NULL ? (text){NULL, 0} : text_of(found->name);
  }
  if (slash == NULL) return item->name;
  return (text){slash + 1, item->queue.size - (size_t)(slash + 1 - item->queue.data)};
}

/// An event as it is; of a schedule's turn not what is only kept with it.
static bool write_payload(buffer *out, const backend_work_item *item, text owner) {
  static const char *const kept[] = {KEPT_PERMISSIONS, "run", "made_ms", KEPT_TRACE_PARENT, KEPT_TRACE_STATE};
  if (text_starts_with(item->queue, TEXT(EVENT_QUEUE)))
    return buffer_append(out, item->payload.data, item->payload.size);
  yyjson_doc *document = yyjson_read((const char *)item->payload.data, item->payload.size, YYJSON_READ_NOFLAG);
  yyjson_obj_iter iterator = yyjson_obj_iter_with(yyjson_doc_get_root(document));
  bool good = document != NULL && buffer_append_string(out, "{\"name\":") && json_write_text(out, owner);
  for (yyjson_val *key; good && (key = yyjson_obj_iter_next(&iterator)) != NULL;) {
    bool is_kept = false;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) is_kept |= yyjson_equals_str(key, kept[i]);
    if (!is_kept) good = json_write_field(out, yyjson_get_str(key), yyjson_obj_iter_get_val(key));
  }
  yyjson_doc_free(document);
  return good && buffer_append_byte(out, '}');
}

static bool write_letter(buffer *out, const backend_work_item *item, text owner) {
  char numbers[96], time[CLOCK_TEXT_SIZE];
  clock_format_ms(item->due_ms, time);
  snprintf(numbers, sizeof numbers, ",\"attempts\":%" PRIu32 ",\"failed_at\":\"%s\"}", item->attempts, time);
  snprintf(time, sizeof time, "%" PRIu64, item->id);
  return buffer_append_string(out, "{\"id\":\"") && buffer_append_string(out, time) &&
         buffer_append_string(out, "\",\"subscription\":") && json_write_text(out, owner) &&
         buffer_append_string(out, ",\"event\":") && write_payload(out, item, owner) &&
         buffer_append_string(out, ",\"error\":") && json_write_text(out, item->failure) &&
         buffer_append_string(out, numbers);
}

static void list_letter(backend_work_list *list, const backend_work_item *item) {
  listing *self = list->user;
  buffer *out = &self->call->bytes;
  const text owner = owner_of(self->subscriptions, item);
  self->last = item->id;
  if (owner.size == 0) return;
  self->is_good =
      self->is_good && (self->count++ == 0 || buffer_append_byte(out, ',')) && write_letter(out, item, owner);
}

static bool end_letters(const listing *self, bool is_more) {
  char cursor[40];
  snprintf(cursor, sizeof cursor, ",\"cursor\":\"%" PRIu64 "\"", self->last);
  return self->is_good && buffer_append_byte(&self->call->bytes, ']') &&
         (!is_more || buffer_append_string(&self->call->bytes, cursor)) && buffer_append_byte(&self->call->bytes, '}');
}

static ubiq_error *read_id(const service_param *param, const char *what, uint64_t *out) {
  *out = 0;
  if (!param->is_given || (text_to_u64(param->text, out) && *out <= INT64_MAX)) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s is \"%.*s\"; expected what a list of dead letters said", what,
                        (int)param->text.size, param->text.data);
}

/// What each that asks for several is given: of which subscription, from where on, and how many at most.
enum { SUBSCRIPTION, CURSOR, LIMIT };

_Static_assert(SUBSCRIPTION == (int)DEAD_LETTERS_LIST_SUBSCRIPTION && CURSOR == (int)DEAD_LETTERS_LIST_CURSOR &&
                   LIMIT == (int)DEAD_LETTERS_LIST_LIMIT && SUBSCRIPTION == (int)DEAD_LETTERS_REPLAY_ALL_SUBSCRIPTION &&
                   CURSOR == (int)DEAD_LETTERS_REPLAY_ALL_CURSOR && LIMIT == (int)DEAD_LETTERS_REPLAY_ALL_LIMIT &&
                   SUBSCRIPTION == (int)DEAD_LETTERS_DROP_ALL_SUBSCRIPTION &&
                   CURSOR == (int)DEAD_LETTERS_DROP_ALL_CURSOR && LIMIT == (int)DEAD_LETTERS_DROP_ALL_LIMIT,
               "they are in one order");

/// The queue of what is called so: of a subscription, or of nobody.
static ubiq_error *find_queue(service_call *call, const subscriptions *all, text name, text *out) {
  const subscription *found = subscriptions_find(all, name);
  char *queue = arena_alloc(&call->arena, EVENT_QUEUE_SIZE);
  if (queue == NULL) return ubiq_error_no_memory();
  event_queue_name(found == NULL ? 0 : found->id, queue);
  *out = text_of(queue);
  return NULL;
}

/// Reads what was asked for; the queue is the arena's.
static ubiq_error *read_asked(service_call *call, const subscriptions *all, size_t limit, backend_work_list *out) {
  const service_param *subscription = &call->params[SUBSCRIPTION];
  *out = (backend_work_list){.project = call->caller.project,
                             .state = BACKEND_WORK_DEAD,
                             .limit = call->params[LIMIT].is_given ? call->params[LIMIT].number : limit};
  ubiq_error *error = subscription->is_given ? find_queue(call, all, subscription->text, &out->queue) : NULL;
  return error != NULL ? error : read_id(&call->params[CURSOR], "cursor", &out->after_id);
}

void service_dead_letters_list(service_call *call) {
  listing listing = {.call = call, .is_good = buffer_append_string(&call->bytes, "{\"items\":[")};
  backend_work_list list = {0};
  ubiq_error *error = find_subscriptions(call, &listing.subscriptions);
  if (error == NULL) error = read_asked(call, listing.subscriptions, LISTED, &list);
  list.each = list_letter;
  list.user = &listing;
  if (error == NULL) error = backend_work_list_now(call->services->backend, &list);
  if (error == NULL && !end_letters(&listing, list.is_more)) error = ubiq_error_no_memory();
  subscriptions_release(listing.subscriptions);
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_answer_json(call, (text){NULL, 0});
}

// ------------------------------------------------------------------------------------------------------------ changing

/// Letters that are to be changed, as they were a moment before: who changes one meanwhile comes first.
typedef struct changing {
  backend_work_action action;         ///< CHANGE: they wait again
  const subscriptions *subscriptions; ///< a share, while they are read
  uint64_t due_ms;                    ///< then
  uint32_t hops;                      ///< of who has them tried again
  backend_work_change *list;          ///< the arena's
  size_t count;
  uint64_t last; ///< id of the last that was read
  bool is_more;
} changing;

static void take_letter(backend_work_list *list, const backend_work_item *item) {
  changing *self = list->user;
  self->last = item->id;
  if (owner_of(self->subscriptions, item).size == 0) return;
  self->list[self->count++] =
      (backend_work_change){.action = self->action,
                            .is_expected = true,
                            .is_dead = true,
                            .may_pass = true,
                            .expected_ms = item->due_ms,
                            .item = {.id = item->id, .due_ms = self->due_ms, .hops = self->hops}};
}

static ubiq_error *read_letters(service_call *call, backend_work_list *list, changing *out) {
  out->due_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  out->list = arena_array(&call->arena, list->limit, sizeof *out->list);
  if (out->list == NULL) return ubiq_error_no_memory();
  list->each = take_letter;
  list->user = out;
  ubiq_error *error = backend_work_list_now(call->services->backend, list);
  out->is_more = list->is_more;
  return error;
}

static void write_letters(service_call *call, changing *self, void (*answer)(work_call *)) {
  work_call *write = work_call_new(call, self->count, answer);
  if (write == NULL) return;
  write->user = self;
  if (self->count > 0) memcpy(write->changes, self->list, self->count * sizeof *self->list);
  if (self->count > 0)
    work_call_start(write, NULL);
  else
    answer(write);
}

static size_t count_changed(const work_call *write) {
  size_t count = 0;
  for (size_t i = 0; i < write->write.count; i++) count += !write->changes[i].was_passed;
  return count;
}

static void answer_all(work_call *write) {
  const changing *self = write->user;
  service_call *call = write->call;
  bool good = buffer_printf(&call->bytes, "{\"count\":%zu", count_changed(write));
  if (self->is_more) good = good && buffer_printf(&call->bytes, ",\"cursor\":\"%" PRIu64 "\"", self->last);
  if (good && buffer_append_byte(&call->bytes, '}'))
    service_call_answer_json(call, (text){NULL, 0});
  else
    service_call_fail(call, ubiq_error_no_memory());
}

static changing *changing_new(service_call *call, backend_work_action action) {
  changing *self = arena_alloc(&call->arena, sizeof *self);
  if (self != NULL) *self = (changing){.action = action, .hops = call->caller.hops};
  return self;
}

/// What is replayed may lead to who replays it: that ends as any loop does.
static ubiq_error *check_loop(const service_call *call, backend_work_action action) {
  return action == BACKEND_WORK_CHANGE ? work_check_hops(call) : NULL;
}

static void change_all(service_call *call, backend_work_action action) {
  changing *self = changing_new(call, action);
  backend_work_list list = {0};
  ubiq_error *error = self == NULL ? ubiq_error_no_memory() : find_subscriptions(call, &self->subscriptions);
  if (error == NULL) error = check_loop(call, action);
  if (error == NULL) error = read_asked(call, self->subscriptions, CHANGED, &list);
  if (error == NULL) error = read_letters(call, &list, self);
  if (self != NULL) subscriptions_release(self->subscriptions);
  if (error == NULL)
    write_letters(call, self, answer_all);
  else
    service_call_fail(call, error);
}

void service_dead_letters_replay_all(service_call *call) {
  change_all(call, BACKEND_WORK_CHANGE);
}

void service_dead_letters_drop_all(service_call *call) {
  change_all(call, BACKEND_WORK_END);
}

static void answer_one(work_call *write) {
  if (count_changed(write) == 0)
    service_call_fail(write->call, ubiq_error_new(UBIQ_NOT_FOUND, "there is no such dead letter"));
  else
    service_call_done(write->call);
}

/// Changes the dead letter that the first parameter names.
static void change_letter(service_call *call, backend_work_action action) {
  changing *self = changing_new(call, action);
  backend_work_list list = {.project = call->caller.project, .state = BACKEND_WORK_DEAD, .limit = 1};
  uint64_t id = 0;
  ubiq_error *error = self == NULL ? ubiq_error_no_memory() : find_subscriptions(call, &self->subscriptions);
  if (error == NULL) error = check_loop(call, action);
  if (error == NULL) error = read_id(&call->params[0], "id", &id);
  list.after_id = id == 0 ? 0 : id - 1;
  if (error == NULL) error = read_letters(call, &list, self);
  if (self != NULL) subscriptions_release(self->subscriptions);
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  if (self->count > 0 && self->list[0].item.id != id) self->count = 0; // a later one
  write_letters(call, self, answer_one);
}

void service_dead_letters_replay(service_call *call) {
  change_letter(call, BACKEND_WORK_CHANGE);
}

void service_dead_letters_drop(service_call *call) {
  change_letter(call, BACKEND_WORK_END);
}
