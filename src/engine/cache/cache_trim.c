// See cache_trim.h. An entry's time of modification is when it was used last.
#include "engine/cache/cache_trim.h"

#include "base/buffer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_LENGTH = 64 };

typedef struct entry {
  char name[NAME_LENGTH + 1];
  uint64_t bytes;
  struct timespec used;
} entry;

void cache_touch(const char *path) {
  utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

static bool is_entry(const char *name) {
  return strlen(name) == NAME_LENGTH && strspn(name, "0123456789abcdef") == NAME_LENGTH;
}

// Appends the folder's entries; false when memory is out.
static bool list(DIR *folder, buffer *entries, uint64_t *bytes) {
  for (struct dirent *item = readdir(folder); item != NULL; item = readdir(folder)) {
    struct stat status;
    if (!is_entry(item->d_name) || fstatat(dirfd(folder), item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    entry one = {.bytes = (uint64_t)status.st_size, .used = status.st_mtim};
    memcpy(one.name, item->d_name, NAME_LENGTH);
    if (!buffer_append(entries, &one, sizeof one)) return false;
    *bytes += one.bytes;
  }
  return true;
}

static int compare_used(const void *a, const void *b) {
  const struct timespec *x = &((const entry *)a)->used, *y = &((const entry *)b)->used;
  if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
  return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

void cache_trim(const char *path, uint64_t bytes_max) {
  DIR *folder = opendir(path);
  buffer entries = {0};
  uint64_t bytes = 0;
  if (folder == NULL) return;
  if (list(folder, &entries, &bytes) && bytes > bytes_max) {
    entry *all = (entry *)(void *)entries.data;
    size_t count = entries.size / sizeof *all;
    qsort(all, count, sizeof *all, compare_used);
    for (size_t i = 0; i < count && bytes > bytes_max; i++)
      if (unlinkat(dirfd(folder), all[i].name, 0) == 0) bytes -= all[i].bytes;
  }
  buffer_free(&entries);
  closedir(folder);
}
