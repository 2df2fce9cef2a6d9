// Shapes: what JSON of the API looks like. Tables made of api/openapi.yaml, and the small interpreter that checks by them.
//
// It knows what the API's schemas say and no more (scripts/api-tables refuses the rest): types, bounds, lengths, words,
// patterns, two formats, arrays, and objects, which have no fields but those named unless the schema says otherwise.
#ifndef API_SHAPE_H
#define API_SHAPE_H

#include "base/text.h"
#include "ubiq/error.h"
#include "yyjson.h"

#include <math.h>

enum {
  SHAPE_ANYTHING = 0,        ///< the first of all shapes: any value
  SHAPE_NOTHING = UINT16_MAX ///< no value at all
};

typedef enum shape_type {
  SHAPE_NULL = 1,
  SHAPE_BOOLEAN = 2,
  SHAPE_INTEGER = 4, ///< written as one: 1.0 is none
  SHAPE_NUMBER = 8,  ///< integers, too
  SHAPE_STRING = 16,
  SHAPE_ARRAY = 32,
  SHAPE_OBJECT = 64,
} shape_type;

typedef enum shape_format {
  SHAPE_FREE,
  SHAPE_DURATION,  ///< as in ubiq.toml
  SHAPE_DATE_TIME, ///< RFC 3339
} shape_format;

/// A set of bytes, and how often one of them stands at this place. What varies in number never begins what follows it, so that
/// matching never goes back.
typedef struct shape_piece {
  uint64_t set[4];
  uint32_t min, max; ///< max 0: behind the last piece
} shape_piece;

typedef struct shape_field {
  const char *name;
  uint16_t shape;
  bool is_required;
} shape_field;

typedef struct shape {
  uint8_t types;               ///< bits of shape_type
  uint8_t format;              ///< shape_format
  bool has_range;              ///< of numbers: from minimum to maximum
  bool is_in_bytes;            ///< size_min and size_max of a string: bytes, not characters
  bool is_secret;              ///< no message says what is in it
  double minimum, maximum;     ///< numbers
  uint32_t size_min, size_max; ///< characters of a string, items of an array, fields of an object
  const char *expected;        ///< for messages: "a string of 1 to 256 bytes"
  const char *const *words;    ///< the strings that there are, ended by NULL; NULL: any
  const shape_piece *pattern;  ///< NULL: any
  const shape_field *fields;
  uint16_t fields_count;
  uint16_t further; ///< shape of fields that are not named
  uint16_t items;   ///< shape of an array's items
} shape;

/// Checks a value by `shapes[number]`. `name` is what it is called in messages: `body`. Errors: `invalid_input`, with the first
/// place that is wrong: `body.operations[3].key is 7; expected a string of 1 to 256 bytes`.
ubiq_error *shape_check(const shape *shapes, uint16_t number, const char *name, yyjson_val *value);

/// Whether a text is a string of this shape.
bool shape_takes_text(const shape *self, text value);

/// Whether the whole text matches the pattern.
bool shape_matches(const shape_piece *pattern, text value);

#endif
