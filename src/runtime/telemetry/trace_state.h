// What systems of several vendors say to each other along a trace: W3C Trace Context, level 1, the header `tracestate`.
//
// Nothing is added to it here, and none of it is understood: what is well-formed is handed on.
#ifndef RUNTIME_TELEMETRY_TRACE_STATE_H
#define RUNTIME_TELEMETRY_TRACE_STATE_H

#include "base/text.h"

#define TRACE_STATE_HEADER "tracestate"

enum {
  TRACE_STATE_SIZE = 513,         ///< bytes of a list that is handed on, NUL included
  TRACE_STATE_MEMBERS_MAX = 32,   ///< of a list that is taken
  TRACE_STATE_MEMBER_LARGE = 128, ///< bytes above which members are the first to be left out
};

/// Reads a list, without the blanks and empty members that it may have, and writes as much of it as is handed on: where it is
/// too long, members that are large are left out, and then the last ones. Answers the bytes written, without the NUL:
/// none for a list with anything malformed, a key twice or too many members.
size_t trace_state_read(text header, char out[TRACE_STATE_SIZE]);

#endif
