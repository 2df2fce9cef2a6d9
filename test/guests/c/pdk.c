// Tests of the PDK's own pieces, from the inside: each export answers `ok` or fails with what did not hold.
#include <ubiq/pdk.h>

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) return ubiq_error_string("pdk: expected " #condition);                                           \
  } while (0)

// Through pointers that the compiler cannot see behind, so that the functions themselves are called.
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile set)(void *, int, size_t) = memset;
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;
static size_t (*volatile length)(const char *) = strlen;

enum { SIZE = 64 };

static void fill(unsigned char *bytes) {
  for (int i = 0; i < SIZE; i++) bytes[i] = (unsigned char)(i + 1);
}

// Every distance, forwards and backwards, and every size.
UBIQ_EXPORT(check_move) {
  for (int from = 0; from < 20; from++) {
    for (int to = 0; to < 20; to++) {
      for (int size = 0; size <= SIZE - 20; size++) {
        unsigned char bytes[SIZE];
        fill(bytes);
        CHECK(move(bytes + to, bytes + from, (size_t)size) == bytes + to);
        for (int i = 0; i < size; i++) CHECK(bytes[to + i] == from + i + 1);
        for (int i = 0; i < to; i++) CHECK(bytes[i] == i + 1);
        for (int i = to + size; i < SIZE; i++) CHECK(bytes[i] == i + 1);
      }
    }
  }
  return ubiq_output_string("ok");
}

UBIQ_EXPORT(check_copy_and_set) {
  for (size_t size = 0; size <= SIZE - 2; size++) {
    unsigned char source[SIZE];
    unsigned char target[SIZE] = {0};
    fill(source);
    CHECK(copy(target + 1, source, size) == target + 1);
    CHECK(target[0] == 0 && target[size + 1] == 0);
    CHECK(compare(target + 1, source, size) == 0);
    CHECK(set(target + 1, 0x1ab, size) == target + 1);
    for (size_t i = 0; i < size; i++) CHECK(target[i + 1] == 0xab);
    CHECK(target[0] == 0 && target[size + 1] == 0);
  }
  return ubiq_output_string("ok");
}

UBIQ_EXPORT(check_compare) {
  CHECK(compare("abc", "abd", 3) < 0);
  CHECK(compare("abd", "abc", 3) > 0);
  CHECK(compare("abc", "abd", 2) == 0);
  CHECK(compare("\xff", "\x01", 1) > 0);
  CHECK(length("") == 0);
  CHECK(length("twelve bytes") == 12);
  return ubiq_output_string("ok");
}

UBIQ_EXPORT(check_heap) {
  char *const first = (char *)ubiq_alloc(10);
  char *const second = (char *)ubiq_alloc(0);
  char *const third = (char *)ubiq_alloc(5 << 20);
  CHECK(first != NULL && second != NULL && third != NULL);
  CHECK((uintptr_t)first % 16 == 0 && (uintptr_t)second % 16 == 0 && (uintptr_t)third % 16 == 0);
  CHECK(second >= first + 10 && third > second);
  third[(5 << 20) - 1] = 'x';
  ubiq_free(third);
  CHECK(ubiq_alloc(100) == third);
  ubiq_free(NULL);
  ubiq_free(first);
  ubiq_free(second);
  ubiq_free(third);
  CHECK(ubiq_alloc(1) == first);
  ubiq_free(first);
  return ubiq_output_string("ok");
}

// More than there can be gives NULL and leaves the heap as it was.
UBIQ_EXPORT(check_heap_full) {
  char *const before = (char *)ubiq_alloc(16);
  CHECK(ubiq_alloc(SIZE_MAX) == NULL);
  CHECK(ubiq_alloc(SIZE_MAX - 64) == NULL);
  CHECK((char *)ubiq_alloc(16) == before + 32);
  ubiq_free(before + 32);
  ubiq_free(before);
  return ubiq_output_string("ok");
}

static bool writes(uint64_t value, const char *expected) {
  char text[21];
  const size_t size = ubiq_format_u64(text, value);
  return size == strlen(expected) && memcmp(text, expected, size + 1) == 0;
}

UBIQ_EXPORT(check_numbers) {
  CHECK(writes(0, "0"));
  CHECK(writes(10, "10"));
  CHECK(writes(1234567890, "1234567890"));
  CHECK(writes(UINT64_MAX, "18446744073709551615"));
  return ubiq_output_string("ok");
}

// Needs an input of 100 bytes, byte i being i.
UBIQ_EXPORT(check_input) {
  unsigned char bytes[101];
  CHECK(ubiq_input_size() == 100);
  for (size_t index = 0; index <= 101; index++) {
    for (size_t size = 0; size <= 100; size++) {
      const size_t left = index < 100 ? 100 - index : 0;
      memset(bytes, 0xee, sizeof bytes);
      const size_t read = ubiq_input_read_at(index, bytes, size);
      CHECK(read == (size < left ? size : left));
      for (size_t i = 0; i < read; i++) CHECK(bytes[i] == index + i);
      CHECK(bytes[read] == 0xee);
    }
  }
  return ubiq_output_string("ok");
}

// The config key `key` must be `value` and `none` not set.
UBIQ_EXPORT(check_config) {
  char text[6] = "-----";
  CHECK(ubiq_config("none", text, sizeof text) == -1);
  CHECK(ubiq_config("key", text, sizeof text) == 5);
  CHECK(memcmp(text, "value", 6) == 0);
  CHECK(ubiq_config("key", text, 3) == 5);
  CHECK(ubiq_config("key", text, 0) == 5);
  return ubiq_output_string("ok");
}

// Everything that JSON must escape, as the PDK escapes it for http_request.
UBIQ_EXPORT(json) {
  char text[64];
  char *end = ubiq_json_write(text, "a\"b\\c\n\x1f\xc3\xa9");
  return ubiq_output(text, (size_t)(end - text));
}
