// Globs with the meaning of Rust's crate `glob` (Pattern::matches with default options): a star also matches '/'.
//
// There is nothing compiled: the pattern is read token by token along the value. When a token does not match, the last
// star takes one more character and what follows it is tried again. Going back to an earlier star is never needed,
// because the last one can take whatever the earlier could have taken ('**' too: it is only ever reached at the start
// of a component).
#include "base/text.h"

typedef enum token_kind {
  TOKEN_END,
  TOKEN_CHARACTER,
  TOKEN_ANY,       ///< `?`
  TOKEN_STAR,      ///< `*`
  TOKEN_RECURSIVE, ///< `**`, with the '/' behind it
  TOKEN_SET,       ///< `[...]`
  TOKEN_INVALID,
} token_kind;

typedef struct token {
  token_kind kind;
  uint32_t character; ///< of TOKEN_CHARACTER
  text set;           ///< of TOKEN_SET: what is between the brackets, without '!'
  bool negated;       ///< whether the set began with '!'
} token;

/// Takes one character off the front. Bytes that are no UTF-8 count as characters above all of Unicode.
static uint32_t take_character(text *rest) {
  const uint8_t *at = (const uint8_t *)rest->data;
  size_t length = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
  if (length > rest->size || !text_utf8_valid(at, length)) {
    *rest = (text){rest->data + 1, rest->size - 1};
    return UINT32_C(0x110000) + at[0];
  }
  uint32_t character = length == 1 ? at[0] : at[0] & (0x7fU >> length);
  for (size_t i = 1; i < length; i++) character = character << 6 | (at[i] & 0x3f);
  *rest = (text){rest->data + length, rest->size - length};
  return character;
}

static text skip(text value, size_t size) {
  return (text){value.data + size, value.size - size};
}

/// Reads `[...]`: the set has at least one character, which may itself be ']'.
static token take_set(text *pattern) {
  token result = {.kind = TOKEN_INVALID};
  text rest = skip(*pattern, 1);
  if (rest.size > 0 && rest.data[0] == '!') {
    result.negated = true;
    rest = skip(rest, 1);
  }
  if (rest.size < 2) return result;
  const char *end = memchr(rest.data + 1, ']', rest.size - 1);
  if (end == NULL) return result;
  result.kind = TOKEN_SET;
  result.set = (text){rest.data, (size_t)(end - rest.data)};
  *pattern = skip(rest, result.set.size + 1);
  return result;
}

/// Reads a run of stars. Two are allowed only as a whole component, three never.
static token take_stars(text *pattern, text whole) {
  size_t count = 0;
  while (count < pattern->size && pattern->data[count] == '*') count++;
  bool starts_component = pattern->data == whole.data || pattern->data[-1] == '/';
  text rest = skip(*pattern, count);
  if (count == 1) {
    *pattern = rest;
    return (token){.kind = TOKEN_STAR};
  }
  if (count > 2 || !starts_component || (rest.size > 0 && rest.data[0] != '/')) {
    return (token){.kind = TOKEN_INVALID};
  }
  *pattern = rest.size > 0 ? skip(rest, 1) : rest;
  return (token){.kind = TOKEN_RECURSIVE};
}

static token take_token(text *pattern, text whole) {
  if (pattern->size == 0) return (token){.kind = TOKEN_END};
  switch (pattern->data[0]) {
  case '?': *pattern = skip(*pattern, 1); return (token){.kind = TOKEN_ANY};
  case '*': return take_stars(pattern, whole);
  case '[': return take_set(pattern);
  default: return (token){.kind = TOKEN_CHARACTER, .character = take_character(pattern)};
  }
}

bool text_glob_valid(text pattern) {
  text rest = pattern;
  for (;;) {
    token next = take_token(&rest, pattern);
    if (next.kind == TOKEN_END) return true;
    if (next.kind == TOKEN_INVALID) return false;
  }
}

/// Whether a character is in a set such as `abc`, `a-z0-9` or `-`.
static bool in_set(text set, uint32_t character) {
  while (set.size > 0) {
    uint32_t first = take_character(&set);
    uint32_t last = first;
    if (set.size > 1 && set.data[0] == '-') {
      set = skip(set, 1);
      last = take_character(&set);
    }
    if (first <= character && character <= last) return true;
  }
  return false;
}

static bool matches_one(const token *self, uint32_t character) {
  switch (self->kind) {
  case TOKEN_ANY: return true;
  case TOKEN_CHARACTER: return self->character == character;
  case TOKEN_SET: return in_set(self->set, character) != self->negated;
  default: return false;
  }
}

/// Where to go on when a token does not match: behind the last star, with one more character taken by it.
typedef struct retreat {
  bool possible;
  bool recursive; ///< the star takes whole components only
  text pattern;   ///< behind the star
  text value;     ///< what the star has not taken
} retreat;

/// Lets the last star take more. False when there is no star or nothing is left to take.
static bool step_back(retreat *last, text *pattern, text *value) {
  if (!last->possible || last->value.size == 0) return false;
  uint32_t taken;
  do {
    taken = take_character(&last->value);
  } while (last->recursive && taken != '/' && last->value.size > 0);
  *pattern = last->pattern;
  *value = last->value;
  return true;
}

static bool match(text pattern, text value) {
  text rest = pattern;
  retreat last = {0};
  for (;;) {
    token next = take_token(&rest, pattern);
    if (next.kind == TOKEN_STAR || next.kind == TOKEN_RECURSIVE) {
      last = (retreat){true, next.kind == TOKEN_RECURSIVE, rest, value};
      continue;
    }
    if (next.kind == TOKEN_END && value.size == 0) return true;
    if (next.kind != TOKEN_END && value.size > 0 && matches_one(&next, take_character(&value))) continue;
    if (!step_back(&last, &rest, &value)) return false;
  }
}

bool text_glob_match(text pattern, text value) {
  return text_glob_valid(pattern) ? match(pattern, value) : text_equal(pattern, value);
}
