// hello answers at once; spin and fill never do.
#include <ubiq/pdk.h>

UBIQ_EXPORT(hello) {
  return ubiq_output_string("Hello!");
}

UBIQ_EXPORT(spin) {
  for (volatile int i = 0;; i++) {
  }
}

// One instruction after the other that fills 32 MiB: the engine looks at the clock between them only.
UBIQ_EXPORT(fill) {
  enum { PAGES = 512, PAGE_BYTES = 65536 };
  size_t page = __builtin_wasm_memory_grow(0, PAGES);
  if (page == (size_t)-1) return ubiq_error_string("no memory");
  for (char value = 0;; value++) memset((char *)(page * PAGE_BYTES), value, (size_t)PAGES * PAGE_BYTES);
}
