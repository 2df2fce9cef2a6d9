/// Runs a fuzz target over its corpus in the tree, as an ordinary test. The test includes the target's source.
#ifndef UBIQ_TEST_UNIT_BASE_CORPUS_H
#define UBIQ_TEST_UNIT_BASE_CORPUS_H

#include "unit/base/testing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/// Calls `target` with the bytes of every file in fuzz/corpus/NAME/, each in memory of exactly its size. Returns how
/// many.
static inline int corpus_run(const char *name, int (*target)(const uint8_t *data, size_t size)) {
  static char bytes[1 << 16];
  int count = 0;
  char folder[512];
  snprintf(folder, sizeof folder, "%s/fuzz/corpus/%s", UBIQ_SOURCE_DIR, name);
  DIR *entries = opendir(folder);
  assert_non_null(entries);
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    char path[1024];
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    uint8_t *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    for (size_t i = 0; i < size; i++) exact[i] = (uint8_t)bytes[i];
    assert_int_equal(target(exact, size), 0);
    free(exact);
    count++;
  }
  closedir(entries);
  return count;
}

#endif
