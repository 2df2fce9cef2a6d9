// One pass over the bytes, which counts the lines.
#include "cli/dot_env.h"

#include "base/buffer.h"

#include <stdlib.h>

typedef struct reader {
  const char *at, *end;
  unsigned line;
  dot_env *out;
} reader;

static ubiq_error *wrong(const char *what) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s", what);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(reader *self) {
  while (self->at < self->end && is_blank(*self->at)) self->at++;
}

static void skip_line(reader *self) {
  while (self->at < self->end && *self->at != '\n') self->at++;
}

static bool is_at_end_of_line(const reader *self) {
  return self->at == self->end || *self->at == '\n';
}

// ------------------------------------------------------------------------------------------------------------ names

static bool is_of_name(char c, bool is_first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!is_first && c >= '0' && c <= '9');
}

static text take_word(reader *self) {
  const char *begin = self->at;
  while (self->at < self->end && is_of_name(*self->at, self->at == begin)) self->at++;
  text word = {begin, (size_t)(self->at - begin)};
  skip_blanks(self);
  return word;
}

/// `export` is what makes the file one of a shell, too; with a `=` behind it, it is a name as any.
static ubiq_error *take_name(reader *self, text *out) {
  *out = take_word(self);
  bool is_export =
      text_equal(*out, TEXT("export")) && !is_at_end_of_line(self) && *self->at != '=' && is_blank(self->at[-1]);
  if (is_export) *out = take_word(self);
  if (out->size == 0 || is_at_end_of_line(self) || *self->at != '=')
    return wrong("expected NAME=VALUE, where NAME has letters, digits and _");
  self->at++;
  return NULL;
}

// ----------------------------------------------------------------------------------------------------------- values

static char unescaped(char c) {
  switch (c) {
  case 'n': return '\n';
  case 'r': return '\r';
  case 't': return '\t';
  default: return c;
  }
}

static ubiq_error *take_quoted(reader *self, char quote, buffer *out) {
  for (self->at++; self->at < self->end && *self->at != quote; self->at++) {
    if (*self->at == '\r' && self->at + 1 < self->end && self->at[1] == '\n') continue;
    bool is_escape = quote == '"' && *self->at == '\\' && self->at + 1 < self->end;
    if (is_escape) self->at++;
    if (*self->at == '\n') self->line++;
    if (!buffer_append_byte(out, (uint8_t)(is_escape ? unescaped(*self->at) : *self->at)))
      return ubiq_error_no_memory();
  }
  if (self->at == self->end) return wrong("the quote is not closed; expected another of its kind");
  self->at++;
  skip_blanks(self);
  bool is_all = is_at_end_of_line(self) || *self->at == '#';
  skip_line(self);
  return is_all ? NULL : wrong("expected nothing but a comment behind the closing quote");
}

static ubiq_error *take_plain(reader *self, buffer *out) {
  const char *begin = self->at;
  bool is_comment = false;
  while (!is_at_end_of_line(self) && !is_comment) {
    is_comment = *self->at == '#' && is_blank(self->at[-1]); // there is a `=` at least before it
    if (!is_comment) self->at++;
  }
  const text value = text_trim((text){begin, (size_t)(self->at - begin)});
  skip_line(self);
  return buffer_append(out, value.data, value.size) ? NULL : ubiq_error_no_memory();
}

static ubiq_error *take_value(reader *self, buffer *out) {
  skip_blanks(self);
  bool is_quoted = !is_at_end_of_line(self) && (*self->at == '"' || *self->at == '\'');
  return is_quoted ? take_quoted(self, *self->at, out) : take_plain(self, out);
}

// ------------------------------------------------------------------------------------------------------------ lines

static bool keep(dot_env *self, text name, buffer *value) {
  dot_env_setting *more = realloc(self->settings, (self->count + 1) * sizeof *more);
  if (more == NULL) return false;
  self->settings = more;
  const dot_env_setting made = {strndup(name.data, name.size), buffer_take_string(value)};
  more[self->count++] = made;
  return made.name != NULL && made.value != NULL;
}

static ubiq_error *read_line(reader *self) {
  text name;
  buffer value = {0};
  skip_blanks(self);
  if (!is_at_end_of_line(self) && *self->at == '#') skip_line(self);
  if (is_at_end_of_line(self)) return NULL;
  ubiq_error *error = take_name(self, &name);
  if (error == NULL) error = take_value(self, &value);
  if (error == NULL && value.size > 0 && memchr(value.data, '\0', value.size) != NULL)
    error = wrong("has a NUL in it; expected NAME=VALUE");
  if (error == NULL && !keep(self->out, name, &value)) error = ubiq_error_no_memory();
  buffer_free(&value);
  return error;
}

ubiq_error *dot_env_parse(const char *path, text content, dot_env *out) {
  const text mark = TEXT("\xef\xbb\xbf");
  const size_t skipped = text_starts_with(content, mark) ? mark.size : 0;
  reader self = {content.data + skipped, content.data + content.size, 1, out};
  *out = (dot_env){0};
  while (self.at < self.end) {
    const unsigned line = self.line;
    ubiq_error *error = read_line(&self);
    if (error != NULL) return ubiq_error_wrap(error, "%s:%u", path, line);
    if (self.at < self.end) self.at++;
    self.line++;
  }
  return NULL;
}

void dot_env_free(dot_env *self) {
  for (size_t i = 0; i < self->count; i++) {
    free(self->settings[i].name);
    free(self->settings[i].value);
  }
  free(self->settings);
  *self = (dot_env){0};
}
