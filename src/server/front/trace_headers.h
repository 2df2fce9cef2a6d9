// What a request says of the trace that it is part of. The worker's thread only.
#ifndef SERVER_FRONT_TRACE_HEADERS_H
#define SERVER_FRONT_TRACE_HEADERS_H

#include "server/front/connection.h"

/// The traceparent of a request whose headers have come, unread; empty: there is none.
text trace_headers_parent(const connection *self);

/// run.parent and run.state, for the runs of connections.
text trace_headers_run_parent(const run *run);
size_t trace_headers_run_state(const run *run, char out[TRACE_STATE_SIZE]);

#endif
