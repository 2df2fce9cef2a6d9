// Between the parts of the service http: what is asked as a request, and the answer in the API's words.
#ifndef SERVICES_HTTP_HTTP_CALL_H
#define SERVICES_HTTP_HTTP_CALL_H

#include "base/fetch.h"
#include "services/service.h"

/// What is asked. Strings and headers are the call's arena's, and the headers have room for more.
typedef struct http_ask {
  const char *method;
  const char *url;
  fetch_header *headers;
  size_t headers_count;
  buffer body; ///< owned
  uint64_t timeout_ms;
  int redirects;
  unsigned retries;
} http_ask;

/// Reads the call's body. `out` is the caller's, for http_ask_free, also after an error. Errors: `invalid_input`, `too_large`.
ubiq_error *http_ask_read(service_call *call, http_ask *out);
void http_ask_free(http_ask *self);
bool http_ask_has_header(const http_ask *self, const char *name);

/// Writes the answer into the call's bytes: a body that is JSON and says so as it is, text as a string, the rest in base64.
/// False when memory is out.
UBIQ_NODISCARD bool http_answer_write(buffer *out, const fetch_response *response, bool says_url);

#endif
