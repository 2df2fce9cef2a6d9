// How tasks end: what is written down of each, and what follows when that cannot be.
#include "services/work/agenda_line.h"
#include "services/work/agenda_tasks.h"

#include "base/log.h"

#include <string.h>

enum {
  AGAIN_MS = 250, ///< until what nobody could take is handed over again
  FAILURE_BYTES_MAX = 1024,
};

bool agenda_is_settled(const ubiq_error *error) {
  return error == NULL || ubiq_error_code(error) == UBIQ_CONFLICT || ubiq_error_code(error) == UBIQ_NOT_FOUND;
}

static void written(backend_work_write *write) {
  agenda_task *task = write->user;
  uint64_t look_ms = agenda_is_settled(write->error) ? UINT64_MAX : agenda_now(task) + AGENDA_WRITE_AGAIN_MS;
  if (!agenda_is_settled(write->error))
    log_warn("work: what became of item %llu could not be written down, so it is begun again: %s",
             (unsigned long long)task->item.id, ubiq_error_message(write->error));
  ubiq_error_delete(write->error);
  if (task->line != NULL)
    agenda_line_changed(task, look_ms);
  else
    agenda_leave(task, look_ms);
}

static void start_write(agenda_task *task) {
  if (task->line != NULL)
    agenda_line_change(task);
  else
    backend_work_write_start(agenda_settings_of(task->agenda)->backend, &task->write);
}

static void write_change(agenda_task *task) {
  task->write = (backend_work_write){
      .project = task->item.project, .changes = &task->change, .count = 1, .done = written, .user = task};
  start_write(task);
}

void agenda_done(agenda_task *task) {
  if (task->line != NULL) {
    agenda_line_done(task);
    return;
  }
  task->change = (backend_work_change){.action = BACKEND_WORK_END, .item = {.id = task->item.id}};
  write_change(task);
}

/// What an attempt said, cut to a bound.
static text failure_of(agenda_task *task, const ubiq_error *error) {
  const text message = text_cut(text_of(ubiq_error_message(error)), FAILURE_BYTES_MAX);
  task->failure = strndup(message.data, message.size);
  return task->failure == NULL ? (text){NULL, 0} : text_of(task->failure);
}

static bool is_last(const agenda_task *task, const retry_policy *retry) {
  return retry == NULL || task->item.attempts + 1 >= retry->attempts;
}

void agenda_failed(agenda_task *task, ubiq_error *error) {
  uint32_t attempts = task->item.attempts + 1;
  bool is_over = is_last(task, task->retry);
  uint64_t due_ms = agenda_now(task);
  if (!is_over) due_ms += retry_policy_delay(task->retry, attempts + 1, agenda_settings_of(task->agenda)->chance());
  task->change = (backend_work_change){.action = BACKEND_WORK_CHANGE,
                                       .item = {.id = task->item.id,
                                                .due_ms = due_ms,
                                                .attempts = attempts,
                                                .state = is_over ? BACKEND_WORK_DEAD : BACKEND_WORK_WAITING,
                                                .failure = failure_of(task, error)}};
  ubiq_error_delete(error);
  write_change(task);
}

void agenda_refused(agenda_task *task) {
  uint64_t again_ms = agenda_now(task) + AGAIN_MS;
  if (task->line != NULL)
    agenda_line_refused(task, again_ms);
  else
    agenda_leave(task, again_ms);
}

static bool was_begun(const ubiq_error *error) {
  ubiq_code code = ubiq_error_code(error);
  return code != UBIQ_UNAVAILABLE && code != UBIQ_BUSY && code != UBIQ_CANCELLED;
}

bool agenda_tries_again(const agenda_task *task, const retry_policy *retry, const ubiq_error *error) {
  return !was_begun(error) || !is_last(task, retry);
}

void agenda_settle(agenda_task *task, ubiq_error *error) {
  if (error == NULL) {
    agenda_done(task);
  } else if (was_begun(error)) {
    agenda_failed(task, error);
  } else {
    ubiq_error_delete(error);
    agenda_refused(task);
  }
}

uint64_t agenda_now(const agenda_task *task) {
  return agenda_settings_of(task->agenda)->now_ms();
}

static void changes_written(backend_work_write *write) {
  agenda_task *task = write->user;
  void (*told)(void *) = task->told;
  void *user = task->told_user;
  written(write);
  if (told != NULL) told(user);
}

void agenda_change(agenda_task *task, const agenda_changes *changes, void (*told)(void *user), void *user) {
  task->told = told;
  task->told_user = user;
  task->write = (backend_work_write){.project = task->item.project,
                                     .changes = changes->list,
                                     .count = changes->count,
                                     .limits = changes->limits,
                                     .done = changes_written,
                                     .user = task};
  start_write(task);
}
