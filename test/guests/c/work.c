// Work to compare engines by: integers and memory, floats, and the kernel's blocks. The input, a little-endian number of 8
// bytes, says how much of it.
#include <ubiq/pdk.h>

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static const uint32_t beginning[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotate(uint32_t value, int bits) {
  return value >> bits | value << (32 - bits);
}

static void schedule(uint32_t words[64], const uint8_t block[64]) {
  for (int i = 0; i < 16; i++)
    words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    const uint32_t early = words[i - 15], late = words[i - 2];
    words[i] = words[i - 16] + (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) + words[i - 7] +
               (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
  }
}

static void hash_block(uint32_t state[8], const uint8_t block[64]) {
  uint32_t words[64], v[8];
  schedule(words, block);
  memcpy(v, state, sizeof v);
  for (int i = 0; i < 64; i++) {
    const uint32_t first = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                           ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + words[i];
    const uint32_t second =
        (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof *v);
    v[4] += first;
    v[0] = first + second;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

// SHA-256 of as many KiB of zeros: each KiB is sixteen blocks, and the end is one more.
UBIQ_EXPORT(sha256) {
  static const char digits[] = "0123456789abcdef";
  const uint64_t kib = extism_input_load_u64(0);
  uint8_t block[64] = {0};
  uint32_t state[8];
  memcpy(state, beginning, sizeof state);
  for (uint64_t i = 0; i < kib * 16; i++) hash_block(state, block);
  block[0] = 0x80;
  for (int i = 0; i < 8; i++) block[56 + i] = (uint8_t)(kib * 8192 >> 8 * (7 - i));
  hash_block(state, block);
  char text[64];
  for (int i = 0; i < 64; i++) text[i] = digits[state[i / 8] >> 4 * (7 - i % 8) & 15];
  return ubiq_output(text, sizeof text);
}

static uint32_t turns(double real, double imaginary) {
  enum { TURNS_MAX = 100 };
  double x = 0, y = 0;
  uint32_t count = 0;
  for (; count < TURNS_MAX && x * x + y * y <= 4; count++) {
    const double next = x * x - y * y + real;
    y = 2 * x * y + imaginary;
    x = next;
  }
  return count;
}

// As many rows of the Mandelbrot set on a square of 128 points a side, from the top again after the last; answers the sum of
// all turns.
UBIQ_EXPORT(mandelbrot) {
  enum { SIDE = 128 };
  const uint64_t rows = extism_input_load_u64(0);
  uint64_t sum = 0;
  for (uint64_t row = 0; row < rows; row++)
    for (int column = 0; column < SIDE; column++)
      sum += turns(3.0 * column / SIDE - 2.0, 2.0 * (double)(row % SIDE) / SIDE - 1.0);
  char text[21];
  return ubiq_output(text, ubiq_format_u64(text, sum));
}

// As many blocks are made, asked for their length and freed.
UBIQ_EXPORT(blocks) {
  const uint64_t rounds = extism_input_load_u64(0);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < rounds; i++) {
    const ubiq_block block = extism_alloc(64);
    sum += extism_length(block);
    extism_free(block);
  }
  char text[21];
  return ubiq_output(text, ubiq_format_u64(text, sum));
}
