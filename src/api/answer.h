// What a call came to, as every transport sends it.
#ifndef API_ANSWER_H
#define API_ANSWER_H

#include "services/service.h"

/// Settles the answer of a call that is done: its status, and a problem (RFC 9457) in the place of an error, which is deleted.
/// What a fault of ours was is for the log alone.
void api_conclude(service_call *call);

/// Holds an answer that is not concluded against what the API says: one that is not so becomes a fault of ours.
void api_hold_against(service_call *call);

#endif
