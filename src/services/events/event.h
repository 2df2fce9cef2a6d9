// An event as it comes: a CloudEvent 1.0 in structured or in binary mode, checked, completed, and written as the JSON that is delivered.
#ifndef SERVICES_EVENTS_EVENT_H
#define SERVICES_EVENTS_EVENT_H

#include "services/service.h"
#include "services/work/kept_trace.h"

enum {
  EVENT_ATTRIBUTES_MAX = 64,     ///< of an event, extensions too
  EVENT_ATTRIBUTE_NAME_MAX = 64, ///< bytes; the specification advises 20
};

/// All of it is the call's arena's, or the request's.
typedef struct event {
  text id, source, type;
  text key;         ///< `partitionkey`; empty: none
  bool is_named;    ///< its publisher said the id
  kept_trace trace; ///< what it says or, where it says nothing, that of its publisher
  ubiq_bytes json;  ///< the whole
} event;

/// Reads the call's body: an event in structured mode. Errors: `invalid_input`, `too_large`.
ubiq_error *event_read_structured(service_call *call, event *out);

/// Reads the call's headers `ce-NAME` and its body: an event in binary mode, by CloudEvents' HTTP binding. Errors: the same.
ubiq_error *event_read_binary(service_call *call, event *out);

/// The trace of an event that was written by one of the above, without reading all of it. False: it has none. A state that JSON has to
/// escape is left out.
bool event_find_trace(ubiq_bytes json, kept_trace *out);

#endif
