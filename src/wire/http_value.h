// HTTP as a value: a request or an answer as one JSON object, the way functions take and give them.
//
//     {"method": "PUT", "path": "/users/7%2F8/name", "params": {"id": "7/8"}, "query": {"dry": "", "tag": ["a", "b"]},
//      "headers": {"content-type": "application/json"}, "identity": {"kind": "api_key", "name": "ci"},
//      "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "body": {"name": "Ada"}}
//     {"status": 201, "headers": {"location": "/users/9"}, "body": {"id": 9}}
//
// Names of headers are lower case. A name that comes several times has an array. `encoding` says what `body` is: "json"
// (when it is absent, any value), "utf8" (a string as it is) or "base64". Nothing here knows where the parts come from.
#ifndef WIRE_HTTP_VALUE_H
#define WIRE_HTTP_VALUE_H

#include "base/text.h"
#include "ubiq/error.h"
#include "yyjson.h"

enum { HTTP_ANSWER_HEADERS_MAX = 128 };

/// One name and its value: of a header, of the query, of what a route's template matched.
typedef struct http_field {
  text name, value;
} http_field;

typedef struct http_request {
  text method;
  text path;                        ///< as it was sent, escapes and all
  const http_field *params, *query; ///< values, and names of the query, as they were sent but for `+`
  size_t params_count, query_count;
  const http_field *headers;
  size_t headers_count;
  ubiq_bytes body; ///< empty: the value has none
  text identity;   ///< who makes it, as JSON that was checked; empty: nobody says
  text trace;      ///< what the function's own requests are to say as their traceparent; empty: nothing
} http_request;

/// An answer; what it points to is its own.
typedef struct http_answer {
  unsigned status;
  http_field *headers; ///< as they came; each name and value is followed by a NUL
  size_t headers_count;
  const char *content_type; ///< what the body is by its encoding; NULL: there is none
  ubiq_bytes body;
  yyjson_doc *document; ///< owned
  buffer bytes;         ///< owned: a body that is no text of the document
} http_answer;

/// Appends a request as a value. A body whose content-type is JSON goes in as the value that it is, other text as text, and
/// all else in base64. Errors: `invalid_input` (no UTF-8 in the path, the query or a header; a JSON body that is none).
ubiq_error *http_request_write(const http_request *self, buffer *out);

/// Reads an answer that a function gave; `out` is the caller's (http_answer_free). Errors: `invalid_output` with the place
/// and what was expected: unknown keys, a status outside 200 to 599, headers that are no such or that are the server's own
/// (connection, content-length, transfer-encoding and the like).
ubiq_error *http_answer_read(ubiq_bytes value, http_answer *out);

/// Gives back what an answer holds. A zeroed one is allowed.
void http_answer_free(http_answer *self);

#endif
