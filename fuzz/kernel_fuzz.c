/*
 * The kernel under calls of any order and with any arguments, valid or not: nothing reaches outside of the memory, and
 * all invariants hold afterwards. Each call is a byte that says which, and up to 17 bytes of arguments.
 */
#include "kernel/native/invariants.h"

enum { HANDLES = 32, CALLS_MAX = 4096 };

struct input {
  const uint8_t *data;
  size_t size, at;
  uint64_t handles[HANDLES]; /* offsets that alloc has answered, freed or not */
};

static uint64_t take(struct input *input, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; i++)
    value |= (uint64_t)(input->at < input->size ? input->data[input->at++] : 0) << 8 * i;
  return value;
}

/* A handle, a place near to one, or any number. */
static uint64_t take_offset(struct input *input) {
  uint8_t kind = (uint8_t)take(input, 1);
  uint64_t handle = input->handles[kind % HANDLES];
  switch (kind / HANDLES % 4) {
  case 0: return handle;
  case 1: return handle + (uint64_t)(int8_t)take(input, 1);
  case 2: return take(input, 3);
  default: return take(input, 8);
  }
}

static uint64_t take_length(struct input *input) {
  switch (take(input, 1) % 4) {
  case 0: return take(input, 1);
  case 1: return take(input, 2);
  case 2: return take(input, 3) % (1 << 20);
  default: return take(input, 8);
  }
}

static void remember(struct input *input, uint64_t offset, uint64_t length) {
  if (!offset || offset == KERNEL_CALL_BEGIN_FAILED) return;
  if (kernel_length(offset) != length) abort();
  /* What a host or a guest writes to its block. */
  memset(simulated_bytes(offset, length), (int)(offset >> 4), length);
  input->handles[take(input, 1) % HANDLES] = offset;
}

static void call(struct input *input) {
  uint64_t offset, length;
  switch (take(input, 1) % 16) {
  case 0:
  case 1:
  case 2:
    length = take_length(input);
    remember(input, kernel_alloc(length), length);
    break;
  case 3:
  case 4: kernel_free(take_offset(input)); break;
  case 5: kernel_length(take_offset(input)); break;
  case 6: kernel_load_u8(take_offset(input)); break;
  case 7: kernel_load_u64(take_offset(input)); break;
  case 8:
    offset = take_offset(input);
    kernel_store_u8(offset, (uint32_t)take(input, 1));
    break;
  case 9:
    offset = take_offset(input);
    kernel_store_u64(offset, take(input, 8));
    break;
  case 10:
    offset = take_offset(input);
    kernel_input_set(offset, take_length(input));
    break;
  case 11:
    offset = take_offset(input);
    kernel_input_load_u8(offset);
    kernel_input_load_u64(offset);
    break;
  case 12:
    offset = take_offset(input);
    kernel_output_set(offset, take_length(input));
    break;
  case 13: kernel_error_set(take_offset(input)); break;
  case 14: kernel_reset(); break;
  default:
    length = take_length(input);
    remember(input, kernel_call_begin(length), length);
    break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {.data = data, .size = size};
  simulated_start(1 + (uint32_t)take(&input, 1));
  for (int calls = 0; input.at < input.size && calls < CALLS_MAX; calls++) {
    call(&input);
    struct invariants seen;
    const char *wrong = calls % 16 && input.at < input.size ? NULL : invariants_check(&seen);
    if (wrong) {
      fprintf(stderr, "kernel: %s\n", wrong);
      abort();
    }
  }
  return 0;
}
