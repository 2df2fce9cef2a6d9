/// A table of a page in Markdown: read, looked up by the names of its rows and columns, written.
///
/// Cells are text of bounded length; a table has bounded size. What does not fit fails the test.
#ifndef UBIQ_TEST_PAGE_TABLE_H
#define UBIQ_TEST_PAGE_TABLE_H

#include "unit/base/testing.h"

#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PAGE_TABLE_ROWS_MAX = 64, PAGE_TABLE_COLUMNS_MAX = 17, PAGE_TABLE_CELL_BYTES_MAX = 128, PAGE_TABLE_NONE = 0 };

/// Row 0 and column 0 are the headers. The row of dashes is not kept.
typedef struct page_table {
  size_t rows, columns;
  char cells[PAGE_TABLE_ROWS_MAX][PAGE_TABLE_COLUMNS_MAX][PAGE_TABLE_CELL_BYTES_MAX];
} page_table;

__attribute__((format(printf, 4, 5))) static inline void page_table_set(page_table *self, size_t row, size_t column,
                                                                        const char *format, ...) {
  assert_true(row < PAGE_TABLE_ROWS_MAX && column < PAGE_TABLE_COLUMNS_MAX);
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(self->cells[row][column], PAGE_TABLE_CELL_BYTES_MAX, format, arguments);
  va_end(arguments);
  assert_true(size >= 0 && size < PAGE_TABLE_CELL_BYTES_MAX);
}

// The cells of a line after its first `|`.
static inline size_t page_table_read_row(page_table *self, size_t row, const char *line) {
  size_t column = 0;
  while (*line && *line != '\n') {
    line += strspn(line, " ");
    size_t length = strcspn(line, "|\n"), size = length;
    while (size > 0 && line[size - 1] == ' ') size--;
    page_table_set(self, row, column++, "%.*s", (int)size, line);
    line += length + (line[length] == '|');
  }
  return column;
}

/// Reads the table that begins after blank lines at `text`; an empty one when there is none.
static inline void page_table_read(page_table *self, const char *text) {
  *self = (page_table){0};
  text += strspn(text, "\n");
  for (; *text == '|'; text += *text == '\n') {
    if (strncmp(text, "|---", 4) != 0) {
      size_t columns = page_table_read_row(self, self->rows++, text + 1);
      if (self->rows == 1) self->columns = columns;
      assert_int_equal(columns, self->columns);
    }
    text += strcspn(text, "\n");
  }
}

/// Writes the table with a blank line before it.
static inline void page_table_write(const page_table *self, buffer *out) {
  for (size_t row = 0; row < self->rows; row++) {
    assert_true(buffer_append_string(out, "\n|"));
    for (size_t column = 0; column < self->columns; column++)
      assert_true(buffer_printf(out, "%s%s |", row || column ? " " : "", self->cells[row][column]));
    if (row > 0) continue;
    assert_true(buffer_append_string(out, "\n|"));
    for (size_t column = 0; column < self->columns; column++) assert_true(buffer_append_string(out, "---|"));
  }
  assert_true(buffer_append_string(out, "\n"));
}

/// The column whose header's first word is `name`, or PAGE_TABLE_NONE.
static inline size_t page_table_column(const page_table *self, const char *name) {
  size_t size = strlen(name);
  for (size_t column = 1; column < self->columns; column++) {
    const char *header = self->cells[0][column];
    if (strncmp(header, name, size) == 0 && (header[size] == ' ' || !header[size])) return column;
  }
  return PAGE_TABLE_NONE;
}

/// The row that is called `name`, or PAGE_TABLE_NONE.
static inline size_t page_table_row(const page_table *self, const char *name) {
  for (size_t row = 1; row < self->rows; row++)
    if (strcmp(self->cells[row][0], name) == 0) return row;
  return PAGE_TABLE_NONE;
}

#endif
