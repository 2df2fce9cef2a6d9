// One line at a time; what a value says is never told, because it may be a password.
#include "cli/dev_settings.h"

#include "base/file.h"
#include "base/text.h"
#include "services/config/config.h"

#include <stdlib.h>

enum { FILE_BYTES_MAX = 1 << 20 };

static bool is_name(text name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!is_letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return name.size > 0;
}

static text without_quotes(text value) {
  bool is_quoted =
      value.size >= 2 && (value.data[0] == '"' || value.data[0] == '\'') && value.data[value.size - 1] == value.data[0];
  return is_quoted ? (text){value.data + 1, value.size - 2} : value;
}

static ubiq_error *set(text name, text value) {
  char variable[CONFIG_VARIABLE_SIZE];
  if (!config_variable(name, variable)) return ubiq_error_new(UBIQ_INVALID_INPUT, "the name is too long");
  char *copy = strndup(value.data, value.size);
  if (copy == NULL) return ubiq_error_no_memory();
  int failed = setenv(variable, copy, 0);
  free(copy);
  return failed == 0 ? NULL : ubiq_error_no_memory();
}

static ubiq_error *read_line(text line) {
  text name, value = text_trim(line);
  if (value.size == 0 || value.data[0] == '#') return NULL;
  if (memchr(line.data, '\0', line.size) != NULL)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "has a NUL in it; expected NAME=VALUE");
  bool has_value = memchr(value.data, '=', value.size) != NULL && text_split(&value, '=', &name);
  if (!has_value || !is_name(text_trim(name)))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "expected NAME=VALUE, where NAME has letters, digits and _");
  return set(text_trim(name), without_quotes(text_trim(value)));
}

static ubiq_error *read_lines(const char *path, text rest) {
  text line;
  for (unsigned number = 1; text_split(&rest, '\n', &line); number++) {
    ubiq_error *error = read_line(line);
    if (error != NULL) return ubiq_error_wrap(error, "%s:%u", path, number);
  }
  return NULL;
}

ubiq_error *dev_settings_read(const char *directory) {
  buffer bytes = {0};
  char *path = file_path_join(directory, ".env");
  if (path == NULL) return ubiq_error_no_memory();
  ubiq_error *error = file_exists(path) ? file_read_all(path, FILE_BYTES_MAX, &bytes) : NULL;
  if (error == NULL && bytes.size > 0) error = read_lines(path, (text){(const char *)bytes.data, bytes.size});
  buffer_free(&bytes);
  free(path);
  return error;
}
