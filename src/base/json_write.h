/// Writing JSON straight into a buffer, where building a document first would be the larger part of the work.
#ifndef UBIQ_BASE_JSON_WRITE_H
#define UBIQ_BASE_JSON_WRITE_H

#include "base/text.h"

/// Appends a string in quotes. What is no UTF-8 is written as text_escape shows it. False when memory is out.
UBIQ_NODISCARD bool json_write_text(buffer *out, text value);

#endif
