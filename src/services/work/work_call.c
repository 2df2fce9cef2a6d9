#include "services/work/work_call.h"

#include "services/quotas.h"
#include "services/work/errand.h"

work_call *work_call_new(service_call *call, size_t count, void (*answer)(work_call *self)) {
  if (call->services->backend == NULL) {
    service_call_fail(call, ubiq_error_new(UBIQ_UNAVAILABLE, "this server keeps nothing"));
    return NULL;
  }
  work_call *self = arena_alloc(&call->arena, sizeof *self + count * sizeof self->changes[0]);
  if (self == NULL) {
    service_call_fail(call, ubiq_error_no_memory());
    return NULL;
  }
  memset(self, 0, sizeof *self + count * sizeof self->changes[0]);
  const quotas *quotas = quotas_of(&call->caller);
  self->call = call;
  self->answer = answer;
  self->write = (backend_work_write){.project = call->caller.project,
                                     .changes = self->changes,
                                     .count = count,
                                     .limits = {quotas->work_items, quotas->work_bytes, 0},
                                     .user = self};
  return self;
}

static void fail(work_call *self, ubiq_error *error) {
  if (self->failed != NULL) self->failed(self);
  service_call_fail(self->call, error);
}

static void written(backend_work_write *write) {
  work_call *self = write->user;
  if (self->is_done_by_conflict && write->error != NULL && ubiq_error_code(write->error) == UBIQ_CONFLICT) {
    ubiq_error_delete(write->error);
    write->error = NULL;
  }
  if (write->error != NULL)
    fail(self, write->error);
  else if (self->answer != NULL)
    self->answer(self);
  else
    service_call_done(self->call);
}

void work_call_start(work_call *self, ubiq_error *error) {
  if (error != NULL) {
    fail(self, error);
    return;
  }
  self->write.done = written;
  backend_work_write_start(self->call->services->backend, &self->write);
}

ubiq_error *work_check_hops(const service_call *call) {
  if (call->caller.hops < ERRAND_HOPS_MAX) return NULL;
  return ubiq_error_new(UBIQ_DENIED,
                        "events and schedules led to this one %d times in a row, which is as often as they may",
                        ERRAND_HOPS_MAX);
}

// ------------------------------------------------------------------------------------------------------------ finding

typedef struct finding {
  arena *arena;
  backend_work_item *item;
  bool is_found, is_short;
} finding;

static void own(finding *self, text *value) {
  char *copy = arena_alloc(self->arena, value->size + 1);
  if (copy == NULL) {
    self->is_short = true;
    return;
  }
  if (value->size > 0) memcpy(copy, value->data, value->size);
  copy[value->size] = '\0';
  value->data = copy;
}

static void take(backend_work_list *list, const backend_work_item *item) {
  finding *self = list->user;
  *self->item = *item;
  self->is_found = true;
  text payload = {(const char *)item->payload.data, item->payload.size};
  text *const texts[] = {&self->item->project, &self->item->queue,   &self->item->name,
                         &self->item->order,   &self->item->failure, &payload};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) own(self, texts[i]);
  self->item->payload.data = (const uint8_t *)payload.data;
}

bool work_call_find(service_call *call, text queue, text name, uint64_t id, const char *what, backend_work_item *out) {
  finding finding = {.arena = &call->arena, .item = out};
  backend_work_list list = {.project = call->caller.project,
                            .queue = queue,
                            .state = -1,
                            .name = name,
                            .only_id = id,
                            .limit = 1,
                            .each = take,
                            .user = &finding};
  ubiq_error *error = call->services->backend == NULL ? ubiq_error_new(UBIQ_UNAVAILABLE, "this server keeps nothing")
                                                      : backend_work_list_now(call->services->backend, &list);
  if (error == NULL && finding.is_short) error = ubiq_error_no_memory();
  if (error == NULL && !finding.is_found) error = ubiq_error_new(UBIQ_NOT_FOUND, "there is no such %s", what);
  if (error != NULL) service_call_fail(call, error);
  return error == NULL;
}
