// A guest that lies about memory: offsets and lengths out of range, negative, overflowing or freed, from the inside.
//
// The exports named `bad_*` hand nonsense to the kernel and go on; what they answer is up to the host, but the host must
// live, and the next call must work. The exports named `check_*` state what must hold and fail with a message.
#include <ubiq/pdk.h>

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) return ubiq_error_string("memory: expected " #condition);                                        \
  } while (0)

// Offsets that are no block: small, negative, at the edges of 32 and 64 bits, far away.
static const uint64_t nonsense[] = {
    1,
    7,
    8,
    15,
    0xffffu,
    0x10000u,
    0x7fffffffu,
    0x80000000u,
    0xfffffff8u,
    0xffffffffu,
    0x100000000u,
    0x100000001u,
    UINT64_MAX,
    UINT64_MAX - 7,
    0x8000000000000000u,
    INT64_MAX,
};
enum { NONSENSE = sizeof nonsense / sizeof nonsense[0] };

// ------------------------------------------------------------------------------------------------ what must hold

UBIQ_EXPORT(check_alloc) {
  const ubiq_block a = extism_alloc(100);
  const ubiq_block b = extism_alloc(1);
  CHECK(a != 0 && b != 0 && a != b);
  CHECK(extism_length(a) == 100);
  CHECK(extism_length_unsafe(a) == 100);
  CHECK(extism_length(b) == 1);
  CHECK(extism_alloc(0) == 0);
  CHECK(extism_length(0) == 0);
  extism_free(0);
  return ubiq_output_string("ok");
}

UBIQ_EXPORT(check_bytes) {
  char before[100];
  char after[100];
  for (int i = 0; i < 100; i++) before[i] = (char)(i * 7);
  for (size_t size = 1; size <= 100; size++) {
    const ubiq_block block = ubiq_block_new(before, size);
    CHECK(block != 0);
    CHECK(ubiq_block_read(block, after, size) == size);
    CHECK(memcmp(before, after, size) == 0);
    CHECK(extism_load_u8(block + size - 1) == (uint8_t)before[size - 1]);
    ubiq_block_free(block);
  }
  return ubiq_output_string("ok");
}

// Two hundred blocks of many sizes, every third freed, more taken: no two live blocks may share a byte.
UBIQ_EXPORT(check_overlap) {
  enum { COUNT = 200 };
  static ubiq_block blocks[COUNT];
  static size_t sizes[COUNT];
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < COUNT; i++) {
      if (blocks[i] != 0 && (i + round) % 3 == 0) {
        extism_free(blocks[i]);
        blocks[i] = 0;
      }
    }
    for (int i = 0; i < COUNT; i++) {
      if (blocks[i] != 0) continue;
      sizes[i] = (size_t)(1 + (i * 37 + round * 101) % 700);
      blocks[i] = extism_alloc(sizes[i]);
      CHECK(blocks[i] != 0);
    }
    for (int i = 0; i < COUNT; i++) {
      for (size_t k = 0; k < sizes[i]; k++) extism_store_u8(blocks[i] + k, (uint8_t)i);
    }
    for (int i = 0; i < COUNT; i++) {
      CHECK(extism_length(blocks[i]) == sizes[i]);
      for (size_t k = 0; k < sizes[i]; k++) CHECK(extism_load_u8(blocks[i] + k) == (uint8_t)i);
    }
  }
  for (int i = 0; i < COUNT; i++) blocks[i] = 0;
  return ubiq_output_string("ok");
}

// Taking and freeing ten thousand times 64 KiB must not need more than a few of them at once.
UBIQ_EXPORT(check_reuse) {
  for (int i = 0; i < 10000; i++) {
    const ubiq_block block = extism_alloc(65536);
    CHECK(block != 0);
    extism_store_u64(block + 65528, 1);
    extism_free(block);
  }
  return ubiq_output_string("ok");
}

// The input's last word is readable, what lies past it reads as 0.
UBIQ_EXPORT(check_input) {
  const uint64_t size = extism_input_length();
  CHECK(extism_input_load_u8(size) == 0);
  CHECK(extism_input_load_u64(size) == 0);
  CHECK(extism_input_load_u64(size - 7) == 0 || size < 8);
  CHECK(extism_input_load_u8(UINT64_MAX) == 0);
  CHECK(extism_input_load_u8(0x100000000u) == 0);
  CHECK(extism_input_load_u8(INT64_MAX) == 0);
  return ubiq_output_string("ok");
}

// A freed block has no length, and freeing it again changes nothing for its neighbours.
UBIQ_EXPORT(check_freed_twice) {
  const ubiq_block a = extism_alloc(64);
  const ubiq_block b = extism_alloc(64);
  extism_free(a);
  CHECK(extism_length(a) == 0);
  extism_free(a);
  const ubiq_block c = extism_alloc(64);
  const ubiq_block d = extism_alloc(64);
  CHECK(c != d && c != b && d != b);
  CHECK(extism_length(b) == 64);
  return ubiq_output_string("ok");
}

// An offset inside a block is no block: no length, and freeing it does nothing.
UBIQ_EXPORT(check_inside) {
  const ubiq_block block = extism_alloc(256);
  for (uint64_t i = 0; i < 256; i += 8) extism_store_u64(block + i, 0x0101010101010101u);
  for (uint64_t i = 1; i < 256; i++) {
    CHECK(extism_length(block + i) == 0);
    extism_free(block + i);
  }
  CHECK(extism_length(block) == 256);
  return ubiq_output_string("ok");
}

