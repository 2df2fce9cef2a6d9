// Greets whoever the input names.
#include <ubiq/pdk.h>

UBIQ_EXPORT(hello) {
  char greeting[300] = "Hello, ";
  const size_t size = ubiq_input_read(greeting + 7, 256);
  greeting[7 + size] = '!';
  return ubiq_output(greeting, 7 + size + 1);
}
