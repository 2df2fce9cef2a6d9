// Looking into maps of strings.
#ifndef UBIQ_TEST_MAP_TESTING_H
#define UBIQ_TEST_MAP_TESTING_H

#include "base/map.h"

/// The value of a key as a string; NULL when there is none.
static inline const char *map_string(const map *self, const char *key) {
  ubiq_bytes value;
  return map_get(self, text_of(key), &value) ? (const char *)value.data : NULL;
}

#endif
