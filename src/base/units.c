// Numbers with a unit behind them: a table of units for each kind, one parser for both.
#include "base/units.h"

#define UNITS_SIZE_BYTES_MAX (UINT64_C(1) << 53)

typedef struct unit {
  const char *name;
  uint64_t factor;
} unit;

static const unit duration_units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
static const unit size_units[] = {{"", 1},
                                  {"B", 1},
                                  {"KB", 1000},
                                  {"MB", 1000000},
                                  {"GB", 1000000000},
                                  {"KiB", UINT64_C(1) << 10},
                                  {"MiB", UINT64_C(1) << 20},
                                  {"GiB", UINT64_C(1) << 30},
                                  {NULL, 0}};

static size_t digits_count(text value) {
  size_t count = 0;
  while (count < value.size && value.data[count] >= '0' && value.data[count] <= '9') count++;
  return count;
}

static bool parse(text value, const unit *units, uint64_t max, uint64_t *out) {
  size_t digits = digits_count(value);
  text suffix = text_trim((text){value.data + digits, value.size - digits});
  uint64_t number;
  if (!text_to_u64((text){value.data, digits}, &number)) return false;
  for (; units->name != NULL; units++)
    if (text_equal_string(suffix, units->name)) break;
  if (units->name == NULL || number > max / units->factor) return false;
  *out = number * units->factor;
  return true;
}

bool units_duration_parse(text value, uint64_t *milliseconds) {
  return parse(value, duration_units, UNITS_DURATION_MS_MAX, milliseconds);
}

bool units_size_parse(text value, uint64_t *bytes) {
  return parse(value, size_units, UNITS_SIZE_BYTES_MAX, bytes);
}

bool units_percent_parse(text value, uint64_t *permille) {
  if (text_ends_with(value, TEXT("%"))) value.size--;
  text rest = value, whole;
  uint64_t percent, tenths = 0;
  if (!text_split(&rest, '.', &whole) || !text_to_u64(whole, &percent) || percent > 100) return false;
  if (rest.data != NULL && (rest.size != 1 || !text_to_u64(rest, &tenths))) return false;
  *permille = percent * 10 + tenths;
  return *permille <= 1000;
}

static bool write_in(buffer *out, uint64_t number, const unit *units, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (number != 0 && number % units[i].factor == 0)
      return buffer_printf(out, "%llu%s", (unsigned long long)(number / units[i].factor), units[i].name);
  return buffer_printf(out, "%llu", (unsigned long long)number);
}

bool units_duration_write(buffer *out, uint64_t milliseconds) {
  static const unit units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
  return write_in(out, milliseconds, units, sizeof units / sizeof units[0]);
}

bool units_size_write(buffer *out, uint64_t bytes) {
  static const unit units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}};
  return write_in(out, bytes, units, sizeof units / sizeof units[0]);
}
