#include "server/front/background.h"

#include "services/events/events.h"
#include "services/schedules/schedule_work.h"
#include "services/work/agenda.h"

#include <stdlib.h>

struct background {
  schedule_work schedules;
  event_work events;
  agenda *agenda;
};

static void start(void *user, errand *errand) {
  errands_start(user, errand);
}

ubiq_error *background_new(services *services, errands *errands, background **out) {
  *out = NULL;
  if (services == NULL || services->backend == NULL || services->rests) return NULL;
  background *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->schedules = (schedule_work){services->backend, {start, errands}, services->runs};
  self->events = (event_work){services->events, self->schedules.taker};
  const agenda_kind kinds[] = {schedule_work_schedules(&self->schedules), schedule_work_turns(&self->schedules),
                               event_work_kind(&self->events), event_work_forgetting(),
                               event_work_clearing(services->backend)};
  const agenda_settings settings = {
      .backend = services->backend, .kinds = kinds, .kinds_count = sizeof kinds / sizeof kinds[0]};
  ubiq_error *error = agenda_open(&settings, &self->agenda);
  if (error == NULL)
    *out = self;
  else
    free(self);
  return error;
}

void background_rest(background *self) {
  if (self != NULL) agenda_pause(self->agenda);
}

void background_delete(background *self) {
  if (self == NULL) return;
  agenda_close(self->agenda);
  free(self);
}
