// Who makes a request, where its function asks. The worker's thread only.
#ifndef SERVER_FRONT_IDENTIFY_H
#define SERVER_FRONT_IDENTIFY_H

#include "server/front/connection.h"

/// Fills the connection's `identity` when its function asks for it. False: the request is refused with `*out`.
bool identify(connection *self, answer *out);

#endif
