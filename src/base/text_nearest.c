// The nearest of several names, for "did you mean".
#include "base/text.h"

#include <ctype.h>

enum { NAME_SIZE_MAX = 64 }; ///< bytes; longer names find nothing

static unsigned least(unsigned a, unsigned b) {
  return a < b ? a : b;
}

static int lower(char c) {
  return tolower((unsigned char)c);
}

/// Damerau-Levenshtein distance with neighbours swapped at most once (optimal string alignment), ASCII case ignored.
static unsigned distance(text a, text b) {
  unsigned rows[3][NAME_SIZE_MAX + 1]; // the row before the last, the last, and this one, in turn
  for (size_t j = 0; j <= b.size; j++) rows[0][j] = (unsigned)j;

  for (size_t i = 1; i <= a.size; i++) {
    unsigned *row = rows[i % 3];
    const unsigned *above = rows[(i - 1) % 3];
    const unsigned *above2 = rows[(i + 1) % 3];
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= b.size; j++) {
      bool same = lower(a.data[i - 1]) == lower(b.data[j - 1]);
      row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + !same);
      bool swapped = i > 1 && j > 1 && lower(a.data[i - 1]) == lower(b.data[j - 2]) &&
                     lower(a.data[i - 2]) == lower(b.data[j - 1]);
      if (swapped) row[j] = least(row[j], above2[j - 2] + 1);
    }
  }
  return rows[a.size % 3][b.size];
}

const char *text_nearest(text name, const char *const *candidates, size_t count) {
  if (name.size == 0 || name.size > NAME_SIZE_MAX) return NULL;
  const char *best = NULL;
  unsigned best_distance = name.size < 3 ? 2 : (unsigned)name.size / 3 + 2; // one above what is still a slip
  for (size_t i = 0; i < count; i++) {
    text candidate = text_of(candidates[i]);
    if (candidate.size > NAME_SIZE_MAX) continue;
    unsigned found = distance(name, candidate);
    if (found < best_distance && found < candidate.size) {
      best = candidates[i];
      best_distance = found;
    }
  }
  return best;
}
