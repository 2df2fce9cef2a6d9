// Which pages of other origins may read a function's answers (https://fetch.spec.whatwg.org, section 3.3). It never changes
// once it is read: any thread.
#ifndef RUNTIME_PROJECT_CORS_H
#define RUNTIME_PROJECT_CORS_H

#include "base/arena.h"
#include "base/json.h"

enum { CORS_ORIGINS_MAX = 100 };

typedef struct cors {
  const char *const *origins; ///< as browsers send them, in lower case; `https://*.example.com` is any name below it
  size_t origins_count;
  bool any_origin;     ///< "*" is among them
  bool any_header;     ///< "*" is among the headers
  const char *headers; ///< that requests may have beside the usual, as a list; NULL: none
  const char *expose;  ///< of answers, that pages may read beside the usual, as a list; NULL: none
  bool credentials;    ///< cookies and the like may come along
  uint64_t max_age_ms; ///< how long a browser may keep what it was told
} cors;

/// Reads a table `cors`; what `*out` points to is in `arena`. Errors: `invalid_input` with the place.
ubiq_error *cors_read(const json_value *value, arena *arena, const cors **out);

/// Whether pages of an origin may, as the header Origin says it.
bool cors_allows(const cors *self, text origin);

#endif