// More than there can be: 0, not a small block.
UBIQ_EXPORT(check_huge) {
  CHECK(extism_alloc(UINT64_MAX) == 0);
  CHECK(extism_alloc(UINT64_MAX - 15) == 0);
  CHECK(extism_alloc(0x100000000u) == 0);
  CHECK(extism_alloc(0xffffffffu) == 0);
  CHECK(extism_alloc(INT64_MAX) == 0);
  CHECK(extism_alloc(8) != 0);
  return ubiq_output_string("ok");
}

// --------------------------------------------------------------------------------------------------- nonsense

UBIQ_EXPORT(bad_free) {
  for (int i = 0; i < NONSENSE; i++) extism_free(nonsense[i]);
  return ubiq_output_string("alive");
}

UBIQ_EXPORT(bad_length) {
  uint64_t sum = 0;
  for (int i = 0; i < NONSENSE; i++) sum += extism_length(nonsense[i]);
  if (sum != 0) return ubiq_error_string("memory: an offset that is no block has a length");
  return ubiq_output_string("alive");
}

UBIQ_EXPORT(bad_length_unsafe) {
  for (int i = 0; i < NONSENSE; i++) extism_length_unsafe(nonsense[i]);
  return ubiq_output_string("alive");
}

UBIQ_EXPORT(bad_load) {
  for (int i = 0; i < NONSENSE; i++) {
    extism_load_u8(nonsense[i]);
    extism_load_u64(nonsense[i]);
  }
  return ubiq_output_string("alive");
}

UBIQ_EXPORT(bad_input_load) {
  for (int i = 0; i < NONSENSE; i++) {
    extism_input_load_u8(nonsense[i]);
    extism_input_load_u64(nonsense[i]);
  }
  return ubiq_output_string("alive");
}

// Stores far outside; nothing that lies inside may change.
UBIQ_EXPORT(bad_store) {
  const ubiq_block block = extism_alloc(8);
  extism_store_u64(block, 42);
  for (int i = 0; i < NONSENSE; i++) {
    if (nonsense[i] < 0x7fffffffu) continue;
    extism_store_u8(nonsense[i], 0xff);
    extism_store_u64(nonsense[i], UINT64_MAX);
  }
  if (extism_load_u64(block) != 42) return ubiq_error_string("memory: a store outside changed a block");
  return ubiq_output_string("alive");
}

// Stores over the kernel's own data, all of the first page: the kernel may break for this call, the host may not.
UBIQ_EXPORT(bad_store_low) {
  for (uint64_t i = 0; i < 65536; i += 8) extism_store_u64(i, UINT64_MAX);
  extism_alloc(8);
  extism_alloc(100000);
  extism_length(64);
  return 0;
}

// Stores over everything that the kernel has.
UBIQ_EXPORT(bad_store_everywhere) {
  const ubiq_block block = extism_alloc(200000);
  for (uint64_t i = 0; i < block + 200000; i += 8) extism_store_u64(i, 0x5a5a5a5a5a5a5a5au);
  extism_free(block);
  extism_alloc(64);
  return 0;
}

// The same over what lies around a block: the words before and after it.
UBIQ_EXPORT(bad_store_around) {
  const ubiq_block a = extism_alloc(64);
  const ubiq_block b = extism_alloc(64);
  for (uint64_t i = 8; i <= 64; i += 8) {
    extism_store_u64(a - i, UINT64_MAX);
    extism_store_u64(b + 64 + i, UINT64_MAX);
  }
  extism_free(b);
  extism_free(a);
  extism_alloc(64);
  return 0;
}

// ---------------------------------------------------------------------------------------- output and error as lies

UBIQ_EXPORT(output_nowhere) {
  return ubiq_output_block(0x7fffffff00000000u, 16);
}
UBIQ_EXPORT(output_negative) {
  return ubiq_output_block(UINT64_MAX - 8, 16);
}
UBIQ_EXPORT(output_past_end) {
  return ubiq_output_block(extism_alloc(16), 0x7fffffffu);
}
UBIQ_EXPORT(output_null) {
  return ubiq_output_block(0, 16);
}

UBIQ_EXPORT(output_overflow) {
  extism_output_set(extism_alloc(16), UINT64_MAX);
  return 0;
}

UBIQ_EXPORT(output_wraps) {
  const ubiq_block block = extism_alloc(16);
  extism_output_set(block, UINT64_MAX - block + 1);
  return 0;
}

// Output that was freed before the call ended.
UBIQ_EXPORT(output_freed) {
  const ubiq_block block = ubiq_block_new_string("freed output");
  ubiq_output_block(block, 12);
  extism_free(block);
  return 0;
}

// Output of zero bytes out of a block that is there.
UBIQ_EXPORT(output_empty) {
  return ubiq_output_block(extism_alloc(16), 0);
}

// Output that is the middle of a block.
UBIQ_EXPORT(output_inside) {
  return ubiq_output_block(ubiq_block_new_string("<<inside>>") + 2, 6);
}

// The input freed, then read.
UBIQ_EXPORT(input_freed) {
  size_t size;
  char *input = ubiq_input(&size);
  const uint64_t nowhere[] = {8, 16, 24, 32, 40, 48, 64, 80, 96, 128, 1048576, 1048600};
  for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) extism_free(nowhere[i]);
  extism_alloc(64);
  extism_input_load_u64(0);
  return ubiq_output(input, size);
}

UBIQ_EXPORT(error_freed) {
  const ubiq_block block = ubiq_block_new_string("freed error");
  extism_error_set(block);
  extism_free(block);
  return 1;
}

UBIQ_EXPORT(error_inside) {
  extism_error_set(ubiq_block_new_string("<<inside>>") + 2);
  return 1;
}
