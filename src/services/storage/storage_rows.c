// Objects in rows: put beside their entry by one write of the backend, which many share. The handler asks for what is there, and goes on
// where the backend answers; who was overtaken by another, and what is a file so far, is for a thread.
#include "base/clock.h"
#include "services/operations.h"
#include "services/services.h"
#include "services/storage/storage_parts.h"

/// Lives in its call's arena.
typedef struct row_put {
  backend_kv_read look;
  backend_kv_write write;
  backend_kv_change change;
  storage *storage; ///< entered until the end
  service_call *call;
  text key;
  storage_entry entry, old;
  buffer value;
} row_put;

bool storage_is_for_row(const storage *self, uint64_t size) {
  return self != NULL && self->settings.row_max > 0 && size <= self->settings.row_max;
}

/// The last that is done with it.
static void end(row_put *self, ubiq_error *error) {
  service_call *call = self->call;
  if (error == NULL) error = storage_answer_written(call, &self->entry);
  buffer_free(&self->value);
  storage_leave(self->storage);
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_done(call);
}

// ------------------------------------------------------------------------------------------------------- on a thread

/// Somebody was faster.
static void put_again(service_call *call) {
  row_put *self = call->state;
  bool is_refused = false;
  const condition condition = storage_put_condition(call);
  ubiq_error *error = storage_entry_put(self->storage, self->key, &call->arena, &self->entry, &condition, &is_refused);
  if (is_refused) call->status = 412;
  if (error != NULL) (void)storage_give_back(self->storage, self->key, &self->entry, error);
  end(self, error);
}

static void remove_old(service_call *call) {
  row_put *self = call->state;
  storage_entry_end(self->storage, self->key, &self->old);
  end(self, NULL);
}

// ---------------------------------------------------------------------------------------------- where the backend answers

static void take_written(backend_kv_write *operation) {
  row_put *self = operation->user;
  ubiq_error *error = operation->error;
  bool is_overtaken = operation->refusal == BACKEND_KV_REFUSED_CONDITION;
  bool was_file = error == NULL && operation->changes[0].was_there && !self->old.is_in_row;
  if (is_overtaken) {
    ubiq_error_delete(error);
    error = storage_continue(self->call, put_again);
    if (error == NULL) return;
  } else if (was_file) {
    error = storage_continue(self->call, remove_old);
    if (error == NULL) return;
    ubiq_error_delete(error); // then here
    error = NULL;
  }
  if (error != NULL)
    (void)storage_give_back(self->storage, self->key, &self->entry, error);
  else if (operation->changes[0].was_there)
    storage_entry_end(self->storage, self->key, &self->old);
  end(self, error);
}

static ubiq_error *take_old(row_put *self) {
  const backend_kv_read *found = &self->look;
  if (found->error != NULL) return found->error;
  if (found->is_found && !storage_entry_read(found->entry.value, &self->call->arena, &self->old))
    return ubiq_error_new(UBIQ_INTERNAL, "storage: an object's entry cannot be read");
  const condition condition = storage_put_condition(self->call);
  ubiq_error *error = storage_entry_check(&condition, found->is_found ? &self->old : NULL);
  if (error != NULL)
    self->call->status = 412;
  else if (found->is_found)
    self->old.version = found->entry.version;
  return error;
}

static void take_look(backend_kv_read *operation) {
  row_put *self = operation->user;
  ubiq_error *error = take_old(self);
  if (error == NULL && !storage_entry_write(&self->value, &self->entry)) error = ubiq_error_no_memory();
  if (error == NULL)
    error = storage_reserve(self->storage, &self->call->caller, self->key, self->entry.size, self->old.size);
  if (error != NULL) {
    end(self, error);
    return;
  }
  self->change = (backend_kv_change){.action = BACKEND_KV_PUT,
                                     .condition = operation->is_found ? BACKEND_KV_IF_VERSION : BACKEND_KV_IF_ABSENT,
                                     .version = self->old.version,
                                     .key = self->key,
                                     .value = buffer_bytes(&self->value),
                                     .attachment = self->entry.bytes};
  self->write = storage_entry_change(&self->change, take_written, self);
  storage_keep_recent(self->storage, &self->entry, self->entry.bytes); // nobody knows the id yet
  backend_kv_write_start(self->storage->settings.backend, &self->write);
}

static ubiq_error *prepare(row_put *self, service_call *call, const storage_entry *entry) {
  self->call = call;
  self->entry = *entry;
  self->entry.is_in_row = true;
  self->entry.size = entry->bytes.size;
  self->entry.modified_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  storage_new_id(self->entry.id);
  ubiq_error *error = storage_metadata(call, &call->params[STORAGE_PUT_UBIQ_METADATA], &self->entry.metadata);
  return error != NULL ? error : storage_key(call, call->params[STORAGE_PUT_PATH].text, &self->key);
}

void storage_row_put(service_call *call, const storage_entry *entry) {
  row_put *self = arena_array(&call->arena, 1, sizeof *self);
  if (self == NULL) {
    service_call_fail(call, ubiq_error_no_memory());
    return;
  }
  ubiq_error *error = prepare(self, call, entry);
  if (error == NULL) error = storage_enter(call, &self->storage);
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  call->state = self;
  self->look = (backend_kv_read){.place = storage_place, .key = self->key, .done = take_look, .user = self};
  backend_kv_read_start(self->storage->settings.backend, &self->look);
}
