// What ubiq.toml has done without a request: at times, and when something was published.
//
//     [[functions.report.schedules]]
//     name = "nightly"                # the function's name unless it is said; no two schedules of a project have the same
//     cron = "0 3 * * *"              # and the other keys of services/schedules/schedule.h
//     timezone = "Europe/Berlin"
//     input = { days = 1 }            # what the function is given, as JSON; nothing unless it is said
//
//     [[functions.mailer.events]]
//     name = "mail"                   # the same, of subscriptions
//     topic = "order.*"
//     retry = { attempts = 5 }
#ifndef RUNTIME_PROJECT_PROJECT_TRIGGERS_H
#define RUNTIME_PROJECT_PROJECT_TRIGGERS_H

#include "base/arena.h"
#include "base/json.h"
#include "services/triggers.h"

/// Those of a project, while it is read. Begin with the arena alone, which owns the list.
typedef struct project_triggers {
  arena *arena;
  trigger *list;
  size_t count, capacity;
} project_triggers;

/// Reads a function's key `schedules`. Errors: `invalid_input` with the place.
ubiq_error *project_read_schedules(project_triggers *self, const char *function, const json_value *value);

/// Reads a function's key `events`. Errors: `invalid_input` with the place.
ubiq_error *project_read_events(project_triggers *self, const char *function, const json_value *value);

#endif
