// What CloudEvents 1.0 says of attributes' names and values (spec.md, "Type System" and "Required Attributes").
#ifndef SERVICES_EVENTS_EVENT_CHECK_H
#define SERVICES_EVENTS_EVENT_CHECK_H

#include "base/text.h"
#include "ubiq/error.h"

/// Lower-case letters and digits, not too many, and no name of the data. Errors: `invalid_input`.
ubiq_error *event_check_name(text name);

/// A text as the value of the attribute `name`. Errors: `invalid_input`.
ubiq_error *event_check_text(text name, text value);

/// A number: 32 bits. Errors: `invalid_input`.
ubiq_error *event_check_integer(text name, bool is_negative, uint64_t size);

/// A topic's pattern, or a type: no control characters, and no wildcard but `*`. `what` is for the message. Errors: `invalid_input`.
ubiq_error *event_check_topic(const char *what, text topic);

/// Whether a type is of a topic: each `*` of that is any run of bytes.
bool event_topic_has(text topic, text type);

#endif
