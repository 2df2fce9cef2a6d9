/// The headers of an outgoing request, as the lines that libcurl sends.
///
/// Refuses what could end a line or a header block early, leaves out what belongs to the connection, and knows which
/// headers must not follow a redirect.
#ifndef UBIQ_BASE_FETCH_HEADERS_H
#define UBIQ_BASE_FETCH_HEADERS_H

#include "base/fetch.h"
#include "base/fetch_url.h"

#include <curl/curl.h>

/// Makes the lines of `request`, which goes to `url`. Errors: `invalid_input` for a name or value that HTTP does not
/// allow, or too many; `denied` for a `host` that is not the URL's. `*lines` is the caller's, for curl_slist_free_all.
ubiq_error *fetch_headers_make(const fetch_request *request, const fetch_url *url, struct curl_slist **lines);

/// What a redirect takes away.
typedef enum fetch_headers_drop {
  FETCH_DROP_NOTHING = 0,
  FETCH_DROP_SENSITIVE = 1, ///< authorization, cookie, host: it goes to another origin
  FETCH_DROP_CONTENT = 2,   ///< content-*: there is no body any more
} fetch_headers_drop;

/// Replaces the lines by those that a redirect keeps; `drop` is any of the flags. False when memory is out: `*lines`
/// is then as it was.
UBIQ_NODISCARD bool fetch_headers_redirect(struct curl_slist **lines, unsigned drop);

/// Whether `text` is a token of HTTP: the alphabet of methods and header names.
bool fetch_token_valid(const char *text);

#endif
