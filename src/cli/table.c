#include "cli/table.h"

#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

/// Takes `cell` over.
static bool take(table *self, char *cell) {
  if (cell == NULL) return false;
  char **cells = realloc(self->cells, (self->count + 1) * sizeof *cells);
  if (cells == NULL) {
    free(cell);
    return false;
  }
  self->cells = cells;
  self->cells[self->count++] = cell;
  return true;
}

bool table_add(table *self, const char *cell) {
  buffer escaped = {0};
  bool good = text_escape(&escaped, text_of(cell)) && take(self, buffer_take_string(&escaped));
  buffer_free(&escaped);
  return good;
}

bool table_printf(table *self, const char *format, ...) {
  char *cell = NULL;
  va_list arguments;
  va_start(arguments, format);
  int size = vasprintf(&cell, format, arguments);
  va_end(arguments);
  bool good = size >= 0 && table_add(self, cell);
  if (size >= 0) free(cell);
  return good;
}

/// Characters, not bytes.
static size_t width_of(const char *cell) {
  size_t width = 0;
  for (; *cell != '\0'; cell++) width += ((unsigned char)*cell & 0xc0) != 0x80;
  return width;
}

static void measure(const table *self, size_t widths[TABLE_COLUMNS_MAX]) {
  assert(self->columns > 0 && self->columns <= TABLE_COLUMNS_MAX);
  for (size_t i = 0; i < self->columns; i++) widths[i] = width_of(self->heads[i]);
  for (size_t i = 0; i < self->count; i++) {
    size_t width = width_of(self->cells[i]);
    if (width > widths[i % self->columns]) widths[i % self->columns] = width;
  }
}

/// Nothing stands behind a row's last cell.
static void print_row(const table *self, const char *const *cells, const size_t widths[TABLE_COLUMNS_MAX], FILE *out) {
  size_t last = self->columns;
  while (last > 1 && cells[last - 1][0] == '\0') last--;
  for (size_t i = 0; i < last; i++)
    fprintf(out, "%s%*s", cells[i], i + 1 < last ? (int)(widths[i] - width_of(cells[i]) + 2) : 0, "");
  fputc('\n', out);
}

void table_print(const table *self, FILE *out) {
  size_t widths[TABLE_COLUMNS_MAX];
  measure(self, widths);
  print_row(self, self->heads, widths, out);
  for (size_t i = 0; i + self->columns <= self->count; i += self->columns)
    print_row(self, (const char *const *)self->cells + i, widths, out);
}

void table_free(table *self) {
  for (size_t i = 0; i < self->count; i++) free(self->cells[i]);
  free(self->cells);
  self->cells = NULL;
  self->count = 0;
}
