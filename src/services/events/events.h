// Events: CloudEvents that are stored when they are published, and delivered at least once to each subscription that was there then.
//
// A subscription is an item of the queue "subscriptions" (backend/work.h) that is never due: a topic's pattern and a function. An event is an
// item of the queue "events/ID" of each subscription whose pattern its type matches: all of them in one transaction, which is what
// the publisher waits for. ID is the subscription's item's, which stays when it is changed, so that one that is made anew under its name is
// another. Items with one partition key are delivered one after the other, in the order of their publishing. What its function
// fails at is tried again as the subscription says, and then kept as a dead letter.
//
// An event whose publisher said its id leaves an item of the queue "published" behind for EVENT_KNOWN_MS, named by its source, id and type,
// which is written with it: one that comes again meanwhile, because its publisher was not told or asked twice, finds that name taken, and is
// answered as the first was. (JetStream: Nats-Msg-Id and the stream's duplicate window, which is 2 minutes, too.)
//
// With the end of a subscription an item of the queue "unsubscribed" is written, and what that does is to take away what waits for it and its
// dead letters, portion by portion. Until it has, nobody is told of those: an event whose subscription is not there ends when it is due.
#ifndef SERVICES_EVENTS_EVENTS_H
#define SERVICES_EVENTS_EVENTS_H

#include "services/permissions/permissions.h"
#include "services/service.h"
#include "services/work/agenda.h"
#include "services/work/errand.h"

#define SUBSCRIPTION_QUEUE "subscriptions"
#define EVENT_QUEUE        BACKEND_WORK_COUNTED ///< and the subscription's id, in 16 hexadecimal digits
#define PUBLISHED_QUEUE    "published"
#define UNSUBSCRIBED_QUEUE "unsubscribed"

enum {
  SUBSCRIPTION_NAME_MAX = 128,
  SUBSCRIPTIONS_MAX = 1000,
  EVENT_KNOWN_MS = 120000,
  EVENT_BYTES_AT_ONCE_MAX = 64 << 20,         ///< of an event, for all of its subscriptions
  EVENT_QUEUE_SIZE = sizeof EVENT_QUEUE + 16, ///< with the NUL
};

typedef struct subscription {
  uint64_t id; ///< of its item
  const char *name;
  const char *topic; ///< `order.*`: `*` is any run of bytes
  const char *function;
  retry_policy retry;
  permissions permissions; ///< of who made it; shares of its sets. None: of nobody
} subscription;

/// The subscriptions of a project at a moment; they never change.
typedef struct subscriptions {
  size_t count;
  subscription *list;
} subscriptions;

/// What is known of all projects' subscriptions; read from the backend when they are first asked for. Any thread.
typedef struct events events;

/// `*out` is the caller's. Errors: `internal`.
ubiq_error *events_new(backend *backend, events **out);
/// NULL is allowed.
void events_delete(events *self);

/// The project's subscriptions; to be given back with subscriptions_release. Errors: those of reading.
ubiq_error *events_subscriptions(events *self, text project, const subscriptions **out);
void subscriptions_release(const subscriptions *self);

/// One of them by its name, or by what is its queue; NULL: there is none.
const subscription *subscriptions_find(const subscriptions *self, text name);
const subscription *subscriptions_of_queue(const subscriptions *self, text queue);

/// The name of a subscription's queue.
void event_queue_name(uint64_t id, char out[EVENT_QUEUE_SIZE]);
/// The id of the subscription whose queue it is; 0: of none.
uint64_t event_queue_owner(text queue);

/// The project's subscriptions are others now.
void events_changed(events *self, text project);

enum { UNSUBSCRIBE_CHANGES = 2 };

/// What ends a subscription, with what waits for it. `name` is borrowed by the changes: the name of its queue.
void events_unsubscribe(uint64_t id, const char name[EVENT_QUEUE_SIZE], uint64_t now_ms,
                        backend_work_change out[UNSUBSCRIBE_CHANGES]);

/// Deliveries, for agenda_settings.kinds; `self` lives as long as the agenda.
typedef struct event_work {
  events *events;
  errand_taker taker;
} event_work;

agenda_kind event_work_kind(event_work *self);

/// Forgetting events that were published a while ago.
agenda_kind event_work_forgetting(void);

/// Taking away what waits for subscriptions that have ended. The backend is the agenda's.
agenda_kind event_work_clearing(backend *backend);

#endif
