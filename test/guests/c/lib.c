// A library module, linked under the name `lib` by a manifest with two modules; see main.c. It is no plugin itself.
#include <ubiq/pdk.h>

__attribute__((export_name("add"))) int32_t add(int32_t left, int32_t right);
int32_t add(int32_t left, int32_t right) {
  return left + right;
}

// Counts its own calls, in its own memory.
__attribute__((export_name("next"))) int32_t next(void);
int32_t next(void) {
  static int32_t calls;
  return ++calls;
}

// Takes a block, frees it, and returns a new one in capitals: both modules share one kernel.
__attribute__((export_name("shout"))) ubiq_block shout(ubiq_block block);
ubiq_block shout(ubiq_block block) {
  const size_t size = ubiq_block_size(block);
  char *text = (char *)ubiq_alloc(size);
  ubiq_block_read(block, text, size);
  ubiq_block_free(block);
  for (size_t i = 0; i < size; i++) {
    if (text[i] >= 'a' && text[i] <= 'z') text[i] = (char)(text[i] - 'a' + 'A');
  }
  const ubiq_block result = ubiq_block_new(text, size);
  ubiq_free(text);
  return result;
}
