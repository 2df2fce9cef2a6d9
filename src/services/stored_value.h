// What kv and cache keep, and storage in part: JSON text or bytes with a media type, as it comes in a request and as it goes out in an
// answer.
#ifndef SERVICES_STORED_VALUE_H
#define SERVICES_STORED_VALUE_H

#include "services/service.h"

enum {
  STORED_KEY_MAX = 256, ///< bytes
};

typedef struct stored_value {
  ubiq_bytes bytes;
  text media_type; ///< empty: JSON text
  void *owned;     ///< for free; NULL: the bytes are borrowed
} stored_value;

/// The media type of bytes: what was said, or the most general. It becomes a header, so it is printed ASCII. Errors: `invalid_input`.
ubiq_error *stored_media_type(text said, text *out);
/// A request's body. `out` is ended by stored_value_free. Errors: `too_large`; `invalid_input` when there is none, or its media type is
/// none.
ubiq_error *stored_value_read(const service_body *body, uint64_t bytes_max, stored_value *out);
/// The text of a JSON value, however large. Errors: memory is out.
ubiq_error *stored_value_of_json(yyjson_val *value, stored_value *out);
/// Refuses what is larger than a value may be: `too_large`.
ubiq_error *stored_value_check(const stored_value *self, uint64_t bytes_max);
void stored_value_free(stored_value *self);

/// Ends a call with a value, which is copied.
void stored_value_answer(service_call *call, ubiq_bytes bytes, text media_type);

/// Refuses keys that the API does not have: `invalid_input`.
ubiq_error *stored_key_check(text key);

/// When what is put now with a time to live expires, in milliseconds of the wall clock since 1970; 0: never, when none is given.
/// Errors: `invalid_input`.
ubiq_error *stored_expiry(const service_param *ttl, uint64_t *expires_ms);
/// The same of a JSON object's `ttl`.
ubiq_error *stored_expiry_of_json(yyjson_val *object, uint64_t *expires_ms);

#endif
