// Every way to fail.
#include <ubiq/pdk.h>

// An error message and a return of 1.
UBIQ_EXPORT(fail) {
  return ubiq_error_string("this function fails on purpose");
}

// The input is the message.
UBIQ_EXPORT(fail_with_input) {
  size_t size;
  char *text = ubiq_input(&size);
  return ubiq_error(text, size);
}

// A return of 7 and no message.
UBIQ_EXPORT(fail_silently) {
  return 7;
}

UBIQ_EXPORT(fail_negative) {
  return -3;
}

// A message, but a return of 0.
UBIQ_EXPORT(error_and_zero) {
  ubiq_error_string("an error although zero is returned");
  return 0;
}

// A message taken back.
UBIQ_EXPORT(error_cleared) {
  ubiq_error_string("taken back");
  extism_error_set(0);
  return ubiq_output_string("fine");
}

// Output and error both.
UBIQ_EXPORT(error_and_output) {
  ubiq_output_string("some output");
  return ubiq_error_string("and an error");
}

// Output and a return of 5.
UBIQ_EXPORT(output_and_code) {
  ubiq_output_string("some output");
  return 5;
}

// An error that is no block, and one that is no UTF-8.
UBIQ_EXPORT(error_bad_block) {
  extism_error_set(0x7fffffffff000000u);
  return 1;
}

UBIQ_EXPORT(error_binary) {
  return ubiq_error("\xff\xfe\x80 binary", 10);
}

// Traps.
UBIQ_EXPORT(trap_unreachable) {
  __builtin_trap();
}

UBIQ_EXPORT(trap_divide) {
  volatile int32_t zero = 0;
  return 7 / zero;
}

UBIQ_EXPORT(trap_memory) {
  volatile char *const nowhere = (volatile char *)0xfffffff0u;
  return *nowhere;
}

// An error message set, then a trap.
UBIQ_EXPORT(error_then_trap) {
  ubiq_error_string("last words");
  __builtin_trap();
}
