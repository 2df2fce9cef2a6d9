// The messages about JSON values: the way to a value, what it is, what it should be.
#include "base/json.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

enum {
  SHOWN_SIZE_MAX = 60,    ///< bytes of a string that a message shows
  PATH_SIZE_MAX = 300,    ///< bytes of a way that a message shows
  MESSAGE_SIZE_MAX = 400, ///< bytes of what a caller of json_wrong or json_error says, longest lists included
};

static bool is_plain_word(text key) {
  for (size_t i = 0; i < key.size; i++) {
    if (!isalnum((unsigned char)key.data[i]) && key.data[i] != '_' && key.data[i] != '-') return false;
  }
  return key.size > 0;
}

static bool append_quoted(buffer *out, text value) {
  return buffer_append_byte(out, '"') && text_escape(out, value) && buffer_append_byte(out, '"');
}

static bool append_step(buffer *out, const json_value *value) {
  if (yyjson_is_arr(value->parent->value)) return buffer_printf(out, "[%zu]", value->index);
  if (out->size > 0 && !buffer_append_byte(out, '.')) return false;
  return is_plain_word(value->key) ? buffer_append(out, value->key.data, value->key.size)
                                   : append_quoted(out, value->key);
}

bool json_path(const json_value *value, buffer *out) {
  // From the root down, without recursion: the way is short, so finding each step from the end is cheap.
  size_t depth = 0;
  for (const json_value *at = value; at->parent != NULL; at = at->parent) depth++;
  for (size_t step = depth; step > 0; step--) {
    const json_value *at = value;
    for (size_t i = 1; i < step; i++) at = at->parent;
    if (!append_step(out, at)) return false;
  }
  return true;
}

static bool append_string_value(buffer *out, text value) {
  const text shown = text_cut(value, SHOWN_SIZE_MAX);
  return buffer_append_byte(out, '"') && text_escape(out, shown) &&
         buffer_append_string(out, shown.size < value.size ? "...\"" : "\"");
}

static bool append_kind(buffer *out, yyjson_val *value) {
  const char *word = yyjson_is_obj(value)    ? "an object"
                     : yyjson_is_arr(value)  ? "an array"
                     : yyjson_is_str(value)  ? "a string"
                     : yyjson_is_num(value)  ? "a number"
                     : yyjson_is_null(value) ? "null"
                     : yyjson_is_true(value) ? "true"
                                             : "false";
  return buffer_append_string(out, word);
}

/// Appends ` is <what it is>`.
static bool append_state(buffer *out, yyjson_val *value, bool is_secret) {
  if (value == NULL) return buffer_append_string(out, " is missing");
  if (!buffer_append_string(out, " is ")) return false;
  if (is_secret) return append_kind(out, value);
  if (yyjson_is_str(value)) {
    return append_string_value(out, (text){unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value)});
  }
  if (yyjson_is_uint(value)) return buffer_printf(out, "%llu", (unsigned long long)unsafe_yyjson_get_uint(value));
  if (yyjson_is_sint(value)) return buffer_printf(out, "%lld", (long long)unsafe_yyjson_get_sint(value));
  if (yyjson_is_real(value)) return buffer_printf(out, "%.17g", unsafe_yyjson_get_real(value));
  return append_kind(out, value);
}

/// Finds where a value stands, or the nearest thing around it that has a place.
static bool locate(const json_value *value, unsigned *line, unsigned *column) {
  const json_source *source = value->source;
  if (source->locate == NULL) return false;
  for (const json_value *at = value; at != NULL; at = at->parent) {
    buffer path = {0};
    const char *string = json_path(at, &path) ? buffer_string(&path) : NULL;
    bool found = string != NULL && source->locate(source->user, string, line, column);
    buffer_free(&path);
    if (found) return true;
  }
  return false;
}

/// Appends `name: ` or `name:line:column: `.
static bool append_source(buffer *out, const json_value *value) {
  unsigned line = 0;
  unsigned column = 0;
  if (locate(value, &line, &column)) return buffer_printf(out, "%s:%u:%u: ", value->source->name, line, column);
  return value->source->is_root || buffer_printf(out, "%s: ", value->source->name);
}

static bool append_shown(buffer *out, text path) {
  const text shown = text_cut(path, PATH_SIZE_MAX);
  return buffer_append(out, shown.data, shown.size) && (shown.size == path.size || buffer_append_string(out, "..."));
}

/// Appends the way, or `it` for the root that has no name of its own.
static bool append_path(buffer *out, const json_value *value) {
  const char *root = value->source->is_root ? value->source->name : NULL;
  if (value->parent == NULL) return buffer_append_string(out, root != NULL ? root : "it");
  buffer path = {0};
  bool ok = (root == NULL || buffer_append_string(&path, root)) && json_path(value, &path) &&
            append_shown(out, (text){(const char *)path.data, path.size});
  buffer_free(&path);
  return ok;
}

/// Makes the error of a message and ends the message.
static ubiq_error *finish(bool ok, buffer *message) {
  const char *string = ok ? buffer_string(message) : NULL;
  ubiq_error *error = string == NULL ? ubiq_error_no_memory() : ubiq_error_new(UBIQ_INVALID_INPUT, "%s", string);
  buffer_free(message);
  return error;
}

ubiq_error *json_wrong(const json_value *value, const char *expected, ...) {
  char said[MESSAGE_SIZE_MAX];
  va_list arguments;
  va_start(arguments, expected);
  vsnprintf(said, sizeof said, expected, arguments);
  va_end(arguments);

  buffer message = {0};
  bool ok = append_source(&message, value) && append_path(&message, value) &&
            append_state(&message, value->value, value->source->is_secret) &&
            buffer_printf(&message, "; expected %s", said);
  return finish(ok, &message);
}

ubiq_error *json_error(const json_value *value, const char *format, ...) {
  char said[MESSAGE_SIZE_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(said, sizeof said, format, arguments);
  va_end(arguments);

  buffer message = {0};
  bool ok = append_source(&message, value) && append_path(&message, value) && buffer_printf(&message, " %s", said);
  return finish(ok, &message);
}

/// Appends `"a", "b" or "c"`.
static bool append_words(buffer *out, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const char *before = i == 0 ? "" : i + 1 < count ? ", " : " or ";
    if (!buffer_printf(out, "%s\"%s\"", before, words[i])) return false;
  }
  return true;
}

/// Appends `; did you mean "x"?` when there is a near one, else `; expected "a", "b" or "c"`.
static bool append_choice(buffer *out, text given, const char *const *words, size_t count) {
  const char *nearest = text_nearest(given, words, count);
  if (nearest != NULL) return buffer_printf(out, "; did you mean \"%s\"?", nearest);
  return buffer_append_string(out, "; expected ") && append_words(out, words, count);
}

static bool is_known(text key, const char *const *keys, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (text_equal_string(key, keys[i])) return true;
  }
  return false;
}

ubiq_error *json_check_keys(const json_value *object, const char *const *keys, size_t count) {
  json_value field = {0};
  while (json_next_field(object, &field)) {
    if (is_known(field.key, keys, count)) continue;
    buffer message = {0};
    bool ok = append_source(&message, &field) && buffer_append_string(&message, "unknown key ") &&
              append_path(&message, &field) && append_choice(&message, field.key, keys, count);
    return finish(ok, &message);
  }
  return NULL;
}
