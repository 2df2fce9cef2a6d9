// Never ends, in several ways; the input does not matter.
#include <ubiq/pdk.h>

// Nothing but a loop.
UBIQ_EXPORT(spin) {
  volatile uint64_t turns = 0;
  for (;;) turns++;
}

// A loop with a kernel call in each turn.
UBIQ_EXPORT(spin_kernel) {
  for (;;) extism_free(extism_alloc(64));
}

// A loop with a host call in each turn.
UBIQ_EXPORT(spin_host) {
  for (;;) ubiq_block_free(extism_config_get(ubiq_block_new_string("key")));
}

// A loop that logs in each turn.
UBIQ_EXPORT(spin_log) {
  for (;;) ubiq_log_info("still here");
}

// As many turns as the input says in decimal, then answers it: for tests of fuel and CPU time.
UBIQ_EXPORT(turns) {
  char text[21];
  const size_t size = ubiq_input_read(text, 20);
  uint64_t turns = 0;
  for (size_t i = 0; i < size && text[i] >= '0' && text[i] <= '9'; i++) turns = turns * 10 + (uint64_t)(text[i] - '0');
  volatile uint64_t done = 0;
  while (done < turns) done = done + 1;
  return ubiq_output(text, ubiq_format_u64(text, done));
}
