// A plugin that is a WASI command: `_start` reads the call's input and sets its output, as Go and C# plugins of the first
// years do. `exit=N` as input exits with N.
#include <stdio.h>
#include <ubiq/pdk.h>

int main(void) {
  char input[256];
  const size_t size = ubiq_input_read(input, sizeof input - 1);
  input[size] = '\0';
  if (strncmp(input, "exit=", 5) == 0) exit(atoi(input + 5));
  printf("the input has %zu bytes\n", size);
  ubiq_output_string("from _start");
  return 0;
}
