// Pages of lists that go on behind a key: a cursor is that key in hexadecimal digits, so that a page goes on behind it, whatever came and
// went meanwhile.
#ifndef SERVICES_PAGE_H
#define SERVICES_PAGE_H

#include "services/service.h"

/// Ends a list and the object around it: `]}`, or `],"cursor":"6b6579"}` where more follows behind `last`. False when memory is out.
UBIQ_NODISCARD bool page_end(buffer *out, bool is_more, text last);

/// Reads a cursor that is given; `*key` is in the call's arena, at most `size_max` bytes. Errors: `invalid_input` for what page_end did not
/// write.
ubiq_error *page_read_cursor(service_call *call, const service_param *cursor, size_t size_max, text *key);

#endif
