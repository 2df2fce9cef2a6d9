/// MessagePack and values: what guests may say instead of JSON, as the same yyjson values.
///
/// Reading takes what JSON can say, and bytes (`bin`) in one place that the caller names. It refuses the rest: other bytes
/// (they are strings in base64, as in JSON), extension types, timestamps, numbers that are not finite, keys that are no
/// strings or stand twice, text that is no UTF-8, nesting over JSON_DEPTH_MAX. Writing is the shortest form, by msgpack-c. It
/// is not used for reading: its unpacker takes memory for as many items as a header claims.
#ifndef UBIQ_BASE_MSGPACK_H
#define UBIQ_BASE_MSGPACK_H

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "ubiq/error.h"
#include "yyjson.h"

UBIQ_BEGIN

/// Reads one value, which is all of `data`. `name` is for messages: `request: byte 7: ...`. The value lives in the arena; bytes
/// are borrowed from `data`. `bytes_key` is the key of the outermost map whose value may be bytes, a value of the type "raw"
/// then (yyjson_is_raw; never to be written as JSON); NULL: none. Errors: `invalid_input`; `too_large` for what passes the
/// limits.
ubiq_error *msgpack_value_read(const char *name, const void *data, size_t size, const json_limits *limits,
                               const char *bytes_key, arena *arena, yyjson_val **out);

/// Appends a value, raw ones as bytes. False when memory is out.
UBIQ_NODISCARD bool msgpack_value_write(buffer *out, yyjson_val *value);

/// Append parts of a value: a map's head, before `count` keys with their values, and so on. False when memory is out, or the
/// size passes 32 bits.
UBIQ_NODISCARD bool msgpack_write_map(buffer *out, size_t count);
UBIQ_NODISCARD bool msgpack_write_array(buffer *out, size_t count);
UBIQ_NODISCARD bool msgpack_write_text(buffer *out, text value);
UBIQ_NODISCARD bool msgpack_write_bytes(buffer *out, ubiq_bytes value);
UBIQ_NODISCARD bool msgpack_write_unsigned(buffer *out, uint64_t value);

UBIQ_END

#endif
