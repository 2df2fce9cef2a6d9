/// How a response is gathered, line by line and piece by piece, within bounds.
#ifndef UBIQ_BASE_FETCH_RESPONSE_H
#define UBIQ_BASE_FETCH_RESPONSE_H

#include "base/fetch.h"

/// Takes one line of a header block as it came, its end included. A status line begins a new block and forgets the
/// headers before it; a line that begins with a blank goes on with the value before it; what is no header is passed over. Errors: `too_large`,
/// `internal` when memory is out.
ubiq_error *fetch_response_take_line(fetch_response *response, const char *line, size_t size);

/// Takes a piece of the body; `bytes_max` bounds the whole. Errors: `too_large` in libextism's words, `internal`.
ubiq_error *fetch_response_take_body(fetch_response *response, const void *data, size_t size, uint64_t bytes_max);

/// The error of a body that passes its bound.
ubiq_error *fetch_response_too_large(uint64_t bytes_max);

/// Forgets the headers called `name` (in lower case).
void fetch_response_drop_header(fetch_response *response, const char *name);

/// Forgets status, headers and body, and keeps memory for more.
void fetch_response_clear(fetch_response *response);

#endif
