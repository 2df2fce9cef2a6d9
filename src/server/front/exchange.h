// What a function gets of a request, and what becomes of its output. The worker's thread only.
#ifndef SERVER_FRONT_EXCHANGE_H
#define SERVER_FRONT_EXCHANGE_H

#include "server/front/connection.h"

/// What the connection's request asks for: clients of proxies send whole URLs, whose host counts then (RFC 9112, section
/// 3.2.2).
router_request exchange_target(const connection *self);

/// Makes of the connection's `body`, all of which has come, the function's input: leaves it as it is, or, for a function
/// that takes whole requests, puts the request's value in its place. Errors: those of http_request_write.
ubiq_error *exchange_input(connection *self);

/// Makes the answer of what the connection's function put out. Errors: those of http_answer_read.
ubiq_error *exchange_answer(const connection *self, ubiq_bytes output, answer *out);

#endif
