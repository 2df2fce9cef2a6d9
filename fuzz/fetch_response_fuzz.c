/// Response headers of any bytes: names are in lower case, nothing is out of bounds, and Extism's view has each name at
/// most once. An input is lines; the first byte of each says whether to drop a header instead.
#include "base/fetch_response.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const fetch_response *response) {
  if (response->headers_count > FETCH_RESPONSE_HEADERS_MAX) abort();
  for (size_t i = 0; i < response->headers_count; i++) {
    const fetch_header *header = &response->headers[i];
    for (const char *at = header->name; *at; at++)
      if (isupper((unsigned char)*at)) abort();
    if (strpbrk(header->value, "\r\n")) abort();
    if (!fetch_response_header(response, header->name)) abort();
    if (!fetch_response_header_in_extism(response, i)) continue;
    for (size_t j = 0; j < i; j++) {
      if (strcmp(response->headers[j].name, header->name) == 0 && fetch_response_header_in_extism(response, j)) abort();
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fetch_response response = {0};
  ubiq_error *error = NULL;
  while (size > 0 && !error) {
    const uint8_t *end = memchr(data, '\n', size);
    size_t line = end ? (size_t)(end - data) + 1 : size;
    if (data[0] == '!' && response.headers_count > 0) {
      char *name = strdup(response.headers[line % response.headers_count].name);
      if (name) fetch_response_drop_header(&response, name);
      free(name);
    } else {
      error = fetch_response_take_line(&response, (const char *)data, line);
    }
    data += line;
    size -= line;
  }
  check(&response);
  ubiq_error_delete(error);
  fetch_response_free(&response);
  return 0;
}
