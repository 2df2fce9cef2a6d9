// wait answers "w" after as many milliseconds as its input says. It has no data of its own: an instance's data takes two more of
// the mappings that Linux counts.
#include <ubiq/pdk.h>

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
  char digits[8];
  uint8_t event[32];
  uint32_t happened;
  subscription clock = {.clock = 1};
  size_t size = ubiq_input_size();
  if (size > sizeof digits) return 1;
  ubiq_input_read(digits, size);
  for (size_t i = 0; i < size; i++) clock.timeout_ns = clock.timeout_ns * 10 + (uint64_t)(digits[i] - '0') * 1000000;
  if (poll_oneoff(&clock, event, 1, &happened) != 0 || event[8] != 0) return 1; // there is the event's error
  digits[0] = 'w';
  return ubiq_output(digits, 1);
}
