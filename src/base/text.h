/// Views of text, and what is asked of text in several places: globs, nearest names, UTF-8, hex, base64.
///
/// A `text` borrows its bytes, knows its length and need not end with a NUL. Nothing here keeps what it is
/// given.
#ifndef UBIQ_BASE_TEXT_H
#define UBIQ_BASE_TEXT_H

#include "base/buffer.h"
#include "ubiq/base.h"

#include <string.h>

UBIQ_BEGIN

typedef struct text {
  const char *data; ///< borrowed; may be NULL when `size` is 0
  size_t size;      ///< in bytes
} text;

/// A view of a string literal.
#define TEXT(literal) ((text){"" literal, sizeof(literal) - 1})

/// A view of a C string; an empty one for NULL.
static inline text text_of(const char *string) {
  text view = {string, string == NULL ? 0 : strlen(string)};
  return view;
}

bool text_equal(text a, text b);
bool text_equal_string(text a, const char *b);
/// Compares ASCII letters without their case.
bool text_equal_ignoring_case(text a, text b);
/// Orders by bytes: below, equal to or above 0.
int text_compare(text a, text b);
bool text_starts_with(text value, text prefix);
bool text_ends_with(text value, text suffix);
/// The view without ASCII blanks (space, \t, \r, \n) at both ends.
text text_trim(text value);
/// Takes the part before the first `separator` off `rest`; the last part is all of it. False when nothing is
/// left
/// (`rest->data` is NULL); an empty `rest` with data still gives one empty part.
bool text_split(text *rest, char separator, text *part);
/// Reads a decimal number of digits only; false when it is none or passes 64 bits.
bool text_to_u64(text value, uint64_t *number);

/// Whether `pattern` is a well-formed glob: `?` is any one character, `*` any run of characters, '/'
/// included, `[abc]`, `[a-z]` and `[!a]` one character in or not in the set, `**` (only as a whole path
/// component) any run of whole components. The meaning is the one of `Pattern::matches` of Rust's crate
/// `glob`, because Extism's `allowed_hosts` are defined by it.
bool text_glob_valid(text pattern);
/// Whether the whole of `value` matches the glob; compared with case. A malformed pattern matches only
/// itself, as in Extism.
bool text_glob_match(text pattern, text value);

/// The candidate closest to `name` by Damerau-Levenshtein distance, when it is close enough to be a slip of
/// the fingers; else NULL. Borrowed from `candidates`. Names over 64 bytes find nothing.
const char *text_nearest(text name, const char *const *candidates, size_t count);

/// The beginning of `value`, at most `size_max` bytes of it, that does not end within a character of UTF-8.
text text_cut(text value, size_t size_max);

/// Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates).
bool text_utf8_valid(const void *data, size_t size);

/// Appends the padded standard base64 of the bytes. False when memory is out.
UBIQ_NODISCARD bool text_base64_encode(buffer *out, const void *data, size_t size);
typedef enum text_base64_result { TEXT_BASE64_OK, TEXT_BASE64_INVALID, TEXT_BASE64_NO_MEMORY } text_base64_result;
/// Appends the bytes of padded standard base64 (no blanks, no URL alphabet). On failure `out` is as it was.
UBIQ_NODISCARD text_base64_result text_base64_decode(buffer *out, text base64);

/// Writes `size` bytes as lower-case hex digits and a NUL: 2 * `size` + 1 characters.
void text_hex(const void *data, size_t size, char *out);

/// The byte that the percent escape at the beginning of `value` stands for (RFC 3986, section 2.1); -1 when none begins there.
int text_percent_byte(text value);
/// Undoes percent escapes into `out`, which has room for `value.size` bytes; answers how many were
/// written. What is no whole escape stays as it is.
size_t text_percent_decode(text value, char *out);

/// Appends `value` as it may be shown on one line: control characters and bytes that are no UTF-8 become
/// `\n`, `\x1b` and the like. False when memory is out.
UBIQ_NODISCARD bool text_escape(buffer *out, text value);

UBIQ_END

#endif
