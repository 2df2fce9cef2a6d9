// The Wasmtime adapter: which pages of a memory hold anything.
//
// Linux tells by /proc/self/pagemap, eight bytes for each page, which pages are there or in swap: of private memory that no file
// backs, all others were not written since they were mapped or given back, and are zeros. PAGEMAP_SCAN would say the same in
// fewer bytes, and Linux has it since 6.7 only. What the file tells is of the process that opened it. A child of a fork must
// not believe it: a page that is empty in a child tells so.
#include "base/page_file.h"
#include "engine/wasmtime/memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ENTRIES_AT_ONCE = 512 }; // what the system itself takes at a time: 2 MiB

static const uint64_t IS_THERE = UINT64_C(1) << 63, IS_IN_SWAP = UINT64_C(1) << 62;

// One read: answers how many entries from `page` on it has, 0 when there are none.
static size_t read_entries(const wt_pagemap *self, uintptr_t page, size_t count, uint64_t *entries) {
  if (count > ENTRIES_AT_ONCE) count = ENTRIES_AT_ONCE;
  ssize_t got = pread(self->file, entries, count * sizeof *entries, (off_t)(page * sizeof *entries));
  return got > 0 ? (size_t)got / sizeof *entries : 0;
}

bool wt_pagemap_tell(const wt_pagemap *self, const uint8_t *data, size_t size, wt_touched touched, void *user) {
  uint64_t entries[ENTRIES_AT_ONCE];
  if (!self->is_ours || !*self->is_ours) return false;
  uintptr_t first = (uintptr_t)data / self->page_bytes;
  size_t pages = (size + self->page_bytes - 1) / self->page_bytes;
  for (size_t done = 0; done < pages;) {
    size_t count = read_entries(self, first + done, pages - done, entries);
    if (count == 0) return false;
    for (size_t i = 0; i < count; i++)
      if ((entries[i] & (IS_THERE | IS_IN_SWAP)) && !touched(user, (done + i) * self->page_bytes)) return false;
    done += count;
  }
  return true;
}

static bool note_only(void *user, size_t from) {
  size_t *expected = user;
  bool is_first = *expected == from;
  *expected = SIZE_MAX;
  return is_first;
}

// Some systems have such a file, and others in it.
static bool tells_the_truth(const wt_pagemap *self) {
  size_t size = 3 * self->page_bytes, expected = self->page_bytes;
  volatile uint8_t *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return false;
  pages[expected] = 1;
  bool is_true = wt_pagemap_tell(self, (const uint8_t *)pages, size, note_only, &expected) && expected == SIZE_MAX;
  munmap((void *)pages, size);
  return is_true;
}

static void *map_flag(size_t size) {
  uint8_t *flag = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (flag == MAP_FAILED) return NULL;
  if (madvise(flag, size, MADV_WIPEONFORK) == 0) {
    *flag = 1;
    return flag;
  }
  munmap(flag, size);
  return NULL;
}

void wt_pagemap_open(wt_pagemap *self) {
  *self = (wt_pagemap){.page_bytes = (size_t)sysconf(_SC_PAGESIZE)};
  self->file = page_file_open();
  if (self->file < 0) return;
  self->is_ours = map_flag(self->page_bytes);
  if (!self->is_ours || !tells_the_truth(self)) wt_pagemap_close(self);
}

void wt_pagemap_close(wt_pagemap *self) {
  if (self->is_ours) munmap((void *)self->is_ours, self->page_bytes);
  if (self->file >= 0) close(self->file);
  self->is_ours = NULL;
  self->file = -1;
}
