// Values are walked once, from the outside in; the first that is wrong ends it. Nesting is bounded by who parsed the value.
#include "api/shape.h"

#include "base/json.h"
#include "base/units.h"

#include <ctype.h>

// ----------------------------------------------------------------------------------------------------------- strings

static bool is_in_set(const shape_piece *piece, unsigned char byte) {
  return (piece->set[byte / 64] >> (byte % 64) & 1) != 0;
}

bool shape_matches(const shape_piece *pattern, text value) {
  size_t at = 0;
  for (; pattern->max > 0; pattern++) {
    uint32_t count = 0;
    while (count < pattern->max && at < value.size && is_in_set(pattern, (unsigned char)value.data[at])) {
      count++;
      at++;
    }
    if (count < pattern->min) return false;
  }
  return at == value.size;
}

static size_t characters_count(text value) {
  size_t count = 0;
  for (size_t i = 0; i < value.size; i++) count += ((unsigned char)value.data[i] & 0xc0) != 0x80;
  return count;
}

static bool is_word(const char *const *words, text value) {
  for (; *words != NULL; words++)
    if (text_equal_string(value, *words)) return true;
  return false;
}

/// Takes digits whose number is in the range off `rest`.
static bool take_number(text *rest, size_t digits, uint64_t min, uint64_t max) {
  uint64_t number;
  if (rest->size < digits || !text_to_u64((text){rest->data, digits}, &number)) return false;
  *rest = (text){rest->data + digits, rest->size - digits};
  return number >= min && number <= max;
}

static bool take_byte(text *rest, const char *bytes) {
  if (rest->size == 0 || strchr(bytes, rest->data[0]) == NULL || rest->data[0] == '\0') return false;
  *rest = (text){rest->data + 1, rest->size - 1};
  return true;
}

static bool take_fraction(text *rest) {
  if (!take_byte(rest, ".")) return true;
  size_t before = rest->size;
  while (rest->size > 0 && isdigit((unsigned char)rest->data[0])) *rest = (text){rest->data + 1, rest->size - 1};
  return rest->size < before;
}

/// Days that a month does not have are let pass: whoever reads the time finds them.
static bool is_date_time(text value) {
  bool good = take_number(&value, 4, 0, 9999) && take_byte(&value, "-") && take_number(&value, 2, 1, 12) &&
              take_byte(&value, "-") && take_number(&value, 2, 1, 31) && take_byte(&value, "Tt") &&
              take_number(&value, 2, 0, 23) && take_byte(&value, ":") && take_number(&value, 2, 0, 59) &&
              take_byte(&value, ":") && take_number(&value, 2, 0, 60) && take_fraction(&value);
  if (good && !take_byte(&value, "Zz"))
    good = take_byte(&value, "+-") && take_number(&value, 2, 0, 23) && take_byte(&value, ":") &&
           take_number(&value, 2, 0, 59);
  return good && value.size == 0;
}

static bool has_format(shape_format format, text value) {
  uint64_t milliseconds;
  if (format == SHAPE_DURATION) return units_duration_parse(value, &milliseconds);
  return format == SHAPE_FREE || is_date_time(value);
}

bool shape_takes_text(const shape *self, text value) {
  if (self->words != NULL) return is_word(self->words, value);
  size_t size = self->is_in_bytes ? value.size : characters_count(value);
  if (size < self->size_min || size > self->size_max) return false;
  return (self->pattern == NULL || shape_matches(self->pattern, value)) && has_format(self->format, value);
}

// ------------------------------------------------------------------------------------------------------------ values

static uint8_t types_of(yyjson_val *value) {
  switch (yyjson_get_type(value)) {
  case YYJSON_TYPE_NULL: return SHAPE_NULL;
  case YYJSON_TYPE_BOOL: return SHAPE_BOOLEAN;
  case YYJSON_TYPE_STR: return SHAPE_STRING;
  case YYJSON_TYPE_ARR: return SHAPE_ARRAY;
  case YYJSON_TYPE_OBJ: return SHAPE_OBJECT;
  case YYJSON_TYPE_NUM: break;
  default: return 0;
  }
  return yyjson_is_real(value) ? SHAPE_NUMBER : SHAPE_INTEGER | SHAPE_NUMBER;
}

