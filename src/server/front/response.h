// Answers: a function's output, or a problem (RFC 9457) for a failure's class.
#ifndef SERVER_FRONT_RESPONSE_H
#define SERVER_FRONT_RESPONSE_H

#include "ubiq/error.h"
#include "wire/http_value.h"

#include <microhttpd.h>

/// A response and its status. `response` is NULL when memory is out.
typedef struct answer {
  struct MHD_Response *response; ///< owned; MHD_destroy_response
  unsigned status;
} answer;

/// A function's output, copied. With `content_type` NULL it is text when it is UTF-8 without NUL, else bytes.
answer answer_output(ubiq_bytes output, const char *content_type);

/// What a function answered as a value, copied. `content_type` stands in where neither the answer nor its body says one; it
/// may be NULL.
answer answer_value(const http_answer *value, const char *content_type);

/// `{"type","title","status","detail","class"}` with the status of the class.
answer answer_problem(ubiq_code code, const char *detail);

/// The same for an error, which is deleted; one of class `busy` gets Retry-After: its detail, in seconds, or 1;
/// and one of class `unavailable` that has such a detail.
answer answer_error(ubiq_error *error);

/// The same for the error that a run ended with. What the host refused to the function (`denied`, `unavailable`,
/// `invalid_input`, ...) is no fault of the client's: it becomes `guest_error`. Where the function wanted to go is none of
/// its business: what the function did itself is told, other messages are for the log alone. It is `unavailable` where the
/// error has a detail: seconds to wait.
answer answer_run_error(ubiq_error *error);

/// A problem of class `invalid_input` for a request whose length cannot be told (server/front/framing.h), with its status.
answer answer_bad_framing(unsigned status, const char *detail);

/// 401 for a request without a token that is known.
answer answer_unauthorized(const char *detail);

/// A JSON document; takes `text` (free) over. NULL: memory was out.
answer answer_json(unsigned status, char *text, size_t size);

/// 401 for a request that does not say who makes it, or not so that it counts; which scheme does is in WWW-Authenticate.
answer answer_unknown_caller(const char *detail);

/// 405 with the methods that there are.
answer answer_no_method(const char *allow);

/// 204 to OPTIONS, with the methods that there are (NULL: the server as a whole).
answer answer_options(const char *allow);

#endif
