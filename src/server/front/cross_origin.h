// What browsers are told about a function's answers when a page of another origin asks (CORS). The worker's thread only.
#ifndef SERVER_FRONT_CROSS_ORIGIN_H
#define SERVER_FRONT_CROSS_ORIGIN_H

#include "server/front/connection.h"

/// Adds to an answer of the connection's function what its settings say, and what depends on who asks. Headers that the
/// function set itself stay.
void cross_origin_add(const connection *self, answer *answer);

/// When the request asks beforehand whether another may come (a preflight), and the function that would answer that one has
/// settings: makes the answer. False: it is a request as any other.
bool cross_origin_preflight(const connection *self, const router_request *request, answer *out);

#endif
