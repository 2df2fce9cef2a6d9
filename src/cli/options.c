// One pass over the arguments; each kind of option has a function that takes its value.
#include "cli/options.h"

#include "base/text.h"
#include "base/units.h"

#include <stdlib.h>

enum { NAMES_MAX = 64 };

// ---------------------------------------------------------------------------------------------------------- values

static ubiq_error *wrong(const option *option, const char *value, const char *expected) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "--%s is \"%s\"; expected %s", option->name, value, expected);
}

static ubiq_error *in_range(const option *option, const char *value, uint64_t number) {
  uint64_t max = option->max == 0 ? UINT64_MAX : option->max;
  if (number >= option->min && number <= max) {
    *(uint64_t *)option->target = number;
    return NULL;
  }
  const char *unit = option->kind == OPTION_DURATION ? " ms" : option->kind == OPTION_SIZE ? " bytes" : "";
  bool is_small = number < option->min;
  char expected[80];
  if (option->kind == OPTION_NUMBER)
    snprintf(expected, sizeof expected, "a number from %llu to %llu", (unsigned long long)option->min,
             (unsigned long long)max);
  else
    snprintf(expected, sizeof expected, "at %s %llu%s", is_small ? "least" : "most",
             (unsigned long long)(is_small ? option->min : max), unit);
  return wrong(option, value, expected);
}

static ubiq_error *take_text(const option *option, const char *value) {
  *(const char **)option->target = value;
  return NULL;
}

static ubiq_error *take_number(const option *option, const char *value) {
  uint64_t number;
  if (!text_to_u64(text_of(value), &number)) return wrong(option, value, "a whole number");
  return in_range(option, value, number);
}

static ubiq_error *take_duration(const option *option, const char *value) {
  uint64_t milliseconds;
  if (!units_duration_parse(text_of(value), &milliseconds)) return wrong(option, value, UNITS_DURATION_FORM);
  return in_range(option, value, milliseconds);
}

static ubiq_error *take_size(const option *option, const char *value) {
  uint64_t bytes;
  if (!units_size_parse(text_of(value), &bytes)) return wrong(option, value, UNITS_SIZE_FORM);
  return in_range(option, value, bytes);
}

static ubiq_error *take_item(const option *option, const char *value) {
  option_list *list = option->target;
  const char **values = realloc(list->values, (list->count + 1) * sizeof *values);
  if (values == NULL) return ubiq_error_no_memory();
  values[list->count++] = value;
  list->values = values;
  return NULL;
}

static ubiq_error *take(const option *option, const char *value) {
  static ubiq_error *(*const takers[])(const struct option *option, const char *value) = {
      [OPTION_TEXT] = take_text, [OPTION_NUMBER] = take_number, [OPTION_DURATION] = take_duration,
      [OPTION_SIZE] = take_size, [OPTION_LIST] = take_item,
  };
  return takers[option->kind](option, value);
}

// ---------------------------------------------------------------------------------------------------------- parsing

static ubiq_error *unknown(const options *self, text name) {
  const char *names[NAMES_MAX];
  size_t count = 0;
  for (size_t i = 0; i < self->count && count < NAMES_MAX; i++) names[count++] = self->list[i].name;
  const char *nearest = text_nearest(name, names, count);
  if (nearest == NULL)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "unknown option --%.*s; see --help", (int)name.size, name.data);
  return ubiq_error_new(UBIQ_INVALID_INPUT, "unknown option --%.*s; did you mean --%s?", (int)name.size, name.data,
                        nearest);
}

static const option *find_name(const options *self, text name) {
  for (size_t i = 0; i < self->count; i++)
    if (text_equal_string(name, self->list[i].name)) return &self->list[i];
  return NULL;
}

static const option *find_letter(const options *self, char letter) {
  for (size_t i = 0; i < self->count; i++)
    if (letter != '\0' && letter == self->list[i].letter) return &self->list[i];
  return NULL;
}

/// What is left of the command line.
typedef struct cursor {
  char **at;
  char **end;
} cursor;

/// `value` is what stood in the same argument; NULL: the next argument is it.
static ubiq_error *apply(const option *option, const char *value, cursor *cursor) {
  if (option->kind == OPTION_FLAG) {
    if (value != NULL) return ubiq_error_new(UBIQ_INVALID_INPUT, "--%s takes no value", option->name);
    *(bool *)option->target = true;
    return NULL;
  }
  if (value == NULL && cursor->at == cursor->end)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--%s needs a value: --%s %s", option->name, option->name, option->value);
  return take(option, value != NULL ? value : *cursor->at++);
}

static ubiq_error *take_long(const options *self, const char *argument, cursor *cursor) {
  const char *equals = strchr(argument, '=');
  text name = {argument, equals == NULL ? strlen(argument) : (size_t)(equals - argument)};
  const option *option = find_name(self, name);
  return option == NULL ? unknown(self, name) : apply(option, equals == NULL ? NULL : equals + 1, cursor);
}

static ubiq_error *take_short(const options *self, const char *argument, cursor *cursor) {
  const option *option = find_letter(self, argument[1]);
  if (option == NULL) return ubiq_error_new(UBIQ_INVALID_INPUT, "unknown option %s; see --help", argument);
  return apply(option, argument[2] == '\0' ? NULL : argument + 2, cursor);
}

static ubiq_error *take_positional(options *self, const char *argument) {
  if (self->positionals_count == self->positionals_max)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "unexpected argument \"%s\"; see --help", argument);
  self->positionals[self->positionals_count++] = argument;
  return NULL;
}

static void take_rest(options *self, cursor *cursor) {
  self->rest = cursor->at;
  self->rest_count = (size_t)(cursor->end - cursor->at);
  cursor->at = cursor->end;
}

ubiq_error *options_parse(options *self, int count, char **arguments) {
  cursor cursor = {arguments, arguments + count};
  bool ended = false;
  ubiq_error *error = NULL;
  self->positionals_count = self->rest_count = 0;
  while (error == NULL && cursor.at < cursor.end) {
    const char *argument = *cursor.at++;
    if (ended || argument[0] != '-' || argument[1] == '\0')
      error = take_positional(self, argument);
    else if (argument[1] != '-')
      error = take_short(self, argument, &cursor);
    else if (argument[2] != '\0')
      error = take_long(self, argument + 2, &cursor);
    else if (self->has_rest)
      take_rest(self, &cursor);
    else
      ended = true;
  }
  return error;
}

// ------------------------------------------------------------------------------------------------------------- help

static int print_name(const option *option, FILE *out) {
  int width = option->letter != '\0' ? fprintf(out, "  -%c, --%s", option->letter, option->name)
                                     : fprintf(out, "      --%s", option->name);
  return option->value == NULL ? width : width + fprintf(out, " %s", option->value);
}

void options_print(const options *self, FILE *out) {
  enum { COLUMN = 34 };
  for (size_t i = 0; i < self->count; i++) {
    if (self->list[i].help == NULL) continue;
    int width = print_name(&self->list[i], out);
    fprintf(out, "%*s%s\n", width < COLUMN ? COLUMN - width : 1, "", self->list[i].help);
  }
}
