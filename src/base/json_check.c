// Whether a text is JSON, without making values of it: one pass, no memory. What is wrong, json_parse says.
#include "base/json.h"

typedef struct scan {
  const uint8_t *at, *end;
} scan;

static bool is_next(const scan *self, uint8_t byte) {
  return self->at < self->end && *self->at == byte;
}

static bool take(scan *self, uint8_t byte) {
  if (!is_next(self, byte)) return false;
  self->at++;
  return true;
}

static void skip_blanks(scan *self) {
  while (self->at < self->end && (*self->at == ' ' || *self->at == '\n' || *self->at == '\t' || *self->at == '\r'))
    self->at++;
}

static bool is_digit(uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

static bool skip_digits(scan *self) {
  const uint8_t *began = self->at;
  while (self->at < self->end && is_digit(*self->at)) self->at++;
  return self->at > began;
}

static bool skip_number(scan *self) {
  (void)take(self, '-');
  if (!take(self, '0') && !skip_digits(self)) return false;
  if (take(self, '.') && !skip_digits(self)) return false;
  if (!take(self, 'e') && !take(self, 'E')) return true;
  if (!take(self, '-')) (void)take(self, '+');
  return skip_digits(self);
}

static bool skip_word(scan *self, const char *word) {
  while (*word != '\0' && take(self, (uint8_t)*word)) word++;
  return *word == '\0';
}

// The four digits behind \u.
static bool skip_unit(scan *self, unsigned *unit) {
  *unit = 0;
  for (int i = 0; i < 4; i++) {
    if (self->at == self->end) return false;
    const uint8_t byte = *self->at++, letter = byte | 0x20;
    if (!is_digit(byte) && (letter < 'a' || letter > 'f')) return false;
    *unit = *unit << 4 | (unsigned)(is_digit(byte) ? byte - '0' : letter - 'a' + 10);
  }
  return true;
}

// Halves of a pair stand together, the high one first.
static bool skip_escape(scan *self) {
  unsigned unit;
  if (self->at == self->end) return false;
  const uint8_t byte = *self->at++;
  if (byte != 'u') return strchr("\"\\/bfnrt", byte) != NULL && byte != '\0';
  if (!skip_unit(self, &unit) || (unit & 0xfc00) == 0xdc00) return false;
  if ((unit & 0xfc00) != 0xd800) return true;
  return take(self, '\\') && take(self, 'u') && skip_unit(self, &unit) && (unit & 0xfc00) == 0xdc00;
}

// From behind the first quotation mark.
static bool skip_string(scan *self) {
  while (self->at < self->end) {
    const uint8_t byte = *self->at++;
    if (byte == '"') return true;
    if (byte < 0x20 || (byte == '\\' && !skip_escape(self))) return false;
  }
  return false;
}

static bool skip_key(scan *self) {
  if (!take(self, '"') || !skip_string(self)) return false;
  skip_blanks(self);
  if (!take(self, ':')) return false;
  skip_blanks(self);
  return true;
}

static bool skip_plain(scan *self) {
  if (self->at == self->end) return false;
  switch (*self->at) {
  case '"': self->at++; return skip_string(self);
  case 't': return skip_word(self, "true");
  case 'f': return skip_word(self, "false");
  case 'n': return skip_word(self, "null");
  default: return skip_number(self);
  }
}

/// What is open: bit i says whether the array or object i deep is an object.
typedef struct nesting {
  uint64_t objects;
  unsigned depth;
} nesting;

_Static_assert(JSON_DEPTH_MAX == 64, "a bit for each");

static bool is_in_object(const nesting *open) {
  return open->depth > 0 && (open->objects >> (open->depth - 1) & 1) != 0;
}

// Opens arrays and objects up to the next value that is none, or that is empty.
static bool skip_first(scan *self, nesting *open) {
  for (;;) {
    const bool is_object = is_next(self, '{');
    if (!is_object && !is_next(self, '[')) return skip_plain(self);
    self->at++;
    skip_blanks(self);
    if (open->depth == JSON_DEPTH_MAX) return false;
    if (take(self, is_object ? '}' : ']')) return true;
    const uint64_t bit = UINT64_C(1) << open->depth++;
    open->objects = is_object ? open->objects | bit : open->objects & ~bit;
    if (is_object && !skip_key(self)) return false;
  }
}

// Closes what ends here; `*is_over` when that was all.
static bool skip_between(scan *self, nesting *open, bool *is_over) {
  for (;;) {
    skip_blanks(self);
    *is_over = open->depth == 0;
    if (*is_over) return self->at == self->end;
    if (take(self, ',')) {
      skip_blanks(self);
      return !is_in_object(open) || skip_key(self);
    }
    if (!take(self, is_in_object(open) ? '}' : ']')) return false;
    open->depth--;
  }
}

bool json_is_valid(const void *data, size_t size) {
  scan self = {data, (const uint8_t *)data + size};
  nesting open = {0};
  bool is_over = false, good = size > 0 && text_utf8_valid(data, size);
  if (good) skip_blanks(&self);
  while (good && !is_over) good = skip_first(&self, &open) && skip_between(&self, &open, &is_over);
  return good;
}
