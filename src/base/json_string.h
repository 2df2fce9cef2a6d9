// Strings of JSON and TOML as C has them, in an arena.
#ifndef BASE_JSON_STRING_H
#define BASE_JSON_STRING_H

#include "base/arena.h"
#include "base/json.h"

/// Copies text and a NUL behind it; `*out` lives as long as the arena. Errors: out of memory.
ubiq_error *json_copy_text(arena *arena, text value, const char **out);

/// A string that is not empty and has no NUL in it, copied. Errors: `invalid_input` with the place, out of memory.
ubiq_error *json_get_string(const json_value *value, arena *arena, const char **out);

/// One of `count` words, of which none needs escapes; `*index` is its place among them. Errors: `invalid_input` with
/// the place and the words.
ubiq_error *json_get_word(const json_value *value, const char *const *words, size_t count, size_t *index);

#endif
