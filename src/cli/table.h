// Tables for people: a line for each row, columns as wide as they have to be.
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/buffer.h"

#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 12 };

/// Zeroed but for `heads` and `columns`: a table without rows.
typedef struct table {
  const char *const *heads;
  size_t columns;
  char **cells; ///< owned, row after row
  size_t count;
} table;

/// Adds the next cell; what would control a terminal is escaped. Rows follow each other. False when memory is out.
UBIQ_NODISCARD bool table_add(table *self, const char *cell);
/// The same with printf-style text.
UBIQ_NODISCARD bool table_printf(table *self, const char *format, ...) UBIQ_PRINTF(2, 3);

/// Prints the heads and all rows.
void table_print(const table *self, FILE *out);

void table_free(table *self);

#endif
