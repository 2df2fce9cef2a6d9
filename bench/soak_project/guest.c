// What bench/soak asks for: functions that answer, and one for each way in which a run can end otherwise.
#include <ubiq/pdk.h>

#include <stdbool.h>

UBIQ_EXPORT(hello) {
  return ubiq_output_string("Hello!");
}

UBIQ_EXPORT(echo) {
  size_t size;
  char *input = ubiq_input(&size);
  return ubiq_output(input, size);
}

UBIQ_EXPORT(version) {
  char value[64];
  ptrdiff_t size = ubiq_config("version", value, sizeof value);
  return size < 0 ? ubiq_error_string("no version") : ubiq_output(value, (size_t)size);
}

// Answers how often this instance was called; traps when the input begins with a t.
UBIQ_EXPORT(count) {
  static uint32_t calls;
  char first = 0, digits[10];
  if (ubiq_input_size() > 0) ubiq_input_read(&first, 1);
  if (first == 't') __builtin_trap();
  size_t start = sizeof digits;
  for (uint32_t left = ++calls; left > 0 || start == sizeof digits; left /= 10)
    digits[--start] = (char)('0' + left % 10);
  return ubiq_output(digits + start, sizeof digits - start);
}

UBIQ_EXPORT(trap) {
  __builtin_trap();
}
UBIQ_EXPORT(fail) {
  return ubiq_error_string("asked to fail");
}

UBIQ_EXPORT(spin) {
  for (volatile int i = 0;; i++) {
  }
}

UBIQ_EXPORT(grow) {
  while (__builtin_wasm_memory_grow(0, 1) != (size_t)-1) {
  }
  __builtin_trap(); // as allocators that cannot fail do
}

UBIQ_EXPORT(large) {
  const size_t size = 1 << 20;
  char *text = (char *)ubiq_alloc(size);
  if (text == NULL) return ubiq_error_string("no memory");
  memset(text, 'x', size);
  return ubiq_output(text, size);
}

typedef struct subscription {
  uint64_t user;
  uint8_t kind; // 0: a clock
  _Alignas(8) uint32_t clock;
  uint64_t timeout_ns, precision_ns;
  uint16_t flags;
} subscription;

__attribute__((import_module("wasi_snapshot_preview1"), import_name("poll_oneoff"))) int32_t
poll_oneoff(const subscription *subscriptions, uint8_t *events, uint32_t count, uint32_t *happened);

UBIQ_EXPORT(wait) {
  uint8_t event[32], digits[8];
  uint32_t happened;
  subscription clock = {.clock = 1};
  size_t size = ubiq_input_size();
  if (size > sizeof digits) return ubiq_error_string("expected milliseconds");
  ubiq_input_read(digits, size);
  for (size_t i = 0; i < size; i++) clock.timeout_ns = clock.timeout_ns * 10 + (uint64_t)(digits[i] - '0') * 1000000;
  bool waited = poll_oneoff(&clock, event, 1, &happened) == 0 && event[8] == 0; // there is the event's error
  return waited ? ubiq_output_string("waited") : ubiq_error_string("cannot wait");
}
