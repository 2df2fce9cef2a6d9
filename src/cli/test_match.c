// One walk over both values; the way to where it is grows and shrinks in a buffer.
#include "cli/test_match.h"

#include <stdlib.h>

enum { SHOWN_BYTES_MAX = 200 };

typedef struct comparison {
  buffer way; ///< to where it is: `items[0].price`; empty at the root
  buffer *differences;
  size_t lines;
  bool is_good; ///< false: memory is out
} comparison;

// ----------------------------------------------------------------------------------------------------- texts

static bool matches_pattern(text expected, text actual) {
  static const text glob = {"glob:", 5}, literal = {"text:", 5};
  if (text_starts_with(expected, glob))
    return text_glob_match((text){expected.data + glob.size, expected.size - glob.size}, actual);
  if (text_starts_with(expected, literal))
    return text_equal((text){expected.data + literal.size, expected.size - literal.size}, actual);
  return text_equal(expected, actual);
}

bool test_match_text(text expected, text actual) {
  bool is_any = text_equal_string(expected, "*") || text_equal_string(expected, "<string>");
  return is_any || matches_pattern(expected, actual);
}

// ---------------------------------------------------------------------------------------------------- values

typedef struct type_matcher {
  const char *name;
  bool (*is)(yyjson_val *value);
} type_matcher;

static bool is_integer(yyjson_val *value) {
  return yyjson_is_int(value);
}
static bool is_number(yyjson_val *value) {
  return yyjson_is_num(value);
}
static bool is_string(yyjson_val *value) {
  return yyjson_is_str(value);
}
static bool is_boolean(yyjson_val *value) {
  return yyjson_is_bool(value);
}
static bool is_array(yyjson_val *value) {
  return yyjson_is_arr(value);
}
static bool is_object(yyjson_val *value) {
  return yyjson_is_obj(value);
}
static bool is_null(yyjson_val *value) {
  return yyjson_is_null(value);
}
static bool is_anything(yyjson_val *value) {
  return value != NULL;
}

static const type_matcher types[] = {
    {"*", is_anything},        {"<integer>", is_integer}, {"<number>", is_number}, {"<string>", is_string},
    {"<boolean>", is_boolean}, {"<array>", is_array},     {"<object>", is_object}, {"<null>", is_null},
};

static text text_in(yyjson_val *value) {
  return (text){yyjson_get_str(value), yyjson_get_len(value)};
}

static bool matches_text(yyjson_val *expected, yyjson_val *actual) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (text_equal_string(text_in(expected), types[i].name)) return types[i].is(actual);
  return yyjson_is_str(actual) && matches_pattern(text_in(expected), text_in(actual));
}

/// 3 and 3.0 are one number.
static bool equal_numbers(yyjson_val *a, yyjson_val *b) {
  if (!yyjson_is_num(a) || !yyjson_is_num(b)) return false;
  if (yyjson_is_real(a) || yyjson_is_real(b)) return yyjson_get_num(a) == yyjson_get_num(b);
  bool same_sign = (yyjson_is_sint(a) && yyjson_get_sint(a) < 0) == (yyjson_is_sint(b) && yyjson_get_sint(b) < 0);
  return same_sign && yyjson_get_uint(a) == yyjson_get_uint(b);
}

static bool matches_scalar(yyjson_val *expected, yyjson_val *actual) {
  if (yyjson_is_str(expected)) return matches_text(expected, actual);
  if (yyjson_is_num(expected)) return equal_numbers(expected, actual);
  return yyjson_is_bool(expected) && yyjson_is_bool(actual) && yyjson_get_bool(expected) == yyjson_get_bool(actual);
}

// ----------------------------------------------------------------------------------------------- differences

static void show(comparison *self, yyjson_val *value) {
  size_t size = 0;
  char *json = value == NULL ? NULL : yyjson_val_write(value, 0, &size);
  bool is_cut = size > SHOWN_BYTES_MAX;
  text shown = value == NULL ? TEXT("absent") : (text){json, is_cut ? SHOWN_BYTES_MAX : size};
  self->is_good = self->is_good && (value == NULL || json != NULL) && text_escape(self->differences, shown) &&
                  (!is_cut || buffer_append_string(self->differences, " ..."));
  free(json);
}

/// `expected` NULL: nothing; `actual` NULL: it is not there.
static void differ(comparison *self, yyjson_val *expected, yyjson_val *actual) {
  if (self->lines++ >= TEST_MATCH_LINES_MAX || !self->is_good) return;
  text way = {(const char *)self->way.data, self->way.size};
  self->is_good =
      text_escape(self->differences, way) && (way.size == 0 || buffer_append_string(self->differences, ": "));
  if (expected == NULL) {
    self->is_good = self->is_good && buffer_append_string(self->differences, "not expected, is ");
  } else {
    self->is_good = self->is_good && buffer_append_string(self->differences, "expected ");
    show(self, expected);
    self->is_good = self->is_good && buffer_append_string(self->differences, ", is ");
  }
  show(self, actual);
  self->is_good = self->is_good && buffer_append_byte(self->differences, '\n');
}

