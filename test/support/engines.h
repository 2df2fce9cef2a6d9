/// The engines that tests find: those that are present, and those that must be.
#ifndef TEST_SUPPORT_ENGINES_H
#define TEST_SUPPORT_ENGINES_H

#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENGINES_MAX = 16 };

/// The engine, or NULL for an absent one, of which it says why.
static inline const engine_ops *engine_if_present(const char *name) {
  const engine_ops *ops = NULL;
  ubiq_error *absent = engine_find(name, &ops);
  if (absent) fprintf(stderr, "%s\n", ubiq_error_message(absent));
  ubiq_error_delete(absent);
  return ops;
}

/// Ends the program unless all engines are present that UBIQ_NEED_ENGINES in the environment names, with spaces between
/// the names.
static inline void engines_need(void) {
  char name[64];
  const char *rest = getenv("UBIQ_NEED_ENGINES");
  for (int size = 0; rest && sscanf(rest, " %63s%n", name, &size) == 1; rest += size)
    if (!engine_if_present(name)) {
      fprintf(stderr, "UBIQ_NEED_ENGINES names %s\n", name);
      exit(1);
    }
}

/// Those that are present, in the order of engine_list; answers how many. Says what is absent.
static inline size_t engines_present(const engine_ops *out[ENGINES_MAX]) {
  size_t known_count = 0, count = 0;
  const engine_known *known = engine_list(&known_count);
  engines_need();
  for (size_t i = 0; i < known_count && count < ENGINES_MAX; i++)
    if ((out[count] = engine_if_present(known[i].name)) != NULL) count++;
  return count;
}

#endif
