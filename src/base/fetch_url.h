/// The URL of an outgoing request: parsed once, by the library that will connect, and normalised before anybody
/// judges it.
///
/// What a policy sees is what is asked for: host in lower case, numeric hosts in their usual form, dot segments
/// (`%2e` ones too) resolved, the fragment gone, user and password taken out of the text.
#ifndef UBIQ_BASE_FETCH_URL_H
#define UBIQ_BASE_FETCH_URL_H

#include "ubiq/error.h"

enum { FETCH_URL_BYTES_MAX = 65534 };

/// A zeroed one is empty. Every string is owned.
typedef struct fetch_url {
  char *text;     ///< the whole of it, without user, password and fragment: what is asked for
  char *shown;    ///< for messages and logs: also without the query
  char *scheme;   ///< "http" or "https"
  char *host;     ///< lower case; an IPv6 address in brackets
  char *path;     ///< begins with '/', without the query
  char *user;     ///< decoded, or NULL; never for a URL that a redirect named
  char *password; ///< decoded, or NULL
  int port;       ///< 1 to 65535, the scheme's default when none is named
} fetch_url;

/// Parses an absolute http or https URL. Errors: `invalid_input`; the message never repeats user or password.
ubiq_error *fetch_url_parse(const char *text, fetch_url *url);

/// Resolves a redirect's Location, absolute or relative, against `base`. Errors: `invalid_input`.
ubiq_error *fetch_url_resolve(const fetch_url *base, const char *location, fetch_url *url);

/// Whether scheme, host and port are the same.
bool fetch_url_same_origin(const fetch_url *a, const fetch_url *b);

/// Gives everything back and leaves an empty one.
void fetch_url_free(fetch_url *url);

#endif
