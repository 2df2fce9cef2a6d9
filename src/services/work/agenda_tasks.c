#include "services/work/agenda_tasks.h"

#include <stdlib.h>
#include <string.h>

static char *put_text(char *at, text *value) {
  if (value->size > 0) memcpy(at, value->data, value->size);
  value->data = at;
  return at + value->size;
}

/// Copies an item's texts behind each other.
static bool own_texts(agenda_task *self) {
  backend_work_item *item = &self->item;
  text payload = {(const char *)item->payload.data, item->payload.size};
  text *const texts[] = {&item->project, &item->queue, &item->name, &item->order, &item->failure, &payload};
  size_t size = 1;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) size += texts[i]->size;
  char *at = self->texts = malloc(size);
  if (at == NULL) return false;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) at = put_text(at, texts[i]);
  item->payload.data = (const uint8_t *)payload.data;
  return true;
}

agenda_task *agenda_task_new(agenda *agenda, const backend_work_item *item) {
  agenda_task *task = calloc(1, sizeof *task);
  if (task == NULL) return NULL;
  task->agenda = agenda;
  task->passed_ms = UINT64_MAX;
  task->item = *item;
  if (own_texts(task)) return task;
  free(task);
  return NULL;
}

void agenda_task_delete(agenda_task *self) {
  free(self->texts);
  free(self->failure);
  free(self);
}

size_t agenda_task_bytes(const agenda_task *self) {
  const backend_work_item *item = &self->item;
  return sizeof *self + item->project.size + item->queue.size + item->name.size + item->order.size +
         item->payload.size + item->failure.size;
}

agenda_task *agenda_tasks_find(const agenda_tasks *self, uint64_t id) {
  agenda_task *task = self->buckets[id % AGENDA_TASK_BUCKETS];
  while (task != NULL && task->item.id != id) task = task->next;
  return task;
}

void agenda_tasks_add(agenda_tasks *self, agenda_task *task) {
  agenda_task **bucket = &self->buckets[task->item.id % AGENDA_TASK_BUCKETS];
  task->next = *bucket;
  *bucket = task;
}

void agenda_tasks_remove(agenda_tasks *self, const agenda_task *task) {
  agenda_task **at = &self->buckets[task->item.id % AGENDA_TASK_BUCKETS];
  while (*at != task) at = &(*at)->next;
  *at = task->next;
}
