// Requests that were answered without a run: no function was found for them, or none was asked.
//
// They are counted by reason, of which there are few, whatever clients send; and have a line in the run log.
#ifndef RUNTIME_TELEMETRY_REFUSAL_H
#define RUNTIME_TELEMETRY_REFUSAL_H

#include "runtime/telemetry/trace.h"

typedef enum refusal {
  REFUSAL_MALFORMED,
  REFUSAL_UNKNOWN_CALLER,
  REFUSAL_DENIED,
  REFUSAL_NOT_FOUND,
  REFUSAL_NO_METHOD,
  REFUSAL_TOO_SLOW,
  REFUSAL_TOO_LARGE,
  REFUSAL_HEADERS_TOO_LARGE,
  REFUSAL_BUSY,
  REFUSAL_UNAVAILABLE,
  REFUSAL_OTHER,
  REFUSALS,
} refusal;

/// All that is pointed to is borrowed for the call.
typedef struct refusal_record {
  unsigned status;     ///< of the answer
  unsigned worker;     ///< its number
  uint64_t came_at_ns; ///< when it was refused, by the wall clock
  const char *method,
      *url;           ///< bytes of the client's, the URL without its query; NULL: what came could not be read so far
  const trace *trace; ///< that the request says it is part of; NULL: none
} refusal_record;

/// `malformed`, ...
const char *refusal_name(refusal reason);

/// The reason that an answer's status stands for.
refusal refusal_of_status(unsigned status);

#endif
