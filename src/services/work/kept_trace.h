// The trace that led to a piece of work, kept with it, so that what it has run goes on with that trace (W3C Trace Context; of events the
// attributes of CloudEvents' extension "Distributed Tracing").
#ifndef SERVICES_WORK_KEPT_TRACE_H
#define SERVICES_WORK_KEPT_TRACE_H

#include "base/buffer.h"
#include "services/service.h"

#include <yyjson.h>

#define KEPT_TRACE_PARENT "traceparent"
#define KEPT_TRACE_STATE  "tracestate"

enum { KEPT_TRACE_STATE_MAX = 512 }; ///< bytes of a list that is kept; longer ones are not

typedef struct kept_trace {
  text parent; ///< empty: none is known
  text state;  ///< that goes with it; empty: none
} kept_trace;

/// Of who makes the call: what its headers say or, without any, the run that makes it. Borrowed from the call, within its handler.
kept_trace kept_trace_of(const service_call *call);

/// Appends the members of an object, each behind a comma. False when memory is out.
UBIQ_NODISCARD bool kept_trace_write(buffer *out, const kept_trace *self);

/// Reads them from an object; borrowed from that.
kept_trace kept_trace_read(yyjson_val *object);

/// Whether a member of that name is one of them.
bool kept_trace_has_name(text name);

#endif
