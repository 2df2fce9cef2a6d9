// Answers with the request's body. Run `ubiq dev examples/echo`, then
//
//     curl -d 'any text' http://127.0.0.1:8080/echo
//
// prints `any text`.
#include <ubiq/pdk.h>

UBIQ_EXPORT(echo) {
  size_t size;
  char *body = ubiq_input(&size);
  if (body == NULL) return ubiq_error_string("echo: no memory left for the body");
  const int32_t result = ubiq_output(body, size);
  ubiq_free(body);
  return result;
}
