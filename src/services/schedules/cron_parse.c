// Reading cron expressions.
#include "services/schedules/cron.h"

#include <ctype.h>
#include <string.h>

typedef struct field {
  const char *name;
  unsigned min, max;
  const char *const *names; ///< of the numbers from `min`; NULL: none
} field;

static const char *const MONTHS[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                     "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const WEEKDAYS[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const field fields[FIELDS] = {
    {"second", 0, 59, NULL},           {"minute", 0, 59, NULL},  {"hour", 0, 23, NULL},
    {"day of the month", 1, 31, NULL}, {"month", 1, 12, MONTHS}, {"day of the week", 0, 7, WEEKDAYS},
};

static const struct {
  const char *name, *meaning;
} SHORT_FORMS[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
};

static ubiq_error *wrong(const field *field, text part) {
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "cron: %s is \"%.*s\"; expected %u to %u%s, `*`, a range `a-b` or steps `a-b/n`", field->name,
                        (int)(part.size < 40 ? part.size : 40), part.data, field->min, field->max,
                        field->names == NULL ? "" : ", a name of three letters");
}

/// Takes the text up to `mark` off the front of `rest`; all of it when there is no mark. Whether there was one.
static bool take(text *rest, char mark, text *out) {
  *out = (text){0};
  return text_split(rest, mark, out) && rest->data != NULL;
}

/// At most three digits: more is out of every field's range.
static bool read_digits(text value, unsigned *out) {
  *out = 0;
  for (size_t i = 0; i < value.size; i++) {
    if (!isdigit((unsigned char)value.data[i])) return false;
    *out = *out * 10 + (unsigned)(value.data[i] - '0');
  }
  return value.size > 0 && value.size <= 3;
}

static bool read_number(const field *field, text value, unsigned *out) {
  for (unsigned i = 0; field->names != NULL && field->names[i] != NULL; i++) {
    *out = field->min + i;
    if (text_equal_ignoring_case(value, text_of(field->names[i]))) return true;
  }
  return read_digits(value, out) && *out >= field->min && *out <= field->max;
}

/// A range, or one number, which with steps begins a range to the end.
static bool read_range(const field *field, text value, bool has_step, unsigned *first, unsigned *last) {
  *first = field->min;
  *last = field->max;
  if (text_equal_string(value, "*")) return true;
  text begin;
  bool is_range = take(&value, '-', &begin);
  if (!read_number(field, begin, first)) return false;
  if (is_range) return read_number(field, value, last) && *first <= *last;
  if (!has_step) *last = *first;
  return true;
}

static bool read_numbers(const field *field, text part, uint64_t *bits) {
  text range;
  unsigned step = 1, first, last;
  bool has_step = take(&part, '/', &range);
  if (has_step && (!read_digits(part, &step) || step == 0)) return false;
  if (!read_range(field, range, has_step, &first, &last)) return false;
  for (unsigned i = first; i <= last; i += step) *bits |= UINT64_C(1) << i;
  return true;
}

/// `L` and `LW`.
static bool read_last_day(text part, cron *out) {
  out->last_day |= text_equal_ignoring_case(part, TEXT("L"));
  out->last_working_day |= text_equal_ignoring_case(part, TEXT("LW"));
  return text_equal_ignoring_case(part, TEXT("L")) || text_equal_ignoring_case(part, TEXT("LW"));
}

/// `5L` and `1#2`.
static bool read_weekday_of_month(text part, cron *out) {
  const field *field = &fields[WEEKDAY];
  unsigned weekday, nth;
  text name, rest = part;
  if (take(&rest, '#', &name)) {
    if (!read_number(field, name, &weekday) || !read_digits(rest, &nth) || nth < 1 || nth > 5) return false;
    out->nth_weekdays[nth - 1] |= (uint8_t)(1 << weekday % 7);
    return true;
  }
  if (part.size < 2 || toupper((unsigned char)part.data[part.size - 1]) != 'L') return false;
  if (!read_number(field, (text){part.data, part.size - 1}, &weekday)) return false;
  out->last_weekdays |= (uint8_t)(1 << weekday % 7);
  return true;
}

