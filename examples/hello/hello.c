// Greets whoever the request's body names. Run `ubiq dev examples/hello`, then
//
//     curl -d Ada http://127.0.0.1:8080/hello
//
// prints `Hello, Ada!`.
#include <ubiq/pdk.h>

enum { NAME_BYTES_MAX = 256 };

UBIQ_EXPORT(hello) {
  char greeting[7 + NAME_BYTES_MAX + 1] = "Hello, ";
  const size_t size = ubiq_input_size();
  if (size == 0) return ubiq_output_string("Hello, world!");
  if (size > NAME_BYTES_MAX) return ubiq_error_string("name: is too long; expected at most 256 bytes");
  ubiq_input_read(greeting + 7, size);
  greeting[7 + size] = '!';
  return ubiq_output(greeting, 7 + size + 1);
}
