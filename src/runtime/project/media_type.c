// The table is Debian's, made into C when this is built (scripts/media-types).
#include "runtime/project/media_type.h"

#include <stdlib.h>

typedef struct row {
  const char *end;
  const char *type;
} row;

static const row rows[] = {
#include "media_types.inc"
};

enum { END_BYTES_MAX = 31 };

/// What is text, and so has a charset, which is UTF-8 for all of them.
static const row texts[] = {
    {"css", "text/css; charset=utf-8"},        {"csv", "text/csv; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},       {"html", "text/html; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},  {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"}, {"svg", "image/svg+xml; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},      {"xml", "application/xml; charset=utf-8"},
};

static int compare(const void *key, const void *member) {
  return strcmp(key, ((const row *)member)->end);
}

static const char *find(const row *table, size_t count, const char *end) {
  const row *found = bsearch(end, table, count, sizeof *table, compare);
  return found == NULL ? NULL : found->type;
}

const char *media_type_of(text name) {
  const char *dot = name.size == 0 ? NULL : memrchr(name.data, '.', name.size);
  size_t size = dot == NULL ? 0 : (size_t)(name.data + name.size - dot) - 1;
  char end[END_BYTES_MAX + 1];
  if (size == 0 || size > END_BYTES_MAX) return "application/octet-stream";
  for (size_t i = 0; i < size; i++)
    end[i] = (char)(dot[1 + i] >= 'A' && dot[1 + i] <= 'Z' ? dot[1 + i] | 0x20 : dot[1 + i]);
  end[size] = '\0';
  const char *type = find(texts, sizeof texts / sizeof texts[0], end);
  if (type == NULL) type = find(rows, sizeof rows / sizeof rows[0], end);
  return type == NULL ? "application/octet-stream" : type;
}