static ubiq_error *read_field(int index, text value, uint64_t *bits, cron *out) {
  *bits = 0;
  for (bool more = true; more;) {
    text part;
    more = take(&value, ',', &part);
    bool is_special =
        (index == DAY && read_last_day(part, out)) || (index == WEEKDAY && read_weekday_of_month(part, out));
    if (!is_special && !read_numbers(&fields[index], part, bits)) return wrong(&fields[index], part);
  }
  return NULL;
}

/// Cuts an expression into its fields. False when they are not five or six.
static bool split(text expression, text out[FIELDS]) {
  size_t count = 0;
  for (size_t i = 0; i < expression.size;) {
    size_t begin = i;
    while (i < expression.size && !isspace((unsigned char)expression.data[i])) i++;
    if (i > begin && count == FIELDS) return false;
    if (i > begin) out[count++] = (text){expression.data + begin, i - begin};
    while (i < expression.size && isspace((unsigned char)expression.data[i])) i++;
  }
  if (count == FIELDS - 1) {
    memmove(out + 1, out, (FIELDS - 1) * sizeof *out);
    out[SECOND] = TEXT("0");
  }
  return count >= FIELDS - 1;
}

static bool has_star(text field) {
  return field.data[0] == '*';
}

static ubiq_error *read_fields(const text parts[FIELDS], cron *out) {
  uint64_t bits[FIELDS];
  for (int i = 0; i < FIELDS; i++) {
    ubiq_error *error = read_field(i, parts[i], &bits[i], out);
    if (error != NULL) return error;
  }
  out->seconds = bits[SECOND];
  out->minutes = bits[MINUTE];
  out->hours = (uint32_t)bits[HOUR];
  out->days = (uint32_t)bits[DAY];
  out->months = (uint16_t)bits[MONTH];
  out->weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f);
  out->both_days = has_star(parts[DAY]) || has_star(parts[WEEKDAY]);
  out->is_fixed = !has_star(parts[MINUTE]) && !has_star(parts[HOUR]);
  return NULL;
}

static ubiq_error *resolve_short_form(text *expression) {
  if (expression->size == 0 || expression->data[0] != '@') return NULL;
  for (size_t i = 0; i < sizeof SHORT_FORMS / sizeof SHORT_FORMS[0]; i++) {
    if (!text_equal_ignoring_case(*expression, text_of(SHORT_FORMS[i].name))) continue;
    *expression = text_of(SHORT_FORMS[i].meaning);
    return NULL;
  }
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "cron: \"%.*s\" is not known; expected @yearly, @monthly, @weekly, @daily or @hourly",
                        (int)(expression->size < 40 ? expression->size : 40), expression->data);
}

/// Whether it is ever due: one that is comes within CRON_YEARS_MAX of any time.
static bool is_ever_due(const cron *self) {
  const zone *utc;
  int64_t next_s;
  ubiq_error *error = zone_find(TEXT("UTC"), &utc);
  if (error == NULL) return cron_next(self, utc, (cron_policy){0}, 0, &next_s);
  ubiq_error_delete(error);
  return true;
}

ubiq_error *cron_parse(text expression, cron *out) {
  *out = (cron){0};
  text parts[FIELDS], trimmed = text_trim(expression);
  if (expression.size > CRON_TEXT_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "cron: %zu bytes long; expected at most %d", expression.size,
                          CRON_TEXT_MAX);
  ubiq_error *error = resolve_short_form(&trimmed);
  if (error != NULL) return error;
  if (!split(trimmed, parts))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "cron: \"%.*s\" does not have five or six fields; expected [second] minute hour "
                          "day-of-month month day-of-week",
                          (int)(expression.size < 80 ? expression.size : 80), expression.data);
  error = read_fields(parts, out);
  if (error != NULL || is_ever_due(out)) return error;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "cron: \"%.*s\" is never due: no month has that day", (int)expression.size,
                        expression.data);
}
