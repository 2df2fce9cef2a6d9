// hello answers at once; spin and fill never do; wait answers after as many milliseconds as its input says.
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

typedef struct subscription {
  uint64_t user;
  uint8_t kind; // 0: a clock
  uint32_t clock;
  uint64_t timeout_ns, precision_ns;
  uint16_t flags;
} subscription;

__attribute__((import_module("wasi_snapshot_preview1"), import_name("poll_oneoff"))) int32_t
poll_oneoff(const subscription *subscriptions, uint8_t *events, uint32_t count, uint32_t *happened);

UBIQ_EXPORT(wait) {
  char digits[8];
  uint8_t event[32];
  uint32_t happened;
  subscription clock = {.clock = 1};
  size_t size = ubiq_input_size();
  if (size > sizeof digits) return ubiq_error_string("expected milliseconds");
  ubiq_input_read(digits, size);
  for (size_t i = 0; i < size; i++) clock.timeout_ns = clock.timeout_ns * 10 + (uint64_t)(digits[i] - '0') * 1000000;
  return poll_oneoff(&clock, event, 1, &happened) == 0 ? ubiq_output_string("waited") : 1;
}
