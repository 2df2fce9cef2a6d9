// Recursion without end, direct and through a table, with and without a stack in the module's memory.
#include <ubiq/pdk.h>

#pragma clang diagnostic ignored "-Winfinite-recursion"

__attribute__((noinline)) static int32_t down(volatile int32_t *depth) {
  *depth = *depth + 1;
  return down(depth) + *depth;
}

// Uses the engine's stack only.
UBIQ_EXPORT(recurse) {
  volatile int32_t depth = 0;
  return down(&depth);
}

__attribute__((noinline)) static int32_t down_with_frame(int32_t depth) {
  volatile char frame[1024];
  frame[depth & 1023] = (char)depth;
  return down_with_frame(depth + 1) + frame[depth & 511];
}

// Uses the stack in the module's memory too, and meets its end first.
UBIQ_EXPORT(recurse_frames) {
  return down_with_frame(0);
}

static int32_t (*volatile indirect)(int32_t);

static int32_t down_indirect(int32_t depth) {
  return indirect(depth + 1) + 1;
}

UBIQ_EXPORT(recurse_indirect) {
  indirect = down_indirect;
  return indirect(0);
}
