// What media types say (RFC 9110, 8.3.1), whose names are the same in upper and lower case.
#ifndef BASE_MEDIA_TYPE_H
#define BASE_MEDIA_TYPE_H

#include "base/text.h"

/// The type without its parameters: `text/plain` of `text/plain; charset=utf-8`.
text media_type_name(text media_type);

/// Whether it is JSON: `application/json`, or one whose name ends with `+json`.
bool media_type_is_json(text media_type);

#endif
