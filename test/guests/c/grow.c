// Memory growth past a limit: by the module's own memory.grow, by the kernel's alloc, and by both.
//
// The exports answer "<module's pages> <MiB allocated in the kernel>" as far as they came; those named `must_*` trap when
// they are refused, as most languages' allocators do.
#include <ubiq/pdk.h>

enum { STEP_PAGES = 16, MIB = 1048576 };

static size_t grow_module(size_t pages_max) {
  while (__builtin_wasm_memory_size(0) + STEP_PAGES <= pages_max) {
    const size_t before = __builtin_wasm_memory_grow(0, STEP_PAGES);
    if (before == SIZE_MAX) break;
    *(volatile char *)(before << 16) = 1;
  }
  return __builtin_wasm_memory_size(0);
}

static uint64_t grow_kernel(uint64_t mib_max) {
  uint64_t mib = 0;
  while (mib < mib_max) {
    const ubiq_block block = extism_alloc(MIB);
    if (block == 0) break;
    extism_store_u8(block + MIB - 1, 1);
    mib++;
  }
  return mib;
}

static int32_t answer(size_t pages, uint64_t mib) {
  char text[48];
  size_t end = ubiq_format_u64(text, pages);
  text[end++] = ' ';
  end += ubiq_format_u64(text + end, mib);
  // With the memory full there is no block left for the text: the error says so, and the test expects it.
  return ubiq_output(text, end);
}

// One step of each until neither gives any more.
static int32_t grow_by_turns(void) {
  size_t pages = __builtin_wasm_memory_size(0);
  uint64_t mib = 0;
  for (;;) {
    const size_t more_pages = grow_module(pages + STEP_PAGES);
    const uint64_t more_mib = grow_kernel(1);
    if (more_pages == pages && more_mib == 0) return answer(pages, mib);
    pages = more_pages;
    mib += more_mib;
  }
}

UBIQ_EXPORT(grow_module) {
  return answer(grow_module(65536), 0);
}
UBIQ_EXPORT(grow_kernel) {
  return answer(__builtin_wasm_memory_size(0), grow_kernel(4096));
}
UBIQ_EXPORT(grow_both) {
  return grow_by_turns();
}

// Thirty-two MiB in the module and eight in the kernel: fits where a limit of 64 MiB counts right.
UBIQ_EXPORT(grow_some) {
  return answer(grow_module(512), grow_kernel(8));
}

// One giant step.
UBIQ_EXPORT(grow_giant) {
  return answer(__builtin_wasm_memory_grow(0, 65535) == SIZE_MAX ? 0 : 65535, grow_kernel(0));
}

UBIQ_EXPORT(must_grow_module) {
  for (;;) {
    if (__builtin_wasm_memory_grow(0, STEP_PAGES) == SIZE_MAX) __builtin_trap();
  }
}

UBIQ_EXPORT(must_grow_kernel) {
  for (;;) {
    if (extism_alloc(MIB) == 0) __builtin_trap();
  }
}
