/// The engines that tests find: those that are present, and what UBIQ_NEED_ENGINES in the environment says of the rest.
#ifndef TEST_SUPPORT_ENGINES_H
#define TEST_SUPPORT_ENGINES_H

#include "engine/engine.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENGINES_MAX = 16 };

/// Whether UBIQ_NEED_ENGINES, names with spaces between them, has this one: its absence is a failure then.
static inline bool engine_is_needed(const char *name) {
  const char *rest = getenv("UBIQ_NEED_ENGINES");
  size_t size = strlen(name);
  while (rest && *rest) {
    rest += strspn(rest, " ");
    size_t length = strcspn(rest, " ");
    if (length == size && strncmp(rest, name, size) == 0) return true;
    rest += length;
  }
  return false;
}

/// The engine, or NULL for an absent one, of which it says so; ends the program when that is needed.
static inline const engine_ops *engine_if_present(const char *name) {
  const engine_ops *ops = NULL;
  ubiq_error *absent = engine_find(name, &ops);
  if (!absent) return ops;
  fprintf(stderr, "%s\n", ubiq_error_message(absent));
  ubiq_error_delete(absent);
  if (!engine_is_needed(name)) return NULL;
  fprintf(stderr, "UBIQ_NEED_ENGINES names it\n");
  exit(1);
}

/// Those that are present, in the order of engine_list; answers how many.
static inline size_t engines_present(const engine_ops *out[ENGINES_MAX]) {
  size_t known_count = 0, count = 0;
  const engine_known *known = engine_list(&known_count);
  for (size_t i = 0; i < known_count && count < ENGINES_MAX; i++)
    if ((out[count] = engine_if_present(known[i].name)) != NULL) count++;
  return count;
}

#endif
