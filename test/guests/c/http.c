// Outgoing HTTP. The input is a URL unless an export says otherwise.
#include <ubiq/pdk.h>

// Outputs "<status>\n<body>".
static int32_t answer(ubiq_http_response *response) {
  const size_t size = ubiq_block_size(response->body);
  char *text = (char *)ubiq_alloc(size + 24);
  size_t used = ubiq_format_u64(text, (uint32_t)response->status);
  text[used++] = '\n';
  used += ubiq_block_read(response->body, text + used, size);
  ubiq_http_close(response);
  return ubiq_output(text, used);
}

UBIQ_EXPORT(get) {
  ubiq_http_response response = ubiq_http_request("GET", ubiq_input(NULL), NULL, NULL, 0);
  return answer(&response);
}

// The input's first line is the URL, the rest the body.
UBIQ_EXPORT(post) {
  size_t size;
  char *text = ubiq_input(&size);
  size_t line = 0;
  while (line < size && text[line] != '\n') line++;
  text[line] = '\0';
  const size_t start = line < size ? line + 1 : size;
  ubiq_http_response response = ubiq_http_request(
      "POST", text, "{\"content-type\":\"text/plain\",\"x-guest\":\"ubiq\"}", text + start, size - start);
  return answer(&response);
}

// Outputs the answer's headers as JSON, or `(none)`.
UBIQ_EXPORT(headers) {
  ubiq_http_response response = ubiq_http_request("GET", ubiq_input(NULL), NULL, NULL, 0);
  ubiq_http_close(&response);
  char text[8192];
  const ptrdiff_t size = ubiq_http_headers(text, sizeof text);
  if (size < 0) return ubiq_output_string("(none)");
  return ubiq_output(text, (size_t)size < sizeof text ? (size_t)size : sizeof text);
}

// The input is the request's JSON as it is.
UBIQ_EXPORT(request) {
  size_t size;
  char *json = ubiq_input(&size);
  ubiq_http_response response = {0, extism_http_request(ubiq_block_new(json, size), 0)};
  response.status = extism_http_status_code();
  return answer(&response);
}

// As `request`, and frees the request, which the host has freed already, before it reads the answer. Extism's Go PDK does so.
UBIQ_EXPORT(request_freed_twice) {
  size_t size;
  char *json = ubiq_input(&size);
  const ubiq_block request = ubiq_block_new(json, size);
  ubiq_http_response response = {0, extism_http_request(request, 0)};
  response.status = extism_http_status_code();
  ubiq_block_free(request);
  return answer(&response);
}

// The status before any request: 0.
UBIQ_EXPORT(status_before) {
  char text[21];
  return ubiq_output(text, ubiq_format_u64(text, (uint32_t)extism_http_status_code()));
}

// A request that is no block.
UBIQ_EXPORT(bad_request) {
  extism_http_request(0xdeadbeefdeadbeefu, 0);
  return 0;
}

// A body that is no block.
UBIQ_EXPORT(bad_body) {
  char *url = ubiq_input(NULL);
  extism_http_request(ubiq_http_describe("POST", url, "{}"), 0xdeadbeefdeadbeefu);
  return 0;
}
