// Requests and answers as guests pass them through InvokeHost: HTTP as a value, in JSON or MessagePack.
//
//     {"method":"PUT","path":"/v1/kv/users%2F42","query":{"ttl":"60s"},"headers":{},"body":{...},"encoding":"json"}
//     {"status":200,"headers":{},"body":...,"encoding":"json"}
//
// A value in `query` or `headers` is a string, or an array of strings when it is repeated. `body` absent: there is none.
// `encoding` says what it is: "json" (the default: any value), "utf8" (a string sent as it is), "base64". docs/invoke-host.md
// is for who writes guests.
#ifndef API_ENVELOPE_H
#define API_ENVELOPE_H

#include "api/request.h"

enum { ENVELOPE_JSON = 0, ENVELOPE_MESSAGEPACK = 1 };

/// Reads a request. What `*out` points to is in `*document`, which is the caller's (yyjson_doc_free), also after an error, and
/// may be NULL, and in `arena`. Errors: `invalid_input`, `too_large`.
ubiq_error *envelope_read(int32_t format, ubiq_bytes bytes, arena *arena, yyjson_doc **document, api_request *out);

/// Appends the answer of a call that is concluded (api/answer.h). False when memory is out.
UBIQ_NODISCARD bool envelope_write(int32_t format, const service_call *call, buffer *out);

#endif
