// A module with 8 MiB of data, of which a call touches one page: what copy-on-write images are for. And large answers.
#include <ubiq/pdk.h>

#pragma clang diagnostic ignored "-Woverlength-strings"

enum { TABLE_BYTES = 4 << 20 };

#define FOUR(text) text text text text
#define KIB        FOUR(FOUR(FOUR("0123456789abcdef")))
#define MIB        FOUR(FOUR(FOUR(FOUR(FOUR(KIB)))))

static const char table[TABLE_BYTES + 1] = FOUR(MIB);
static volatile char scratch[TABLE_BYTES] = {[0] = 's', [TABLE_BYTES - 1] = 's'};

static uint64_t input_number(void) {
  char text[21];
  const size_t size = ubiq_input_read(text, 20);
  uint64_t value = 0;
  for (size_t i = 0; i < size && text[i] >= '0' && text[i] <= '9'; i++) value = value * 10 + (uint64_t)(text[i] - '0');
  return value;
}

// Outputs the byte of the table that the input names in decimal.
UBIQ_EXPORT(peek) {
  return ubiq_output(&table[input_number() % TABLE_BYTES], 1);
}

// Writes over all of its data, then outputs what was there first: `s` in an instance that is fresh or was reset.
UBIQ_EXPORT(dirty) {
  const char first = scratch[TABLE_BYTES - 1];
  for (size_t i = 0; i < TABLE_BYTES; i += 4096) scratch[i] = 'd';
  scratch[TABLE_BYTES - 1] = 'd';
  return ubiq_output(&first, 1);
}

// Outputs as many bytes as the input says in decimal, each `x`.
UBIQ_EXPORT(large) {
  const uint64_t size = input_number();
  const ubiq_block block = extism_alloc(size);
  if (block == 0 && size > 0) return ubiq_error_string("large: no memory left for the output");
  uint64_t i = 0;
  for (; size - i >= 8; i += 8) extism_store_u64(block + i, 0x7878787878787878u);
  for (; i < size; i++) extism_store_u8(block + i, 'x');
  return ubiq_output_block(block, (size_t)size);
}
