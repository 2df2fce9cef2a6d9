// See differences.h. In the document the rows stand between two lines that say so.
#include "differential/differences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "<!-- differences: written by test/differential -->\n"
#define END   "<!-- end of differences -->\n"

difference_row difference_at(difference which) {
  static const difference_row rows[] = {
#define DIFFERENCE_ROW(name, about, official, ours) [DIFFERS_##name] = {#name, about, official, ours},
      DIFFERENCES(DIFFERENCE_ROW)
#undef DIFFERENCE_ROW
  };
  return rows[which];
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) return NULL;
  enum { FILE_BYTES_MAX = 1 << 20 };
  char *text = calloc(1, FILE_BYTES_MAX);
  size_t size = fread(text, 1, FILE_BYTES_MAX - 1, file);
  text[size] = '\0';
  fclose(file);
  return text;
}

static char *make_table(void) {
  char *text = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&text, &size);
  fputs("| | libextism 1.41 | here |\n|---|---|---|\n", to);
  for (difference which = SAME + 1; which < DIFFERENCES_END; which++) {
    difference_row row = difference_at(which);
    fprintf(to, "| %s | %s | %s |\n", row.about, row.official, row.ours);
  }
  fclose(to);
  return text;
}

static bool write_file(const char *path, const char *before, size_t before_size, const char *table, const char *after) {
  FILE *file = fopen(path, "w");
  if (!file) return false;
  fprintf(file, "%.*s%s%s", (int)before_size, before, table, after);
  return fclose(file) == 0;
}

bool difference_docs_agree(const char *path, bool update) {
  char *text = read_file(path), *table = make_table();
  char *begin = text ? strstr(text, BEGIN) : NULL, *end = begin ? strstr(begin, END) : NULL;
  bool agrees = false;
  if (!end) {
    printf("%s has no lines " BEGIN "and " END, path);
  } else {
    begin += strlen(BEGIN);
    size_t size = (size_t)(end - begin);
    agrees = strlen(table) == size && memcmp(table, begin, size) == 0;
    if (!agrees && update) agrees = write_file(path, text, (size_t)(begin - text), table, end);
    if (!agrees) printf("%s: its table is not this test's; write it with --update\n", path);
  }
  free(text);
  free(table);
  return agrees;
}
