// The Wasm3 adapter: memory straight from the system. See pages.h.
#include "engine/wasm3/pages.h"

#include <string.h>
#include <sys/mman.h>

// What is cleared in place: a guest of ours keeps its stack and its first data there, and clearing costs less than the
// faults that bring pages back.
enum { PAGE_BYTES = 4096, CLEARED_BYTES = 5 * PAGE_BYTES };

static size_t whole(size_t size) {
  return (size + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

void *w3_pages_resize(void *pages, size_t old_size, size_t size) {
  if (pages && whole(size) == whole(old_size)) return pages;
  void *resized = pages ? mremap(pages, whole(old_size), whole(size), MREMAP_MAYMOVE)
                        : mmap(NULL, whole(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return resized == MAP_FAILED ? NULL : resized;
}

// Whole pages, so that nothing lies behind the end when they are made larger again.
void w3_pages_clear(void *pages, size_t kept, size_t size) {
  char *bytes = pages;
  size_t all = whole(size);
  size_t in_place = all < CLEARED_BYTES ? all : CLEARED_BYTES;
  if (in_place > kept) memset(bytes + kept, 0, in_place - kept);
  if (all > in_place && madvise(bytes + in_place, all - in_place, MADV_DONTNEED) != 0)
    memset(bytes + in_place, 0, all - in_place);
}

void w3_pages_free(void *pages, size_t size) {
  if (pages) munmap(pages, whole(size));
}
