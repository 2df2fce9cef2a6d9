// Calls a host function over and over: what one such call costs. `step` takes a number and answers one.
#include <ubiq/pdk.h>

UBIQ_HOST("step") uint64_t host_step(uint64_t number);

// As many calls as the input, a little-endian number of 8 bytes, says; each is given what the one before answered.
UBIQ_EXPORT(host_loop) {
  const uint64_t rounds = extism_input_load_u64(0);
  uint64_t number = 0;
  for (uint64_t i = 0; i < rounds; i++) number = host_step(number);
  char text[21];
  return ubiq_output(text, ubiq_format_u64(text, number));
}