static bool is_good_number(const shape *self, yyjson_val *value) {
  double number = yyjson_get_num(value);
  return !self->has_range || (number >= self->minimum && number <= self->maximum);
}

/// What can be said of a value without looking inside.
static bool is_good(const shape *self, yyjson_val *value) {
  if ((types_of(value) & self->types) == 0) return false;
  if (yyjson_is_num(value)) return is_good_number(self, value);
  if (yyjson_is_str(value)) return shape_takes_text(self, (text){yyjson_get_str(value), yyjson_get_len(value)});
  if (!yyjson_is_ctn(value)) return true;
  size_t count = yyjson_get_len(value);
  return count >= self->size_min && count <= self->size_max;
}

static ubiq_error *check(const shape *shapes, uint16_t number, const json_value *value);

static const shape_field *find_field(const shape *self, text name) {
  for (size_t i = 0; i < self->fields_count; i++)
    if (text_equal_string(name, self->fields[i].name)) return &self->fields[i];
  return NULL;
}

static ubiq_error *unknown_field(const shape *self, const json_value *field) {
  if (field->source->is_secret) return json_error(field->parent, "has a field that is not known");
  const char *names[UINT8_MAX];
  size_t count = 0;
  for (; count < self->fields_count && count < UINT8_MAX; count++) names[count] = self->fields[count].name;
  const char *nearest = text_nearest(field->key, names, count);
  if (nearest == NULL) return json_error(field, "is not known");
  return json_error(field, "is not known; did you mean \"%s\"?", nearest);
}

static ubiq_error *check_field(const shape *shapes, const shape *self, const json_value *field) {
  const shape_field *known = find_field(self, field->key);
  uint16_t number = known != NULL ? known->shape : self->further;
  return number == SHAPE_NOTHING ? unknown_field(self, field) : check(shapes, number, field);
}

static ubiq_error *check_object(const shape *shapes, const shape *self, const json_value *value) {
  json_value field = {0};
  ubiq_error *error = NULL;
  while (error == NULL && json_next_field(value, &field)) error = check_field(shapes, self, &field);
  for (size_t i = 0; error == NULL && i < self->fields_count; i++) {
    if (!self->fields[i].is_required) continue;
    field = json_field(value, self->fields[i].name);
    if (field.value == NULL) error = json_wrong(&field, "%s", shapes[self->fields[i].shape].expected);
  }
  return error;
}

static ubiq_error *check_array(const shape *shapes, const shape *self, const json_value *value) {
  json_value item = {0};
  ubiq_error *error = NULL;
  while (error == NULL && json_next_item(value, &item)) error = check(shapes, self->items, &item);
  return error;
}

static ubiq_error *check_inside(const shape *shapes, const shape *self, const json_value *value) {
  if (!is_good(self, value->value)) return json_wrong(value, "%s", self->expected);
  if (yyjson_is_obj(value->value)) return check_object(shapes, self, value);
  return yyjson_is_arr(value->value) ? check_array(shapes, self, value) : NULL;
}

/// A wrong secret may be the right one of something else, or have a slip of the pen.
static ubiq_error *check_secret(const shape *shapes, const shape *self, const json_value *value) {
  json_source hidden = *value->source;
  json_value secret = *value;
  hidden.is_secret = true;
  secret.source = &hidden;
  return check_inside(shapes, self, &secret);
}

static ubiq_error *check(const shape *shapes, uint16_t number, const json_value *value) {
  const shape *self = &shapes[number];
  if (number == SHAPE_ANYTHING) return NULL;
  return self->is_secret ? check_secret(shapes, self, value) : check_inside(shapes, self, value);
}

ubiq_error *shape_check(const shape *shapes, uint16_t number, const char *name, yyjson_val *value) {
  json_source source = {.name = name, .is_root = true};
  json_value root = json_root(&source, value);
  return check(shapes, number, &root);
}
