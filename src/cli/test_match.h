// Whether an answer is what a test case expects, and where it is not.
//
// A text that is expected may be a matcher: "*" is anything, "<string>" and the like any value of that type, "glob:Hello, *"
// a pattern (base/text.h), "text:*" the very text behind the colon. Any other text stands for itself.
#ifndef CLI_TEST_MATCH_H
#define CLI_TEST_MATCH_H

#include "base/text.h"
#include "yyjson.h"

/// Whether a text is the expected one or matches it.
bool test_match_text(text expected, text actual);

/// Compares two JSON values and appends a line for each place where they differ: `items[0].price: expected 3, is 4`. Objects
/// have the expected keys and no others, unless "*" is among them: then further ones have to match its value. At most
/// TEST_MATCH_LINES_MAX lines. False when memory is out.
UBIQ_NODISCARD bool test_match_json(yyjson_val *expected, yyjson_val *actual, buffer *differences);

/// Appends the lines in which two texts differ: `- ` before what was expected, `+ ` before what is. Lines that are alike at
/// both ends are left out. False when memory is out.
UBIQ_NODISCARD bool test_match_lines(text expected, text actual, buffer *differences);

enum { TEST_MATCH_LINES_MAX = 40 };

#endif
