/// Writing JSON straight into a buffer, where building a document first would be the larger part of the work.
#ifndef UBIQ_BASE_JSON_WRITE_H
#define UBIQ_BASE_JSON_WRITE_H

#include "base/text.h"
#include "yyjson.h"

/// Appends a string in quotes. What is no UTF-8 is written as text_escape shows it. False when memory is out.
UBIQ_NODISCARD bool json_write_text(buffer *out, text value);

/// Appends a value that was read. False when memory is out.
UBIQ_NODISCARD bool json_write_value(buffer *out, yyjson_val *value);

/// Appends `,"key":value`; nothing when there is no value. False when memory is out.
UBIQ_NODISCARD bool json_write_field(buffer *out, const char *key, yyjson_val *value);

#endif
