// Problems as HTTP answers have them (RFC 9457): what a failure of a class looks like to who asked.
#ifndef WIRE_PROBLEM_H
#define WIRE_PROBLEM_H

#include "base/text.h"
#include "ubiq/error.h"

#define PROBLEM_TYPE "application/problem+json"

/// Appends `{"type","title","status","detail","class"}` as JSON. What is no UTF-8 in `detail` is escaped. False when memory is
/// out.
UBIQ_NODISCARD bool problem_write(buffer *out, unsigned status, ubiq_code code, text detail);

#endif