static void compare(comparison *self, yyjson_val *expected, yyjson_val *actual);

/// As json_path has it, but that a dot in a key is told by quotes nowhere: it is for reading.
static void compare_key(comparison *self, text key, yyjson_val *expected, yyjson_val *actual) {
  size_t size = self->way.size;
  self->is_good = self->is_good && (size == 0 || buffer_append_byte(&self->way, '.')) &&
                  buffer_append(&self->way, key.data, key.size);
  if (expected == NULL || actual == NULL)
    differ(self, expected, actual);
  else
    compare(self, expected, actual);
  self->way.size = size;
}

static void compare_objects(comparison *self, yyjson_val *expected, yyjson_val *actual) {
  yyjson_val *further = yyjson_obj_get(expected, "*"), *key, *value;
  size_t index, max;
  yyjson_obj_foreach(expected, index, max, key, value) {
    if (!text_equal_string(text_in(key), "*"))
      compare_key(self, text_in(key), value, yyjson_obj_getn(actual, yyjson_get_str(key), yyjson_get_len(key)));
  }
  yyjson_obj_foreach(actual, index, max, key, value) {
    if (yyjson_obj_getn(expected, yyjson_get_str(key), yyjson_get_len(key)) == NULL)
      compare_key(self, text_in(key), further, value);
  }
}

static void compare_arrays(comparison *self, yyjson_val *expected, yyjson_val *actual) {
  size_t count = yyjson_arr_size(expected), actual_count = yyjson_arr_size(actual);
  for (size_t i = 0; i < count || i < actual_count; i++) {
    size_t size = self->way.size;
    yyjson_val *wanted = yyjson_arr_get(expected, i), *found = yyjson_arr_get(actual, i);
    self->is_good = self->is_good && buffer_printf(&self->way, "[%zu]", i);
    if (wanted == NULL || found == NULL)
      differ(self, wanted, found);
    else
      compare(self, wanted, found);
    self->way.size = size;
  }
}

static void compare(comparison *self, yyjson_val *expected, yyjson_val *actual) {
  if (yyjson_is_obj(expected) && yyjson_is_obj(actual))
    compare_objects(self, expected, actual);
  else if (yyjson_is_arr(expected) && yyjson_is_arr(actual))
    compare_arrays(self, expected, actual);
  else if (!matches_scalar(expected, actual))
    differ(self, expected, actual);
}

bool test_match_json(yyjson_val *expected, yyjson_val *actual, buffer *differences) {
  comparison self = {.differences = differences, .is_good = true};
  compare(&self, expected, actual);
  buffer_free(&self.way);
  if (self.lines > TEST_MATCH_LINES_MAX && self.is_good)
    self.is_good = buffer_printf(differences, "... and %zu more\n", self.lines - TEST_MATCH_LINES_MAX);
  return self.is_good;
}

// ----------------------------------------------------------------------------------------------------- lines

static text first_line(text value) {
  const char *end = value.size == 0 ? NULL : memchr(value.data, '\n', value.size);
  return (text){value.data, end == NULL ? value.size : (size_t)(end - value.data)};
}

static text without_first(text value, text line) {
  size_t taken = line.size < value.size ? line.size + 1 : line.size;
  return (text){value.data + taken, value.size - taken};
}

static text last_line(text value) {
  size_t begin = value.size;
  while (begin > 0 && value.data[begin - 1] != '\n') begin--;
  return (text){value.data + begin, value.size - begin};
}

/// Takes off the lines that both begin or end with.
static void leave_alike(text *a, text *b) {
  while (a->size > 0 && b->size > 0 && text_equal(first_line(*a), first_line(*b))) {
    text line = first_line(*a);
    *a = without_first(*a, line);
    *b = without_first(*b, line);
  }
  while (a->size > 0 && b->size > 0) {
    text line = last_line(*a);
    if (line.size == a->size || !text_equal(line, last_line(*b)) || line.size == b->size) break;
    a->size -= line.size + 1;
    b->size -= line.size + 1;
  }
}

static bool append_lines(text value, const char *mark, buffer *out) {
  text line;
  bool is_good = true;
  size_t lines = 0;
  if (value.size == 0) return true;
  while (is_good && text_split(&value, '\n', &line)) {
    bool is_cut = line.size > SHOWN_BYTES_MAX;
    if (is_cut) line.size = SHOWN_BYTES_MAX;
    if (++lines > TEST_MATCH_LINES_MAX) return buffer_printf(out, "%s...\n", mark);
    is_good = buffer_append_string(out, mark) && text_escape(out, line) &&
              buffer_append_string(out, is_cut ? " ...\n" : "\n");
  }
  return is_good;
}

bool test_match_lines(text expected, text actual, buffer *differences) {
  text wanted = expected, found = actual;
  leave_alike(&wanted, &found);
  if (wanted.size == 0 && found.size == 0)
    return buffer_printf(differences, "the line break at the end is %s\n",
                         expected.size > actual.size ? "missing" : "not expected");
  return append_lines(wanted, "- ", differences) && append_lines(found, "+ ", differences);
}
